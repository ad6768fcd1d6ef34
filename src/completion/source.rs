//! What every source on Windows is made of.
//!
//! Chapter 11. A socket or a pipe has at most two operations in flight, one in each
//! direction. The kernel has the memory of an operation in flight. That memory lives
//! in an `Arc`, and each operation in flight holds a count. So dropping the source
//! frees nothing that the kernel still writes to. A kind of source adds how it starts
//! a read or a write, and what the outcome means.

use std::fmt;
use std::io;
use std::mem::{self, offset_of};
use std::ops::{Deref, DerefMut};
use std::ptr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use super::binding::Binding;
use super::buffer_pool::Buffer;
use super::incoming::{Incoming, Outcome, is_transient};
use super::kind::{Call, Direction, Handle, Kind};
use super::outgoing::Outgoing;
use crate::event::{Readiness, Watch};
use crate::iocp::ffi::{self, Started};
use crate::iocp::orphans::Orphan;
use crate::iocp::overlapped::{Overlapped, Packet};
use crate::ready::{Node, lock};
use crate::registrator::{Registered, Registrator, Source, check};

// ANCHOR: operations
/// The part of a source that the kernel may have.
pub(crate) struct Operations<K: Kind> {
    incoming: Overlapped,
    outgoing: Overlapped,
    /// Weak, so that an operation in flight does not keep the handle open.
    handle: Weak<K::Handle>,
    binding: Binding,
    state: Mutex<State<K>>,
}
// ANCHOR_END: operations

// ANCHOR: fields
/// The fields of a source that change.
pub(crate) struct State<K: Kind> {
    pub(crate) kind: K,
    pub(crate) incoming: Incoming<K::Lent>,
    pub(crate) outgoing: Outgoing,
    pub(crate) registered: Registered,
    /// For the ready list. `None` unless the source is registered.
    node: Option<Arc<Node>>,
    /// What the ready list knows of this source.
    told: Readiness,
    /// An operation that succeeds at once queues no packet.
    skips_packets: bool,
    /// The source was dropped.
    orphan: bool,
    /// Keeps the handle open for a last write.
    lingers: Option<Arc<K::Handle>>,
}
// ANCHOR_END: fields

// ANCHOR: state
impl<K: Kind> State<K> {
    /// The program was refused, or has taken an error, and now waits for an event. So
    /// readiness in these directions is news, even if the list knows of it.
    pub(crate) fn tell_again(&mut self, directions: Readiness) {
        self.told = Readiness::from_bits(self.told.bits() & !directions.bits());
    }

    fn is_in_flight(&self) -> bool {
        self.incoming.is_in_flight() || self.outgoing.is_in_flight()
    }
    // ANCHOR_END: state

    // ANCHOR: leave
    /// Ends the registration. The queue delivers no event of it from now on.
    fn leave(&mut self) {
        let registered = self.registered.take();
        if let (Some((queue, _)), Some(node)) = (registered, self.node.take()) {
            queue.ready.remove(&node);
        }
    }
    // ANCHOR_END: leave
}

// ANCHOR: locked
/// A source whose lock is held. Letting the lock go tells the ready list what has
/// become ready. No code outside this type tells it.
pub(crate) struct Locked<'a, K: Kind> {
    pub(crate) operations: &'a Arc<Operations<K>>,
    state: MutexGuard<'a, State<K>>,
}
// ANCHOR_END: locked

// ANCHOR: tell
impl<K: Kind> Drop for Locked<'_, K> {
    fn drop(&mut self) {
        // Fails only if the poller cannot be woken: the next push tries again.
        let _ = self.tell();
    }
}

impl<K: Kind> Locked<'_, K> {
    /// Lists the node if the source is ready for something that is news to the list.
    fn tell(&mut self) -> io::Result<()> {
        let now = self.incoming.readiness() | self.outgoing.readiness();
        let news = !self.told.contains(now);
        self.told = now;
        if let (Some(node), Some(queue)) = (&self.node, self.operations.binding.queue()) {
            node.set(now);
            return if news { queue.push(node) } else { Ok(()) };
        }
        Ok(())
    }
    // ANCHOR_END: tell

    // ANCHOR: enter
    /// Registers the source, or changes its registration. All that it is ready for is
    /// news.
    fn enter(&mut self, registrator: &Registrator, watch: Watch) -> io::Result<()> {
        self.registered.set(registrator, watch);
        if let Some(node) = &self.node {
            node.watch(Some(watch));
        }
        self.told = Readiness::EMPTY;
        self.arm();
        self.tell()
    }
    // ANCHOR_END: enter
}

impl<K: Kind> Deref for Locked<'_, K> {
    type Target = State<K>;

    fn deref(&self) -> &State<K> {
        &self.state
    }
}

impl<K: Kind> DerefMut for Locked<'_, K> {
    fn deref_mut(&mut self) -> &mut State<K> {
        &mut self.state
    }
}

impl<K: Kind> Operations<K> {
    fn lock(self: &Arc<Self>) -> Locked<'_, K> {
        Locked {
            operations: self,
            state: lock(&self.state),
        }
    }
}

impl<K: Kind> Locked<'_, K> {
    // ANCHOR: arm
    /// Starts each operation that should be in flight and is not. Each registration
    /// calls it, each packet, and each call by which the program takes what has come.
    pub(crate) fn arm(&mut self) {
        let (Some(handle), true) = (self.operations.handle.upgrade(), self.is_bound()) else {
            return;
        };
        if let Incoming::Refused = self.incoming {
            self.incoming = Incoming::Idle;
        }
        while let Some(direction) = self.next(&handle) {
            match self.start(direction, &handle) {
                Ok(Started::Pending) => K::started(self),
                Ok(Started::AtOnce(bytes)) => self.over(direction, &handle, Ok(bytes)),
                Err(error) => self.over(direction, &handle, Err(error)),
            }
        }
    }
    // ANCHOR_END: arm

    // ANCHOR: next
    /// Chooses the operation to start now, and makes its state say that it is in
    /// flight. A source that was dropped starts only the rest of its last write.
    fn next(&mut self, handle: &K::Handle) -> Option<Direction> {
        let state = &mut *self.state;
        if (!state.orphan || state.lingers.is_some()) && state.outgoing.start() {
            return Some(Direction::Outgoing);
        }
        while !state.orphan && matches!(state.incoming, Incoming::Idle) && K::reads(state) {
            let lent = state.kind.lend(handle);
            state.incoming = lent.unwrap_or_else(Incoming::Failed);
            if state.incoming.is_in_flight() {
                return Some(Direction::Incoming);
            }
        }
        None
    }
    // ANCHOR_END: next

    // ANCHOR: start
    /// Makes the call that starts an operation. The kernel gets its count before the
    /// call, because another thread may dequeue the packet before the call has
    /// returned. That thread then waits for this lock.
    fn start(&mut self, direction: Direction, handle: &K::Handle) -> io::Result<Started> {
        let count = Arc::into_raw(Arc::clone(self.operations));
        self.operations.count(1);
        let at = count
            .wrapping_byte_add(Operations::<K>::offset(direction))
            .cast();
        // ANCHOR_END: start
        // ANCHOR: call
        let state = &mut *self.state;
        // SAFETY: `at` points to an `Overlapped` that no operation uses, and is derived
        // from the whole. `count` keeps that memory until the packet comes, and with it
        // the state and what it lends. Nobody touches a buffer in flight: moving the
        // state moves the buffer's pointer, and none of its bytes.
        let started = unsafe {
            let overlapped = Overlapped::prepare(at).cast();
            let call = Call { handle, overlapped };
            match (direction, &mut state.incoming, &mut state.outgoing) {
                (Direction::Incoming, Incoming::InFlight(lent), _) => state.kind.read(call, lent),
                (Direction::Outgoing, _, Outgoing::InFlight(copy, left)) => {
                    state.kind.write(call, &mut copy[left.clone()])
                }
                _ => state.kind.connect(call),
            }
        };
        // ANCHOR_END: call
        // ANCHOR: comes
        let comes = match started {
            Ok(Started::Pending) => true,
            Ok(Started::AtOnce(_)) => !state.skips_packets,
            // SAFETY: nobody has freed the memory: `done` gives `count` back, and needs
            // the lock that we hold.
            Err(_) => unsafe { Overlapped::has_warned(at) },
        };
        if comes {
            return Ok(Started::Pending);
        }
        self.operations.count(-1);
        // SAFETY: `into_raw` has returned it above, and the kernel does not use it.
        drop(unsafe { Arc::from_raw(count) });
        started
    }
    // ANCHOR_END: comes

    // ANCHOR: over
    /// An operation is over. Either its packet has come, or it ended at once, or it
    /// did not start.
    fn over(&mut self, direction: Direction, handle: &K::Handle, outcome: Outcome) {
        let state = &mut *self.state;
        match direction {
            Direction::Incoming => {
                let before = mem::replace(&mut state.incoming, Incoming::Idle);
                let meaning = |lent, outcome| K::came(state, lent, outcome);
                let after = before.came_back(outcome, meaning);
                state.incoming = after;
            }
            Direction::Outgoing => {
                let outcome = K::went(state, handle, outcome);
                state.outgoing.came_back(outcome);
            }
        }
    }
    // ANCHOR_END: over

    // ANCHOR: write_copy
    /// Lends a copy of the bytes for which the system had no room, and returns their
    /// number. A write that fails at once has taken none of them.
    pub(crate) fn write_copy(&mut self, copy: Buffer, len: usize) -> io::Result<usize> {
        self.outgoing = Outgoing::Copied(copy, 0..len);
        self.arm();
        match self.outgoing.take_error() {
            Some(error) if is_transient(&error) => {
                self.tell_again(Readiness::WRITABLE);
                Err(io::ErrorKind::WouldBlock.into())
            }
            Some(error) => Err(error),
            None => Ok(len),
        }
    }
    // ANCHOR_END: write_copy

    /// Whether the handle is tied to a port. Before that, no operation can start.
    pub(crate) fn is_bound(&self) -> bool {
        self.operations.binding.queue().is_some()
    }
}

impl<K: Kind> Operations<K> {
    // ANCHOR: offset
    /// Where in this struct an operation's OVERLAPPED is.
    const fn offset(direction: Direction) -> usize {
        match direction {
            Direction::Incoming => offset_of!(Self, incoming),
            Direction::Outgoing => offset_of!(Self, outgoing),
        }
    }

    fn count(&self, by: isize) {
        if let Some(queue) = self.binding.queue() {
            let in_flight = &queue.selector.in_flight;
            in_flight.fetch_add(by as usize, Ordering::Relaxed); // -1 wraps around
        }
    }
    // ANCHOR_END: offset

    // ANCHOR: done
    /// The function behind both OVERLAPPEDs.
    ///
    /// # Safety
    ///
    /// `start` has started the packet's operation, and this is its only packet.
    unsafe fn done(packet: &Packet, direction: Direction) {
        let at = packet.overlapped().cast_const();
        let whole: *const Self = at.wrapping_byte_sub(Self::offset(direction)).cast();
        // SAFETY: `start` has given the kernel this count, and has derived the packet's
        // pointer from the whole.
        let operations = unsafe { Arc::from_raw(whole) };
        let mut source = operations.lock();
        // ANCHOR_END: done
        // ANCHOR: outcome
        match (operations.handle.upgrade(), direction) {
            (Some(handle), _) => {
                source.over(direction, &handle, handle.outcome(packet));
                source.arm();
            }
            // The handle is closed, and nobody wants the outcome.
            (None, Direction::Incoming) => source.incoming = Incoming::Idle,
            (None, Direction::Outgoing) => source.outgoing = Outgoing::Apart,
        }
        if !source.outgoing.is_in_flight() {
            source.lingers = None;
        }
        let was_last = source.orphan && !source.is_in_flight();
        drop(source);
        operations.count(-1);
        if let Some(queue) = operations.binding.queue().filter(|_| was_last) {
            queue.selector.orphans.release(whole.cast());
        }
    }
    // ANCHOR_END: outcome

    // ANCHOR: cancel
    /// Asks the kernel to end an operation. Its packet still comes.
    pub(crate) fn cancel(&self, direction: Direction) {
        let at = ptr::from_ref(self).wrapping_byte_add(Self::offset(direction));
        if let Some(handle) = self.handle.upgrade() {
            // It fails if the operation is over, and that is no error.
            // SAFETY: the operation was started on this handle, with this address.
            let _ = unsafe { ffi::cancel(handle.borrow(), at.cast_mut().cast()) };
        }
    }
    // ANCHOR_END: cancel
}

// ANCHOR: source
impl<K: Kind> Orphan for Operations<K> {
    fn give_up(&self) {
        self.cancel(Direction::Outgoing);
    }
}

/// What a stream, a listener, a datagram socket or a pipe is made of.
pub(crate) struct CompletionSource<K: Kind> {
    handle: Arc<K::Handle>,
    operations: Arc<Operations<K>>,
}

impl<K: Kind> CompletionSource<K> {
    pub(crate) fn new(handle: K::Handle, kind: K, outgoing: Outgoing) -> CompletionSource<K> {
        let handle = Arc::new(handle);
        let operations = Arc::new(Operations {
            // SAFETY: `Overlapped::new` has the closure called as `done` requires.
            incoming: Overlapped::new(|p| unsafe { Operations::<K>::done(p, Direction::Incoming) }),
            // SAFETY: the same.
            outgoing: Overlapped::new(|p| unsafe { Operations::<K>::done(p, Direction::Outgoing) }),
            handle: Arc::downgrade(&handle),
            binding: Binding::new(),
            state: Mutex::new(State {
                kind,
                incoming: Incoming::Idle,
                outgoing,
                registered: Registered::default(),
                node: None,
                told: Readiness::EMPTY,
                skips_packets: false,
                orphan: false,
                lingers: None,
            }),
        });
        CompletionSource { handle, operations }
    }
    // ANCHOR_END: source

    pub(crate) fn handle(&self) -> &K::Handle {
        &self.handle
    }

    // ANCHOR: lock
    /// Each call of the program's begins here. Once `Poll` is dropped, nobody else
    /// dequeues the packets of what was in flight, and nobody would be told of a later
    /// operation. So the source is deregistered, and its packets are delivered here.
    pub(crate) fn lock(&self) -> Locked<'_, K> {
        let queue = self.operations.binding.queue();
        if let Some(queue) = queue.filter(|queue| queue.is_abandoned()) {
            self.operations.lock().leave();
            queue.selector.deliver_all();
        }
        self.operations.lock()
    }
    // ANCHOR_END: lock

    // ANCHOR: into_handle
    /// Deregisters the source and returns its handle. If an operation is in flight, or
    /// bytes that came are not taken yet, it closes the handle and returns `None`.
    pub(crate) fn into_handle(self) -> Option<K::Handle> {
        let source = self.lock();
        if source.is_in_flight() || matches!(source.incoming, Incoming::InHand(..)) {
            return None;
        }
        drop(source);
        let handle = Arc::clone(&self.handle);
        // No operation is in flight, so this only deregisters.
        drop(self);
        Arc::into_inner(handle)
    }
    // ANCHOR_END: into_handle
}

// ANCHOR: register
/// Clones of the `Arc` share one registration.
impl<K: Kind> Source for Arc<CompletionSource<K>> {
    /// The first registration ties the handle to the queue's port.
    fn register(&mut self, registrator: &Registrator, watch: Watch) -> io::Result<()> {
        let mut source = self.operations.lock();
        check(registrator, watch)?;
        let (first, handle) = (!source.is_bound(), self.handle.borrow());
        // SAFETY: every packet of this file object leads to an `Overlapped` of ours,
        // through whichever duplicate its operation was started:
        // - In this crate `start` starts every operation.
        // - Safe code gets duplicates of a socket by `AsSocket`. The standard library
        //   makes no overlapped call on them that queues a packet. A socket that it
        //   hands to us has no operation in flight.
        // - Safe code gets no handle of a pipe. `NamedPipe::from_handle` is `unsafe`,
        //   and its caller promises this of every duplicate.
        // - `AsRawSocket` and `AsRawHandle` give out numbers. To start an operation on
        //   a number is `unsafe`.
        unsafe {
            self.operations
                .binding
                .register_handle(handle, registrator)?
        };
        // ANCHOR_END: register
        // ANCHOR: registered
        source.registered.check_new(registrator, watch)?;
        if first {
            source.skips_packets = K::SKIPS_PACKETS && self.handle.skip_packets();
        }
        source.node = Some(Node::new(watch, Readiness::EMPTY));
        let entered = source.enter(registrator, watch);
        entered.inspect_err(|_| source.leave())
    }
    // ANCHOR_END: registered

    // ANCHOR: reregister
    fn reregister(&mut self, registrator: &Registrator, watch: Watch) -> io::Result<()> {
        let mut source = self.operations.lock();
        check(registrator, watch)?;
        let old = source.registered.check_own(registrator)?;
        let entered = source.enter(registrator, watch);
        // A `reregister` that fails leaves the registration as it was.
        entered.inspect_err(|_| drop(source.enter(registrator, old)))
    }
    // ANCHOR_END: reregister

    // ANCHOR: deregister
    /// An operation in flight stays in flight. The source keeps what it brings for a
    /// later registration.
    fn deregister(&mut self, registrator: &Registrator) -> io::Result<()> {
        let mut source = self.operations.lock();
        source.registered.check_own(registrator)?;
        source.leave();
        Ok(())
    }
    // ANCHOR_END: deregister
}

// ANCHOR: drop
impl<K: Kind> Drop for CompletionSource<K> {
    fn drop(&mut self) {
        let mut source = self.operations.lock();
        source.leave();
        let queue = self.operations.binding.queue();
        let Some(queue) = queue.filter(|_| source.is_in_flight()) else {
            return;
        };
        source.orphan = true;
        queue.selector.orphans.adopt(self.operations.clone());
        if source.incoming.is_in_flight() {
            self.operations.cancel(Direction::Incoming);
        }
        let writes = matches!(source.outgoing, Outgoing::InFlight(..));
        if writes && K::ends(&self.handle) {
            source.lingers = Some(Arc::clone(&self.handle));
        } else if source.outgoing.is_in_flight() {
            self.operations.cancel(Direction::Outgoing);
        }
        drop(source);
        if queue.is_abandoned() {
            queue.selector.reap();
        }
    }
}
// ANCHOR_END: drop

impl<K: Kind<Handle: fmt::Debug>> fmt::Debug for CompletionSource<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CompletionSource")
            .field(&self.handle)
            .finish()
    }
}

//! What every source on Windows is made of.
//!
//! Chapter 11. A socket or a pipe has at most two operations in flight, one in
//! each direction. The kernel has their memory until it is done with it. So this
//! memory lives in an `Arc`, and each operation in flight holds a count: dropping
//! the source frees nothing that the kernel still writes to. A kind of source adds
//! how it starts a read or a write, and what the outcome means.

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
/// The part of a source that the kernel holds on to.
pub(crate) struct Operations<K: Kind> {
    incoming: Overlapped,
    outgoing: Overlapped,
    /// Closed by its owner, whatever is in flight.
    handle: Weak<K::Handle>,
    binding: Binding,
    state: Mutex<State<K>>,
}

/// What changes, under one lock.
pub(crate) struct State<K: Kind> {
    pub(crate) kind: K,
    pub(crate) incoming: Incoming<K::Lent>,
    pub(crate) outgoing: Outgoing,
    pub(crate) registered: Registered,
    /// In the ready list, while the source is registered.
    node: Option<Arc<Node>>,
    /// What the ready list was told last.
    told: Readiness,
    /// Whether an operation that succeeds at once queues no packet.
    skips_packets: bool,
    /// The source was dropped.
    orphan: bool,
    /// Keeps the handle open for the last write.
    lingers: Option<Arc<K::Handle>>,
}

// ANCHOR_END: operations

// ANCHOR: state
impl<K: Kind> State<K> {
    /// What is ready in these directions is news, though it was told before: the
    /// program was refused, or has taken an error.
    pub(crate) fn tell_again(&mut self, directions: Readiness) {
        self.told = Readiness::from_bits(self.told.bits() & !directions.bits());
    }

    fn is_in_flight(&self) -> bool {
        self.incoming.is_in_flight() || self.outgoing.is_in_flight()
    }

    /// Ends the registration: nothing more is delivered of it.
    fn leave(&mut self) {
        let registered = self.registered.take();
        if let (Some((queue, _)), Some(node)) = (registered, self.node.take()) {
            queue.ready.remove(&node);
        }
    }
}
// ANCHOR_END: state

// ANCHOR: locked
/// A source whose lock is held. When the lock is let go, the ready list is told
/// what has become ready: here, and nowhere else.
pub(crate) struct Locked<'a, K: Kind> {
    pub(crate) operations: &'a Arc<Operations<K>>,
    state: MutexGuard<'a, State<K>>,
}

impl<K: Kind> Locked<'_, K> {
    /// Lists the node if the source is ready for something that the list was not
    /// told yet.
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

    /// Registers the source, or changes its registration: whatever is ready is news.
    fn enter(&mut self, registrator: &Registrator, watch: Watch) -> io::Result<()> {
        self.registered.set(registrator, watch);
        if let Some(node) = &self.node {
            node.watch(Some(watch));
        }
        self.told = Readiness::EMPTY;
        self.arm();
        self.tell()
    }
}

impl<K: Kind> Drop for Locked<'_, K> {
    fn drop(&mut self) {
        // Fails only if the poller cannot be woken: the next push tries again.
        let _ = self.tell();
    }
}
// ANCHOR_END: locked

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
    /// Starts what is to be in flight. Called whenever that may have changed: by
    /// each registration, each packet, and each call of the program's that takes
    /// what has come.
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

    /// What is to be started now. From here on it counts as in flight. A source
    /// that was dropped starts nothing but the rest of its last write.
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
    // ANCHOR_END: arm

    // ANCHOR: start
    /// Makes the call that starts an operation. The memory counts as the kernel's
    /// before the call is made, for another thread may dequeue the packet before
    /// the call has returned. That thread then waits for this lock.
    fn start(&mut self, direction: Direction, handle: &K::Handle) -> io::Result<Started> {
        let count = Arc::into_raw(Arc::clone(self.operations));
        self.operations.count(1);
        let at = count
            .wrapping_byte_add(Operations::<K>::offset(direction))
            .cast();
        let state = &mut *self.state;
        // SAFETY: an `Overlapped` of ours, by a pointer to the whole; and no operation
        // uses it. `count` keeps it until the packet comes, and the state with what is
        // lent: of that nobody touches what is in flight, and moving a buffer moves
        // its pointer and none of its bytes.
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
        let comes = match started {
            Ok(Started::Pending) => true,
            // "At once" alone still queues a packet.
            Ok(Started::AtOnce(_)) => !state.skips_packets,
            // So does a failure that the kernel calls a warning: a datagram or a
            // message that did not fit.
            // SAFETY: the memory is there: the packet has not given `count` back,
            // for its function needs the lock.
            Err(_) => unsafe { Overlapped::has_warned(at) },
        };
        if comes {
            return Ok(Started::Pending);
        }
        self.operations.count(-1);
        // SAFETY: from `into_raw` above, and the kernel has not kept it.
        drop(unsafe { Arc::from_raw(count) });
        started
    }
    // ANCHOR_END: start

    // ANCHOR: over
    /// An operation is over: by its packet, at once, or because it did not start.
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
    /// Lends a copy of what the system had no room for, and returns how much that
    /// is. A write that fails at once has taken nothing.
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

    /// Whether a port takes the packets: before that, nothing can be started.
    pub(crate) fn is_bound(&self) -> bool {
        self.operations.binding.queue().is_some()
    }
}

impl<K: Kind> Operations<K> {
    // ANCHOR: done
    /// How far into the whole an operation's OVERLAPPED is.
    const fn offset(direction: Direction) -> usize {
        match direction {
            Direction::Incoming => offset_of!(Self, incoming),
            Direction::Outgoing => offset_of!(Self, outgoing),
        }
    }

    /// Counts the queue's operations in flight.
    fn count(&self, by: isize) {
        if let Some(queue) = self.binding.queue() {
            let in_flight = &queue.selector.in_flight;
            in_flight.fetch_add(by as usize, Ordering::Relaxed); // wraps around
        }
    }

    /// The function behind each OVERLAPPED: it finds the whole from the one field.
    ///
    /// # Safety
    ///
    /// The packet is of an operation that `start` has started, and comes once.
    unsafe fn done(packet: &Packet, direction: Direction) {
        let at = packet.overlapped().cast_const();
        let whole: *const Self = at.wrapping_byte_sub(Self::offset(direction)).cast();
        // SAFETY: `start` has made this count the kernel's, and the packet's pointer
        // from the whole's. The packet gives it back.
        let operations = unsafe { Arc::from_raw(whole) };
        let mut source = operations.lock();
        match (operations.handle.upgrade(), direction) {
            (Some(handle), _) => {
                source.over(direction, &handle, handle.outcome(packet));
                source.arm();
            }
            // Closed, and nobody wants to know.
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
    // ANCHOR_END: done

    // ANCHOR: cancel
    /// Cancels an operation. Its packet comes all the same.
    pub(crate) fn cancel(&self, direction: Direction) {
        let at = ptr::from_ref(self).wrapping_byte_add(Self::offset(direction));
        if let Some(handle) = self.handle.upgrade() {
            // Too late is no error.
            // SAFETY: the operation was started on this handle, with this address.
            let _ = unsafe { ffi::cancel(handle.borrow(), at.cast_mut().cast()) };
        }
    }
}

impl<K: Kind> Orphan for Operations<K> {
    fn give_up(&self) {
        self.cancel(Direction::Outgoing);
    }
}
// ANCHOR_END: cancel

// ANCHOR: source
/// A source: its handle, and its operations.
pub(crate) struct CompletionSource<K: Kind> {
    handle: Arc<K::Handle>,
    operations: Arc<Operations<K>>,
}

impl<K: Kind> CompletionSource<K> {
    pub(crate) fn new(handle: K::Handle, kind: K, outgoing: Outgoing) -> CompletionSource<K> {
        let handle = Arc::new(handle);
        let operations = Arc::new(Operations {
            // SAFETY: as required of this closure.
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
    /// For a call of the program's. Once `Poll` is gone, nobody else dequeues what
    /// was in flight then, and nobody would be told of what is lent later: from
    /// then on the source is used as if it were not registered.
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
    /// Hands the handle back, deregistered. `None`, and the handle is closed, if the
    /// kernel has memory of this source, or something that came is still to be taken.
    pub(crate) fn into_handle(self) -> Option<K::Handle> {
        let source = self.lock();
        if source.is_in_flight() || matches!(source.incoming, Incoming::InHand(..)) {
            return None;
        }
        drop(source);
        let handle = Arc::clone(&self.handle);
        // Nothing is in flight: this only deregisters.
        drop(self);
        Arc::into_inner(handle)
    }
    // ANCHOR_END: into_handle
}

// ANCHOR: register
/// Its clones share one registration.
impl<K: Kind> Source for Arc<CompletionSource<K>> {
    /// The first registration ties the handle to the queue's port.
    fn register(&mut self, registrator: &Registrator, watch: Watch) -> io::Result<()> {
        let mut source = self.operations.lock();
        check(registrator, watch)?;
        let (first, handle) = (!source.is_bound(), self.handle.borrow());
        // SAFETY: each packet of the file object is of an `Overlapped` of ours, through
        // whichever duplicate its operation was started:
        // - This crate starts every operation by `start`.
        // - Of a socket, safe code gets duplicates by `AsSocket`. The standard
        //   library makes no overlapped call on them that queues a packet, and it has
        //   none in flight on a socket that it hands to us.
        // - Of a pipe, safe code gets no handle. `NamedPipe::from_handle` is
        //   `unsafe`, and its caller promises this of every duplicate.
        // - `AsRawSocket` and `AsRawHandle` give out numbers, and to start an
        //   operation on a number is `unsafe` as well.
        unsafe {
            self.operations
                .binding
                .register_handle(handle, registrator)?
        };
        source.registered.check_new(registrator, watch)?;
        if first {
            source.skips_packets = K::SKIPS_PACKETS && self.handle.skip_packets();
        }
        source.node = Some(Node::new(watch, Readiness::EMPTY));
        let entered = source.enter(registrator, watch);
        entered.inspect_err(|_| source.leave())
    }
    // ANCHOR_END: register

    // ANCHOR: reregister
    fn reregister(&mut self, registrator: &Registrator, watch: Watch) -> io::Result<()> {
        let mut source = self.operations.lock();
        check(registrator, watch)?;
        let old = source.registered.check_own(registrator)?;
        let entered = source.enter(registrator, watch);
        // What could not be announced has changed nothing.
        entered.inspect_err(|_| drop(source.enter(registrator, old)))
    }

    /// What is in flight stays in flight. What it brings is kept for a later
    /// registration.
    fn deregister(&mut self, registrator: &Registrator) -> io::Result<()> {
        let mut source = self.operations.lock();
        source.registered.check_own(registrator)?;
        source.leave();
        Ok(())
    }
}
// ANCHOR_END: reregister

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

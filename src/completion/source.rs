//! What every source on Windows is made of.
//!
//! Chapter 11. A socket or a pipe has at most two operations in flight, one in
//! and one out. Their memory is lent to the kernel, so it lives in an `Arc` of
//! which each operation in flight holds a count: whoever drops the source drops
//! `Bound`, and what the kernel still writes to stays until its packet is back.
//! What a completion means is the business of each kind of source, its `Machine`.

use std::fmt;
use std::io;
use std::mem::offset_of;
use std::os::windows::io::{AsHandle, AsSocket, BorrowedHandle, OwnedHandle, OwnedSocket};
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::binding::{Binding, as_handle};
use crate::event::{Readiness, Watch};
use crate::iocp::ffi::{self, OVERLAPPED, Started};
use crate::iocp::overlapped::{Overlapped, Packet};
use crate::iocp::selector::Lingering;
use crate::registration::{Registration, SetReadiness};
use crate::registrator::{Registrator, Source, check};

// ANCHOR: machine
/// How a kind of source makes readiness of completions.
pub(crate) trait Machine: Sized + Send + 'static {
    /// `OwnedSocket` or `OwnedHandle`.
    type Handle: Handle;
    /// Whether to have operations that succeed at once queue no packet.
    const SKIPS_PACKETS: bool;

    /// The source has been registered, or otherwise: starts what is to be in
    /// flight, and says what it is ready for by `Operations::announce`.
    fn arm(state: &mut State<Self>, operations: &Arc<Operations<Self>>) -> io::Result<()>;

    /// An operation is over. Its memory is the source's again.
    fn done(
        state: &mut State<Self>,
        operations: &Arc<Operations<Self>>,
        which: Which,
        packet: &Packet,
    );

    /// The source has been dropped with its output in flight: whether that may
    /// finish first. If so, this ends the stream behind it.
    fn lingers(state: &mut State<Self>, handle: &Self::Handle) -> bool;
}
// ANCHOR_END: machine

// ANCHOR: started
/// One of the two operations that a source may have in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// A read, an accept, a datagram in.
    Input,
    /// A connect, a write, a datagram out.
    Output,
}
// ANCHOR_END: started

// ANCHOR: operations
/// The part of a source that the kernel holds on to.
pub(crate) struct Operations<M: Machine> {
    input: Overlapped,
    output: Overlapped,
    /// Closed by its owner, whatever is in flight.
    handle: Weak<M::Handle>,
    binding: Binding,
    readiness: SetReadiness,
    state: Mutex<State<M>>,
}

/// What changes, under one lock.
pub(crate) struct State<M: Machine> {
    pub(crate) machine: M,
    /// As registered now.
    pub(crate) watch: Option<Watch>,
    /// Whether `Input` and `Output` are lent to the kernel.
    in_flight: [bool; 2],
    /// Whether the kernel has agreed to `SKIPS_PACKETS`.
    skips_packets: bool,
    /// The owner has been dropped.
    leaving: bool,
    /// Keeps the handle open for the last write.
    lingering: Option<Arc<M::Handle>>,
}
// ANCHOR_END: operations

// ANCHOR: announce
impl<M: Machine> State<M> {
    /// Whether an operation is lent to the kernel, its buffer included.
    pub(crate) fn in_flight(&self, which: Which) -> bool {
        self.in_flight[which as usize]
    }
}

impl<M: Machine> Operations<M> {
    /// Nothing panics while this lock is held, so a poisoned one is a sound one.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State<M>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the source is ready for from now on. `news` is an edge of its own,
    /// though it may have been so before; without any, nobody is told.
    pub(crate) fn announce(&self, readiness: Readiness, news: bool) {
        // Fails only if the poller cannot be woken: the next push tries again.
        let _ = self
            .readiness
            .replace(readiness, news && !readiness.is_empty());
    }

    /// The handle, as long as its owner has not dropped it, or it lingers.
    pub(crate) fn handle(&self) -> Option<Arc<M::Handle>> {
        self.handle.upgrade()
    }
    // ANCHOR_END: announce

    // ANCHOR: start
    /// Starts an operation that is not in flight: lends its memory, makes the
    /// call, and takes the memory back if there will be no packet. A source that
    /// has been dropped starts nothing but the rest of its last write.
    ///
    /// The memory is lent first, for the packet may be dequeued on another
    /// thread before the call has returned. It waits there for `state`.
    pub(crate) fn start(
        self: &Arc<Self>,
        state: &mut State<M>,
        which: Which,
        call: impl FnOnce(&M::Handle, *mut OVERLAPPED) -> io::Result<Started>,
    ) -> io::Result<Started> {
        let (Some(handle), Some(queue)) = (self.handle.upgrade(), self.binding.queue()) else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        // The handle may still be there, but what is seen off was counted.
        if state.leaving && (which == Which::Input || state.lingering.is_none()) {
            return Err(io::ErrorKind::NotConnected.into());
        }
        assert!(!state.in_flight(which), "{which:?} is lent already");
        let lent = Arc::into_raw(Arc::clone(self));
        queue.selector.lend();
        let at = lent.wrapping_byte_add(Self::offset(which)).cast();
        // SAFETY: an `Overlapped` of ours, by a pointer of the whole's; and no
        // operation uses it.
        let overlapped = unsafe { Overlapped::prepare(at) };
        let started = match call(&handle, overlapped.cast()) {
            // "At once" alone still queues a packet.
            Ok(Started::AtOnce(_)) if !state.skips_packets => Ok(Started::Pending),
            // So does a failure that the kernel calls a warning: a datagram that
            // did not fit.
            // SAFETY: the memory is there, packet or not: this count is lent yet.
            Err(_) if unsafe { Overlapped::has_warned(at) } => Ok(Started::Pending),
            started => started,
        };
        if let Ok(Started::Pending) = started {
            state.in_flight[which as usize] = true;
        } else {
            queue.selector.give_back();
            // SAFETY: from `into_raw` above, and the kernel has not kept it.
            drop(unsafe { Arc::from_raw(lent) });
        }
        started
    }
    // ANCHOR_END: start

    // ANCHOR: done
    /// How far into the whole an operation's OVERLAPPED is.
    const fn offset(which: Which) -> usize {
        match which {
            Which::Input => offset_of!(Self, input),
            Which::Output => offset_of!(Self, output),
        }
    }

    /// What stands behind each OVERLAPPED: leads from the one field to the whole.
    ///
    /// # Safety
    ///
    /// The packet is of an operation that `start` has started, and comes once.
    unsafe fn done(packet: &Packet, which: Which) {
        let at = packet.overlapped().cast_const();
        let whole: *const Self = at.wrapping_byte_sub(Self::offset(which)).cast();
        // SAFETY: `start` has lent this count, and made the packet's pointer of
        // the whole's. The packet gives it back.
        let operations = unsafe { Arc::from_raw(whole) };
        let mut state = operations.lock();
        state.in_flight[which as usize] = false;
        M::done(&mut state, &operations, which, packet);
        if let Some(queue) = operations.binding.queue() {
            queue.selector.give_back();
            if state.leaving && !state.in_flight(which) {
                if which == Which::Output && state.lingering.take().is_some() {
                    queue.selector.lingered(whole.cast());
                }
                queue.selector.left();
            }
        }
    }

    unsafe fn input_done(packet: &Packet) {
        // SAFETY: as required of this one.
        unsafe { Self::done(packet, Which::Input) }
    }

    unsafe fn output_done(packet: &Packet) {
        // SAFETY: as required of this one.
        unsafe { Self::done(packet, Which::Output) }
    }
    // ANCHOR_END: done

    // ANCHOR: cancel
    /// Asks the kernel for an operation's end. Its packet comes all the same.
    pub(crate) fn cancel(&self, handle: &M::Handle, which: Which) {
        let at = ptr::from_ref(self).wrapping_byte_add(Self::offset(which));
        // Too late is no error.
        // SAFETY: the operation was started on this handle, with this address.
        let _ = unsafe { ffi::cancel(handle.as_handle(), at.cast_mut().cast()) };
    }
}
// ANCHOR_END: cancel

// ANCHOR: bound
/// A source: the handle, its operations and its registration.
pub(crate) struct Bound<M: Machine> {
    handle: Arc<M::Handle>,
    pub(crate) operations: Arc<Operations<M>>,
    registration: Mutex<Registration>,
}

impl<M: Machine> Bound<M> {
    pub(crate) fn new(handle: M::Handle, machine: M) -> Bound<M> {
        let handle = Arc::new(handle);
        let (registration, readiness) = Registration::new();
        let operations = Arc::new(Operations {
            input: Overlapped::new(Operations::<M>::input_done),
            output: Overlapped::new(Operations::<M>::output_done),
            handle: Arc::downgrade(&handle),
            binding: Binding::new(),
            readiness,
            state: Mutex::new(State {
                machine,
                watch: None,
                in_flight: [false; 2],
                skips_packets: false,
                leaving: false,
                lingering: None,
            }),
        });
        Bound {
            handle,
            operations,
            registration: Mutex::new(registration),
        }
    }
    // ANCHOR_END: bound

    pub(crate) fn handle(&self) -> &M::Handle {
        &self.handle
    }

    // ANCHOR: lock
    /// For a call of the program's. Once `Poll` is gone, nobody else dequeues what
    /// has been lent, and of what is lent now nobody would be told: from then on the
    /// source is used as if it were not registered.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State<M>> {
        let queue = self.operations.binding.queue();
        if let Some(queue) = queue.filter(|queue| queue.is_abandoned()) {
            self.operations.lock().watch = None;
            queue.selector.deliver_all();
        }
        self.operations.lock()
    }
    // ANCHOR_END: lock

    fn registration(&self) -> MutexGuard<'_, Registration> {
        self.registration
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    // ANCHOR: arm
    fn arm(&self, watch: Watch) -> io::Result<()> {
        let mut state = self.operations.lock();
        state.watch = Some(watch);
        M::arm(&mut state, &self.operations)
    }

    /// Hands the handle back, deregistered; not while the kernel has memory, and
    /// not if what has come back is still wanted. Both are asked at once, for a
    /// packet may be delivered meanwhile.
    pub(crate) fn into_handle(
        self,
        wanted: impl FnOnce(&M) -> bool,
    ) -> Result<M::Handle, Bound<M>> {
        let state = self.lock();
        if state.in_flight != [false; 2] || wanted(&state.machine) {
            drop(state);
            return Err(self);
        }
        drop(state);
        let handle = Arc::clone(&self.handle);
        // Nothing is in flight: this only deregisters.
        drop(self);
        Ok(Arc::into_inner(handle).expect("a handle without operations has one owner"))
    }
}
// ANCHOR_END: arm

// ANCHOR: register
/// Its clones share one registration.
impl<M: Machine> Source for Arc<Bound<M>> {
    /// The first time, the handle is tied to the queue's port.
    fn register(&mut self, registrator: &Registrator, watch: Watch) -> io::Result<()> {
        let mut registration = self.registration();
        check(registrator, watch)?;
        let first = self.operations.binding.queue().is_none();
        let handle = self.handle.as_handle();
        // SAFETY: every overlapped operation on the handle goes through `start`.
        unsafe {
            self.operations
                .binding
                .register_handle(handle, registrator)?
        };
        if first && M::SKIPS_PACKETS {
            // Refused by some layers over the sockets; then packets come.
            self.operations.lock().skips_packets = ffi::skip_on_success(handle).is_ok();
        }
        registration.register(registrator, watch)?;
        let armed = self.arm(watch);
        if armed.is_err() {
            self.operations.lock().watch = None;
            registration.deregister(registrator)?;
        }
        armed
    }
    // ANCHOR_END: register

    // ANCHOR: reregister
    fn reregister(&mut self, registrator: &Registrator, watch: Watch) -> io::Result<()> {
        self.registration().reregister(registrator, watch)?;
        self.arm(watch)
    }

    /// What is in flight stays so, and what it brings is kept for a later
    /// registration.
    fn deregister(&mut self, registrator: &Registrator) -> io::Result<()> {
        self.registration().deregister(registrator)?;
        self.operations.lock().watch = None;
        Ok(())
    }
}
// ANCHOR_END: reregister

// ANCHOR: drop
impl<M: Machine> Drop for Bound<M> {
    fn drop(&mut self) {
        let (operations, handle) = (&self.operations, &self.handle);
        let Some(queue) = operations.binding.queue() else {
            return; // Never registered, so nothing was ever lent.
        };
        let mut state = operations.lock();
        let lent = state.in_flight.iter().filter(|lent| **lent).count();
        if lent == 0 {
            return;
        }
        state.leaving = true;
        state.watch = None;
        queue.selector.leave(lent);
        if state.in_flight(Which::Input) {
            operations.cancel(handle, Which::Input);
        }
        if state.in_flight(Which::Output) {
            if M::lingers(&mut state, handle) {
                state.lingering = Some(Arc::clone(handle));
                queue
                    .selector
                    .linger(Arc::clone(operations) as Arc<dyn Lingering>);
            } else {
                operations.cancel(handle, Which::Output);
            }
        }
        drop(state);
        if queue.is_abandoned() {
            queue.selector.see_off();
        }
    }
}

impl<M: Machine> Lingering for Operations<M> {
    fn give_up(&self) {
        if let Some(handle) = self.handle.upgrade() {
            self.cancel(&handle, Which::Output);
        }
    }
}
// ANCHOR_END: drop

impl<M: Machine<Handle: fmt::Debug>> fmt::Debug for Bound<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bound")
            .field("handle", &self.handle)
            .field("registration", &self.registration)
            .finish_non_exhaustive()
    }
}

/// What owns a handle, of a socket or of anything else.
pub(crate) trait Handle: Send + Sync + 'static {
    fn as_handle(&self) -> BorrowedHandle<'_>;
}

impl Handle for OwnedHandle {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        AsHandle::as_handle(self)
    }
}

impl Handle for OwnedSocket {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        as_handle(self.as_socket())
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;
    use crate::event::{Interests, Token};
    use crate::events::Events;
    use crate::poll::Poll;
    use crate::windows::ffi::{connect_pipe, create_pipe, open_pipe, read_overlapped};

    /// Reads as soon as there is a client.
    struct Eager(Vec<u8>);

    impl Machine for Eager {
        type Handle = OwnedHandle;
        const SKIPS_PACKETS: bool = false;

        fn arm(state: &mut State<Self>, operations: &Arc<Operations<Self>>) -> io::Result<()> {
            let connect = |pipe: &OwnedHandle, overlapped| {
                // SAFETY: lent by `start`.
                unsafe { connect_pipe(AsHandle::as_handle(pipe), overlapped) }
            };
            operations.start(state, Which::Output, connect).map(drop)
        }

        fn done(
            state: &mut State<Self>,
            operations: &Arc<Operations<Self>>,
            which: Which,
            _: &Packet,
        ) {
            if which == Which::Output {
                let (at, len) = (state.machine.0.as_mut_ptr(), state.machine.0.len());
                let read = |pipe: &OwnedHandle, overlapped| {
                    // SAFETY: lent by `start`, and nobody touches the buffer.
                    unsafe { read_overlapped(AsHandle::as_handle(pipe), at, len, overlapped) }
                };
                let _ = operations.start(state, Which::Input, read);
            }
        }

        fn lingers(_: &mut State<Self>, _: &OwnedHandle) -> bool {
            true
        }
    }

    #[test]
    fn a_dropped_source_starts_nothing_that_nobody_sees_off() {
        let name = format!(r"\\.\pipe\evq-operations-{}", std::process::id());
        let name = OsStr::new(&name);
        let pipe = create_pipe(name, 4096, true).unwrap();
        let mut source = Arc::new(Bound::new(pipe, Eager(vec![0; 8])));
        let poll = Poll::new().unwrap();
        let (registrator, token) = (poll.registrator(), Token(0));
        registrator
            .register(&mut source, token, Interests::READABLE)
            .unwrap();
        drop(source);
        let _client = open_pipe(name).unwrap();
        let selector = &registrator.queue.selector;
        selector
            .select(&mut Events::with_capacity(8), None, || {})
            .unwrap();
        assert_eq!(selector.lent(), 0);
    }
}

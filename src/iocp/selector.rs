//! The selector on a completion port.
//!
//! Chapter 11. It owns the port. A port cannot be told what a program waits to
//! do, only which handles it belongs to: where `epoll/selector.rs` and
//! `kqueue/selector.rs` register readiness, this one can only `associate`. It waits
//! for packets. Each packet says that an operation is over. The function behind
//! it makes readiness of that, and lists the source.

use std::collections::VecDeque;
use std::io;
use std::mem::MaybeUninit;
use std::os::windows::io::{AsHandle, BorrowedHandle, OwnedHandle};
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use super::ffi;
use super::orphans::{LINGER, Orphans, lock};
use super::overlapped::Packet;
use crate::events::Events;

// ANCHOR: selector
/// The kernel's queue.
pub struct Selector {
    port: OwnedHandle,
    /// Packets that are to be delivered.
    dequeued: Mutex<VecDeque<Packet>>,
    /// How many operations are in flight.
    pub(crate) in_flight: AtomicUsize,
    /// Those whose source was dropped.
    pub(crate) orphans: Orphans,
}

/// How many answers the kernel gives of one source: none, for every event comes
/// by the ready list.
pub const ANSWERS: usize = 0;
/// How many packets are dequeued at once.
const BATCH: usize = 256;

// ANCHOR_END: selector

// ANCHOR: new
impl Selector {
    /// Makes the port.
    pub fn new() -> io::Result<Selector> {
        Ok(Selector {
            port: ffi::create_port()?,
            dequeued: Mutex::new(VecDeque::new()),
            in_flight: AtomicUsize::new(0),
            orphans: Orphans::default(),
        })
    }

    /// For tests, which ask it how many packets wait.
    pub(crate) fn port(&self) -> BorrowedHandle<'_> {
        self.port.as_handle()
    }

    /// Ties a handle to the port, for good: it goes with the handle's open file,
    /// duplicates included, and outlives the port.
    pub fn associate(&self, handle: BorrowedHandle<'_>) -> io::Result<()> {
        match ffi::associate(self.port.as_handle(), handle) {
            Err(error) if error.raw_os_error() == Some(ffi::ERROR_INVALID_PARAMETER) => {
                Err(io::Error::new(io::ErrorKind::InvalidInput, BOUND))
            }
            result => result,
        }
    }
    // ANCHOR_END: new

    // ANCHOR: select
    /// Waits until packets come, the time is over, or `wake` is called. Then calls
    /// `awake`, and the function behind each packet, which lists what has become
    /// ready.
    ///
    /// It dequeues no more packets than there is room for events. `true` means
    /// that there were no more.
    pub fn select(
        &self,
        events: &mut Events,
        timeout: Option<Duration>,
        awake: impl FnOnce(),
    ) -> io::Result<bool> {
        let dequeued = self.dequeue(events.room(), timeout);
        // Before the functions run: each would wake a poller that sleeps, by a
        // packet of its own.
        awake();
        self.deliver();
        dequeued
    }

    /// Waits for packets, at most so many, and keeps them for `deliver`. `true`
    /// means that there were no more.
    fn dequeue(&self, most: usize, timeout: Option<Duration>) -> io::Result<bool> {
        let mut room = [MaybeUninit::uninit(); BATCH];
        let most = most.min(BATCH);
        let (port, ms) = (self.port.as_handle(), milliseconds(timeout));
        let entries = match ffi::dequeue(port, &mut room[..most], ms) {
            Err(error) if error.raw_os_error() == Some(ffi::WAIT_TIMEOUT) => return Ok(true),
            result => result?,
        };
        // A null pointer is from `wake`, and must not be followed.
        let packets = entries.iter().filter(|entry| !entry.lpOverlapped.is_null());
        // SAFETY: dequeued just now, of an operation on a handle that was
        // associated; and those are started with no other than an `Overlapped`.
        let packets = packets.map(|entry| unsafe { Packet::new(entry) });
        lock(&self.dequeued).extend(packets);
        Ok(entries.len() < most)
    }
    // ANCHOR_END: select

    // ANCHOR: deliver
    /// Calls the function behind each packet.
    ///
    /// It takes one packet at a time: after `Poll`'s end a function may drop a
    /// source, and so wait here for a packet that came together with its own.
    pub fn deliver(&self) {
        let next = || lock(&self.dequeued).pop_front();
        while let Some(packet) = next() {
            packet.deliver();
        }
    }
    // ANCHOR_END: deliver

    // ANCHOR: deliver_all
    /// Has every packet delivered that has come. Each source brings a few at the
    /// most: it starts no other read before the program has taken what came.
    pub fn deliver_all(&self) {
        // An error shows again in the `select` that follows.
        while let Ok(false) = self.dequeue(BATCH, Some(Duration::ZERO)) {
            self.deliver();
        }
        self.deliver();
    }

    /// Ends the wait that is going on, or the next one: by a packet that leads
    /// nowhere.
    pub fn wake(&self) -> io::Result<()> {
        ffi::post(self.port.as_handle())
    }
    // ANCHOR_END: deliver_all

    // ANCHOR: reap
    /// Dequeues in the place of `Poll`, which is gone: until no orphan has anything
    /// in flight. What is left at the limit is cancelled, and then comes soon.
    pub(crate) fn reap(&self) {
        self.reap_until(self.orphans.limit());
        self.orphans.give_up();
        self.reap_until(Instant::now() + LINGER);
    }

    fn reap_until(&self, end: Instant) {
        loop {
            // Another thread that reaps may dequeue our packet: look again soon.
            let turn = match self.orphans.is_empty() {
                true => Duration::ZERO,
                false => TURN.min(end.saturating_duration_since(Instant::now())),
            };
            let Ok(was_all) = self.dequeue(BATCH, Some(turn)) else {
                return;
            };
            self.deliver();
            if was_all && self.orphans.is_empty() || Instant::now() >= end {
                return;
            }
        }
    }
}

/// How long a thread that reaps sleeps at most.
const TURN: Duration = Duration::from_millis(10);
// ANCHOR_END: reap

// ANCHOR: milliseconds
/// Rounded up: a wait that ends early would be asked for again at once.
fn milliseconds(timeout: Option<Duration>) -> u32 {
    let Some(timeout) = timeout else {
        return ffi::INFINITE;
    };
    let whole = timeout.as_nanos().div_ceil(1_000_000);
    whole.min(u128::from(ffi::INFINITE - 1)) as u32
}
// ANCHOR_END: milliseconds

// ANCHOR: bound
const BOUND: &str = "the handle was not opened for overlapped operations, or it belongs to a \
                     completion port already, for good: open it anew";
// ANCHOR_END: bound

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::orphans::Orphan;
    use super::super::overlapped::Overlapped;
    use super::*;

    /// A packet that a test posts, instead of an operation that ends.
    #[repr(C)]
    struct Posted {
        overlapped: Overlapped,
        selector: Arc<Selector>,
    }

    impl Posted {
        fn post(selector: &Arc<Selector>, done: unsafe fn(&Packet)) -> Arc<Posted> {
            let posted = Arc::new(Posted {
                overlapped: Overlapped::new(done),
                selector: Arc::clone(selector),
            });
            let port = std::os::windows::io::AsRawHandle::as_raw_handle(&selector.port);
            let at = Arc::as_ptr(&posted).cast_mut().cast();
            // SAFETY: the test drops it after the packet has been delivered.
            let queued = unsafe { ffi::c::PostQueuedCompletionStatus(port, 0, 0, at) };
            assert_ne!(queued, 0, "{}", io::Error::last_os_error());
            posted
        }

        /// # Safety
        ///
        /// The packet is one of `post`.
        unsafe fn selector(packet: &Packet) -> &Selector {
            // SAFETY: its pointer is that of the whole, which is there.
            unsafe { &(*packet.overlapped().cast::<Posted>()).selector }
        }
    }

    impl Orphan for Posted {
        fn give_up(&self) {}
    }

    /// After `Poll`'s end a function that drops a source waits for its packet, even
    /// if that was dequeued together with the function's own.
    #[test]
    fn a_function_may_wait_for_what_was_dequeued_with_its_own_packet() {
        unsafe fn drops(packet: &Packet) {
            // SAFETY: posted below.
            unsafe { Posted::selector(packet) }.reap();
        }
        unsafe fn comes_back(packet: &Packet) {
            // SAFETY: posted below.
            let selector = unsafe { Posted::selector(packet) };
            selector.orphans.release(packet.overlapped().cast());
        }
        let selector = Arc::new(Selector::new().unwrap());
        let posted =
            [drops, comes_back as unsafe fn(&Packet)].map(|done| Posted::post(&selector, done));
        selector.orphans.adopt(posted[1].clone());
        let began = Instant::now();
        selector.reap();
        assert!(selector.orphans.is_empty());
        assert!(began.elapsed() < LINGER, "waited for what it had in hand");
    }

    #[test]
    fn milliseconds_are_rounded_up_and_never_overflow() {
        assert_eq!(milliseconds(None), ffi::INFINITE);
        assert_eq!(milliseconds(Some(Duration::ZERO)), 0);
        assert_eq!(milliseconds(Some(Duration::from_nanos(1))), 1);
        assert_eq!(milliseconds(Some(Duration::from_micros(7_001))), 8);
        assert_eq!(milliseconds(Some(Duration::MAX)), ffi::INFINITE - 1);
    }
}

//! The selector on a completion port.
//!
//! Chapter 11. It owns the port. A program cannot tell a port what it waits to do. It
//! can only tie handles to the port. So this file has `associate` where
//! `epoll/selector.rs` and `kqueue/selector.rs` register readiness. The selector waits
//! for packets. Each packet says that an operation is over. The function behind its
//! OVERLAPPED lists what has become ready.

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
    /// Out of the port, and not delivered yet.
    dequeued: Mutex<VecDeque<Packet>>,
    /// How many operations are in flight.
    pub(crate) in_flight: AtomicUsize,
    pub(crate) orphans: Orphans,
}
// ANCHOR_END: selector

// ANCHOR: new
/// How many answers the kernel may have for one source. On Windows every event comes
/// from the ready list.
pub const ANSWERS: usize = 0;
/// The most packets that one call dequeues.
const BATCH: usize = 256;

impl Selector {
    pub fn new() -> io::Result<Selector> {
        Ok(Selector {
            port: ffi::create_port()?,
            dequeued: Mutex::new(VecDeque::new()),
            in_flight: AtomicUsize::new(0),
            orphans: Orphans::default(),
        })
    }

    /// Tests ask it how many packets it holds.
    pub(crate) fn port(&self) -> BorrowedHandle<'_> {
        self.port.as_handle()
    }
    // ANCHOR_END: new

    // ANCHOR: associate
    /// Ties a handle to the port. Win32 cannot undo it: the tie belongs to the open
    /// file, so its duplicates have it too, and it outlives the port.
    pub fn associate(&self, handle: BorrowedHandle<'_>) -> io::Result<()> {
        match ffi::associate(self.port.as_handle(), handle) {
            Err(error) if error.raw_os_error() == Some(ffi::ERROR_INVALID_PARAMETER) => {
                Err(io::Error::new(io::ErrorKind::InvalidInput, BOUND))
            }
            result => result,
        }
    }
    // ANCHOR_END: associate

    // ANCHOR: select
    /// Waits until packets come, the timeout is over, or `wake` is called. Then calls
    /// `awake`, and after it the function behind each packet.
    ///
    /// Dequeues at most as many packets as there is room for events. `true`: the port
    /// had no more.
    pub fn select(
        &self,
        events: &mut Events,
        timeout: Option<Duration>,
        awake: impl FnOnce(),
    ) -> io::Result<bool> {
        let dequeued = self.dequeue(events.room(), timeout);
        // First: a function that finds the poller asleep posts a packet to wake it.
        awake();
        self.deliver();
        dequeued
    }
    // ANCHOR_END: select

    // ANCHOR: dequeue
    /// Waits for at most `most` packets, and keeps them for `deliver`. `true`: the
    /// port had no more.
    fn dequeue(&self, most: usize, timeout: Option<Duration>) -> io::Result<bool> {
        let mut room = [MaybeUninit::uninit(); BATCH];
        let most = most.min(BATCH);
        let (port, ms) = (self.port.as_handle(), milliseconds(timeout));
        let entries = match ffi::dequeue(port, &mut room[..most], ms) {
            Err(error) if error.raw_os_error() == Some(ffi::WAIT_TIMEOUT) => return Ok(true),
            result => result?,
        };
        // `wake` posts a null pointer. Nobody may follow it.
        let packets = entries.iter().filter(|entry| !entry.lpOverlapped.is_null());
        // SAFETY: dequeued just now. Every operation that queues a packet in this port
        // was started with an `Overlapped`.
        let packets = packets.map(|entry| unsafe { Packet::new(entry) });
        lock(&self.dequeued).extend(packets);
        Ok(entries.len() < most)
    }
    // ANCHOR_END: dequeue

    // ANCHOR: deliver
    /// Takes one packet at a time. Once `Poll` is dropped, a function may drop a source
    /// and wait here for a packet that was dequeued together with its own.
    pub fn deliver(&self) {
        let next = || lock(&self.dequeued).pop_front();
        while let Some(packet) = next() {
            packet.deliver();
        }
    }
    // ANCHOR_END: deliver

    // ANCHOR: deliver_all
    /// Delivers every packet that the port holds. There are few of each source: it
    /// starts its next read only when the program has taken what the last one brought.
    pub fn deliver_all(&self) {
        // The next `select` meets an error again.
        while let Ok(false) = self.dequeue(BATCH, Some(Duration::ZERO)) {
            self.deliver();
        }
        self.deliver();
    }

    /// Posts a packet with a null pointer. It ends the present wait, or the next one.
    pub fn wake(&self) -> io::Result<()> {
        ffi::post(self.port.as_handle())
    }
    // ANCHOR_END: deliver_all

    // ANCHOR: reap
    /// Called once `Poll` is dropped: dequeues packets until there is no orphan left. A
    /// last write that is in flight at the limit is cancelled, and its packet comes
    /// soon after that.
    pub(crate) fn reap(&self) {
        self.reap_until(self.orphans.limit());
        self.orphans.give_up();
        self.reap_until(Instant::now() + LINGER);
    }
    // ANCHOR_END: reap

    // ANCHOR: reap_until
    fn reap_until(&self, end: Instant) {
        loop {
            // Another thread may dequeue the packet that this one waits for.
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

/// The longest sleep of a thread that reaps.
const TURN: Duration = Duration::from_millis(10);
// ANCHOR_END: reap_until

// ANCHOR: milliseconds
/// Rounds up. If a wait ended early, `poll` would ask for the rest at once.
fn milliseconds(timeout: Option<Duration>) -> u32 {
    let Some(timeout) = timeout else {
        return ffi::INFINITE;
    };
    let whole = timeout.as_nanos().div_ceil(1_000_000);
    whole.min(u128::from(ffi::INFINITE - 1)) as u32
}

const BOUND: &str = "the handle was not opened for overlapped operations, or it already belongs \
                     to a completion port: open a new handle";
// ANCHOR_END: milliseconds

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::orphans::Orphan;
    use super::super::overlapped::Overlapped;
    use super::*;

    /// A packet that a test posts. No operation is behind it.
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
            // SAFETY: the test drops `posted` after the packet has been delivered.
            let queued = unsafe { ffi::c::PostQueuedCompletionStatus(port, 0, 0, at) };
            assert_ne!(queued, 0, "{}", io::Error::last_os_error());
            posted
        }

        /// # Safety
        ///
        /// `post` has posted the packet.
        unsafe fn selector(packet: &Packet) -> &Selector {
            // SAFETY: its pointer is that of the whole, which the test still holds.
            unsafe { &(*packet.overlapped().cast::<Posted>()).selector }
        }
    }

    impl Orphan for Posted {
        fn give_up(&self) {}
    }

    /// Once `Poll` is dropped, a function that drops a source waits for the source's
    /// packet, even if that packet was dequeued together with the function's own.
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
        assert!(began.elapsed() < LINGER, "waited for a dequeued packet");
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

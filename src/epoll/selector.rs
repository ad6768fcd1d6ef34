//! The selector on epoll.
//!
//! Chapter 8. It owns the epoll instance, and an eventfd that ends a wait.
//! `kqueue/selector.rs` has the same functions with the same names in the same
//! order: read the two files side by side.

use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::ffi::{self, Answers, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, Room, epoll_event};
use super::mask::{EPOLLET, EPOLLIN, mask, readiness};
use crate::event::{Event, Token, Watch};
use crate::events::Events;

// ANCHOR: selector
/// The kernel's queue, and an eventfd that ends a wait on it.
pub struct Selector {
    epoll: OwnedFd,
    eventfd: OwnedFd,
    /// Whether the kernel has refused `epoll_pwait2`: then nobody asks again.
    whole_milliseconds: AtomicBool,
}

/// How many answers one wait can bring for one source: one for both directions.
pub const ANSWERS: usize = 1;
/// How many answers one wait asks for, at most.
const BATCH: usize = 256;
// ANCHOR_END: selector

// ANCHOR: new
impl Selector {
    /// Makes the queue, and registers its eventfd.
    ///
    /// The eventfd is edge-triggered, and nobody reads it: each write is a new edge.
    pub fn new() -> io::Result<Selector> {
        let (epoll, eventfd) = (ffi::epoll_create1()?, ffi::eventfd()?);
        ffi::epoll_ctl(epoll.as_fd(), EPOLL_CTL_ADD, eventfd.as_fd(), WAKE_UP)?;
        Ok(Selector {
            epoll,
            eventfd,
            whole_milliseconds: AtomicBool::new(false),
        })
    }
    // ANCHOR_END: new

    // ANCHOR: register
    /// Starts to watch a descriptor.
    pub fn register(&self, fd: BorrowedFd<'_>, watch: Watch) -> io::Result<()> {
        match ffi::epoll_ctl(self.epoll.as_fd(), EPOLL_CTL_ADD, fd, entry(watch)) {
            // EPERM. `epoll_ctl` has no other error of this kind.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                Err(io::Error::new(ErrorKind::Unsupported, NEVER_BLOCKS))
            }
            result => result,
        }
    }

    /// Changes token, interests or trigger.
    pub fn reregister(&self, fd: BorrowedFd<'_>, watch: Watch) -> io::Result<()> {
        ffi::epoll_ctl(self.epoll.as_fd(), EPOLL_CTL_MOD, fd, entry(watch))
    }

    /// Stops watching a descriptor, and drops what the kernel had queued for it.
    pub fn deregister(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        // Kernels before 2.6.9 refuse a null pointer here, although they do not read it.
        ffi::epoll_ctl(self.epoll.as_fd(), EPOLL_CTL_DEL, fd, WAKE_UP)
    }
    // ANCHOR_END: register

    // ANCHOR: select
    /// Waits until a source is ready, the time is over, or another thread calls
    /// `wake`. Then calls `awake`, and adds an event for each source to `events`.
    ///
    /// Returns whether the kernel had no more. Room in `events` does not tell: the
    /// queue's own wake-up takes a place among the answers, but is no event.
    #[inline]
    pub fn select(
        &self,
        events: &mut Events,
        timeout: Option<Duration>,
        awake: impl FnOnce(),
    ) -> io::Result<bool> {
        let mut room = [MaybeUninit::uninit(); BATCH];
        let most = events.room().min(BATCH);
        let answered = self.wait(&mut room[..most], timeout);
        awake();
        let answers = answered?;
        for answer in answers {
            let token = Token(answer.data as usize);
            if token != Token::QUEUE {
                events.push(Event::new(token, readiness(answer.events)));
            }
        }
        Ok(answers.len() < most)
    }
    // ANCHOR_END: select

    // ANCHOR: wait
    /// Waits once: as exactly as the kernel can, and never too short.
    #[inline]
    fn wait<'r>(&self, room: &'r mut Room, timeout: Option<Duration>) -> Answers<'r> {
        let epoll = self.epoll.as_fd();
        let Some(timeout) = timeout else {
            return ffi::epoll_wait(epoll, room, -1);
        };
        let whole = timeout.subsec_nanos() % 1_000_000 == 0;
        if whole || self.whole_milliseconds.load(Ordering::Relaxed) {
            return ffi::epoll_wait(epoll, room, milliseconds(timeout));
        }
        ffi::epoll_pwait2(epoll, room, timeout).map_err(|error| match error.kind() {
            // ENOSYS: the kernel is old. EPERM: a container's filter. The caller waits
            // again, as after a signal, and then in whole milliseconds.
            ErrorKind::Unsupported | ErrorKind::PermissionDenied => {
                self.whole_milliseconds.store(true, Ordering::Relaxed);
                ErrorKind::Interrupted.into()
            }
            _ => error,
        })
    }
    // ANCHOR_END: wait

    // ANCHOR: wake
    /// Ends the wait of another thread. If no thread waits, ends the next wait.
    pub fn wake(&self) -> io::Result<()> {
        match ffi::eventfd_write(self.eventfd.as_fd(), 1) {
            // The counter is full, after 2^64 - 2 wakes. Empty it, then write again.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                ffi::eventfd_read(self.eventfd.as_fd())?;
                ffi::eventfd_write(self.eventfd.as_fd(), 1)
            }
            result => result,
        }
    }
    // ANCHOR_END: wake

    // ANCHOR: fd
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
    // ANCHOR_END: fd
}

// ANCHOR: entry
/// The interest in the queue's own eventfd.
const WAKE_UP: epoll_event = epoll_event {
    events: EPOLLIN | EPOLLET,
    data: Token::QUEUE.0 as u64,
};

fn entry(watch: Watch) -> epoll_event {
    epoll_event {
        events: mask(watch.interests, watch.trigger),
        data: watch.token.0 as u64,
    }
}

const NEVER_BLOCKS: &str = "epoll cannot watch this kind of file (a regular file, a directory): \
                            it never blocks, so read or write it directly";
// ANCHOR_END: entry

// ANCHOR: milliseconds
/// Rounds up. If a wait ended early, `poll` would wait again and again with 0
/// milliseconds, until the rest of the time had passed.
fn milliseconds(timeout: Duration) -> i32 {
    i32::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
}
// ANCHOR_END: milliseconds

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::event::{Interests, Readiness, Trigger};
    use crate::queue::Queue;
    use crate::registration::Registration;
    use crate::registrator::Registrator;
    use crate::waker::Waker;

    #[test]
    fn milliseconds_are_rounded_up_and_never_overflow() {
        assert_eq!(milliseconds(Duration::ZERO), 0);
        assert_eq!(milliseconds(Duration::from_nanos(1)), 1);
        assert_eq!(milliseconds(Duration::from_millis(7)), 7);
        assert_eq!(milliseconds(Duration::from_micros(7_001)), 8);
        assert_eq!(milliseconds(Duration::MAX), i32::MAX);
    }

    #[test]
    fn a_full_eventfd_still_wakes() {
        let selector = Selector::new().unwrap();
        selector.wake().unwrap();
        ffi::eventfd_write(selector.eventfd.as_fd(), u64::MAX - 2).unwrap();
        let mut room = [MaybeUninit::uninit()];
        // This takes the edge of the writes above, and leaves the counter full.
        let mut wait = || {
            selector
                .wait(&mut room, Some(Duration::ZERO))
                .unwrap()
                .len()
        };
        assert_eq!((wait(), wait()), (1, 0));
        selector.wake().unwrap();
        assert_eq!(wait(), 1, "the wake-up after the overflow was lost");
    }

    /// A queue whose poller sleeps, and that nobody can wake: writing to its eventfd
    /// fails.
    fn deaf() -> Registrator {
        let mut queue = Queue::new().unwrap();
        queue.selector.eventfd = std::fs::File::open("/dev/null").unwrap().into();
        assert!(queue.ready.sleep());
        Registrator {
            queue: Arc::new(queue),
        }
    }

    #[test]
    fn a_registration_that_could_not_be_announced_reports_nothing() {
        let registrator = deaf();
        let (mut registration, set_readiness) = Registration::new();
        set_readiness.set_readiness(Readiness::READABLE).unwrap();
        let (token, interests) = (Token(1), Interests::READABLE);
        registrator
            .register_with(&mut registration, token, interests, Trigger::Level)
            .unwrap_err();
        let not_found = registrator.deregister(&mut registration).unwrap_err();
        assert_eq!(not_found.kind(), ErrorKind::NotFound);
        let mut events = Events::with_capacity(8);
        let list = &registrator.queue.ready;
        list.drain(&mut events, u64::MAX);
        assert!(events.is_empty(), "{events:?}");
    }

    #[test]
    fn a_change_that_could_not_be_announced_changes_nothing() {
        let registrator = deaf();
        let list = &registrator.queue.ready;
        list.awake();
        let (mut registration, set_readiness) = Registration::new();
        let interests = Interests::READABLE;
        registrator
            .register(&mut registration, Token(1), interests)
            .unwrap();
        list.awake();
        assert!(list.sleep());
        registrator
            .reregister(&mut registration, Token(2), Interests::WRITABLE)
            .unwrap_err();
        list.awake();
        set_readiness.set_readiness(Readiness::READABLE).unwrap();
        let mut events = Events::with_capacity(8);
        list.drain(&mut events, u64::MAX);
        let tokens: Vec<_> = events.iter().map(|event| event.token()).collect();
        assert_eq!(tokens, [Token(1)]);
    }

    #[test]
    fn a_wake_that_failed_is_tried_again() {
        let registrator = deaf();
        let waker = Waker::new(&registrator, Token(1)).unwrap();
        for _ in 0..3 {
            waker.wake().unwrap_err();
        }
        // The poller wakes for another reason, and finds the node without a call.
        let mut events = Events::with_capacity(8);
        registrator.queue.ready.awake();
        let list = &registrator.queue.ready;
        list.drain(&mut events, u64::MAX);
        assert_eq!(events.len(), 1);
        waker.wake().unwrap();
    }

    /// If such a push made a call, threads that go on waking could fill each of the
    /// last batches with the queue's own wake-up, and the loop would not end.
    #[test]
    fn a_push_to_a_closed_loop_makes_no_call() {
        let registrator = deaf();
        let queue = &registrator.queue;
        queue.watch_from_outside();
        let waker = Waker::new(&registrator, Token(1)).unwrap();
        waker.wake().unwrap_err();
        queue.close().unwrap_err();
        queue.ready.awake();
        waker.wake().unwrap();
    }

    #[test]
    fn a_kernel_without_pwait2_is_asked_in_whole_milliseconds() {
        let selector = Selector::new().unwrap();
        selector.whole_milliseconds.store(true, Ordering::Relaxed);
        let before = std::time::Instant::now();
        let wait = Duration::from_micros(100);
        let mut room = [MaybeUninit::uninit()];
        assert!(selector.wait(&mut room, Some(wait)).unwrap().is_empty());
        assert!(before.elapsed() >= wait);
    }
}

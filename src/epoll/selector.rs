//! The selector on epoll.
//!
//! Chapter 8. It owns the epoll instance and an eventfd that ends a wait. Its
//! functions, their names and their order are those of `kqueue/selector.rs`:
//! lay the two side by side.

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
/// The kernel's queue, and the means to end a wait on it.
pub struct Selector {
    epoll: OwnedFd,
    eventfd: OwnedFd,
    /// Set for good once the kernel has refused `epoll_pwait2`.
    whole_milliseconds: AtomicBool,
}

/// How many answers the kernel gives of one source: both directions are one.
pub const ANSWERS: usize = 1;
/// How many answers we ask for at once, at most.
const BATCH: usize = 256;
// ANCHOR_END: selector

// ANCHOR: new
impl Selector {
    /// Makes the queue, and watches its own wake-up in it.
    ///
    /// The eventfd is watched by edge and never read: each write to it is an
    /// edge of its own.
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
            // EPERM: no other error of epoll_ctl's is of this kind.
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

    /// Stops watching a descriptor. What the kernel had queued for it is gone.
    pub fn deregister(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        // Kernels before 2.6.9 want an entry here, which they do not read.
        ffi::epoll_ctl(self.epoll.as_fd(), EPOLL_CTL_DEL, fd, WAKE_UP)
    }
    // ANCHOR_END: register

    // ANCHOR: select
    /// Waits until there is something to report, the time is over, or `wake` is
    /// called. Then calls `awake`, and adds what it has found to `events`.
    ///
    /// The queue's own wake-up takes a place among the answers and is no event.
    /// So room left over does not mean that there was no more: `true` does.
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
    /// One wait of the kernel's, as exact as it can be, and never too short.
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
            // ENOSYS of an old kernel, EPERM of a filter around a container. As
            // after a signal, the caller waits on: in whole milliseconds.
            ErrorKind::Unsupported | ErrorKind::PermissionDenied => {
                self.whole_milliseconds.store(true, Ordering::Relaxed);
                ErrorKind::Interrupted.into()
            }
            _ => error,
        })
    }
    // ANCHOR_END: wait

    // ANCHOR: wake
    /// Ends the wait that is going on, or the next one.
    pub fn wake(&self) -> io::Result<()> {
        match ffi::eventfd_write(self.eventfd.as_fd(), 1) {
            // The counter is full, after 2^64 - 2 wakes: empty it, and count on.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                ffi::eventfd_read(self.eventfd.as_fd())?;
                ffi::eventfd_write(self.eventfd.as_fd(), 1)
            }
            result => result,
        }
    }

    pub fn fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}
// ANCHOR_END: wake

// ANCHOR: entry
/// The entry of the queue's own wake-up.
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
/// Rounded up: a wait that ends early would be asked for again at once, and
/// again, until its time has come.
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
        // The edge of the writes above is taken, and the counter left full.
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

    /// A queue whose poller sleeps and cannot be woken: nobody can write to
    /// its eventfd.
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
        // Awake for another reason, the poller finds it, and needs no call.
        let mut events = Events::with_capacity(8);
        registrator.queue.ready.awake();
        let list = &registrator.queue.ready;
        list.drain(&mut events, u64::MAX);
        assert_eq!(events.len(), 1);
        waker.wake().unwrap();
    }

    /// Otherwise threads that go on waking could fill each look of the last batches
    /// with the queue's own wake-up, and the loop would not end.
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

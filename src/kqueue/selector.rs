//! The selector on kqueue.
//!
//! Chapter 9. It owns the kqueue and what ends a wait on it. Its functions,
//! their names and their order are those of `epoll/selector.rs`: lay the two
//! side by side.

use std::io::{self, ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::changes::{self, Change, EV_ADD, EV_CLEAR, EV_DELETE, EV_RECEIPT, Filter};
use super::ffi::{self, EVFILT_READ, EVFILT_USER, EVFILT_WRITE, NOTE_TRIGGER, kevent};
use crate::event::{Event, Readiness, Token, Watch};

// ANCHOR: selector
/// The kernel's queue, and the means to end a wait on it.
#[derive(Debug)]
pub struct Selector {
    kqueue: OwnedFd,
    /// Where the kernel has no `EVFILT_USER`: what is written to one end makes
    /// the other readable.
    pair: Option<(UnixStream, UnixStream)>,
}

/// One of the kernel's answers to a wait.
pub type Answer = kevent;
/// How many answers a source has at most: each direction is one.
pub const TURNS: usize = 2;
// ANCHOR_END: selector

impl Selector {
    // ANCHOR: new
    /// Makes the queue, with its own wake-up watched in it.
    pub fn new() -> io::Result<Selector> {
        let kqueue = ffi::kqueue()?;
        let mut selector = Selector { kqueue, pair: None };
        let user = entry(0, EVFILT_USER, EV_ADD | EV_CLEAR, Token::QUEUE);
        if selector.apply(&[user]).is_err() {
            // OpenBSD before 2025, NetBSD before 10.
            let (near, far) = UnixStream::pair()?;
            near.set_nonblocking(true)?;
            far.set_nonblocking(true)?;
            let fd = far.as_raw_fd() as usize;
            selector.apply(&[entry(fd, EVFILT_READ, EV_ADD | EV_CLEAR, Token::QUEUE)])?;
            selector.pair = Some((near, far));
        }
        Ok(selector)
    }
    // ANCHOR_END: new

    // ANCHOR: register
    /// Watches a descriptor that is not watched yet.
    pub fn register(&self, fd: BorrowedFd<'_>, new: Watch) -> io::Result<()> {
        let added = self.change(fd, None, Some(new));
        if added.is_err() {
            // One of two knotes may have been made.
            let _ = self.change(fd, Some(new), None);
        }
        added
    }

    /// Watches it otherwise.
    pub fn reregister(&self, fd: BorrowedFd<'_>, old: Watch, new: Watch) -> io::Result<()> {
        self.change(fd, Some(old), Some(new))
    }

    /// Stops watching it. What the kernel had queued for it is gone with it.
    pub fn deregister(&self, fd: BorrowedFd<'_>, old: Watch) -> io::Result<()> {
        self.change(fd, Some(old), None)
    }

    fn change(&self, fd: BorrowedFd<'_>, old: Option<Watch>, new: Option<Watch>) -> io::Result<()> {
        let fd = fd.as_raw_fd() as usize;
        let token = new.map_or(Token(0), |watch| watch.token);
        let reads = new.is_some_and(|watch| watch.interests.is_readable());
        let plain = |watch: Watch| (watch.interests, watch.trigger);
        let mut list = [entry(0, 0, 0, Token(0)); 4];
        let mut len = 0;
        for Change { filter, flags } in changes::changes(old.map(plain), new.map(plain)) {
            let filter = match filter {
                Filter::Read => EVFILT_READ,
                Filter::Write => EVFILT_WRITE,
            };
            list[len] = entry(fd, filter, flags, token);
            len += 1;
        }
        match self.apply(&list[..len]) {
            // The BSDs give a pipe whose other end is closed no knote that
            // writes. One that reads tells of the end; or else this error does.
            Err(error) if error.kind() == ErrorKind::BrokenPipe && reads => Ok(()),
            result => result,
        }
    }
    // ANCHOR_END: register

    // ANCHOR: apply
    /// Hands over a change list and looks at the receipt of each entry.
    ///
    /// There are as many receipts as changes: no room for events, and no wait.
    fn apply(&self, changes: &[kevent]) -> io::Result<()> {
        let mut room = [const { MaybeUninit::uninit() }; 4];
        let (room, none) = (&mut room[..changes.len()], Some(Duration::ZERO));
        let receipts = match ffi::kevent(self.kqueue.as_fd(), changes, room, none) {
            // The changes were applied before the signal came.
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            result => result?,
        };
        for (receipt, change) in receipts.iter().zip(changes) {
            let error = io::Error::from_raw_os_error(receipt.data as i32);
            let deleting = change.flags & EV_DELETE as ffi::Flags != 0;
            // The knote went with its descriptor, or with a pipe's other end.
            let gone = deleting && error.kind() == ErrorKind::NotFound;
            if receipt.data != 0 && !gone {
                return Err(error);
            }
        }
        Ok(())
    }
    // ANCHOR_END: apply

    // ANCHOR: select
    /// Waits until there is something to report, the time is over, or `wake`
    /// is called; adds what it finds to `answers`, as far as there is room.
    ///
    /// It may add nothing: the wake-up is the queue's own business. It takes a
    /// place all the same, so room left over does not mean that there was no
    /// more. `true` does.
    pub fn select(&self, answers: &mut Vec<Answer>, timeout: Option<Duration>) -> io::Result<bool> {
        let before = answers.len();
        let room = answers.spare_capacity_mut();
        let filled = ffi::kevent(self.kqueue.as_fd(), &[], room, timeout)?.len();
        // SAFETY: so much of the room is filled.
        unsafe { answers.set_len(before + filled) };
        let was_all = answers.len() < answers.capacity();
        for answer in &mut answers[before..] {
            // Kept where `event` looks for it.
            answer.fflags = meaning(answer).bits().into();
        }
        answers.retain(|answer| event(answer).token() != Token::QUEUE);
        // Reading and writing are two knotes, and one event if they are neighbours.
        answers.dedup_by(|two, one| {
            let same = (one.ident, one.udata) == (two.ident, two.udata) && one.filter != two.filter;
            one.fflags |= if same { two.fflags } else { 0 };
            same
        });
        Ok(was_all)
    }
    // ANCHOR_END: select

    // ANCHOR: wake
    /// Ends the wait that is going on, or the next one.
    pub fn wake(&self) -> io::Result<()> {
        let Some((near, far)) = &self.pair else {
            let mut user = entry(0, EVFILT_USER, 0, Token::QUEUE);
            user.fflags = NOTE_TRIGGER;
            return self.apply(&[user]);
        };
        let (mut near, mut far) = (near, far);
        match near.write(&[1]) {
            // Too many wakes went unheard: take them out, and write on.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                while far.read(&mut [0; 4096]).is_ok() {}
                near.write(&[1]).map(drop)
            }
            result => result.map(drop),
        }
    }
    // ANCHOR_END: wake

    pub fn fd(&self) -> BorrowedFd<'_> {
        self.kqueue.as_fd()
    }
}

// ANCHOR: entry
/// One entry of a change list, to be answered by a receipt.
fn entry(ident: usize, filter: ffi::Filter, flags: u16, token: Token) -> kevent {
    kevent {
        ident,
        filter,
        flags: (flags | EV_RECEIPT) as ffi::Flags,
        fflags: 0,
        data: 0,
        udata: token.0,
        #[cfg(target_os = "freebsd")]
        ext: [0; 4],
    }
}

#[allow(clippy::unnecessary_cast)] // NetBSD's flags are 32 bits wide.
fn meaning(answer: &kevent) -> Readiness {
    let filter = match answer.filter {
        EVFILT_WRITE => Filter::Write,
        _ => Filter::Read,
    };
    changes::readiness(filter, answer.flags as changes::Flags, answer.fflags)
}

/// What an answer means.
pub fn event(answer: &Answer) -> Event {
    let readiness = Readiness::from_bits(answer.fflags as u8);
    Event::new(Token(answer.udata), readiness)
}

/// An event from the ready list, in the form of the kernel's answers.
pub fn answer(event: Event) -> Answer {
    // Of no descriptor, so of no knote.
    let mut answer = entry(usize::MAX, EVFILT_USER, 0, event.token());
    answer.fflags = event.readiness().bits().into();
    answer
}
// ANCHOR_END: entry

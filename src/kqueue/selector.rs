//! The selector on kqueue.
//!
//! Chapter 9. It owns the kqueue, and a pair of sockets where the kernel cannot end
//! a wait without one. `epoll/selector.rs` has the same functions with the same
//! names in the same order: read the two files side by side.

use std::io::{self, ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::changes::{self, Change, EV_ADD, EV_CLEAR, EV_DELETE, EV_RECEIPT, Filter};
use super::ffi::{self, EVFILT_READ, EVFILT_USER, EVFILT_WRITE, NOTE_TRIGGER, kevent};
use crate::event::{Event, Readiness, Token, Watch};
use crate::events::Events;

// ANCHOR: selector
/// The kernel's queue, and what ends a wait on it.
pub struct Selector {
    kqueue: OwnedFd,
    /// For a kernel without `EVFILT_USER`: a byte written to the first socket makes
    /// the second readable.
    pair: Option<(UnixStream, UnixStream)>,
}

/// How many answers one wait can bring for one source: one for each direction.
pub const ANSWERS: usize = 2;
/// How many answers one wait asks for, at most.
const BATCH: usize = 256;
// ANCHOR_END: selector

impl Selector {
    // ANCHOR: new
    /// Makes the queue, and registers its own wake-up.
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
    /// Starts to watch a descriptor.
    pub fn register(&self, fd: BorrowedFd<'_>, watch: Watch) -> io::Result<()> {
        let added = changes::added(watch.interests, watch.trigger);
        // If it fails, the kernel may have made one of two knotes.
        self.change(fd, watch.token, added)
            .inspect_err(|_| drop(self.deregister(fd)))
    }

    /// Changes token, interests or trigger. If it fails, nothing is watched.
    pub fn reregister(&self, fd: BorrowedFd<'_>, watch: Watch) -> io::Result<()> {
        let added = changes::added(watch.interests, watch.trigger);
        self.change(fd, watch.token, changes::removed().chain(added))
            .inspect_err(|_| drop(self.deregister(fd)))
    }

    /// Stops watching a descriptor, and drops what the kernel had queued for it.
    pub fn deregister(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.change(fd, Token(0), changes::removed())
    }

    fn change(
        &self,
        fd: BorrowedFd<'_>,
        token: Token,
        changes: impl Iterator<Item = Change>,
    ) -> io::Result<()> {
        let ident = fd.as_raw_fd() as usize;
        let mut list = [entry(ident, EVFILT_READ, 0, token); 4];
        let mut len = 0;
        for Change { filter, flags } in changes {
            let filter = match filter {
                Filter::Read => EVFILT_READ,
                Filter::Write => EVFILT_WRITE,
            };
            list[len] = entry(ident, filter, flags, token);
            len += 1;
        }
        self.apply(&list[..len])
    }
    // ANCHOR_END: register

    // ANCHOR: apply
    /// Applies a change list, and checks the receipt of each entry.
    ///
    /// The room is as long as the list: receipts fill it, so no event fits.
    fn apply(&self, changes: &[kevent]) -> io::Result<()> {
        let mut room = [const { MaybeUninit::uninit() }; 4];
        let (room, none) = (&mut room[..changes.len()], Some(Duration::ZERO));
        let receipts = match ffi::kevent(self.kqueue.as_fd(), changes, room, none) {
            // A signal came, but the kernel had applied the changes before.
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(()),
            result => result?,
        };
        let has = |change: &kevent, flag| change.flags & flag as ffi::Flags != 0;
        let adds_read = |change: &kevent| change.filter == EVFILT_READ && has(change, EV_ADD);
        let reads = changes.iter().any(adds_read);
        for (receipt, change) in receipts.iter().zip(changes) {
            let error = io::Error::from_raw_os_error(receipt.data as i32);
            // The knote never existed, or the kernel deleted it with its descriptor.
            let gone = has(change, EV_DELETE) && error.kind() == ErrorKind::NotFound;
            // If the reader of a pipe has closed, the BSDs make no knote for writing
            // (NetBSD answers EBADF). A knote for reading reports the end.
            let left = change.filter == EVFILT_WRITE
                && (error.kind() == ErrorKind::BrokenPipe
                    || error.raw_os_error() == Some(ffi::EBADF));
            if receipt.data != 0 && !gone && !(left && reads) {
                return Err(if left {
                    ErrorKind::BrokenPipe.into()
                } else {
                    error
                });
            }
        }
        Ok(())
    }
    // ANCHOR_END: apply

    // ANCHOR: select
    /// Waits until a source is ready, the time is over, or another thread calls
    /// `wake`. Then calls `awake`, and adds an event for each source to `events`.
    ///
    /// Returns whether the kernel had no more. Room in `events` does not tell: the
    /// queue's own wake-up takes a place among the answers, but is no event.
    pub fn select(
        &self,
        events: &mut Events,
        timeout: Option<Duration>,
        awake: impl FnOnce(),
    ) -> io::Result<bool> {
        let mut room = [const { MaybeUninit::uninit() }; BATCH];
        let most = events.room().min(BATCH);
        let answered = ffi::kevent(self.kqueue.as_fd(), &[], &mut room[..most], timeout);
        awake();
        let answers = answered?;
        // A source has a knote for reading and one for writing, but gets one event.
        let source = |answer: &kevent| (answer.udata, answer.ident);
        answers.sort_unstable_by_key(source);
        for knotes in answers.chunk_by(|one, two| source(one) == source(two)) {
            let token = Token(knotes[0].udata);
            if token != Token::QUEUE {
                let mut readiness = Readiness::EMPTY;
                knotes.iter().for_each(|knote| readiness |= meaning(knote));
                events.push(Event::new(token, readiness));
            }
        }
        Ok(answers.len() < most)
    }
    // ANCHOR_END: select

    // ANCHOR: wake
    /// Ends the wait of another thread. If no thread waits, ends the next wait.
    pub fn wake(&self) -> io::Result<()> {
        let Some((near, far)) = &self.pair else {
            let mut user = entry(0, EVFILT_USER, 0, Token::QUEUE);
            user.fflags = NOTE_TRIGGER;
            return self.apply(&[user]);
        };
        let (mut near, mut far) = (near, far);
        match near.write(&[1]) {
            // The socket is full of bytes that nobody has read. Read them, write again.
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
/// An entry of a change list. The kernel answers it with a receipt.
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

/// What an answer means.
#[allow(clippy::unnecessary_cast)] // On NetBSD, flags have 32 bits.
fn meaning(answer: &kevent) -> Readiness {
    let filter = match answer.filter {
        EVFILT_WRITE => Filter::Write,
        _ => Filter::Read,
    };
    changes::readiness(filter, answer.flags as changes::Flags, answer.fflags)
}
// ANCHOR_END: entry

//! The selector on kqueue.
//!
//! Chapter 9. It owns the kqueue and what ends a wait on it. Its functions,
//! their names and their order are those of `epoll/selector.rs`: lay the two
//! side by side.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use super::changes::{self, Change, EV_ADD, EV_CLEAR, EV_DELETE, EV_RECEIPT, Filter};
use super::ffi::{self, EVFILT_READ, EVFILT_USER, EVFILT_WRITE, NOTE_TRIGGER, kevent};
use crate::event::{Event, Events, Readiness, Token, Watch};

// ANCHOR: selector
/// The kernel's queue, and the means to end a wait on it.
#[derive(Debug)]
pub struct Selector {
    kqueue: OwnedFd,
    /// Reading and writing end, where the kernel has no `EVFILT_USER`.
    pipe: Option<(OwnedFd, OwnedFd)>,
}

/// The kernel's answers to one wait, kept by whoever waits.
#[derive(Debug, Default)]
pub struct Batch(Vec<kevent>);

// SAFETY: `udata`, the pointer that makes a kevent neither Send nor Sync, holds
// a token here and is never followed.
unsafe impl Send for Batch {}
// SAFETY: as above.
unsafe impl Sync for Batch {}
// ANCHOR_END: selector

impl Batch {
    /// An empty one; it grows to what the first wait has room for.
    pub fn new() -> Batch {
        Batch::default()
    }
}

impl Selector {
    // ANCHOR: new
    /// Makes the queue, with its own wake-up watched in it.
    pub fn new() -> io::Result<Selector> {
        let kqueue = ffi::kqueue()?;
        let mut selector = Selector { kqueue, pipe: None };
        if selector.user(EV_ADD | EV_CLEAR, 0).is_err() {
            // OpenBSD before 2025, NetBSD before 10: no EVFILT_USER.
            let (read, write) = ffi::pipe2()?;
            let mut entry = entry(read.as_raw_fd() as usize, EVFILT_READ, EV_ADD | EV_CLEAR);
            entry.udata = Token::QUEUE.0 as *mut _;
            selector.apply(&mut [entry])?;
            selector.pipe = Some((read, write));
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
        let plain = |watch: Watch| (watch.interests, watch.trigger);
        let udata = new.map_or(0, |watch| watch.token.0) as *mut _;
        let mut list = [entry(0, 0, 0); 4];
        let mut len = 0;
        for Change { filter, flags } in changes::changes(old.map(plain), new.map(plain)) {
            let filter = match filter {
                Filter::Read => EVFILT_READ,
                Filter::Write => EVFILT_WRITE,
            };
            list[len] = entry(fd.as_raw_fd() as usize, filter, flags);
            list[len].udata = udata;
            len += 1;
        }
        self.apply(&mut list[..len])
    }
    // ANCHOR_END: register

    // ANCHOR: apply
    /// Hands over a change list and looks at the receipt of each entry.
    fn apply(&self, list: &mut [kevent]) -> io::Result<()> {
        let mut asked = [entry(0, 0, 0); 4];
        let asked = &mut asked[..list.len()];
        for (asked, change) in asked.iter_mut().zip(&mut *list) {
            change.flags |= EV_RECEIPT as ffi::Flags;
            *asked = *change;
        }
        // As many receipts as changes: there is no room for anything else, and
        // so no wait.
        match ffi::kevent(self.kqueue.as_fd(), asked, list, Some(Duration::ZERO)) {
            // The changes were applied before the signal came.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            result => result?,
        };
        for (receipt, change) in list.iter().zip(asked) {
            let error = io::Error::from_raw_os_error(receipt.data as i32);
            let deleting = change.flags & EV_DELETE as ffi::Flags != 0;
            let ignored = receipt.data == 0
                // The knote went with a descriptor that was closed meanwhile.
                || (deleting && error.kind() == io::ErrorKind::NotFound)
                // Old macOS: a pipe whose other end is closed. It is watched.
                || error.kind() == io::ErrorKind::BrokenPipe;
            if !ignored {
                return Err(error);
            }
        }
        Ok(())
    }
    // ANCHOR_END: apply

    // ANCHOR: select
    /// Waits until there is something to report, the time is over, or `wake`
    /// is called; adds what it finds to `events`, as far as there is room.
    ///
    /// An answer may add nothing: the wake-up is the queue's own business.
    pub fn select(
        &self,
        batch: &mut Batch,
        events: &mut Events,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        let room = events.room();
        if batch.0.len() < room {
            batch.0.resize(room, entry(0, 0, 0));
        }
        let filled = ffi::kevent(self.kqueue.as_fd(), &[], &mut batch.0[..room], timeout)?;
        let mut answers = batch.0[..filled].iter().peekable();
        while let Some(answer) = answers.next() {
            let token = Token(answer.udata as usize);
            if token == Token::QUEUE {
                continue;
            }
            let mut ready = meaning(answer);
            // Reading and writing are two knotes, and one event if they are neighbours.
            while let Some(next) = answers.next_if(|next| same_source(answer, next)) {
                ready |= meaning(next);
            }
            events.push(Event::new(token, ready));
        }
        Ok(())
    }
    // ANCHOR_END: select

    // ANCHOR: wake
    /// Ends the wait that is going on, or the next one.
    pub fn wake(&self) -> io::Result<()> {
        let Some((read, write)) = &self.pipe else {
            return self.user(0, NOTE_TRIGGER);
        };
        match ffi::write(write.as_fd(), &[1]) {
            // The pipe is full: empty it, and write on.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                while ffi::read(read.as_fd(), &mut [0; 4096]).is_ok() {}
                ffi::write(write.as_fd(), &[1]).map(drop)
            }
            result => result.map(drop),
        }
    }

    /// One change to the knote that is the queue's own.
    fn user(&self, flags: u16, fflags: u32) -> io::Result<()> {
        let mut entry = entry(0, EVFILT_USER, flags);
        entry.fflags = fflags;
        // A change gives the knote its udata anew.
        entry.udata = Token::QUEUE.0 as *mut _;
        self.apply(&mut [entry])
    }
    // ANCHOR_END: wake
}

impl AsFd for Selector {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.kqueue.as_fd()
    }
}

// ANCHOR: entry
fn entry(ident: usize, filter: ffi::Filter, flags: u16) -> kevent {
    kevent {
        ident,
        filter,
        flags: flags as ffi::Flags,
        fflags: 0,
        data: 0,
        udata: std::ptr::null_mut(),
        #[cfg(target_os = "freebsd")]
        ext: [0; 4],
    }
}

fn meaning(answer: &kevent) -> Readiness {
    let filter = match answer.filter {
        EVFILT_WRITE => Filter::Write,
        _ => Filter::Read,
    };
    // No cast but on NetBSD, whose flags are 32 bits wide.
    #[allow(clippy::unnecessary_cast)]
    let flags = answer.flags as u16;
    changes::readiness(filter, flags, answer.fflags)
}

fn same_source(one: &kevent, other: &kevent) -> bool {
    one.ident == other.ident && one.udata == other.udata
}
// ANCHOR_END: entry

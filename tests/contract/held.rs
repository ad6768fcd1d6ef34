//! A descriptor together with the `SourceFd` that watches it, so that tests can
//! keep both in one place.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use evq::unix::SourceFd;
use evq::{Interests, Registrator, Source, Token, Trigger};

/// `source` is declared first, and so dropped first: deregistered, then closed.
pub struct Held<T> {
    source: SourceFd<'static>,
    io: T,
}

impl<T: AsFd> Held<T> {
    pub fn new(io: T) -> Held<T> {
        // SAFETY: `io` owns the descriptor; it is private, never replaced, and
        // outlives `source`, the only one to get this borrow.
        let fd = unsafe { BorrowedFd::borrow_raw(io.as_fd().as_raw_fd()) };
        Held {
            source: SourceFd::new(fd),
            io,
        }
    }

    pub fn io(&self) -> &T {
        &self.io
    }
}

impl<T> Source for Held<T> {
    fn register(
        &mut self,
        registrator: &Registrator,
        token: Token,
        interests: Interests,
        trigger: Trigger,
    ) -> io::Result<()> {
        self.source.register(registrator, token, interests, trigger)
    }

    fn reregister(
        &mut self,
        registrator: &Registrator,
        token: Token,
        interests: Interests,
        trigger: Trigger,
    ) -> io::Result<()> {
        self.source
            .reregister(registrator, token, interests, trigger)
    }

    fn deregister(&mut self, registrator: &Registrator) -> io::Result<()> {
        self.source.deregister(registrator)
    }
}

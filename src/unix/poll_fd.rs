//! The queue's own descriptor, to be watched by another queue.
//!
//! Chapter 21.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use crate::net::ffi;
use crate::poll::Poll;

// ANCHOR: poll_fd
impl Poll {
    /// The queue's descriptor, for another queue to wait on: it is readable when
    /// `poll` would find something.
    ///
    /// **This has a price.** From the first call on, every wake and every listed
    /// node costs a system call, because nobody here can see whether the outer
    /// queue sleeps.
    ///
    /// Register it with a [`SourceFd`](crate::unix::SourceFd). Watched by edge, the
    /// inner queue must be drained like any other source: the next event is owed
    /// once a `poll` has found nothing.
    ///
    /// ```
    /// use evq::unix::SourceFd;
    /// use evq::{Events, Interests, Poll, Token, Waker};
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let (mut outer, inner) = (Poll::new()?, Poll::new()?);
    /// let mut events = Events::with_capacity(8);
    /// let mut source = SourceFd::new(inner.fd_with_every_wake());
    /// outer.registrator().register(&mut source, Token(1), Interests::READABLE)?;
    ///
    /// Waker::new(inner.registrator(), Token(2))?.wake()?;
    /// outer.poll(&mut events, None)?;
    /// assert!(events.iter().any(|event| event.token() == Token(1)));
    /// # Ok(())
    /// # }
    /// ```
    pub fn fd_with_every_wake(&self) -> BorrowedFd<'_> {
        let queue = &self.registrator().queue;
        queue.watch_from_outside();
        queue.selector.fd()
    }

    /// Makes a second descriptor of the queue. A program that this one starts does
    /// not inherit it.
    ///
    /// It is readable when `poll` would find something, at the price that
    /// [`fd_with_every_wake`](Poll::fd_with_every_wake) names.
    ///
    /// # Errors
    ///
    /// The process has no descriptors left (EMFILE).
    pub fn try_clone_to_owned_fd(&self) -> io::Result<OwnedFd> {
        ffi::duplicate(self.fd_with_every_wake())
    }
}
// ANCHOR_END: poll_fd

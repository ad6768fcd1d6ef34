//! The queue's own descriptor, for another queue to watch.
//!
//! Chapter 21.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use crate::net::ffi;
use crate::poll::Poll;

// ANCHOR: poll_fd
impl Poll {
    /// The queue's descriptor, for another queue to watch. It is readable when `poll`
    /// would find something.
    ///
    /// **This has a price.** From the first call on, every wake and every node that joins
    /// the ready list makes a system call, because this queue cannot see whether the outer
    /// queue sleeps.
    ///
    /// Register the descriptor with a [`SourceFd`](crate::unix::SourceFd). If that is
    /// edge-triggered, drain the inner queue like any other source: evq promises the next
    /// event only after a `poll` that found nothing.
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

    /// Makes a second descriptor of the queue, which child programs do not inherit.
    ///
    /// It is readable when `poll` would find something. It has the price of
    /// [`fd_with_every_wake`](Poll::fd_with_every_wake).
    ///
    /// # Errors
    ///
    /// EMFILE: the process has no descriptors left.
    pub fn try_clone_to_owned_fd(&self) -> io::Result<OwnedFd> {
        ffi::duplicate(self.fd_with_every_wake())
    }
}
// ANCHOR_END: poll_fd

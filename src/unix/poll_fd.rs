//! The queue's own descriptor, to be watched by another queue.
//!
//! Chapter 21.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::net::unix::ffi;
use crate::poll::Poll;

// ANCHOR: poll_fd
/// The queue's descriptor is readable when `poll` would find something, so that
/// another queue can wait for this one, [`SourceFd`](crate::unix::SourceFd) in
/// hand.
///
/// Watched by edge, it is drained like anything else: the next event is owed
/// once a `poll` has found nothing.
///
/// From the first call on, each wake and each listed node costs a system call,
/// for who waits outside cannot be seen to sleep.
impl AsFd for Poll {
    fn as_fd(&self) -> BorrowedFd<'_> {
        let queue = &self.registrator().queue;
        queue.watch_from_outside();
        queue.selector.fd()
    }
}

impl Poll {
    /// Makes a second descriptor of the queue, which another program started
    /// by this one does not inherit.
    ///
    /// It is readable when `poll` would find something, as [`AsFd`] has it.
    ///
    /// ```
    /// use evq::unix::SourceFd;
    /// use evq::{Events, Interests, Poll, Token, Waker};
    /// use std::os::fd::AsFd;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let (mut outer, inner) = (Poll::new()?, Poll::new()?);
    /// let mut events = Events::with_capacity(8);
    /// let fd = inner.try_clone_to_owned_fd()?;
    /// let mut source = SourceFd::new(fd.as_fd());
    /// outer.registrator().register(&mut source, Token(1), Interests::READABLE)?;
    ///
    /// Waker::new(inner.registrator(), Token(2))?.wake()?;
    /// outer.poll(&mut events, None)?;
    /// assert!(events.iter().any(|event| event.token() == Token(1)));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the system says, such as that the process has no descriptors left.
    pub fn try_clone_to_owned_fd(&self) -> io::Result<OwnedFd> {
        ffi::duplicate(self.as_fd())
    }
}
// ANCHOR_END: poll_fd

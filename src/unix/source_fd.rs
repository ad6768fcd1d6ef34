//! Any descriptor as a source.
//!
//! Chapter 18.

use std::os::fd::BorrowedFd;

use crate::net::unix::Watched;
use crate::registrator::{AsSource, Source};

// ANCHOR: source_fd
/// Any descriptor that the system can watch: a pipe, a terminal, a device, a
/// socket of another crate's, another [`Poll`](crate::Poll).
///
/// It borrows the descriptor, which so cannot be closed while it is registered.
/// Keep this value for as long as the registration shall last: dropping it
/// deregisters. Edge-triggered, the descriptor must be non-blocking, or the
/// read that drains it will wait.
///
/// ```
/// use evq::unix::SourceFd;
/// use evq::{Events, Interests, Poll, Token};
/// use std::io::Write;
/// use std::os::fd::AsFd;
/// use std::os::unix::net::UnixStream;
///
/// # fn main() -> std::io::Result<()> {
/// let (mut near, far) = UnixStream::pair()?;
/// let mut poll = Poll::new()?;
/// let mut events = Events::with_capacity(8);
/// let mut source = SourceFd::new(far.as_fd());
/// poll.registrator().register(&mut source, Token(3), Interests::READABLE)?;
///
/// near.write_all(b"!")?;
/// poll.poll(&mut events, None)?;
/// assert!(events.iter().next().unwrap().is_readable());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Registering fails with `Unsupported` for what epoll cannot watch, such as
/// regular files. The BSDs refuse to watch a pipe for writing that nobody reads
/// any more: with `BrokenPipe`, which is what the write would say, or on NetBSD
/// with an error of its own.
///
/// # Platform notes
///
/// Register a descriptor through one `SourceFd` at a time. A second one is
/// refused by epoll with `AlreadyExists`, but by kqueue silently takes the
/// first one's place. On macOS `/dev/tty` and other devices are refused.
#[derive(Debug)]
pub struct SourceFd<'fd> {
    source: Watched<BorrowedFd<'fd>>,
}

impl<'fd> SourceFd<'fd> {
    /// Makes a source of a descriptor.
    pub fn new(fd: BorrowedFd<'fd>) -> SourceFd<'fd> {
        SourceFd {
            source: Watched::new(fd),
        }
    }
}
// ANCHOR_END: source_fd

impl AsSource for SourceFd<'_> {
    fn as_source(&mut self) -> &mut dyn Source {
        &mut self.source
    }
}

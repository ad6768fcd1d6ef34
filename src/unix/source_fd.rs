//! Any descriptor as a source.
//!
//! Chapter 18.

use std::os::fd::AsFd;

use crate::net::by_readiness::FdSource;
use crate::registrator::forward_source;

/// Any descriptor that the system can watch: a pipe, a terminal, a device, a
/// socket of another crate's, another [`Poll`](crate::Poll).
///
/// It holds a borrow of the descriptor, as `file.as_fd()` or `&file`, or its
/// owner. Either way the descriptor cannot be closed while it is registered.
/// Dropping this value deregisters. Edge-triggered, the descriptor must be
/// non-blocking, or the read that drains it will wait.
///
/// ```
/// use evq::unix::SourceFd;
/// use evq::{Events, Interests, Poll, Token};
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
///
/// # fn main() -> std::io::Result<()> {
/// let (mut near, far) = UnixStream::pair()?;
/// far.set_nonblocking(true)?;
/// let mut poll = Poll::new()?;
/// let mut events = Events::with_capacity(8);
/// let mut source = SourceFd::new(far);
/// poll.registrator().register(&mut source, Token(3), Interests::READABLE)?;
///
/// near.write_all(b"!")?;
/// poll.poll(&mut events, None)?;
/// assert!(events.iter().next().unwrap().is_readable());
/// assert_eq!(source.get_ref().read(&mut [0; 8])?, 1);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Registering fails with `Unsupported` for a file that epoll cannot watch, such as
/// a regular file. The BSDs refuse to watch a pipe for writing alone once its reader
/// has gone: with `BrokenPipe`, which is what a write would say.
///
/// On Linux, a queue that watches itself is refused with `InvalidInput`, and two that
/// watch each other with ELOOP ("too many levels of symbolic links").
///
/// # Platform notes
///
/// Register a descriptor through one `SourceFd` at a time. A second one is
/// refused by epoll with `AlreadyExists`, but by kqueue silently takes the
/// first one's place. On macOS `/dev/tty` and other devices are refused.
// ANCHOR: source_fd
#[derive(Debug)]
pub struct SourceFd<F: AsFd> {
    source: FdSource<F>,
}

impl<F: AsFd> SourceFd<F> {
    /// Makes a source of a descriptor. `fd` must return the same descriptor for as
    /// long as the source lives.
    pub fn new(fd: F) -> SourceFd<F> {
        SourceFd {
            source: FdSource::new(fd),
        }
    }

    /// The owner or borrow of the descriptor, to be read and written.
    pub fn get_ref(&self) -> &F {
        self.source.fd()
    }

    /// Deregisters, and hands back the owner or borrow of the descriptor.
    pub fn into_inner(self) -> F {
        self.source.into_fd()
    }
}

forward_source!([F: AsFd] SourceFd<F>, source);
// ANCHOR_END: source_fd

//! Any descriptor as a source.
//!
//! Chapter 18.

use std::os::fd::AsFd;

use crate::net::by_readiness::FdSource;
use crate::registrator::forward_source;

/// A source over any descriptor that the system can watch: a pipe, a terminal, a device,
/// another crate's socket, another [`Poll`](crate::Poll).
///
/// It holds a borrow of the descriptor, such as `file.as_fd()` or `&file`, or its owner.
/// In both cases the descriptor cannot be closed while it is registered. Dropping this
/// value deregisters. If it is edge-triggered, the descriptor must be non-blocking.
/// Otherwise the read that drains it waits.
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
/// Registering fails with:
///
/// - `Unsupported` on Linux: epoll cannot watch this file, for example a regular file.
/// - `BrokenPipe` on the BSDs: a pipe, watched for writing alone, has no reader any more.
/// - `InvalidInput` on Linux: a queue would watch itself.
/// - ELOOP ("too many levels of symbolic links") on Linux: two queues would watch each
///   other.
/// - `AlreadyExists` on Linux: another `SourceFd` watches the descriptor.
///
/// # Platform notes
///
/// Register a descriptor through one `SourceFd` at a time. epoll refuses a second one.
/// kqueue silently replaces the first. macOS refuses `/dev/tty` and other devices.
// ANCHOR: source_fd
#[derive(Debug)]
pub struct SourceFd<F: AsFd> {
    source: FdSource<F>,
}

impl<F: AsFd> SourceFd<F> {
    /// Makes a source over a descriptor. `fd` must return the same descriptor for as long
    /// as the source lives.
    pub fn new(fd: F) -> SourceFd<F> {
        SourceFd {
            source: FdSource::new(fd),
        }
    }

    /// The owner or borrow of the descriptor, for reading and writing.
    pub fn get_ref(&self) -> &F {
        self.source.fd()
    }

    /// Deregisters the descriptor, and returns its owner or borrow.
    pub fn into_inner(self) -> F {
        self.source.into_fd()
    }
}

forward_source!([F: AsFd] SourceFd<F>, source);
// ANCHOR_END: source_fd

//! An event queue by hand: epoll, kqueue and IOCP behind one small [`Poll`].
//!
//! ```
//! use evq::net::{TcpListener, TcpStream};
//! use evq::{Events, Interests, Poll, Token};
//! use std::io::{Read, Write};
//!
//! # fn main() -> std::io::Result<()> {
//! let mut poll = Poll::new()?;
//! let mut events = Events::with_capacity(64);
//! let mut listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
//! poll.registrator().register(&mut listener, Token(0), Interests::READABLE)?;
//!
//! let mut client = std::net::TcpStream::connect(listener.local_addr()?)?;
//! client.write_all(b"hello")?;
//!
//! poll.poll(&mut events, None)?;              // the listener: a client
//! let (mut stream, _) = listener.accept()?;
//! poll.registrator().register(&mut stream, Token(1), Interests::READABLE)?;
//! poll.poll(&mut events, None)?;              // the stream: its bytes
//! let mut buffer = [0; 16];
//! let n = stream.read(&mut buffer)?;
//! assert_eq!(&buffer[..n], b"hello");
//! # Ok(())
//! # }
//! ```
//!
//! # Files
//!
//! | file | what it is | chapter |
//! |---|---|---|
//! | `event.rs` | [`Token`], [`Interests`], [`Trigger`], [`Watch`], [`Readiness`], [`Event`] | 6 |
//! | `events.rs` | [`Events`]: a batch | 6 |
//! | `trace.rs` | feature `trace`: evq prints every foreign call as it makes it | 7 |
//! | `epoll/` | Linux, Android | 8 |
//! | `kqueue/` | macOS, iOS and the BSDs | 9 |
//! | `iocp/` | Windows | 11 |
//! | `ready.rs` | the ready list, and which push wakes `poll` | 10 |
//! | `queue.rs` | the queue that a `Poll` shares with its registrators, sources and wakers | 6 |
//! | `registrator.rs` | [`Registrator`], [`Source`] | 6 |
//! | `poll.rs` | [`Poll`]: the loop | 6, 10 |
//! | `registration.rs`, `waker.rs` | [`Registration`], [`SetReadiness`], [`Waker`] | 10 |
//! | `completion/` | what the sources of Windows are made of | 11, 13, 14, 18 |
//! | `net/` | [`net::TcpListener`], [`net::TcpStream`], [`net::UdpSocket`] | 12, 16 |
//! | `net/by_readiness/` | the sockets of epoll and kqueue | 12, 16 |
//! | `net/by_completion/` | the sockets of IOCP | 13, 14, 16 |
//! | `unix/` | `SourceFd`, and the queue's own descriptor | 18, 21 |
//! | `windows/` | `Binding`, `Overlapped`, `Packet`, `NamedPipe`, and how much a stream lends | 13, 17, 18 |
//!
//! A file imports from the rows above its own, never from the rows below. `net/` also
//! imports from its own two folders.
//!
//! # Systems
//!
//! | system | queue |
//! |---|---|
//! | Linux, Android | epoll |
//! | macOS, iOS, FreeBSD, DragonFly BSD, NetBSD, OpenBSD | kqueue |
//! | Windows | I/O completion port |

#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "macos",
    target_os = "ios",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "netbsd",
    target_os = "openbsd",
    windows,
)))]
compile_error!(
    "evq supports Linux and Android (epoll), macOS, iOS, FreeBSD, DragonFly BSD, NetBSD and \
     OpenBSD (kqueue), and Windows (IOCP)"
);

mod event;
mod events;
mod trace;

mod epoll;
mod iocp;
mod kqueue;

#[cfg(all(any(target_os = "linux", target_os = "android"), not(evq_libkqueue)))]
use epoll as platform;
#[cfg(windows)]
use iocp as platform;
#[cfg(any(
    target_os = "macos",
    target_os = "ios",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "netbsd",
    target_os = "openbsd",
    evq_libkqueue
))]
use kqueue as platform;

/// The platform's selector, under the name that the rest of the crate uses.
mod sys {
    pub(crate) use super::platform::selector::{ANSWERS, Selector};
}

mod ready;

mod queue;
mod registrator;

mod poll;
mod registration;
mod waker;

mod completion;

pub mod net;
#[cfg(unix)]
pub mod unix;
#[cfg(windows)]
pub mod windows;

pub use event::{Event, Interests, Readiness, Token, Trigger, Watch};
pub use events::Events;
pub use poll::Poll;
pub use registration::{Registration, SetReadiness};
pub use registrator::{Registrator, Source};
pub use waker::Waker;

/// The private parts that the crate's own tests and exercises use.
#[doc(hidden)]
pub mod inside {
    /// How a source over completions goes from one state to the next: on every system.
    pub use crate::completion::{buffer_pool, incoming, outgoing};
    /// What the epoll selector decides: on every system.
    pub use crate::epoll::mask;
    /// The error numbers of Windows: on every system.
    pub use crate::iocp::ffi::errors;
    /// What the kqueue selector decides: on every system.
    pub use crate::kqueue::changes;
    /// The foreign functions, types and constants of this system's sockets.
    pub mod socket_ffi {
        pub use crate::net::ffi::*;
    }

    /// How many operations of the queue's sources are in flight.
    #[cfg(windows)]
    pub fn operations_in_flight(registrator: &crate::Registrator) -> usize {
        let in_flight = &registrator.queue.selector.in_flight;
        in_flight.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// The queue's completion port.
    #[cfg(windows)]
    pub fn port(registrator: &crate::Registrator) -> std::os::windows::io::BorrowedHandle<'_> {
        registrator.queue.selector.port()
    }

    /// The foreign functions, types and constants of this system's queue.
    pub use crate::platform::ffi;
    /// The foreign functions, types and constants of named pipes.
    #[cfg(windows)]
    pub use crate::windows::ffi as pipe_ffi;
}

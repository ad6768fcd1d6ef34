//! Sockets that can be registered: one API on every system, each item
//! documented once, here.
//!
//! Chapters 12 to 14 and 16. They are thin: a method is one call of the
//! platform's type, in `net/unix/` or `net/windows/`. All are non-blocking: what
//! the standard library's sockets would wait for is an error of kind
//! `WouldBlock` here.

mod address;
mod tcp;
mod udp;
#[cfg(unix)]
pub(crate) mod unix;
pub(crate) mod windows;

#[cfg(unix)]
use unix as sys;
#[cfg(windows)]
use windows as sys;

pub use tcp::{TcpListener, TcpStream};
pub use udp::UdpSocket;

//! Sockets that can be registered: one API on every system, each item
//! documented once, here.
//!
//! Chapters 12 to 14 and 16. They are thin: a method is one call of the platform's
//! type, in `net/by_readiness/` or `net/by_completion/`. All are non-blocking: where
//! a socket of the standard library would wait, these return an error of kind
//! `WouldBlock`.

mod address;
#[cfg(unix)]
mod as_fd;
#[cfg(windows)]
mod as_socket;
#[cfg(windows)]
pub(crate) mod by_completion;
#[cfg(unix)]
pub(crate) mod by_readiness;
pub(crate) mod ffi;
mod options;
mod tcp;
mod udp;

#[cfg(windows)]
use by_completion as sys;
#[cfg(unix)]
use by_readiness as sys;

pub use tcp::{TcpListener, TcpStream};
pub use udp::UdpSocket;

//! Sockets that can be registered, with the same API on every system.
//!
//! Every socket is non-blocking: a call that would have to wait fails with
//! `WouldBlock`.
//!
//! Chapters 12, 13, 14 and 16. Each method calls the platform's type, in
//! `net/by_readiness/` or `net/by_completion/`.

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

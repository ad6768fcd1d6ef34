//! Sockets that can be registered: one API on every system, each item
//! documented once, here.
//!
//! Chapters 12 and 16. They are thin: a method is one call of the platform's
//! type in `net/unix/`. All are non-blocking: what the standard library's
//! sockets would wait for is an error of kind `WouldBlock` here.

mod tcp;
mod udp;
#[doc(hidden)]
pub(crate) mod unix;

use unix as sys;

pub use tcp::{TcpListener, TcpStream};
pub use udp::UdpSocket;

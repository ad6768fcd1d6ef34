//! Sockets over completions.
//!
//! Chapters 13, 14 and 16. `reading.rs`, `writing.rs` and `datagrams.rs` say what
//! follows upon what, and compile on every system; `ffi.rs` calls,
//! `buffer_pool.rs` has what is lent; `tcp.rs`, `listener.rs` and `udp.rs` join
//! them.

pub mod datagrams;
pub mod reading;
pub mod writing;

#[cfg(windows)]
mod listener;
#[cfg(windows)]
mod options;
#[cfg(windows)]
mod tcp;
#[cfg(windows)]
mod udp;

#[cfg(windows)]
pub(crate) use listener::TcpListener;
#[cfg(windows)]
pub(crate) use tcp::TcpStream;
#[cfg(windows)]
pub(crate) use udp::UdpSocket;

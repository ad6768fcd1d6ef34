//! Sockets over completions.
//!
//! Chapters 13 and 14. `reading.rs` and `writing.rs` say what follows upon what,
//! and compile on every system; `ffi.rs` calls, `buffer_pool.rs` has what is
//! lent; `tcp.rs` and `listener.rs` join them.

pub mod reading;
pub mod writing;

#[cfg(windows)]
mod as_socket;
#[cfg(windows)]
pub mod buffer_pool;
#[cfg(windows)]
pub mod ffi;
#[cfg(windows)]
mod listener;
#[cfg(windows)]
mod options;
#[cfg(windows)]
mod tcp;

#[cfg(windows)]
pub(crate) use listener::TcpListener;
#[cfg(windows)]
pub(crate) use tcp::TcpStream;

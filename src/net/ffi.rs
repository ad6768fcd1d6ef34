//! The foreign functions of sockets: one file for Unix and one for Windows, with the same names
//! where both have them.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub use unix::*;
#[cfg(windows)]
pub use windows::*;

/// A socket that is borrowed for a call.
#[cfg(unix)]
pub type Socket<'a> = std::os::fd::BorrowedFd<'a>;
/// A socket that is borrowed for a call.
#[cfg(windows)]
pub type Socket<'a> = std::os::windows::io::BorrowedSocket<'a>;

//! The foreign functions of sockets that only Unix has, declared by hand.
//!
//! Chapter 7. Unix systems have the same functions, but Apple's have no `accept4`. Their
//! constants differ, and stand in `ffi/numbers.rs`.

use std::ffi::{c_int, c_void};
use std::io::{IoSlice, IoSliceMut, Result};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::*;
use crate::trace::checked;

// ANCHOR: types
/// A socket that is borrowed for a call.
pub type Socket<'a> = BorrowedFd<'a>;
/// C's type of a socket.
pub type Raw = c_int;
/// The length of an address or an option.
pub type socklen_t = u32;
/// The length of a buffer: `size_t`.
pub type Size = usize;
/// How many bytes a call has moved, or -1: `ssize_t`.
pub type Count = isize;
// ANCHOR_END: types

/// The flags for `send`, and their name in the trace.
pub const SEND_FLAGS: (c_int, &str) = (MSG_NOSIGNAL, "NOSIGNAL");

/// One of several buffers. An `IoSlice` is guaranteed to have this layout
/// (<https://man7.org/linux/man-pages/man3/iovec.3type.html>).
#[repr(C)]
pub struct iovec {
    pub base: *mut c_void,
    pub len: usize,
}

/// A message for `sendmsg`: <https://man7.org/linux/man-pages/man2/sendmsg.2.html>
#[repr(C)]
pub struct msghdr {
    pub name: *mut c_void,
    pub namelen: socklen_t,
    pub iov: *const iovec,
    pub iovlen: MessageCount,
    pub control: *mut c_void,
    pub controllen: MessageLength,
    pub flags: c_int,
}

/// The C library's functions.
pub mod c {
    use super::*;

    unsafe extern "C" {
        /// <https://man7.org/linux/man-pages/man2/socket.2.html>
        #[cfg_attr(target_os = "netbsd", link_name = "__socket30")]
        pub fn socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int;
        /// <https://man7.org/linux/man-pages/man2/accept.2.html>
        #[cfg(not(any(target_os = "macos", target_os = "ios")))]
        pub fn accept4(fd: c_int, addr: *mut Address, len: *mut socklen_t, flags: c_int) -> c_int;
        /// <https://developer.apple.com/library/archive/documentation/System/Conceptual/ManPages_iPhoneOS/man2/accept.2.html>
        #[cfg(any(target_os = "macos", target_os = "ios"))]
        pub fn accept(fd: c_int, addr: *mut Address, len: *mut socklen_t) -> c_int;
        /// <https://man7.org/linux/man-pages/man2/fcntl.2.html>
        pub fn fcntl(fd: c_int, cmd: c_int, ...) -> c_int;
        /// <https://man7.org/linux/man-pages/man2/readv.2.html>
        pub fn readv(fd: c_int, iov: *const iovec, iovcnt: c_int) -> isize;
        /// <https://man7.org/linux/man-pages/man2/sendmsg.2.html>
        pub fn sendmsg(fd: c_int, msg: *const msghdr, flags: c_int) -> isize;
    }
}

pub(super) fn raw(socket: Socket) -> Raw {
    socket.as_raw_fd()
}

pub(super) fn size(len: usize) -> Size {
    len
}

/// Takes ownership of the descriptor that a successful call returned.
fn owned(fd: c_int) -> OwnedFd {
    // SAFETY: the kernel has returned this as a new descriptor, and nobody else has it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

// ANCHOR: socket
/// Makes a socket that is non-blocking and closed on exec.
#[cfg(not(any(target_os = "macos", target_os = "ios")))]
pub fn socket(domain: c_int, kind: c_int) -> Result<OwnedFd> {
    // SAFETY: no pointer is passed.
    let fd = unsafe { c::socket(domain, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) };
    checked!("socket({domain}, {kind}|NONBLOCK|CLOEXEC, 0)" = fd != -1).map(owned)
}

/// Takes the next connection and its peer's address.
#[cfg(not(any(target_os = "macos", target_os = "ios")))]
pub fn accept(listener: Socket) -> Result<(OwnedFd, SocketAddr)> {
    let (listener, (mut addr, mut len)) = (raw(listener), Address::room());
    // SAFETY: `addr` is writable for `len` bytes.
    let fd = unsafe { c::accept4(listener, &mut addr, &mut len, SOCK_NONBLOCK | SOCK_CLOEXEC) };
    let fd = checked!("accept4({listener}, .., .., NONBLOCK|CLOEXEC)" = fd != -1).map(owned)?;
    Ok((fd, addr.read()?))
}
// ANCHOR_END: socket

// ANCHOR: apple
/// Makes a socket. Apple's systems take no flags here, so `prepare` sets them. A child
/// that another thread starts between the calls inherits the socket.
#[cfg(any(target_os = "macos", target_os = "ios"))]
pub fn socket(domain: c_int, kind: c_int) -> Result<OwnedFd> {
    // SAFETY: no pointer is passed.
    let fd = unsafe { c::socket(domain, kind, 0) };
    let fd = checked!("socket({domain}, {kind}, 0)" = fd != -1).map(owned)?;
    prepare(fd)
}

/// Takes the next connection and its peer's address.
#[cfg(any(target_os = "macos", target_os = "ios"))]
pub fn accept(listener: Socket) -> Result<(OwnedFd, SocketAddr)> {
    let (listener, (mut addr, mut len)) = (raw(listener), Address::room());
    // SAFETY: `addr` is writable for `len` bytes.
    let fd = unsafe { c::accept(listener, &mut addr, &mut len) };
    let fd = checked!("accept({listener}, .., ..)" = fd != -1).map(owned)?;
    // If its client has reset a connection, it has no address or refuses options.
    // Other systems do not return such a connection.
    let whole = prepare(fd).ok().filter(|_| len > 0);
    Ok((
        whole.ok_or(std::io::ErrorKind::ConnectionAborted)?,
        addr.read()?,
    ))
}

/// Makes a socket closed on exec and non-blocking, and turns off SIGPIPE.
#[cfg(any(target_os = "macos", target_os = "ios"))]
fn prepare(fd: OwnedFd) -> Result<OwnedFd> {
    use std::os::fd::AsFd;

    let raw = fd.as_raw_fd();
    // SAFETY: no pointer is passed, and the command gets its one argument.
    let returned = unsafe { c::fcntl(raw, F_SETFD, FD_CLOEXEC) };
    checked!("fcntl({raw}, F_SETFD, FD_CLOEXEC)" = returned != -1)?;
    // SAFETY: as above.
    let returned = unsafe { c::fcntl(raw, F_SETFL, O_NONBLOCK) };
    checked!("fcntl({raw}, F_SETFL, O_NONBLOCK)" = returned != -1)?;
    set_option(fd.as_fd(), SOL_SOCKET, SO_NOSIGPIPE, 1)?;
    Ok(fd)
}
// ANCHOR_END: apple

/// Receives into several buffers in turn, by `readv`.
pub fn recv_vectored(fd: Socket, buffers: &mut [IoSliceMut<'_>]) -> Result<usize> {
    let (fd, count) = (raw(fd), buffers.len().min(IOV_MAX));
    // SAFETY: `buffers` are `count` iovecs or more, each writable.
    let n = unsafe { c::readv(fd, buffers.as_mut_ptr().cast(), count as c_int) };
    Ok(checked!("readv({fd}, .., {count})" = n != -1)? as usize)
}

// ANCHOR: sendmsg
/// Sends from several buffers in turn. It uses `sendmsg` because `writev` takes no flag
/// against SIGPIPE.
pub fn send_vectored(fd: Socket, buffers: &[IoSlice<'_>]) -> Result<usize> {
    let (fd, count) = (raw(fd), buffers.len().min(IOV_MAX));
    let message = msghdr {
        name: std::ptr::null_mut(),
        namelen: 0,
        iov: buffers.as_ptr().cast(),
        iovlen: count as MessageCount,
        control: std::ptr::null_mut(),
        controllen: 0,
        flags: 0,
    };
    // SAFETY: `message` lives through the call. It has no address, no control data, and
    // `count` readable iovecs.
    let n = unsafe { c::sendmsg(fd, &message, MSG_NOSIGNAL) };
    Ok(checked!("sendmsg({fd}, {{iovlen: {count}}}, NOSIGNAL)" = n != -1)? as usize)
}
// ANCHOR_END: sendmsg

/// Duplicates a descriptor under the lowest free number, closed on exec.
pub fn duplicate(fd: BorrowedFd<'_>) -> Result<OwnedFd> {
    let (fd, lowest): (c_int, c_int) = (fd.as_raw_fd(), 0);
    // SAFETY: no pointer is passed, and the command gets its one argument. Without the
    // argument, the call would read whatever the register holds.
    let new = unsafe { c::fcntl(fd, F_DUPFD_CLOEXEC, lowest) };
    checked!("fcntl({fd}, F_DUPFD_CLOEXEC, {lowest})" = new != -1).map(owned)
}

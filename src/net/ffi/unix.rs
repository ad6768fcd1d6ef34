//! The foreign functions of sockets on Unix, declared by hand.
//!
//! Chapter 7. One file for epoll's systems and kqueue's: the functions are the
//! same, the numbers are not. `mod c` says what the C library has; around each
//! function stands a safe wrapper that turns -1 into the error in `errno`,
//! retries nothing and hides nothing. Sizes, offsets and constants (which are in
//! `ffi/numbers.rs`) are held to the real headers by `tests/abi.rs` and `.ci/abi`.

// C's names, and what they mean is told where C tells it.
#![allow(non_camel_case_types, missing_docs)]

use std::ffi::{c_int, c_void};
use std::fmt::Debug;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::trace::checked;

mod numbers;

pub use numbers::*;

/// What an address begins with: on the BSDs and on Apple's systems its length,
/// then its family.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Family {
    pub len: u8,
    pub family: u8,
}

/// What an address begins with: its family.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Family {
    pub family: u16,
}

/// An IPv4 address: <https://man7.org/linux/man-pages/man7/ip.7.html>
#[repr(C, align(4))]
#[derive(Clone, Copy)]
pub struct sockaddr_in {
    pub head: Family,
    /// In network order.
    pub port: [u8; 2],
    pub addr: [u8; 4],
    pub zero: [u8; 8],
}

/// An IPv6 address: <https://man7.org/linux/man-pages/man7/ipv6.7.html>
#[repr(C, align(4))]
#[derive(Clone, Copy)]
pub struct sockaddr_in6 {
    pub head: Family,
    /// In network order.
    pub port: [u8; 2],
    pub flowinfo: u32,
    pub addr: [u8; 16],
    pub scope_id: u32,
}

/// An address of either kind, with room for the longer.
#[repr(C)]
pub union Address {
    pub head: Family,
    pub v4: sockaddr_in,
    pub v6: sockaddr_in6,
}

/// An IPv4 group, and the address of one's own interface:
/// <https://man7.org/linux/man-pages/man7/ip.7.html>
#[repr(C, align(4))]
#[derive(Clone, Copy, Debug)]
pub struct ip_mreq {
    pub multiaddr: [u8; 4],
    pub interface: [u8; 4],
}

/// An IPv6 group, and the number of an interface:
/// <https://man7.org/linux/man-pages/man7/ipv6.7.html>
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ipv6_mreq {
    pub multiaddr: [u8; 16],
    pub interface: u32,
}

/// One of several buffers: what an `IoSlice` is guaranteed to be.
#[repr(C)]
pub struct iovec {
    pub base: *mut c_void,
    pub len: usize,
}

/// What `sendmsg` sends: <https://man7.org/linux/man-pages/man2/sendmsg.2.html>
#[repr(C)]
pub struct msghdr {
    pub name: *mut c_void,
    pub namelen: u32,
    pub iov: *const iovec,
    pub iovlen: Length,
    pub control: *mut c_void,
    pub controllen: ControlLength,
    pub flags: c_int,
}

/// A count in `msghdr`. musl, on 64 bits, declares an int beside padding that
/// is 0: the same bytes, in either order.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub type Length = usize;
/// A length in `msghdr`; for musl the same holds.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub type ControlLength = usize;
/// A count in `msghdr`.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub type Length = c_int;
/// A length in `msghdr`.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub type ControlLength = u32;

/// What the C library has. Public only so that `tests/abi.rs` sees the types.
pub mod c {
    use super::*;

    unsafe extern "C" {
        /// <https://man7.org/linux/man-pages/man2/socket.2.html>
        #[cfg_attr(target_os = "netbsd", link_name = "__socket30")]
        pub fn socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int;
        /// <https://man7.org/linux/man-pages/man2/bind.2.html>
        pub fn bind(fd: c_int, addr: *const Address, len: u32) -> c_int;
        /// <https://man7.org/linux/man-pages/man2/listen.2.html>
        pub fn listen(fd: c_int, backlog: c_int) -> c_int;
        /// <https://man7.org/linux/man-pages/man2/connect.2.html>
        pub fn connect(fd: c_int, addr: *const Address, len: u32) -> c_int;
        /// <https://man7.org/linux/man-pages/man2/accept.2.html>
        #[cfg(not(any(target_os = "macos", target_os = "ios")))]
        pub fn accept4(fd: c_int, addr: *mut Address, len: *mut u32, flags: c_int) -> c_int;
        /// <https://developer.apple.com/library/archive/documentation/System/Conceptual/ManPages_iPhoneOS/man2/accept.2.html>
        #[cfg(any(target_os = "macos", target_os = "ios"))]
        pub fn accept(fd: c_int, addr: *mut Address, len: *mut u32) -> c_int;
        /// <https://man7.org/linux/man-pages/man2/fcntl.2.html>
        pub fn fcntl(fd: c_int, cmd: c_int, ...) -> c_int;
        /// <https://man7.org/linux/man-pages/man2/getsockname.2.html>
        pub fn getsockname(fd: c_int, addr: *mut Address, len: *mut u32) -> c_int;
        /// <https://man7.org/linux/man-pages/man2/getpeername.2.html>
        pub fn getpeername(fd: c_int, addr: *mut Address, len: *mut u32) -> c_int;
        /// <https://man7.org/linux/man-pages/man2/getsockopt.2.html>
        pub fn getsockopt(
            fd: c_int,
            level: c_int,
            name: c_int,
            value: *mut c_void,
            len: *mut u32,
        ) -> c_int;
        /// <https://man7.org/linux/man-pages/man2/getsockopt.2.html>
        pub fn setsockopt(
            fd: c_int,
            level: c_int,
            name: c_int,
            value: *const c_void,
            len: u32,
        ) -> c_int;
        /// <https://man7.org/linux/man-pages/man2/recv.2.html>
        pub fn recv(fd: c_int, buf: *mut c_void, len: usize, flags: c_int) -> isize;
        /// <https://man7.org/linux/man-pages/man2/send.2.html>
        pub fn send(fd: c_int, buf: *const c_void, len: usize, flags: c_int) -> isize;
        /// <https://man7.org/linux/man-pages/man2/recv.2.html>
        pub fn recvfrom(
            fd: c_int,
            buf: *mut c_void,
            len: usize,
            flags: c_int,
            addr: *mut Address,
            addrlen: *mut u32,
        ) -> isize;
        /// <https://man7.org/linux/man-pages/man2/send.2.html>
        pub fn sendto(
            fd: c_int,
            buf: *const c_void,
            len: usize,
            flags: c_int,
            addr: *const Address,
            addrlen: u32,
        ) -> isize;
        /// <https://man7.org/linux/man-pages/man2/readv.2.html>
        pub fn readv(fd: c_int, iov: *const iovec, iovcnt: c_int) -> isize;
        /// <https://man7.org/linux/man-pages/man2/sendmsg.2.html>
        pub fn sendmsg(fd: c_int, msg: *const msghdr, flags: c_int) -> isize;
        /// <https://man7.org/linux/man-pages/man2/shutdown.2.html>
        pub fn shutdown(fd: c_int, how: c_int) -> c_int;
    }
}

/// Takes ownership of the descriptor that a successful call returned.
fn owned(fd: c_int) -> OwnedFd {
    // SAFETY: only called with what the kernel has just returned as a new
    // descriptor, which nobody else knows of.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

// ANCHOR: socket
/// Makes a socket, for a stream or for datagrams: non-blocking, closed on exec.
#[cfg(not(any(target_os = "macos", target_os = "ios")))]
pub fn socket(domain: c_int, kind: c_int) -> io::Result<OwnedFd> {
    // SAFETY: no pointer is passed.
    let fd = unsafe { c::socket(domain, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) };
    checked(
        format_args!("socket({domain}, {kind}|NONBLOCK|CLOEXEC, 0)"),
        fd,
    )
    .map(owned)
}

/// Takes the next connection and its peer's address.
#[cfg(not(any(target_os = "macos", target_os = "ios")))]
pub fn accept(listener: BorrowedFd<'_>) -> io::Result<(OwnedFd, SocketAddr)> {
    let listener = listener.as_raw_fd();
    let (mut addr, mut len) = Address::room();
    // SAFETY: `addr` is writable for `len` bytes.
    let fd = unsafe { c::accept4(listener, &mut addr, &mut len, SOCK_NONBLOCK | SOCK_CLOEXEC) };
    let fd = checked(
        format_args!("accept4({listener}, .., .., NONBLOCK|CLOEXEC)"),
        fd,
    )
    .map(owned)?;
    Ok((fd, addr.read()?))
}
// ANCHOR_END: socket

// ANCHOR: apple
/// Apple's systems take no flags at creation: the three are set right after.
/// A child that another thread starts between the calls inherits the socket.
#[cfg(any(target_os = "macos", target_os = "ios"))]
pub fn socket(domain: c_int, kind: c_int) -> io::Result<OwnedFd> {
    // SAFETY: no pointer is passed.
    let fd = unsafe { c::socket(domain, kind, 0) };
    let fd = checked(format_args!("socket({domain}, {kind}, 0)"), fd).map(owned)?;
    prepare(fd)
}

/// Takes the next connection and its peer's address.
#[cfg(any(target_os = "macos", target_os = "ios"))]
pub fn accept(listener: BorrowedFd<'_>) -> io::Result<(OwnedFd, SocketAddr)> {
    let listener = listener.as_raw_fd();
    let (mut addr, mut len) = Address::room();
    // SAFETY: `addr` is writable for `len` bytes.
    let fd = unsafe { c::accept(listener, &mut addr, &mut len) };
    let fd = checked(format_args!("accept({listener}, .., ..)"), fd).map(owned)?;
    // One that its client reset before it was taken has lost its address, or
    // refuses options. Other systems do not hand it out.
    let whole = prepare(fd).ok().filter(|_| len > 0);
    Ok((whole.ok_or(io::ErrorKind::ConnectionAborted)?, addr.read()?))
}

/// Closed on exec, non-blocking, and no SIGPIPE.
#[cfg(any(target_os = "macos", target_os = "ios"))]
fn prepare(fd: OwnedFd) -> io::Result<OwnedFd> {
    use std::os::fd::AsFd;

    let raw = fd.as_raw_fd();
    // SAFETY: no pointer is passed, and the command gets its one argument.
    let returned = unsafe { c::fcntl(raw, F_SETFD, FD_CLOEXEC) };
    checked(format_args!("fcntl({raw}, F_SETFD, FD_CLOEXEC)"), returned)?;
    // SAFETY: as above.
    let returned = unsafe { c::fcntl(raw, F_SETFL, O_NONBLOCK) };
    checked(format_args!("fcntl({raw}, F_SETFL, O_NONBLOCK)"), returned)?;
    set_option(fd.as_fd(), SOL_SOCKET, SO_NOSIGPIPE, 1)?;
    Ok(fd)
}
// ANCHOR_END: apple

/// Gives a socket its own address.
pub fn bind(fd: BorrowedFd<'_>, addr: SocketAddr) -> io::Result<()> {
    let fd = fd.as_raw_fd();
    let (raw, len) = Address::of(addr);
    // SAFETY: `raw` is readable for `len` bytes.
    let returned = unsafe { c::bind(fd, &raw, len) };
    checked(format_args!("bind({fd}, {addr})"), returned)?;
    Ok(())
}

/// Has a socket take connections, `backlog` of them before they are accepted.
pub fn listen(fd: BorrowedFd<'_>, backlog: c_int) -> io::Result<()> {
    let fd = fd.as_raw_fd();
    // SAFETY: no pointer is passed.
    let returned = unsafe { c::listen(fd, backlog) };
    checked(format_args!("listen({fd}, {backlog})"), returned)?;
    Ok(())
}

/// Starts to connect. A non-blocking stream says `EINPROGRESS`.
pub fn connect(fd: BorrowedFd<'_>, addr: SocketAddr) -> io::Result<()> {
    let fd = fd.as_raw_fd();
    let (raw, len) = Address::of(addr);
    // SAFETY: `raw` is readable for `len` bytes.
    let returned = unsafe { c::connect(fd, &raw, len) };
    checked(format_args!("connect({fd}, {addr})"), returned)?;
    Ok(())
}

/// The socket's own address.
pub fn getsockname(fd: BorrowedFd<'_>) -> io::Result<SocketAddr> {
    let fd = fd.as_raw_fd();
    let (mut addr, mut len) = Address::room();
    // SAFETY: `addr` is writable for `len` bytes.
    let returned = unsafe { c::getsockname(fd, &mut addr, &mut len) };
    checked(format_args!("getsockname({fd}, .., ..)"), returned)?;
    addr.read()
}

/// The peer's address.
pub fn getpeername(fd: BorrowedFd<'_>) -> io::Result<SocketAddr> {
    let fd = fd.as_raw_fd();
    let (mut addr, mut len) = Address::room();
    // SAFETY: `addr` is writable for `len` bytes.
    let returned = unsafe { c::getpeername(fd, &mut addr, &mut len) };
    checked(format_args!("getpeername({fd}, .., ..)"), returned)?;
    addr.read()
}

/// An option that is a number: an int, or a byte.
pub fn option<T: Copy + Default>(fd: BorrowedFd<'_>, level: c_int, name: c_int) -> io::Result<T> {
    let fd = fd.as_raw_fd();
    let (mut value, mut len) = (T::default(), size_of::<T>() as u32);
    // SAFETY: `value` is writable for `len` bytes, and any bytes are a number.
    let returned = unsafe { c::getsockopt(fd, level, name, (&raw mut value).cast(), &mut len) };
    checked(
        format_args!("getsockopt({fd}, {level}, {name}, ..)"),
        returned,
    )?;
    Ok(value)
}

/// Sets an option: an int, a byte, or a struct of C's.
pub fn set_option<T: Debug>(
    fd: BorrowedFd<'_>,
    level: c_int,
    name: c_int,
    value: T,
) -> io::Result<()> {
    let fd = fd.as_raw_fd();
    let len = size_of::<T>() as u32;
    // SAFETY: `value` is readable for `len` bytes.
    let returned = unsafe { c::setsockopt(fd, level, name, (&raw const value).cast(), len) };
    checked(
        format_args!("setsockopt({fd}, {level}, {name}, {value:?})"),
        returned,
    )?;
    Ok(())
}

/// Receives into `buffer`. Returns the number of bytes, 0 at the end.
#[inline]
pub fn recv(fd: BorrowedFd<'_>, buffer: &mut [u8], flags: c_int) -> io::Result<usize> {
    let (fd, len) = (fd.as_raw_fd(), buffer.len());
    // SAFETY: `buffer` is writable for `len` bytes.
    let returned = unsafe { c::recv(fd, buffer.as_mut_ptr().cast(), len, flags) };
    Ok(checked(format_args!("recv({fd}, .., {len}, {flags})"), returned)? as usize)
}

/// Sends from `buffer`, without a SIGPIPE. Returns the number of bytes.
#[inline]
pub fn send(fd: BorrowedFd<'_>, buffer: &[u8]) -> io::Result<usize> {
    let (fd, len) = (fd.as_raw_fd(), buffer.len());
    // SAFETY: `buffer` is readable for `len` bytes.
    let returned = unsafe { c::send(fd, buffer.as_ptr().cast(), len, MSG_NOSIGNAL) };
    Ok(checked(format_args!("send({fd}, .., {len}, NOSIGNAL)"), returned)? as usize)
}

// ANCHOR: recvfrom
/// Receives a datagram, or as much of it as `buffer` takes, and its sender.
#[inline]
pub fn recvfrom(
    fd: BorrowedFd<'_>,
    buffer: &mut [u8],
    flags: c_int,
) -> io::Result<(usize, SocketAddr)> {
    let (fd, len) = (fd.as_raw_fd(), buffer.len());
    let (mut addr, mut addrlen) = Address::room();
    let into = buffer.as_mut_ptr().cast();
    // SAFETY: `buffer` is writable for `len` bytes, `addr` for `addrlen`.
    let returned = unsafe { c::recvfrom(fd, into, len, flags, &mut addr, &mut addrlen) };
    let count = checked(
        format_args!("recvfrom({fd}, .., {len}, {flags}, .., ..)"),
        returned,
    )? as usize;
    Ok((count, addr.read()?))
}
// ANCHOR_END: recvfrom

/// Sends a datagram.
#[inline]
pub fn sendto(fd: BorrowedFd<'_>, buffer: &[u8], to: SocketAddr) -> io::Result<usize> {
    let (fd, len) = (fd.as_raw_fd(), buffer.len());
    let (addr, addrlen) = Address::of(to);
    let from = buffer.as_ptr().cast();
    // SAFETY: `buffer` is readable for `len` bytes, `addr` for `addrlen`.
    let returned = unsafe { c::sendto(fd, from, len, MSG_NOSIGNAL, &addr, addrlen) };
    Ok(checked(
        format_args!("sendto({fd}, .., {len}, NOSIGNAL, {to})"),
        returned,
    )? as usize)
}

/// Receives into several buffers in turn.
pub fn readv(fd: BorrowedFd<'_>, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    let (fd, count) = (fd.as_raw_fd(), buffers.len().min(IOV_MAX));
    // SAFETY: `buffers` are `count` iovecs or more, each writable.
    let returned = unsafe { c::readv(fd, buffers.as_mut_ptr().cast(), count as c_int) };
    Ok(checked(format_args!("readv({fd}, .., {count})"), returned)? as usize)
}

// ANCHOR: sendmsg
/// Sends from several buffers in turn, without a SIGPIPE: `writev` has no flags.
pub fn sendmsg(fd: BorrowedFd<'_>, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
    let (fd, count) = (fd.as_raw_fd(), buffers.len().min(IOV_MAX));
    let message = msghdr {
        name: std::ptr::null_mut(),
        namelen: 0,
        iov: buffers.as_ptr().cast(),
        iovlen: count as Length,
        control: std::ptr::null_mut(),
        controllen: 0,
        flags: 0,
    };
    // SAFETY: `message` lives through the call; it names no address and no
    // control data, and `count` readable iovecs.
    let returned = unsafe { c::sendmsg(fd, &message, MSG_NOSIGNAL) };
    Ok(checked(
        format_args!("sendmsg({fd}, {{iovlen: {count}}}, NOSIGNAL)"),
        returned,
    )? as usize)
}
// ANCHOR_END: sendmsg

/// Ends reading, writing or both.
pub fn shutdown(fd: BorrowedFd<'_>, how: c_int) -> io::Result<()> {
    let fd = fd.as_raw_fd();
    // SAFETY: no pointer is passed.
    let returned = unsafe { c::shutdown(fd, how) };
    checked(format_args!("shutdown({fd}, {how})"), returned)?;
    Ok(())
}

/// Duplicates a descriptor under the lowest free number, closed on exec.
pub fn duplicate(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let fd = fd.as_raw_fd();
    let lowest: c_int = 0;
    // SAFETY: no pointer is passed, and the command gets the one argument that
    // it takes: without it the call would read whatever the register held.
    let new = unsafe { c::fcntl(fd, F_DUPFD_CLOEXEC, lowest) };
    checked(format_args!("fcntl({fd}, F_DUPFD_CLOEXEC, {lowest})"), new).map(owned)
}

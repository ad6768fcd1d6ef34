//! The foreign functions of sockets that every system has, declared by hand.
//!
//! Chapter 7. Windows took its sockets from BSD, so most functions and structs are
//! declared once, here. `ffi/unix.rs` and `ffi/windows.rs` define the width of each
//! system's numbers, and declare what the other system lacks. `ffi/numbers.rs` has the
//! constants. `mod c` declares the libraries' functions. Each has a safe wrapper of the
//! same name, which turns -1 into the system's error. A wrapper retries nothing and
//! hides nothing. `tests/abi.rs` and `.ci/abi` check sizes, offsets and constants
//! against the real headers.

// The names are C's, and C's documentation explains them.
#![allow(non_camel_case_types, missing_docs)]

use std::ffi::{c_int, c_void};
use std::fmt::Debug;
use std::io::Result;
use std::net::{Shutdown, SocketAddr};

#[cfg(unix)]
use crate::trace::checked;

mod numbers;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

pub use numbers::*;
#[cfg(unix)]
pub use unix::*;
#[cfg(windows)]
use windows::checked;
#[cfg(windows)]
pub use windows::*;

/// The beginning of an address: its family. On the BSDs and Apple's systems the length
/// comes before it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Family {
    #[cfg(not(any(windows, target_os = "linux", target_os = "android")))]
    pub len: u8,
    pub family: sa_family_t,
}

/// An IPv4 address (<https://man7.org/linux/man-pages/man7/ip.7.html>,
/// <https://learn.microsoft.com/en-us/windows/win32/api/ws2def/ns-ws2def-sockaddr_in>).
#[repr(C, align(4))]
#[derive(Clone, Copy)]
pub struct sockaddr_in {
    pub head: Family,
    /// In network order.
    pub port: [u8; 2],
    pub addr: [u8; 4],
    pub zero: [u8; 8],
}

/// An IPv6 address (<https://man7.org/linux/man-pages/man7/ipv6.7.html>,
/// <https://learn.microsoft.com/en-us/windows/win32/api/ws2ipdef/ns-ws2ipdef-sockaddr_in6_lh>).
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

/// An address of either kind, as long as the longer one. `net/address.rs` fills and
/// reads it.
#[repr(C)]
pub union Address {
    pub head: Family,
    pub v4: sockaddr_in,
    pub v6: sockaddr_in6,
}

/// An IPv4 group, and the address of one of our interfaces
/// (<https://man7.org/linux/man-pages/man7/ip.7.html>,
/// <https://learn.microsoft.com/en-us/windows/win32/api/ws2ipdef/ns-ws2ipdef-ip_mreq>).
#[repr(C, align(4))]
#[derive(Clone, Copy, Debug)]
pub struct ip_mreq {
    pub multiaddr: [u8; 4],
    pub interface: [u8; 4],
}

/// An IPv6 group, and the number of an interface
/// (<https://man7.org/linux/man-pages/man7/ipv6.7.html>,
/// <https://learn.microsoft.com/en-us/windows/win32/api/ws2ipdef/ns-ws2ipdef-ipv6_mreq>).
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ipv6_mreq {
    pub multiaddr: [u8; 16],
    pub interface: u32,
}

/// The functions that every system's library has. Public only for `tests/abi.rs`, which
/// needs the types.
pub mod c {
    use super::{Address, Count, Raw, Size, c_int, c_void, socklen_t};

    #[cfg(unix)]
    pub use super::unix::c::*;
    #[cfg(windows)]
    pub use super::windows::c::*;

    #[cfg_attr(windows, link(name = "ws2_32"))]
    unsafe extern "system" {
        /// <https://man7.org/linux/man-pages/man2/bind.2.html>,
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-bind>
        pub fn bind(s: Raw, name: *const Address, namelen: socklen_t) -> c_int;
        /// <https://man7.org/linux/man-pages/man2/listen.2.html>,
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-listen>
        pub fn listen(s: Raw, backlog: c_int) -> c_int;
        /// <https://man7.org/linux/man-pages/man2/connect.2.html>,
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-connect>
        pub fn connect(s: Raw, name: *const Address, namelen: socklen_t) -> c_int;
        /// <https://man7.org/linux/man-pages/man2/getsockname.2.html>,
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-getsockname>
        pub fn getsockname(s: Raw, name: *mut Address, namelen: *mut socklen_t) -> c_int;
        /// <https://man7.org/linux/man-pages/man2/getpeername.2.html>,
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-getpeername>
        pub fn getpeername(s: Raw, name: *mut Address, namelen: *mut socklen_t) -> c_int;
        /// <https://man7.org/linux/man-pages/man2/getsockopt.2.html>,
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-getsockopt>
        pub fn getsockopt(
            s: Raw,
            level: c_int,
            name: c_int,
            value: *mut c_void,
            len: *mut socklen_t,
        ) -> c_int;
        /// <https://man7.org/linux/man-pages/man2/getsockopt.2.html>,
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-setsockopt>
        pub fn setsockopt(
            s: Raw,
            level: c_int,
            name: c_int,
            value: *const c_void,
            len: socklen_t,
        ) -> c_int;
        // ANCHOR: recv
        /// <https://man7.org/linux/man-pages/man2/recv.2.html>,
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-recv>
        pub fn recv(s: Raw, buf: *mut c_void, len: Size, flags: c_int) -> Count;
        // ANCHOR_END: recv
        /// <https://man7.org/linux/man-pages/man2/send.2.html>,
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-send>
        pub fn send(s: Raw, buf: *const c_void, len: Size, flags: c_int) -> Count;
        /// <https://man7.org/linux/man-pages/man2/recv.2.html>,
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-recvfrom>
        pub fn recvfrom(
            s: Raw,
            buf: *mut c_void,
            len: Size,
            flags: c_int,
            from: *mut Address,
            fromlen: *mut socklen_t,
        ) -> Count;
        /// <https://man7.org/linux/man-pages/man2/send.2.html>,
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-sendto>
        pub fn sendto(
            s: Raw,
            buf: *const c_void,
            len: Size,
            flags: c_int,
            to: *const Address,
            tolen: socklen_t,
        ) -> Count;
        /// <https://man7.org/linux/man-pages/man2/shutdown.2.html>,
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-shutdown>
        pub fn shutdown(s: Raw, how: c_int) -> c_int;
    }
}

/// Gives a socket its own address.
pub fn bind(socket: Socket, addr: SocketAddr) -> Result<()> {
    let (s, (name, len)) = (raw(socket), Address::of(addr));
    // SAFETY: `name` is readable for `len` bytes.
    let returned = unsafe { c::bind(s, &name, len) };
    checked!("bind({s}, {addr})" = returned != -1).map(drop)
}

/// Makes a socket a listener. The kernel keeps up to `backlog` connections until
/// `accept` takes them.
pub fn listen(socket: Socket, backlog: c_int) -> Result<()> {
    let s = raw(socket);
    // SAFETY: no pointer is passed.
    let returned = unsafe { c::listen(s, backlog) };
    checked!("listen({s}, {backlog})" = returned != -1).map(drop)
}

/// Connects a socket. On Unix a non-blocking stream fails with `EINPROGRESS`, and the
/// attempt goes on. On Windows, use `connect_overlapped` for a stream that must not wait.
pub fn connect(socket: Socket, addr: SocketAddr) -> Result<()> {
    let (s, (name, len)) = (raw(socket), Address::of(addr));
    // SAFETY: `name` is readable for `len` bytes.
    let returned = unsafe { c::connect(s, &name, len) };
    checked!("connect({s}, {addr})" = returned != -1).map(drop)
}

/// The socket's own address.
pub fn getsockname(socket: Socket) -> Result<SocketAddr> {
    let (s, (mut addr, mut len)) = (raw(socket), Address::room());
    // SAFETY: `addr` is writable for `len` bytes.
    let returned = unsafe { c::getsockname(s, &mut addr, &mut len) };
    checked!("getsockname({s}, .., ..)" = returned != -1)?;
    addr.read()
}

/// The peer's address.
pub fn getpeername(socket: Socket) -> Result<SocketAddr> {
    let (s, (mut addr, mut len)) = (raw(socket), Address::room());
    // SAFETY: `addr` is writable for `len` bytes.
    let returned = unsafe { c::getpeername(s, &mut addr, &mut len) };
    checked!("getpeername({s}, .., ..)" = returned != -1)?;
    addr.read()
}

/// A type that C may fill with any bytes.
///
/// # Safety
///
/// Any bytes are a valid value of the type.
pub unsafe trait Plain: Copy {}

// SAFETY: any bytes are a number.
unsafe impl Plain for u8 {}
// SAFETY: any bytes are a number.
unsafe impl Plain for c_int {}

/// The value of an option. Bytes that the system does not write are 0.
pub fn option<T: Plain>(socket: Socket, level: c_int, name: c_int) -> Result<T> {
    let (s, mut len) = (raw(socket), size_of::<T>() as socklen_t);
    // SAFETY: the type is `Plain`, so zeros are a value.
    let mut value: T = unsafe { std::mem::zeroed() };
    // SAFETY: `value` is writable for `len` bytes, and any bytes are a value.
    let returned = unsafe { c::getsockopt(s, level, name, (&raw mut value).cast(), &mut len) };
    checked!("getsockopt({s}, {level}, {name}, ..)" = returned != -1)?;
    Ok(value)
}

/// Sets an option: a number, a socket, or a struct of C's.
pub fn set_option<T: Debug>(socket: Socket, level: c_int, name: c_int, value: T) -> Result<()> {
    let (s, at, len) = (raw(socket), &raw const value, size_of::<T>() as socklen_t);
    // SAFETY: `at` is readable for `len` bytes.
    let returned = unsafe { c::setsockopt(s, level, name, at.cast(), len) };
    checked!("setsockopt({s}, {level}, {name}, {value:?})" = returned != -1).map(drop)
}

// ANCHOR: recv_wrapper
/// Receives into `buffer`. Returns the number of bytes; 0 is the end.
#[inline]
pub fn recv(socket: Socket, buffer: &mut [u8], flags: c_int) -> Result<usize> {
    let (s, len) = (raw(socket), size(buffer.len()));
    // SAFETY: `buffer` is writable for `len` bytes.
    let n = unsafe { c::recv(s, buffer.as_mut_ptr().cast(), len, flags) };
    Ok(checked!("recv({s}, .., {len}, {flags})" = n != -1)? as usize)
}
// ANCHOR_END: recv_wrapper

/// Sends from `buffer`, and raises no SIGPIPE. Returns the number of bytes.
#[inline]
pub fn send(socket: Socket, buffer: &[u8]) -> Result<usize> {
    let (s, len, (flags, name)) = (raw(socket), size(buffer.len()), SEND_FLAGS);
    // SAFETY: `buffer` is readable for `len` bytes.
    let n = unsafe { c::send(s, buffer.as_ptr().cast(), len, flags) };
    Ok(checked!("send({s}, .., {len}, {name})" = n != -1)? as usize)
}

// ANCHOR: recvfrom
/// Receives a datagram and its sender. The part that does not fit in `buffer` is lost.
/// On Windows the call then fails with `WSAEMSGSIZE`.
#[inline]
pub fn recvfrom(socket: Socket, buffer: &mut [u8], flags: c_int) -> Result<(usize, SocketAddr)> {
    let (s, at, len) = (raw(socket), buffer.as_mut_ptr().cast(), size(buffer.len()));
    let (mut addr, mut addrlen) = Address::room();
    // SAFETY: `buffer` is writable for `len` bytes, `addr` for `addrlen`.
    let n = unsafe { c::recvfrom(s, at, len, flags, &mut addr, &mut addrlen) };
    let n = checked!("recvfrom({s}, .., {len}, {flags}, .., ..)" = n != -1)? as usize;
    Ok((n, addr.read()?))
}
// ANCHOR_END: recvfrom

/// Sends a datagram.
#[inline]
pub fn sendto(socket: Socket, buffer: &[u8], to: SocketAddr) -> Result<usize> {
    let (s, at, len) = (raw(socket), buffer.as_ptr().cast(), size(buffer.len()));
    let ((flags, name), (addr, addrlen)) = (SEND_FLAGS, Address::of(to));
    // SAFETY: `buffer` is readable for `len` bytes, `addr` for `addrlen`.
    let n = unsafe { c::sendto(s, at, len, flags, &addr, addrlen) };
    Ok(checked!("sendto({s}, .., {len}, {name}, {to})" = n != -1)? as usize)
}

/// Ends receiving, sending or both.
pub fn shutdown(socket: Socket, how: Shutdown) -> Result<()> {
    let how = match how {
        Shutdown::Read => SHUT_RD,
        Shutdown::Write => SHUT_WR,
        Shutdown::Both => SHUT_RDWR,
    };
    let s = raw(socket);
    // SAFETY: no pointer is passed.
    let returned = unsafe { c::shutdown(s, how) };
    checked!("shutdown({s}, {how})" = returned != -1).map(drop)
}

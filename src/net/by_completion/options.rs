//! What all sockets on Windows share: options, and words for what is refused.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::windows::io::{AsRawSocket, AsSocket, BorrowedSocket, OwnedSocket};

use crate::iocp::overlapped::Packet;
use crate::net::ffi;

/// A socket that does not block.
pub(super) fn socket(domain: i32, kind: i32) -> io::Result<OwnedSocket> {
    let socket = ffi::socket(domain, kind)?;
    ffi::set_nonblocking(socket.as_socket(), true)?;
    Ok(socket)
}

pub(super) fn domain(addr: SocketAddr) -> i32 {
    match addr {
        SocketAddr::V4(_) => ffi::AF_INET,
        SocketAddr::V6(_) => ffi::AF_INET6,
    }
}

/// Any address of the same family, at a port that the system chooses.
pub(super) fn any(addr: SocketAddr) -> SocketAddr {
    match addr {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

pub(super) fn nodelay(socket: BorrowedSocket<'_>) -> io::Result<bool> {
    Ok(ffi::option(socket, ffi::IPPROTO_TCP, ffi::TCP_NODELAY)? != 0)
}

pub(super) fn set_nodelay(socket: BorrowedSocket<'_>, nodelay: bool) -> io::Result<()> {
    let on = i32::from(nodelay);
    ffi::set_option(socket, ffi::IPPROTO_TCP, ffi::TCP_NODELAY, on)
}

/// Where a socket's family keeps its time to live.
fn ttl_option(socket: BorrowedSocket<'_>) -> io::Result<(i32, i32)> {
    Ok(match ffi::getsockname(socket)? {
        SocketAddr::V4(_) => (ffi::IPPROTO_IP, ffi::IP_TTL),
        SocketAddr::V6(_) => (ffi::IPPROTO_IPV6, ffi::IPV6_UNICAST_HOPS),
    })
}

pub(super) fn ttl(socket: BorrowedSocket<'_>) -> io::Result<u32> {
    let (level, name) = ttl_option(socket)?;
    Ok(ffi::option(socket, level, name)? as u32)
}

pub(super) fn set_ttl(socket: BorrowedSocket<'_>, ttl: u32) -> io::Result<()> {
    if !(1..=255).contains(&ttl) {
        return Err(io::Error::new(
            ErrorKind::InvalidInput,
            "a time to live is from 1 to 255",
        ));
    }
    let (level, name) = ttl_option(socket)?;
    ffi::set_option(socket, level, name, ttl as i32)
}

/// Reading the error clears it.
pub(super) fn take_error(socket: BorrowedSocket<'_>) -> io::Result<Option<io::Error>> {
    match ffi::option(socket, ffi::SOL_SOCKET, ffi::SO_ERROR)? {
        0 => Ok(None),
        error => Ok(Some(io::Error::from_raw_os_error(error))),
    }
}

// ANCHOR: whole
/// Makes a whole socket of one that AcceptEx has filled: until then its other
/// calls know of no connection.
pub(super) fn accepted(socket: BorrowedSocket<'_>, by: BorrowedSocket<'_>) -> io::Result<()> {
    let name = ffi::SO_UPDATE_ACCEPT_CONTEXT;
    ffi::set_option(socket, ffi::SOL_SOCKET, name, by.as_raw_socket())
}

/// The same after ConnectEx, once it has succeeded.
pub(super) fn connected(socket: BorrowedSocket<'_>) -> io::Result<()> {
    ffi::set_option(socket, ffi::SOL_SOCKET, ffi::SO_UPDATE_CONNECT_CONTEXT, ())
}

/// How the operation went that a packet is of: the number of bytes, or the
/// socket's own error, for the packet has a more general one.
pub(super) fn outcome(socket: &OwnedSocket, packet: &Packet) -> io::Result<usize> {
    if packet.status().is_ok() {
        return Ok(packet.bytes_transferred());
    }
    // SAFETY: the operation was started on this socket, and has been dequeued.
    let result = unsafe { ffi::overlapped_result(socket.as_socket(), packet.overlapped().cast()) };
    result.map(|(bytes, _)| bytes)
}
// ANCHOR_END: whole

/// A socket that cannot become one of the standard library's.
pub(super) fn still_lent() -> io::Error {
    io::Error::new(
        ErrorKind::ResourceBusy,
        "the socket has a clone, an operation in flight or bytes that have come and are not read: \
         convert it before it is registered",
    )
}

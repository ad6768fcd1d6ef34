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

/// Any address of the same family, at a port that the system chooses.
pub(super) fn any(addr: SocketAddr) -> SocketAddr {
    match addr {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
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

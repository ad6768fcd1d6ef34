//! The calls that lend memory to the kernel.
//!
//! Each call is `unsafe` for the same reason. Until the operation's packet has been
//! dequeued, the memory behind its pointers stays where it is, and nobody else
//! touches it. The memory is the caller's again at once after an error that queues no
//! packet, and after `Started::AtOnce` on a handle that skips packets.

use std::ffi::c_void;
use std::io::{ErrorKind, Result};
use std::ptr;

use super::SIO_GET_EXTENSION_FUNCTION_POINTER;
use super::{Address, SOCKET, Socket, WSABUF, c, checked, raw, size, socklen_t};
use crate::iocp::ffi::{BOOL, OVERLAPPED, Started};

/// A function that the system would call instead of queueing a packet. We pass none
/// (<https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nc-winsock2-lpwsaoverlapped_completion_routine>).
pub type CompletionRoutine = unsafe extern "system" fn(
    dwError: u32,
    cbTransferred: u32,
    lpOverlapped: *mut OVERLAPPED,
    dwFlags: u32,
);

/// <https://learn.microsoft.com/en-us/windows/win32/api/mswsock/nc-mswsock-lpfn_acceptex>
pub type AcceptEx = unsafe extern "system" fn(
    sListenSocket: SOCKET,
    sAcceptSocket: SOCKET,
    lpOutputBuffer: *mut c_void,
    dwReceiveDataLength: u32,
    dwLocalAddressLength: u32,
    dwRemoteAddressLength: u32,
    lpdwBytesReceived: *mut u32,
    lpOverlapped: *mut OVERLAPPED,
) -> BOOL;

/// <https://learn.microsoft.com/en-us/windows/win32/api/mswsock/nc-mswsock-lpfn_connectex>
pub type ConnectEx = unsafe extern "system" fn(
    s: SOCKET,
    name: *const Address,
    namelen: socklen_t,
    lpSendBuffer: *mut c_void,
    dwSendDataLength: u32,
    lpdwBytesSent: *mut u32,
    lpOverlapped: *mut OVERLAPPED,
) -> BOOL;

/// The number that names a function of Winsock's
/// (<https://learn.microsoft.com/en-us/windows/win32/api/guiddef/ns-guiddef-guid>).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct GUID {
    pub Data1: u32,
    pub Data2: u16,
    pub Data3: u16,
    pub Data4: [u8; 8],
}

pub const WSAID_ACCEPTEX: GUID = GUID {
    Data1: 0xb536_7df1,
    Data2: 0xcbac,
    Data3: 0x11cf,
    Data4: [0x95, 0xca, 0x00, 0x80, 0x5f, 0x48, 0xa1, 0x92],
};
pub const WSAID_CONNECTEX: GUID = GUID {
    Data1: 0x25a2_07b9,
    Data2: 0xddf3,
    Data3: 0x4660,
    Data4: [0x8e, 0xe9, 0x76, 0xe5, 0x8c, 0x74, 0x06, 0x3e],
};

/// Where `AcceptEx` writes the two addresses. It asks for 16 bytes more than each
/// needs. We read them with `getsockname` and `getpeername` instead.
#[repr(C, align(4))]
#[derive(Clone, Copy, Debug)]
pub struct Addresses(pub [u8; 2 * ADDRESS_ROOM]);

const ADDRESS_ROOM: usize = size_of::<Address>() + 16;

impl Addresses {
    /// Nothing but zeros.
    pub const fn room() -> Addresses {
        Addresses([0; 2 * ADDRESS_ROOM])
    }
}

// ANCHOR: extension
/// The address of `AcceptEx`. Microsoft says to ask a socket for it.
pub fn acceptex(socket: Socket) -> Result<AcceptEx> {
    // SAFETY: this is the function of that name.
    unsafe { extension(socket, WSAID_ACCEPTEX) }
}

/// The address of `ConnectEx`. Microsoft says to ask a socket for it.
pub fn connectex(socket: Socket) -> Result<ConnectEx> {
    // SAFETY: this is the function of that name.
    unsafe { extension(socket, WSAID_CONNECTEX) }
}

/// Asks a socket for the function that a GUID names.
///
/// # Safety
///
/// `F` is that function's type.
unsafe fn extension<F>(socket: Socket, mut guid: GUID) -> Result<F> {
    let (s, id, mut function, mut n) = (raw(socket), guid.Data1, None::<F>, 0);
    let (code, not) = (SIO_GET_EXTENSION_FUNCTION_POINTER, ptr::null_mut());
    let (at, len) = ((&raw mut guid).cast(), size_of::<GUID>() as u32);
    let (to, room) = ((&raw mut function).cast(), size_of::<Option<F>>() as u32);
    // SAFETY: `at` is readable for `len` bytes, `to` is writable for `room`, which
    // are a function's address or null, and nothing is overlapped.
    let returned = unsafe { c::WSAIoctl(s, code, at, len, to, room, &mut n, not, None) };
    checked!("WSAIoctl({s}, SIO_GET_EXTENSION_FUNCTION_POINTER, {id:x})" = returned != -1)?;
    function.ok_or_else(|| ErrorKind::Unsupported.into())
}
// ANCHOR_END: extension

// ANCHOR: recv
/// Lends a buffer to receive into. With length 0, the packet tells that there is
/// something to read.
///
/// # Safety
///
/// The rule at the top of this file holds for `buffer` and `overlapped`.
#[inline]
pub unsafe fn recv_overlapped(
    socket: Socket,
    buffer: *mut u8,
    len: usize,
    overlapped: *mut OVERLAPPED,
) -> Result<Started> {
    let (s, len) = (raw(socket), size(len) as u32);
    // The kernel copies the WSABUF. The two numbers mean something only if the call
    // succeeds at once.
    let (mut one, mut n, mut flags) = (WSABUF { len, buf: buffer }, 0, 0);
    // SAFETY: `one` is a WSABUF whose memory the caller lends.
    let done = unsafe { c::WSARecv(s, &mut one, 1, &mut n, &mut flags, overlapped, None) };
    let result = checked!("WSARecv({s}, [{len}], [{n}], .., {overlapped:?})" = done != -1);
    Started::by(result, n)
}
// ANCHOR_END: recv

/// Lends a buffer to send from.
///
/// # Safety
///
/// The rule at the top of this file holds for `buffer` and `overlapped`.
#[inline]
pub unsafe fn send_overlapped(
    socket: Socket,
    buffer: *const u8,
    len: usize,
    overlapped: *mut OVERLAPPED,
) -> Result<Started> {
    let (s, len, buf) = (raw(socket), size(len) as u32, buffer.cast_mut());
    let (mut one, mut n) = (WSABUF { len, buf }, 0);
    // SAFETY: `one` is a WSABUF whose memory the caller lends, to be read.
    let done = unsafe { c::WSASend(s, &mut one, 1, &mut n, 0, overlapped, None) };
    let result = checked!("WSASend({s}, [{len}], [{n}], 0, {overlapped:?})" = done != -1);
    Started::by(result, n)
}

/// Lends a buffer for a datagram, and room for its sender.
///
/// # Safety
///
/// The rule at the top of this file holds for `buffer`, `from`, `fromlen` and
/// `overlapped`. `fromlen` is the length of `from`.
pub unsafe fn recvfrom_overlapped(
    socket: Socket,
    buffer: *mut u8,
    len: usize,
    (from, fromlen): (*mut Address, *mut socklen_t),
    overlapped: *mut OVERLAPPED,
) -> Result<Started> {
    let (s, len) = (raw(socket), size(len) as u32);
    let (mut one, mut n, mut flags) = (WSABUF { len, buf: buffer }, 0, 0);
    let f = &mut flags;
    // SAFETY: `one` is a WSABUF whose memory the caller lends, with the rest.
    let done =
        unsafe { c::WSARecvFrom(s, &mut one, 1, &mut n, f, from, fromlen, overlapped, None) };
    let result = checked!("WSARecvFrom({s}, [{len}], [{n}], .., {overlapped:?})" = done != -1);
    Started::by(result, n)
}

/// Lends a datagram and its receiver's address.
///
/// # Safety
///
/// The rule at the top of this file holds for `buffer`, `to` and `overlapped`.
/// `tolen` is the length of `to`.
pub unsafe fn sendto_overlapped(
    socket: Socket,
    buffer: *const u8,
    len: usize,
    (to, tolen): (*const Address, socklen_t),
    overlapped: *mut OVERLAPPED,
) -> Result<Started> {
    let (s, len, buf) = (raw(socket), size(len) as u32, buffer.cast_mut());
    let (mut one, mut n) = (WSABUF { len, buf }, 0);
    // SAFETY: `one` is a WSABUF whose memory the caller lends, with the rest.
    let done = unsafe { c::WSASendTo(s, &mut one, 1, &mut n, 0, to, tolen, overlapped, None) };
    let result = checked!("WSASendTo({s}, [{len}], [{n}], .., {overlapped:?})" = done != -1);
    Started::by(result, n)
}

// ANCHOR: accept
/// Lends a new socket to the next connection. When it is connected, set
/// `SO_UPDATE_ACCEPT_CONTEXT`.
///
/// # Safety
///
/// The rule at the top of this file holds for `addresses` and `overlapped`. Until the
/// packet comes, `accepted` stays open and nobody uses it.
pub unsafe fn accept_overlapped(
    acceptex: AcceptEx,
    listener: Socket,
    accepted: Socket,
    addresses: *mut Addresses,
    overlapped: *mut OVERLAPPED,
) -> Result<Started> {
    let (s, new, room, mut n) = (raw(listener), raw(accepted), ADDRESS_ROOM as u32, 0);
    let at = addresses.cast();
    // SAFETY: the caller lends `addresses`, which has room for both.
    let done = unsafe { acceptex(s, new, at, 0, room, room, &mut n, overlapped) };
    let result =
        checked!("AcceptEx({s}, {new}, .., 0, {room}, {room}, .., {overlapped:?})" = done != 0);
    Started::by(result, n)
}
// ANCHOR_END: accept

// ANCHOR: connect
/// Starts to connect a bound socket. When it is connected, set
/// `SO_UPDATE_CONNECT_CONTEXT`.
///
/// # Safety
///
/// The rule at the top of this file holds for `name` and `overlapped`. `len` is the
/// length of `name`.
pub unsafe fn connect_overlapped(
    connectex: ConnectEx,
    socket: Socket,
    (name, len): (*const Address, socklen_t),
    overlapped: *mut OVERLAPPED,
) -> Result<Started> {
    let (s, nothing, mut n) = (raw(socket), ptr::null_mut(), 0);
    // SAFETY: the caller lends `name`, and the call gets nothing to send.
    let done = unsafe { connectex(s, name, len, nothing, 0, &mut n, overlapped) };
    let result = checked!("ConnectEx({s}, .., {len}, NULL, 0, .., {overlapped:?})" = done != 0);
    Started::by(result, n)
}
// ANCHOR_END: connect

/// The outcome of an operation that is over, with the socket's own error: the number
/// of bytes, and flags, for example that part of a datagram was cut off.
///
/// # Safety
///
/// The operation of `overlapped` was started on this socket, and its packet has been
/// dequeued.
pub unsafe fn overlapped_result(
    socket: Socket,
    overlapped: *mut OVERLAPPED,
) -> Result<(usize, u32)> {
    let (s, mut n, mut flags) = (raw(socket), 0, 0);
    // SAFETY: the kernel has written what `overlapped` leads to.
    let done = unsafe { c::WSAGetOverlappedResult(s, overlapped, &mut n, 0, &mut flags) };
    checked!("WSAGetOverlappedResult({s}, {overlapped:?}, [{n}], 0, [{flags}])" = done != 0)?;
    Ok((n as usize, flags))
}

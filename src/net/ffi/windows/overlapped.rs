//! The calls that lend memory to the kernel.
//!
//! Each is `unsafe` for the same reason: what its pointers lead to stays where it
//! is, and nobody else touches it, until the operation's packet has been
//! dequeued. After `Started::AtOnce` of a handle that skips packets, and after
//! an error, it is the caller's again at once.

use std::ffi::{c_int, c_void};
use std::io::Result;
use std::os::windows::io::BorrowedSocket;
use std::ptr;

use super::SIO_GET_EXTENSION_FUNCTION_POINTER;
use super::{Address, SOCKET, SOCKET_ERROR, WSABUF, c, checked, int, raw};
use crate::iocp::ffi::Started;
use crate::iocp::ffi::{BOOL, OVERLAPPED};

/// What would be called instead of a packet being queued; none ever is
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
    namelen: c_int,
    lpSendBuffer: *mut c_void,
    dwSendDataLength: u32,
    lpdwBytesSent: *mut u32,
    lpOverlapped: *mut OVERLAPPED,
) -> BOOL;

/// The name of a function that is asked for
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

/// Where `AcceptEx` writes the two addresses, each with 16 bytes of its own. They
/// are not to be read: `getsockname` and `getpeername` know them too.
#[repr(C, align(4))]
#[derive(Clone, Copy, Debug)]
pub struct Addresses(pub [u8; 2 * ADDRESS_ROOM]);

const ADDRESS_ROOM: usize = size_of::<Address>() + 16;

impl Addresses {
    /// Empty ones.
    pub const fn room() -> Addresses {
        Addresses([0; 2 * ADDRESS_ROOM])
    }
}

/// `AcceptEx`, which Winsock gives out rather than exports.
pub fn acceptex(socket: BorrowedSocket<'_>) -> Result<AcceptEx> {
    let mut function: Option<AcceptEx> = None;
    // SAFETY: this is the function of that name.
    unsafe { extension(socket, WSAID_ACCEPTEX, (&raw mut function).cast())? };
    function.ok_or_else(|| std::io::ErrorKind::Unsupported.into())
}

// ANCHOR: extension
/// `ConnectEx`, which Winsock gives out rather than exports.
pub fn connectex(socket: BorrowedSocket<'_>) -> Result<ConnectEx> {
    let mut function: Option<ConnectEx> = None;
    // SAFETY: this is the function of that name.
    unsafe { extension(socket, WSAID_CONNECTEX, (&raw mut function).cast())? };
    function.ok_or_else(|| std::io::ErrorKind::Unsupported.into())
}

/// Writes the address of the function that a GUID names.
///
/// # Safety
///
/// `function` is writable for a function pointer, of that function's type.
unsafe fn extension(socket: BorrowedSocket<'_>, of: GUID, function: *mut c_void) -> Result<()> {
    let (s, mut guid, mut n, not) = (raw(socket), of, 0, ptr::null_mut());
    let (code, at) = (SIO_GET_EXTENSION_FUNCTION_POINTER, (&raw mut guid).cast());
    let (size, room) = (size_of::<GUID>() as u32, size_of::<usize>() as u32);
    // SAFETY: `at` is readable for `size` bytes, `function` writable for `room`,
    // and nothing is overlapped.
    let returned = unsafe { c::WSAIoctl(s, code, at, size, function, room, &mut n, not, None) };
    checked(
        SOCKET_ERROR,
        format_args!(
            "WSAIoctl({s}, SIO_GET_EXTENSION_FUNCTION_POINTER, {:x})",
            of.Data1
        ),
        returned,
    )
    .map(drop)
}
// ANCHOR_END: extension

// ANCHOR: recv
/// Lends a buffer to receive into. Of length 0, it asks when there is something.
///
/// # Safety
///
/// That of this file, for `buffer` and `overlapped`.
#[inline]
pub unsafe fn recv_overlapped(
    socket: BorrowedSocket<'_>,
    buffer: *mut u8,
    len: usize,
    overlapped: *mut OVERLAPPED,
) -> Result<Started> {
    let (s, len) = (raw(socket), int(len) as u32);
    // The kernel copies this one, and the two numbers mean something only if
    // the call succeeds at once.
    let (mut one, mut n, mut flags) = (WSABUF { len, buf: buffer }, 0, 0);
    // SAFETY: `one` is a WSABUF whose memory the caller lends.
    let returned = unsafe { c::WSARecv(s, &mut one, 1, &mut n, &mut flags, overlapped, None) };
    Started::by(
        checked(
            SOCKET_ERROR,
            format_args!("WSARecv({s}, [{len}], [{n}], .., {overlapped:?})"),
            returned,
        ),
        n,
    )
}
// ANCHOR_END: recv

/// Lends a buffer to send from.
///
/// # Safety
///
/// That of this file, for `buffer` and `overlapped`.
#[inline]
pub unsafe fn send_overlapped(
    socket: BorrowedSocket<'_>,
    buffer: *const u8,
    len: usize,
    overlapped: *mut OVERLAPPED,
) -> Result<Started> {
    let (s, len, buf) = (raw(socket), int(len) as u32, buffer.cast_mut());
    let (mut one, mut n) = (WSABUF { len, buf }, 0);
    // SAFETY: `one` is a WSABUF whose memory the caller lends, to be read.
    let returned = unsafe { c::WSASend(s, &mut one, 1, &mut n, 0, overlapped, None) };
    Started::by(
        checked(
            SOCKET_ERROR,
            format_args!("WSASend({s}, [{len}], [{n}], 0, {overlapped:?})"),
            returned,
        ),
        n,
    )
}

/// Lends a buffer for a datagram, and room for its sender.
///
/// # Safety
///
/// That of this file, for `buffer`, `from`, `fromlen` and `overlapped`. `fromlen`
/// says how long `from` is.
pub unsafe fn recvfrom_overlapped(
    socket: BorrowedSocket<'_>,
    buffer: *mut u8,
    len: usize,
    (from, fromlen): (*mut Address, *mut c_int),
    overlapped: *mut OVERLAPPED,
) -> Result<Started> {
    let (s, len) = (raw(socket), int(len) as u32);
    let (mut one, mut n, mut flags) = (WSABUF { len, buf: buffer }, 0, 0);
    let at = &mut flags;
    // SAFETY: `one` is a WSABUF whose memory the caller lends, with the rest.
    let returned =
        unsafe { c::WSARecvFrom(s, &mut one, 1, &mut n, at, from, fromlen, overlapped, None) };
    Started::by(
        checked(
            SOCKET_ERROR,
            format_args!("WSARecvFrom({s}, [{len}], [{n}], .., {overlapped:?})"),
            returned,
        ),
        n,
    )
}

/// Lends a datagram, and the address that it goes to.
///
/// # Safety
///
/// That of this file, for `buffer`, `to` and `overlapped`. `tolen` says how long
/// `to` is.
pub unsafe fn sendto_overlapped(
    socket: BorrowedSocket<'_>,
    buffer: *const u8,
    len: usize,
    (to, tolen): (*const Address, c_int),
    overlapped: *mut OVERLAPPED,
) -> Result<Started> {
    let (s, len, buf) = (raw(socket), int(len) as u32, buffer.cast_mut());
    let (mut one, mut n) = (WSABUF { len, buf }, 0);
    // SAFETY: `one` is a WSABUF whose memory the caller lends, with the rest.
    let returned = unsafe { c::WSASendTo(s, &mut one, 1, &mut n, 0, to, tolen, overlapped, None) };
    Started::by(
        checked(
            SOCKET_ERROR,
            format_args!("WSASendTo({s}, [{len}], [{n}], .., {overlapped:?})"),
            returned,
        ),
        n,
    )
}

// ANCHOR: accept
/// Lends a new socket, for the next connection to fill. Then it needs
/// `SO_UPDATE_ACCEPT_CONTEXT`.
///
/// # Safety
///
/// That of this file, for `addresses` and `overlapped`. `accepted` stays open, and
/// is used for nothing else.
pub unsafe fn accept_overlapped(
    acceptex: AcceptEx,
    listener: BorrowedSocket<'_>,
    accepted: BorrowedSocket<'_>,
    addresses: *mut Addresses,
    overlapped: *mut OVERLAPPED,
) -> Result<Started> {
    let (s, new, room, mut n) = (raw(listener), raw(accepted), ADDRESS_ROOM as u32, 0);
    let at = addresses.cast();
    // SAFETY: the caller lends `addresses`, which has room for both.
    let done = unsafe { acceptex(s, new, at, 0, room, room, &mut n, overlapped) };
    Started::by(
        checked(
            0,
            format_args!("AcceptEx({s}, {new}, .., 0, {room}, {room}, .., {overlapped:?})"),
            done,
        ),
        n,
    )
}
// ANCHOR_END: accept

// ANCHOR: connect
/// Lends a bound socket, to be connected. Then it needs
/// `SO_UPDATE_CONNECT_CONTEXT`.
///
/// # Safety
///
/// That of this file, for `name` and `overlapped`. `len` says how long `name` is.
pub unsafe fn connect_overlapped(
    connectex: ConnectEx,
    socket: BorrowedSocket<'_>,
    (name, len): (*const Address, c_int),
    overlapped: *mut OVERLAPPED,
) -> Result<Started> {
    let (s, nothing, mut n) = (raw(socket), ptr::null_mut(), 0);
    // SAFETY: the caller lends `name`, and there is nothing to send at once.
    let done = unsafe { connectex(s, name, len, nothing, 0, &mut n, overlapped) };
    Started::by(
        checked(
            0,
            format_args!("ConnectEx({s}, .., {len}, NULL, 0, .., {overlapped:?})"),
            done,
        ),
        n,
    )
}
// ANCHOR_END: connect

/// How an operation that is over went, in the socket's own errors: the number
/// of bytes, and flags such as that there was more of a datagram.
///
/// # Safety
///
/// `overlapped` is that of an operation that was started on this socket, and
/// whose packet has been dequeued.
pub unsafe fn overlapped_result(
    socket: BorrowedSocket<'_>,
    overlapped: *mut OVERLAPPED,
) -> Result<(usize, u32)> {
    let (s, mut n, mut flags) = (raw(socket), 0, 0);
    // SAFETY: the kernel has written what `overlapped` leads to.
    let done = unsafe { c::WSAGetOverlappedResult(s, overlapped, &mut n, 0, &mut flags) };
    checked(
        0,
        format_args!("WSAGetOverlappedResult({s}, {overlapped:?}, [{n}], 0, [{flags}])"),
        done,
    )?;
    Ok((n as usize, flags))
}

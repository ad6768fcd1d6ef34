//! The foreign functions of sockets on Windows, declared by hand.
//!
//! Chapter 7. `mod c` says what the libraries have; around each function stands
//! a wrapper that turns its failure into the error that `WSAGetLastError` has.
//! The wrappers retry nothing and hide nothing. Those that lend memory to the
//! kernel are in `ffi/overlapped.rs`, the structs in `ffi/types.rs`, the constants
//! in `ffi/numbers.rs`. Sizes, offsets and constants are held to the real headers
//! by `tests/abi.rs` and `.ci/abi`.

// C's names, and what they mean is told where Microsoft tells it.
#![allow(non_camel_case_types, non_snake_case, missing_docs)]

use std::ffi::{c_int, c_long, c_void};
use std::fmt::{Arguments, Debug};
use std::io::{self, IoSlice, IoSliceMut, Result};
use std::net::SocketAddr;
use std::os::windows::io::{AsRawSocket, BorrowedSocket, FromRawSocket, OwnedSocket};
use std::ptr;
use std::sync::OnceLock;

use crate::iocp::ffi::{BOOL, HANDLE, OVERLAPPED};
use crate::trace::{failed_if, traced};

mod numbers;
mod overlapped;
mod types;

pub use numbers::*;
pub use overlapped::*;
pub use types::*;

/// What the libraries have. Public only so that `tests/abi.rs` sees the types.
pub mod c {
    use super::*;

    #[link(name = "ws2_32")]
    unsafe extern "system" {
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock/nf-winsock-wsastartup>
        pub fn WSAStartup(wVersionRequested: u16, lpWSAData: *mut WSADATA) -> c_int;
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock/nf-winsock-wsagetlasterror>
        pub fn WSAGetLastError() -> c_int;
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-wsasocketw>
        pub fn WSASocketW(
            af: c_int,
            kind: c_int,
            protocol: c_int,
            lpProtocolInfo: *mut c_void,
            g: u32,
            dwFlags: u32,
        ) -> SOCKET;
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-bind>
        pub fn bind(s: SOCKET, name: *const Address, namelen: c_int) -> c_int;
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-listen>
        pub fn listen(s: SOCKET, backlog: c_int) -> c_int;
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-accept>
        pub fn accept(s: SOCKET, addr: *mut Address, addrlen: *mut c_int) -> SOCKET;
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-connect>
        pub fn connect(s: SOCKET, name: *const Address, namelen: c_int) -> c_int;
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-getsockname>
        pub fn getsockname(s: SOCKET, name: *mut Address, namelen: *mut c_int) -> c_int;
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-getpeername>
        pub fn getpeername(s: SOCKET, name: *mut Address, namelen: *mut c_int) -> c_int;
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-getsockopt>
        pub fn getsockopt(
            s: SOCKET,
            level: c_int,
            optname: c_int,
            optval: *mut u8,
            optlen: *mut c_int,
        ) -> c_int;
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-setsockopt>
        pub fn setsockopt(
            s: SOCKET,
            level: c_int,
            optname: c_int,
            optval: *const u8,
            optlen: c_int,
        ) -> c_int;
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-ioctlsocket>
        pub fn ioctlsocket(s: SOCKET, cmd: c_long, argp: *mut u32) -> c_int;
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-wsaioctl>
        pub fn WSAIoctl(
            s: SOCKET,
            dwIoControlCode: u32,
            lpvInBuffer: *mut c_void,
            cbInBuffer: u32,
            lpvOutBuffer: *mut c_void,
            cbOutBuffer: u32,
            lpcbBytesReturned: *mut u32,
            lpOverlapped: *mut OVERLAPPED,
            lpCompletionRoutine: Option<CompletionRoutine>,
        ) -> c_int;
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-recv>
        pub fn recv(s: SOCKET, buf: *mut u8, len: c_int, flags: c_int) -> c_int;
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-send>
        pub fn send(s: SOCKET, buf: *const u8, len: c_int, flags: c_int) -> c_int;
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-recvfrom>
        pub fn recvfrom(
            s: SOCKET,
            buf: *mut u8,
            len: c_int,
            flags: c_int,
            from: *mut Address,
            fromlen: *mut c_int,
        ) -> c_int;
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-sendto>
        pub fn sendto(
            s: SOCKET,
            buf: *const u8,
            len: c_int,
            flags: c_int,
            to: *const Address,
            tolen: c_int,
        ) -> c_int;
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-wsarecv>
        pub fn WSARecv(
            s: SOCKET,
            lpBuffers: *mut WSABUF,
            dwBufferCount: u32,
            lpNumberOfBytesRecvd: *mut u32,
            lpFlags: *mut u32,
            lpOverlapped: *mut OVERLAPPED,
            lpCompletionRoutine: Option<CompletionRoutine>,
        ) -> c_int;
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-wsasend>
        pub fn WSASend(
            s: SOCKET,
            lpBuffers: *mut WSABUF,
            dwBufferCount: u32,
            lpNumberOfBytesSent: *mut u32,
            dwFlags: u32,
            lpOverlapped: *mut OVERLAPPED,
            lpCompletionRoutine: Option<CompletionRoutine>,
        ) -> c_int;
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-wsarecvfrom>
        pub fn WSARecvFrom(
            s: SOCKET,
            lpBuffers: *mut WSABUF,
            dwBufferCount: u32,
            lpNumberOfBytesRecvd: *mut u32,
            lpFlags: *mut u32,
            lpFrom: *mut Address,
            lpFromlen: *mut c_int,
            lpOverlapped: *mut OVERLAPPED,
            lpCompletionRoutine: Option<CompletionRoutine>,
        ) -> c_int;
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-wsasendto>
        pub fn WSASendTo(
            s: SOCKET,
            lpBuffers: *mut WSABUF,
            dwBufferCount: u32,
            lpNumberOfBytesSent: *mut u32,
            dwFlags: u32,
            lpTo: *const Address,
            iTolen: c_int,
            lpOverlapped: *mut OVERLAPPED,
            lpCompletionRoutine: Option<CompletionRoutine>,
        ) -> c_int;
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-wsagetoverlappedresult>
        pub fn WSAGetOverlappedResult(
            s: SOCKET,
            lpOverlapped: *mut OVERLAPPED,
            lpcbTransfer: *mut u32,
            fWait: BOOL,
            lpdwFlags: *mut u32,
        ) -> BOOL;
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-shutdown>
        pub fn shutdown(s: SOCKET, how: c_int) -> c_int;
    }

    #[link(name = "kernel32")]
    unsafe extern "system" {
        /// <https://learn.microsoft.com/en-us/windows/win32/api/handleapi/nf-handleapi-sethandleinformation>
        pub fn SetHandleInformation(hObject: HANDLE, dwMask: u32, dwFlags: u32) -> BOOL;
    }
}

// ANCHOR: checked
/// Turns the `failure` of a Winsock call into the error that Winsock keeps.
#[inline(always)]
fn checked<T: PartialEq + Debug>(failure: T, call: Arguments<'_>, returned: T) -> Result<T> {
    let result = if returned == failure {
        // SAFETY: it takes nothing and only looks.
        Err(io::Error::from_raw_os_error(unsafe {
            c::WSAGetLastError()
        }))
    } else {
        Ok(returned)
    };
    traced(call, result)
}
// ANCHOR_END: checked

/// The same, for a call whose result says nothing else.
fn done(call: Arguments<'_>, returned: c_int) -> Result<()> {
    checked(SOCKET_ERROR, call, returned).map(drop)
}

// ANCHOR: start
/// Asks Winsock for version 2.2, once for the process.
///
/// The standard library does so before it makes a socket, but promises that to
/// nobody. Winsock counts these calls. The count is never taken back: an
/// older standard library takes its own back when `main` ends
/// (<https://github.com/rust-lang/rust/pull/141809>), and other threads may
/// still have sockets then. A socket that comes from elsewhere is proof that
/// someone has made the call, so `socket` alone needs it.
fn start_winsock() -> Result<()> {
    static STARTED: OnceLock<c_int> = OnceLock::new();
    let code = *STARTED.get_or_init(|| {
        let mut data = std::mem::MaybeUninit::uninit();
        // SAFETY: `data` is writable for a WSADATA.
        let code = unsafe { c::WSAStartup(0x0202, data.as_mut_ptr()) };
        let _ = traced(format_args!("WSAStartup(2.2, ..)"), Ok(code));
        code
    });
    match code {
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}
// ANCHOR_END: start

/// Takes ownership of the socket that a successful call returned.
fn owned(socket: SOCKET) -> OwnedSocket {
    // SAFETY: only called with what Winsock has just returned as a new socket,
    // which nobody else knows of.
    unsafe { OwnedSocket::from_raw_socket(socket as _) }
}

fn raw(socket: BorrowedSocket<'_>) -> SOCKET {
    socket.as_raw_socket() as SOCKET
}

/// As much of a length as an int holds.
fn int(len: usize) -> c_int {
    c_int::try_from(len).unwrap_or(c_int::MAX)
}

/// The number of buffers that one call takes: as many as on Unix, for Windows
/// names no limit, and Wine's is this.
fn count(buffers: usize) -> u32 {
    buffers.min(1024) as u32
}

/// Makes a socket for overlapped operations, which no child inherits. It blocks:
/// see [`set_nonblocking`].
pub fn socket(domain: c_int, kind: c_int) -> Result<OwnedSocket> {
    start_winsock()?;
    let flags = WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT;
    // SAFETY: the null pointer means that the first three say it all.
    let socket = unsafe { c::WSASocketW(domain, kind, 0, ptr::null_mut(), 0, flags) };
    checked(
        INVALID_SOCKET,
        format_args!("WSASocketW({domain}, {kind}, 0, OVERLAPPED|NO_HANDLE_INHERIT)"),
        socket,
    )
    .map(owned)
}

/// Gives a socket its own address.
pub fn bind(socket: BorrowedSocket<'_>, addr: SocketAddr) -> Result<()> {
    let (s, (name, len)) = (raw(socket), Address::of(addr));
    // SAFETY: `name` is readable for `len` bytes.
    let returned = unsafe { c::bind(s, &name, len as c_int) };
    done(format_args!("bind({s}, {addr})"), returned)
}

/// Has a socket take connections, `backlog` of them before they are accepted.
pub fn listen(socket: BorrowedSocket<'_>, backlog: c_int) -> Result<()> {
    let s = raw(socket);
    // SAFETY: no pointer is passed.
    let returned = unsafe { c::listen(s, backlog) };
    done(format_args!("listen({s}, {backlog})"), returned)
}

/// Takes the next connection and its peer's address. It is non-blocking if the
/// listener is.
///
/// `accept` takes no flags. Whether children inherit what it returns is not
/// documented, so that is set: one that another thread starts between the two
/// calls may inherit the socket.
pub fn accept(listener: BorrowedSocket<'_>) -> Result<(OwnedSocket, SocketAddr)> {
    let (s, (mut addr, len)) = (raw(listener), Address::room());
    let mut len = len as c_int;
    // SAFETY: `addr` is writable for `len` bytes.
    let socket = unsafe { c::accept(s, &mut addr, &mut len) };
    let socket = checked(INVALID_SOCKET, format_args!("accept({s}, .., ..)"), socket).map(owned)?;
    let s = socket.as_raw_socket() as SOCKET;
    let handle = ptr::without_provenance_mut(s);
    // SAFETY: the socket is an open handle, and no memory is passed.
    let done = unsafe { c::SetHandleInformation(handle, HANDLE_FLAG_INHERIT, 0) };
    failed_if(
        0,
        format_args!("SetHandleInformation({s}, INHERIT, 0)"),
        done,
    )?;
    Ok((socket, addr.read()?))
}

/// Of a datagram socket: whom it sends to, and receives from. (A stream that
/// may not wait connects by [`connect_overlapped`].)
pub fn connect(socket: BorrowedSocket<'_>, addr: SocketAddr) -> Result<()> {
    let (s, (name, len)) = (raw(socket), Address::of(addr));
    // SAFETY: `name` is readable for `len` bytes.
    let returned = unsafe { c::connect(s, &name, len as c_int) };
    done(format_args!("connect({s}, {addr})"), returned)
}

/// The socket's own address.
pub fn getsockname(socket: BorrowedSocket<'_>) -> Result<SocketAddr> {
    let (s, (mut addr, len)) = (raw(socket), Address::room());
    // SAFETY: `addr` is writable for `len` bytes.
    let returned = unsafe { c::getsockname(s, &mut addr, &mut (len as c_int)) };
    done(format_args!("getsockname({s}, .., ..)"), returned)?;
    addr.read()
}

/// The peer's address.
pub fn getpeername(socket: BorrowedSocket<'_>) -> Result<SocketAddr> {
    let (s, (mut addr, len)) = (raw(socket), Address::room());
    // SAFETY: `addr` is writable for `len` bytes.
    let returned = unsafe { c::getpeername(s, &mut addr, &mut (len as c_int)) };
    done(format_args!("getpeername({s}, .., ..)"), returned)?;
    addr.read()
}

/// An option that is a number: an int. Of one that is a byte, the other three
/// bytes stay 0.
pub fn option<T: Copy + Default>(
    socket: BorrowedSocket<'_>,
    level: c_int,
    name: c_int,
) -> Result<T> {
    let (s, mut value, mut len) = (raw(socket), T::default(), size_of::<T>() as c_int);
    let at = (&raw mut value).cast();
    // SAFETY: `at` is writable for `len` bytes, and any bytes are a number.
    let returned = unsafe { c::getsockopt(s, level, name, at, &mut len) };
    done(
        format_args!("getsockopt({s}, {level}, {name}, ..)"),
        returned,
    )?;
    Ok(value)
}

/// Sets an option: an int, a socket, or a struct of C's.
pub fn set_option<T: Debug>(
    socket: BorrowedSocket<'_>,
    level: c_int,
    name: c_int,
    value: T,
) -> Result<()> {
    let (s, at, len) = (raw(socket), &raw const value, size_of::<T>() as c_int);
    // SAFETY: `at` is readable for `len` bytes.
    let returned = unsafe { c::setsockopt(s, level, name, at.cast(), len) };
    done(
        format_args!("setsockopt({s}, {level}, {name}, {value:?})"),
        returned,
    )
}

/// Whether calls fail with `WSAEWOULDBLOCK` rather than wait. Overlapped ones
/// never wait.
pub fn set_nonblocking(socket: BorrowedSocket<'_>, nonblocking: bool) -> Result<()> {
    let (s, mut value) = (raw(socket), u32::from(nonblocking));
    // SAFETY: the command takes the number that it is given.
    let returned = unsafe { c::ioctlsocket(s, FIONBIO as c_long, &mut value) };
    done(format_args!("ioctlsocket({s}, FIONBIO, {value})"), returned)
}

/// Of a datagram socket: whether receiving fails with `WSAECONNRESET` because
/// a datagram that was sent found nobody.
pub fn set_connreset(socket: BorrowedSocket<'_>, fails: bool) -> Result<()> {
    let (s, mut value, mut n) = (raw(socket), BOOL::from(fails), 0);
    let (at, size, none) = ((&raw mut value).cast(), 4, ptr::null_mut());
    let (code, not) = (SIO_UDP_CONNRESET, ptr::null_mut());
    // SAFETY: `value` is readable for `size` bytes, and nothing is overlapped.
    let returned = unsafe { c::WSAIoctl(s, code, at, size, none, 0, &mut n, not, None) };
    done(
        format_args!("WSAIoctl({s}, SIO_UDP_CONNRESET, {value})"),
        returned,
    )
}

/// Receives into `buffer`. Returns the number of bytes, 0 at the end.
#[inline]
pub fn recv(socket: BorrowedSocket<'_>, buffer: &mut [u8], flags: c_int) -> Result<usize> {
    let (s, len) = (raw(socket), int(buffer.len()));
    // SAFETY: `buffer` is writable for `len` bytes.
    let n = unsafe { c::recv(s, buffer.as_mut_ptr(), len, flags) };
    Ok(checked(
        SOCKET_ERROR,
        format_args!("recv({s}, .., {len}, {flags})"),
        n,
    )? as usize)
}

/// Sends from `buffer`. Returns the number of bytes.
#[inline]
pub fn send(socket: BorrowedSocket<'_>, buffer: &[u8]) -> Result<usize> {
    let (s, len) = (raw(socket), int(buffer.len()));
    // SAFETY: `buffer` is readable for `len` bytes.
    let n = unsafe { c::send(s, buffer.as_ptr(), len, 0) };
    Ok(checked(SOCKET_ERROR, format_args!("send({s}, .., {len}, 0)"), n)? as usize)
}

/// Receives a datagram and its sender. Fails with `WSAEMSGSIZE` if there is more
/// of it than `buffer` takes, which then is full.
#[inline]
pub fn recvfrom(
    socket: BorrowedSocket<'_>,
    buffer: &mut [u8],
    flags: c_int,
) -> Result<(usize, SocketAddr)> {
    let (s, len, into) = (raw(socket), int(buffer.len()), buffer.as_mut_ptr());
    let (mut addr, addrlen) = Address::room();
    let mut addrlen = addrlen as c_int;
    // SAFETY: `into` is writable for `len` bytes, `addr` for `addrlen`.
    let n = unsafe { c::recvfrom(s, into, len, flags, &mut addr, &mut addrlen) };
    let n = checked(
        SOCKET_ERROR,
        format_args!("recvfrom({s}, .., {len}, {flags}, .., ..)"),
        n,
    )? as usize;
    Ok((n, addr.read()?))
}

/// Sends a datagram.
#[inline]
pub fn sendto(socket: BorrowedSocket<'_>, buffer: &[u8], to: SocketAddr) -> Result<usize> {
    let (s, len, from) = (raw(socket), int(buffer.len()), buffer.as_ptr());
    let (addr, addrlen) = Address::of(to);
    // SAFETY: `from` is readable for `len` bytes, `addr` for `addrlen`.
    let n = unsafe { c::sendto(s, from, len, 0, &addr, addrlen as c_int) };
    Ok(checked(
        SOCKET_ERROR,
        format_args!("sendto({s}, .., {len}, 0, {to})"),
        n,
    )? as usize)
}

/// Receives into several buffers in turn.
pub fn recv_vectored(socket: BorrowedSocket<'_>, buffers: &mut [IoSliceMut<'_>]) -> Result<usize> {
    let (s, at, count) = (raw(socket), buffers.as_mut_ptr(), count(buffers.len()));
    let (mut n, mut flags, not) = (0, 0, ptr::null_mut());
    // SAFETY: `at` are `count` WSABUFs, each writable, and nothing is overlapped.
    let returned = unsafe { c::WSARecv(s, at.cast(), count, &mut n, &mut flags, not, None) };
    done(
        format_args!("WSARecv({s}, .., {count}, [{n}], ..)"),
        returned,
    )?;
    Ok(n as usize)
}

/// Sends from several buffers in turn.
pub fn send_vectored(socket: BorrowedSocket<'_>, buffers: &[IoSlice<'_>]) -> Result<usize> {
    let (s, at, count) = (raw(socket), buffers.as_ptr(), count(buffers.len()));
    let (mut n, not, at) = (0, ptr::null_mut(), at.cast_mut().cast());
    // SAFETY: `at` are `count` WSABUFs, each readable, which the call does not
    // change though its type says it may; and nothing is overlapped.
    let returned = unsafe { c::WSASend(s, at, count, &mut n, 0, not, None) };
    done(
        format_args!("WSASend({s}, .., {count}, [{n}], 0)"),
        returned,
    )?;
    Ok(n as usize)
}

/// Ends receiving, sending or both.
pub fn shutdown(socket: BorrowedSocket<'_>, how: c_int) -> Result<()> {
    let s = raw(socket);
    // SAFETY: no pointer is passed.
    let returned = unsafe { c::shutdown(s, how) };
    done(format_args!("shutdown({s}, {how})"), returned)
}

#[cfg(test)]
mod tests {
    use std::os::windows::io::AsSocket;

    use super::*;
    use crate::iocp::ffi::Started;
    use crate::iocp::ffi::{associate, create_port, dequeue};

    const ZEROED: OVERLAPPED = OVERLAPPED {
        Internal: 0,
        InternalHigh: 0,
        Offset: 0,
        OffsetHigh: 0,
        hEvent: ptr::null_mut(),
    };

    #[test]
    fn a_call_that_fails_has_winsocks_error() {
        let socket = socket(AF_INET, SOCK_STREAM).unwrap();
        let error = getpeername(socket.as_socket()).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(WSAENOTCONN));
        assert_eq!(error.kind(), io::ErrorKind::NotConnected);
    }

    #[test]
    fn a_connection_is_accepted_made_and_used_by_overlapped_operations() {
        let any = "127.0.0.1:0".parse().unwrap();
        let [listener, server, client] = [0; 3].map(|_| socket(AF_INET, SOCK_STREAM).unwrap());
        let [listener, server, client] = [&listener, &server, &client].map(|s| s.as_socket());
        bind(listener, any).unwrap();
        listen(listener, 8).unwrap();
        bind(client, any).unwrap();
        let port = create_port().unwrap();
        let packet = || {
            let mut room = [std::mem::MaybeUninit::uninit(); 1];
            let port = std::os::windows::io::AsHandle::as_handle(&port);
            let entries = dequeue(port, &mut room, 10_000).unwrap();
            (
                entries[0].lpOverlapped,
                entries[0].dwNumberOfBytesTransferred,
            )
        };
        for socket in [listener, client, server] {
            let handle = crate::completion::binding::as_handle(socket);
            associate(std::os::windows::io::AsHandle::as_handle(&port), handle).unwrap();
        }

        let (mut accepting, mut connecting, mut reading) = (ZEROED, ZEROED, ZEROED);
        let [accept_at, connect_at, read_at] =
            [&raw mut accepting, &raw mut connecting, &raw mut reading];
        let mut addresses = Addresses::room();
        let (name, len) = Address::of(getsockname(listener).unwrap());
        let mut buffer = [0; 16];
        // SAFETY: all that is lent lives until its packet has been dequeued.
        unsafe {
            let f = acceptex(listener).unwrap();
            let at = &raw mut addresses;
            let started = accept_overlapped(f, listener, server, at, accept_at).unwrap();
            assert_eq!(started, Started::Pending);
            let f = connectex(client).unwrap();
            connect_overlapped(f, client, (&name, len as c_int), connect_at).unwrap();
            let mut both = [packet().0, packet().0];
            both.sort();
            let mut expected = [accept_at, connect_at];
            expected.sort();
            assert_eq!(both, expected);
            overlapped_result(listener, accept_at).unwrap();
            overlapped_result(client, connect_at).unwrap();
            let own = raw(listener);
            set_option(server, SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT, own).unwrap();
            // No value at all: its length is 0.
            set_option(client, SOL_SOCKET, SO_UPDATE_CONNECT_CONTEXT, ()).unwrap();
            assert_eq!(getpeername(server).unwrap(), getsockname(client).unwrap());

            let at = buffer.as_mut_ptr();
            let started = recv_overlapped(server, at, 16, read_at).unwrap();
            assert_eq!(started, Started::Pending);
            let sent = send_vectored(client, &[IoSlice::new(b"hel"), IoSlice::new(b"lo")]);
            assert_eq!(sent.unwrap(), 5);
            assert_eq!(packet(), (read_at, 5));
            assert_eq!(overlapped_result(server, read_at).unwrap(), (5, 0));
        }
        assert_eq!(&buffer[..5], b"hello");
        set_nonblocking(server, true).unwrap();
        let error = recv(server, &mut buffer, 0).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        shutdown(client, SD_SEND).unwrap();
        set_nonblocking(server, false).unwrap();
        let mut halves = [0; 4];
        let (one, two) = halves.split_at_mut(2);
        let mut halves = [IoSliceMut::new(one), IoSliceMut::new(two)];
        assert_eq!(recv_vectored(server, &mut halves).unwrap(), 0);
    }

    #[test]
    fn datagrams_go_by_both_kinds_of_calls() {
        let any = "127.0.0.1:0".parse().unwrap();
        let [one, two] = [0; 2].map(|_| socket(AF_INET, SOCK_DGRAM).unwrap());
        let [one, two] = [&one, &two].map(|socket| socket.as_socket());
        bind(one, any).unwrap();
        bind(two, any).unwrap();
        set_connreset(one, false).unwrap();
        let (to, mut buffer) = (getsockname(two).unwrap(), [0; 4]);
        assert_eq!(sendto(one, b"ping", to).unwrap(), 4);
        let from = getsockname(one).unwrap();
        assert_eq!(recvfrom(two, &mut buffer, MSG_PEEK).unwrap(), (4, from));
        assert_eq!(recvfrom(two, &mut buffer, 0).unwrap(), (4, from));
        assert_eq!(&buffer, b"ping");
        sendto(one, b"longer", to).unwrap();
        let error = recvfrom(two, &mut buffer, 0).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(WSAEMSGSIZE));

        let mut overlapped = ZEROED;
        let overlapped = &raw mut overlapped;
        let (mut sender, len) = Address::room();
        let mut len = len as c_int;
        // SAFETY: all that is lent lives until the operation is over.
        unsafe {
            let into = (&raw mut sender, &raw mut len);
            let at = buffer.as_mut_ptr();
            let started = recvfrom_overlapped(two, at, 4, into, overlapped).unwrap();
            assert_eq!(started, Started::Pending);
            let (name, namelen) = Address::of(to);
            let (mut sending, pong) = (ZEROED, b"pong".as_ptr());
            let name = (&raw const name, namelen as c_int);
            sendto_overlapped(one, pong, 4, name, &mut sending).unwrap();
            while overlapped_result(one, &mut sending).is_err() {}
            loop {
                match overlapped_result(two, overlapped) {
                    Ok(done) => break assert_eq!(done, (4, 0)),
                    Err(error) => assert_eq!(error.raw_os_error(), Some(996)),
                }
            }
        }
        assert_eq!((&buffer, sender.read().unwrap()), (b"pong", from));
    }

    #[test]
    fn options_of_datagrams_are_what_was_set() {
        let socket = socket(AF_INET, SOCK_DGRAM).unwrap();
        let socket = socket.as_socket();
        for (level, name, value) in [
            (SOL_SOCKET, SO_BROADCAST, 1),
            (IPPROTO_IP, IP_TTL, 7),
            (IPPROTO_IP, IP_MULTICAST_TTL, 3),
            (IPPROTO_IP, IP_MULTICAST_LOOP, 0),
        ] {
            set_option(socket, level, name, value).unwrap();
            assert_eq!(option(socket, level, name).unwrap(), value);
        }
        assert_eq!(option(socket, SOL_SOCKET, SO_ERROR).unwrap(), 0);
    }
}

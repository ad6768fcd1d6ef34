//! The foreign functions of sockets that only Windows has, declared by hand.
//!
//! Chapter 7. `ffi/windows/overlapped.rs` has the wrappers that lend memory to the kernel.

// The names are C's, and Microsoft's documentation explains them.
#![allow(non_snake_case)]

use std::ffi::{c_int, c_long, c_void};
use std::io::{self, IoSlice, IoSliceMut, Result};
use std::net::SocketAddr;
use std::os::windows::io::{AsRawSocket, BorrowedSocket, FromRawSocket, OwnedSocket};
use std::ptr;
use std::sync::OnceLock;

use super::*;
use crate::iocp::ffi::{BOOL, HANDLE, OVERLAPPED};
use crate::trace::traced;

mod overlapped;

pub use crate::iocp::ffi::errors::*;
pub use overlapped::*;

// ANCHOR: types
/// A socket that is borrowed for a call.
pub type Socket<'a> = BorrowedSocket<'a>;
/// C's type of a socket.
pub type Raw = SOCKET;
pub type SOCKET = usize;
/// The length of an address or an option.
pub type socklen_t = c_int;
/// The length of a buffer.
pub type Size = c_int;
/// How many bytes a call has moved, or -1, which is `SOCKET_ERROR`.
pub type Count = c_int;
// ANCHOR_END: types

/// The flags for `send`, and their name in the trace.
pub const SEND_FLAGS: (c_int, &str) = (0, "0");

/// One of several buffers. An `IoSlice` is guaranteed to have this layout
/// (<https://learn.microsoft.com/en-us/windows/win32/api/ws2def/ns-ws2def-wsabuf>).
#[repr(C)]
pub struct WSABUF {
    pub len: u32,
    pub buf: *mut u8,
}

/// What `WSAStartup` returns. Our wrapper ignores it
/// (<https://learn.microsoft.com/en-us/windows/win32/api/winsock/ns-winsock-wsadata>).
#[repr(C)]
pub struct WSADATA {
    pub wVersion: u16,
    pub wHighVersion: u16,
    #[cfg(target_pointer_width = "64")]
    pub iMaxSockets: u16,
    #[cfg(target_pointer_width = "64")]
    pub iMaxUdpDg: u16,
    #[cfg(target_pointer_width = "64")]
    pub lpVendorInfo: *mut u8,
    pub szDescription: [u8; 257],
    pub szSystemStatus: [u8; 129],
    #[cfg(target_pointer_width = "32")]
    pub iMaxSockets: u16,
    #[cfg(target_pointer_width = "32")]
    pub iMaxUdpDg: u16,
    #[cfg(target_pointer_width = "32")]
    pub lpVendorInfo: *mut u8,
}

/// A description of a socket's provider. We read only the first field
/// (<https://learn.microsoft.com/en-us/windows/win32/api/winsock2/ns-winsock2-wsaprotocol_infow>).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct WSAPROTOCOL_INFOW {
    pub dwServiceFlags1: u32,
    others: [u32; 156],
}

// SAFETY: all fields are numbers.
unsafe impl Plain for WSAPROTOCOL_INFOW {}

/// The libraries' functions.
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
            lpProtocolInfo: *mut WSAPROTOCOL_INFOW,
            g: u32,
            dwFlags: u32,
        ) -> SOCKET;
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-accept>
        pub fn accept(s: SOCKET, addr: *mut Address, addrlen: *mut socklen_t) -> SOCKET;
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
    }

    #[link(name = "kernel32")]
    unsafe extern "system" {
        /// <https://learn.microsoft.com/en-us/windows/win32/api/handleapi/nf-handleapi-sethandleinformation>
        pub fn SetHandleInformation(hObject: HANDLE, dwMask: u32, dwFlags: u32) -> BOOL;
    }
}

// ANCHOR: checked
/// The macro of `trace.rs`, with Winsock's own last error.
macro_rules! checked {
    ($call:literal = $returned:ident != $failure:expr) => {{
        let reason = crate::net::ffi::winsock_error;
        crate::trace::check(format_args!($call), $returned, $failure, reason)
    }};
}

pub(super) use checked;

/// The error of this thread's last Winsock call.
pub(super) fn winsock_error() -> io::Error {
    // SAFETY: it takes no argument and changes nothing.
    io::Error::from_raw_os_error(unsafe { c::WSAGetLastError() })
}
// ANCHOR_END: checked

// ANCHOR: start
/// Asks Winsock for version 2.2, once for the process.
///
/// The standard library also does this before it makes a socket, but does not promise
/// it. Winsock counts the calls, and this function never takes its own back. An older
/// standard library does so when `main` ends
/// (<https://github.com/rust-lang/rust/pull/141809>), and other threads may still have
/// sockets then. Only `socket` calls this: any other socket shows that Winsock is on.
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
    // SAFETY: Winsock has returned this as a new socket, and nobody else has it.
    unsafe { OwnedSocket::from_raw_socket(socket as _) }
}

pub(super) fn raw(socket: Socket) -> SOCKET {
    socket.as_raw_socket() as SOCKET
}

/// The length, or the largest int if that is smaller.
pub(super) fn size(len: usize) -> Size {
    Size::try_from(len).unwrap_or(Size::MAX)
}

/// Makes a socket for overlapped operations, which no child inherits. Its other calls
/// block until [`set_nonblocking`] changes that.
pub fn socket(domain: c_int, kind: c_int) -> Result<OwnedSocket> {
    start_winsock()?;
    let flags = WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT;
    // SAFETY: with a null pointer, the first three arguments choose the provider.
    let s = unsafe { c::WSASocketW(domain, kind, 0, ptr::null_mut(), 0, flags) };
    checked!("WSASocketW({domain}, {kind}, 0, OVERLAPPED|NO_HANDLE_INHERIT)" = s != INVALID_SOCKET)
        .map(owned)
}

/// Takes the next connection and its peer's address. The socket is non-blocking if the
/// listener is.
///
/// `accept` takes no flags, and Microsoft does not document whether children inherit the
/// socket. So a second call forbids it. A child that another thread starts between the
/// two calls may inherit the socket.
pub fn accept(listener: Socket) -> Result<(OwnedSocket, SocketAddr)> {
    let (s, (mut addr, mut len)) = (raw(listener), Address::room());
    // SAFETY: `addr` is writable for `len` bytes.
    let new = unsafe { c::accept(s, &mut addr, &mut len) };
    let socket = checked!("accept({s}, .., ..)" = new != INVALID_SOCKET).map(owned)?;
    let handle = ptr::without_provenance_mut(new);
    // SAFETY: the socket is an open handle, and no memory is passed.
    let done = unsafe { c::SetHandleInformation(handle, HANDLE_FLAG_INHERIT, 0) };
    crate::trace::checked!("SetHandleInformation({new}, INHERIT, 0)" = done != 0)?;
    Ok((socket, addr.read()?))
}

/// Sets whether calls fail with `WSAEWOULDBLOCK` if they would have to wait. Overlapped
/// calls never wait.
pub fn set_nonblocking(socket: Socket, nonblocking: bool) -> Result<()> {
    let (s, mut value) = (raw(socket), u32::from(nonblocking));
    // SAFETY: the command takes a pointer to one number.
    let returned = unsafe { c::ioctlsocket(s, FIONBIO as c_long, &mut value) };
    checked!("ioctlsocket({s}, FIONBIO, {value})" = returned != -1).map(drop)
}

/// Sets whether a UDP socket's receive fails with `WSAECONNRESET` if an earlier datagram
/// found nobody.
pub fn set_connreset(socket: Socket, fails: bool) -> Result<()> {
    let (s, mut value, mut n) = (raw(socket), BOOL::from(fails), 0);
    let (at, size, none) = ((&raw mut value).cast(), 4, ptr::null_mut());
    let (code, not) = (SIO_UDP_CONNRESET, ptr::null_mut());
    // SAFETY: `value` is readable for `size` bytes, and nothing is overlapped.
    let returned = unsafe { c::WSAIoctl(s, code, at, size, none, 0, &mut n, not, None) };
    checked!("WSAIoctl({s}, SIO_UDP_CONNRESET, {value})" = returned != -1).map(drop)
}

/// Whether the socket is a kernel handle. A layered provider may give out other handles,
/// and may lose completions if such a socket skips packets.
pub fn has_kernel_handles(socket: Socket) -> Result<bool> {
    let provider: WSAPROTOCOL_INFOW = option(socket, SOL_SOCKET, SO_PROTOCOL_INFOW)?;
    Ok(provider.dwServiceFlags1 & XP1_IFS_HANDLES != 0)
}

/// Receives into several buffers in turn.
pub fn recv_vectored(socket: Socket, buffers: &mut [IoSliceMut<'_>]) -> Result<usize> {
    let (s, count) = (raw(socket), buffers.len().min(IOV_MAX) as u32);
    let (at, mut n, mut flags, not) = (buffers.as_mut_ptr().cast(), 0, 0, ptr::null_mut());
    // SAFETY: `at` are `count` WSABUFs, each writable, and nothing is overlapped.
    let returned = unsafe { c::WSARecv(s, at, count, &mut n, &mut flags, not, None) };
    checked!("WSARecv({s}, .., {count}, [{n}], ..)" = returned != -1)?;
    Ok(n as usize)
}

/// Sends from several buffers in turn.
pub fn send_vectored(socket: Socket, buffers: &[IoSlice<'_>]) -> Result<usize> {
    let (s, count) = (raw(socket), buffers.len().min(IOV_MAX) as u32);
    let (at, mut n, not) = (buffers.as_ptr().cast_mut().cast(), 0, ptr::null_mut());
    // SAFETY: `at` are `count` readable WSABUFs. The call does not change them, although
    // its type says that it may. Nothing is overlapped.
    let returned = unsafe { c::WSASend(s, at, count, &mut n, 0, not, None) };
    checked!("WSASend({s}, .., {count}, [{n}], 0)" = returned != -1)?;
    Ok(n as usize)
}

#[cfg(test)]
mod tests {
    use std::os::windows::io::AsSocket;

    use super::*;
    use crate::iocp::ffi::Started;
    use crate::iocp::ffi::{associate, create_port, dequeue};

    const ERROR_IO_INCOMPLETE: i32 = 996;

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

        let (mut accepting, mut connecting, mut reading) =
            (OVERLAPPED::ZEROED, OVERLAPPED::ZEROED, OVERLAPPED::ZEROED);
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
            connect_overlapped(f, client, (&name, len), connect_at).unwrap();
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
        shutdown(client, Shutdown::Write).unwrap();
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

        let mut overlapped = OVERLAPPED::ZEROED;
        let overlapped = &raw mut overlapped;
        let (mut sender, len) = Address::room();
        let mut len = len;
        // SAFETY: all that is lent lives until the operation is over.
        unsafe {
            let into = (&raw mut sender, &raw mut len);
            let at = buffer.as_mut_ptr();
            let started = recvfrom_overlapped(two, at, 4, into, overlapped).unwrap();
            assert_eq!(started, Started::Pending);
            let (name, namelen) = Address::of(to);
            let (mut sending, pong) = (OVERLAPPED::ZEROED, b"pong".as_ptr());
            let name = (&raw const name, namelen);
            sendto_overlapped(one, pong, 4, name, &mut sending).unwrap();
            while overlapped_result(one, &mut sending).is_err() {}
            loop {
                match overlapped_result(two, overlapped) {
                    Ok(done) => break assert_eq!(done, (4, 0)),
                    Err(error) => assert_eq!(error.raw_os_error(), Some(ERROR_IO_INCOMPLETE)),
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
            assert_eq!(option::<c_int>(socket, level, name).unwrap(), value);
        }
        assert_eq!(option::<c_int>(socket, SOL_SOCKET, SO_ERROR).unwrap(), 0);
    }

    #[test]
    fn windows_own_sockets_are_handles_of_the_kernel() {
        for (domain, kind) in [(AF_INET, SOCK_STREAM), (AF_INET6, SOCK_DGRAM)] {
            let socket = socket(domain, kind).unwrap();
            assert!(has_kernel_handles(socket.as_socket()).unwrap());
        }
    }
}

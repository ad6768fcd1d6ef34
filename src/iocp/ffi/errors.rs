//! Windows' error numbers, by Windows' names.
//!
//! Chapter 7. Every system compiles this file, because a source over completions
//! decides by these numbers, and those decisions are tested on every system.
//! `tests/abi.rs` and `.ci/abi` check the numbers against Windows' headers
//! (<https://learn.microsoft.com/en-us/windows/win32/debug/system-error-codes>,
//! <https://learn.microsoft.com/en-us/windows/win32/winsock/windows-sockets-error-codes-2>).

/// For example: the handle is tied to a port already.
pub const ERROR_INVALID_PARAMETER: i32 = 87;
/// Reading a pipe: the other end is closed, and we have read all that it wrote.
pub const ERROR_BROKEN_PIPE: i32 = 109;
/// Connecting a pipe: a client came and went. Writing: the other end is closed.
pub const ERROR_NO_DATA: i32 = 232;
/// A server's end has no client, because it was disconnected.
pub const ERROR_PIPE_NOT_CONNECTED: i32 = 233;
/// The message was longer than the buffer.
pub const ERROR_MORE_DATA: i32 = 234;
/// No packet came before the timeout.
pub const WAIT_TIMEOUT: i32 = 258;
/// Connecting a pipe: a client was there first.
pub const ERROR_PIPE_CONNECTED: i32 = 535;
/// A server's end has no client yet.
pub const ERROR_PIPE_LISTENING: i32 = 536;
/// The operation was cancelled.
pub const ERROR_OPERATION_ABORTED: i32 = 995;
/// The operation goes on, and a packet will come.
pub const ERROR_IO_PENDING: i32 = 997;
/// In the packet of a datagram: what Winsock calls `WSAECONNRESET`.
pub const ERROR_PORT_UNREACHABLE: i32 = 1234;

/// The kernel has too little memory for the operation: try again later.
pub const ERROR_NO_SYSTEM_RESOURCES: i32 = 1450;
/// The process may not lock that much memory: try again later.
pub const ERROR_WORKING_SET_QUOTA: i32 = 1453;
/// The process has used up its quota: try again later.
pub const ERROR_NOT_ENOUGH_QUOTA: i32 = 1816;
/// Winsock's number for those three.
pub const WSAENOBUFS: i32 = 10055;

/// A non-blocking socket would have to wait.
pub const WSAEWOULDBLOCK: i32 = 10035;
/// The datagram was longer than the buffer.
pub const WSAEMSGSIZE: i32 = 10040;
/// A datagram that we sent expired before it arrived.
pub const WSAENETRESET: i32 = 10052;
/// Our own machine has ended the connection.
pub const WSAECONNABORTED: i32 = 10053;
/// The peer has reset the connection. On a UDP socket: a datagram that we sent found
/// no receiver (see `SIO_UDP_CONNRESET`).
pub const WSAECONNRESET: i32 = 10054;
/// The socket is not connected.
pub const WSAENOTCONN: i32 = 10057;
/// The socket was shut down in that direction.
pub const WSAESHUTDOWN: i32 = 10058;
/// Nobody listens at that address. Wine returns it on a UDP socket where Windows
/// returns `WSAECONNRESET`.
pub const WSAECONNREFUSED: i32 = 10061;

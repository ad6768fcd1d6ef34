//! Windows' error numbers, by Windows' names.
//!
//! Chapter 7. Every system compiles this file: what a pipe or a socket over
//! completions does next depends on them, and those decisions are compiled
//! everywhere. `tests/abi.rs` and `.ci/abi` hold them to Windows' headers
//! (<https://learn.microsoft.com/en-us/windows/win32/debug/system-error-codes>,
//! <https://learn.microsoft.com/en-us/windows/win32/winsock/windows-sockets-error-codes-2>).

/// A handle that is associated with a port already, among other things.
pub const ERROR_INVALID_PARAMETER: i32 = 87;
/// Reading a pipe: the other end is closed, and everything it wrote has been read.
pub const ERROR_BROKEN_PIPE: i32 = 109;
/// Connecting a pipe: a client came, and has gone. Writing: the other end has gone.
pub const ERROR_NO_DATA: i32 = 232;
/// A server's end has no client, because it was disconnected.
pub const ERROR_PIPE_NOT_CONNECTED: i32 = 233;
/// There is more of the message than the buffer took.
pub const ERROR_MORE_DATA: i32 = 234;
/// No packet came in time.
pub const WAIT_TIMEOUT: i32 = 258;
/// Connecting a pipe: a client was there first.
pub const ERROR_PIPE_CONNECTED: i32 = 535;
/// A server's end has no client yet.
pub const ERROR_PIPE_LISTENING: i32 = 536;
/// The operation was cancelled.
pub const ERROR_OPERATION_ABORTED: i32 = 995;
/// The operation goes on, and a packet will come.
pub const ERROR_IO_PENDING: i32 = 997;
/// A packet's word for what `WSAECONNRESET` says of a datagram.
pub const ERROR_PORT_UNREACHABLE: i32 = 1234;

/// Too little memory of the kernel's for the operation: try again later.
pub const ERROR_NO_SYSTEM_RESOURCES: i32 = 1450;
/// Too little room to lock the operation's memory: try again later.
pub const ERROR_WORKING_SET_QUOTA: i32 = 1453;
/// The process has used up its quota: try again later.
pub const ERROR_NOT_ENOUGH_QUOTA: i32 = 1816;
/// Winsock's word for those three.
pub const WSAENOBUFS: i32 = 10055;

/// A non-blocking socket would have to wait.
pub const WSAEWOULDBLOCK: i32 = 10035;
/// The datagram was longer than the buffer.
pub const WSAEMSGSIZE: i32 = 10040;
/// A datagram that we sent has expired on its way.
pub const WSAENETRESET: i32 = 10052;
/// This machine has ended the connection.
pub const WSAECONNABORTED: i32 = 10053;
/// The peer has reset the connection. Of datagrams: one that we sent found
/// nobody (see `SIO_UDP_CONNRESET`).
pub const WSAECONNRESET: i32 = 10054;
/// The socket is not connected.
pub const WSAENOTCONN: i32 = 10057;
/// That direction has been shut down.
pub const WSAESHUTDOWN: i32 = 10058;
/// Nobody listens there. Wine says this for `WSAECONNRESET` of datagrams.
pub const WSAECONNREFUSED: i32 = 10061;

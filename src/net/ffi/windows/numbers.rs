//! The constants of sockets on Windows.

use std::ffi::c_int;

pub const AF_INET: c_int = 2;
pub const AF_INET6: c_int = 23;
pub const SOCK_STREAM: c_int = 1;
pub const SOCK_DGRAM: c_int = 2;
/// What `WSASocketW` and `accept` return if they fail.
pub const INVALID_SOCKET: super::SOCKET = super::SOCKET::MAX;
/// What the other functions return if they fail.
pub const SOCKET_ERROR: c_int = -1;

/// `WSASocketW`: for overlapped operations.
pub const WSA_FLAG_OVERLAPPED: u32 = 0x1;
/// `WSASocketW`: not for child processes.
pub const WSA_FLAG_NO_HANDLE_INHERIT: u32 = 0x80;
/// `SetHandleInformation`: for child processes.
pub const HANDLE_FLAG_INHERIT: u32 = 1;

/// `ioctlsocket`: non-blocking or not.
pub const FIONBIO: u32 = 0x8004_667e;
/// `WSAIoctl`: the address of a function that no library exports.
pub const SIO_GET_EXTENSION_FUNCTION_POINTER: u32 = 0xc800_0006;
/// `WSAIoctl`: whether an answer that there is no such port, to a datagram
/// that was sent, fails the next receive.
pub const SIO_UDP_CONNRESET: u32 = 0x9800_000c;

pub const MSG_PEEK: c_int = 2;
/// `shutdown`: no more receiving.
pub const SD_RECEIVE: c_int = 0;
/// `shutdown`: no more sending.
pub const SD_SEND: c_int = 1;
/// `shutdown`: neither.
pub const SD_BOTH: c_int = 2;

pub const SOL_SOCKET: c_int = 0xffff;
/// Not what it is on Unix: here it lets one socket take over another's address
/// while that one is in use.
pub const SO_REUSEADDR: c_int = 4;
/// Against that: nobody can take this address over.
pub const SO_EXCLUSIVEADDRUSE: c_int = !SO_REUSEADDR;
pub const SO_BROADCAST: c_int = 0x20;
pub const SO_ERROR: c_int = 0x1007;
/// Makes what `AcceptEx` has filled a socket for all other functions.
pub const SO_UPDATE_ACCEPT_CONTEXT: c_int = 0x700b;
/// The same for `ConnectEx`.
pub const SO_UPDATE_CONNECT_CONTEXT: c_int = 0x7010;

pub const IPPROTO_IP: c_int = 0;
pub const IPPROTO_TCP: c_int = 6;
pub const IPPROTO_IPV6: c_int = 41;
pub const TCP_NODELAY: c_int = 1;
pub const IP_TTL: c_int = 4;
pub const IP_MULTICAST_IF: c_int = 9;
pub const IP_MULTICAST_TTL: c_int = 10;
pub const IP_MULTICAST_LOOP: c_int = 11;
pub const IP_ADD_MEMBERSHIP: c_int = 12;
pub const IP_DROP_MEMBERSHIP: c_int = 13;
pub const IPV6_UNICAST_HOPS: c_int = 4;
pub const IPV6_MULTICAST_IF: c_int = 9;
pub const IPV6_MULTICAST_HOPS: c_int = 10;
pub const IPV6_MULTICAST_LOOP: c_int = 11;
pub const IPV6_JOIN_GROUP: c_int = 12;
pub const IPV6_LEAVE_GROUP: c_int = 13;
pub const IPV6_V6ONLY: c_int = 27;

/// Nothing to be had now from a non-blocking socket.
pub const WSAEWOULDBLOCK: c_int = 10035;
/// The datagram was longer than the buffer.
pub const WSAEMSGSIZE: c_int = 10040;
/// The peer reset the connection; of a UDP socket, see `SIO_UDP_CONNRESET`.
pub const WSAECONNRESET: c_int = 10054;
pub const WSAENOTCONN: c_int = 10057;
/// That direction has been shut down.
pub const WSAESHUTDOWN: c_int = 10058;
pub const WSAECONNREFUSED: c_int = 10061;

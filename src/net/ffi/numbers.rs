//! The constants of sockets, on each system.
//!
//! Chapter 7. `tests/abi.rs` and `.ci/abi` check each against the real headers.

use std::ffi::c_int;

pub const AF_INET: c_int = 2;
pub const IPPROTO_IP: c_int = 0;
pub const IPPROTO_TCP: c_int = 6;
pub const IPPROTO_IPV6: c_int = 41;
pub const TCP_NODELAY: c_int = 1;
pub const MSG_PEEK: c_int = 2;
/// `shutdown`: receive no more. Windows says `SD_RECEIVE`.
pub const SHUT_RD: c_int = 0;
/// `shutdown`: send no more. Windows says `SD_SEND`.
pub const SHUT_WR: c_int = 1;
/// `shutdown`: neither. Windows says `SD_BOTH`.
pub const SHUT_RDWR: c_int = 2;
/// The most buffers that one call takes. Windows documents no limit. Wine has this one.
pub const IOV_MAX: usize = 1024;

pub use here::*;

/// Linux and Android.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod here {
    use super::c_int;

    /// A count or a length in `msghdr`. On 64 bits, musl declares an int and a padding
    /// that is 0. The bytes are the same.
    pub type MessageCount = usize;
    pub type MessageLength = usize;
    pub type sa_family_t = u16;
    pub const AF_INET6: c_int = 10;
    pub const F_DUPFD_CLOEXEC: c_int = 1030;
    pub const SOL_SOCKET: c_int = if MIPS_OR_SPARC { 0xffff } else { 1 };
    pub const SO_REUSEADDR: c_int = if MIPS_OR_SPARC { 4 } else { 2 };
    pub const SO_ERROR: c_int = if MIPS_OR_SPARC { 0x1007 } else { 4 };
    pub const SO_BROADCAST: c_int = if MIPS_OR_SPARC { 0x20 } else { 6 };
    pub const IP_TTL: c_int = 2;
    pub const IP_MULTICAST_TTL: c_int = 33;
    pub const IP_MULTICAST_LOOP: c_int = 34;
    pub const IP_ADD_MEMBERSHIP: c_int = 35;
    pub const IP_DROP_MEMBERSHIP: c_int = 36;
    pub const IPV6_UNICAST_HOPS: c_int = 16;
    pub const IPV6_MULTICAST_LOOP: c_int = 19;
    pub const IPV6_JOIN_GROUP: c_int = 20;
    pub const IPV6_LEAVE_GROUP: c_int = 21;
    pub const IPV6_V6ONLY: c_int = 26;
    pub const MSG_NOSIGNAL: c_int = 0x4000;
    pub const SOCK_STREAM: c_int = if MIPS { 2 } else { 1 };
    pub const SOCK_DGRAM: c_int = if MIPS { 1 } else { 2 };
    pub const SOCK_CLOEXEC: c_int = if SPARC { 0x40_0000 } else { 0x8_0000 };
    pub const SOCK_NONBLOCK: c_int = if MIPS {
        0x80
    } else if SPARC {
        0x4000
    } else {
        0x800
    };
    pub const EINPROGRESS: c_int = if MIPS {
        150
    } else if SPARC {
        36
    } else {
        115
    };

    const MIPS: bool = cfg!(any(target_arch = "mips", target_arch = "mips64"));
    const SPARC: bool = cfg!(any(target_arch = "sparc", target_arch = "sparc64"));
    const MIPS_OR_SPARC: bool = MIPS || SPARC;
}

/// macOS, iOS, the BSDs and Windows. Their sockets have one ancestor.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod here {
    use super::c_int;

    pub const SOL_SOCKET: c_int = 0xffff;
    pub const SO_ERROR: c_int = 0x1007;
    pub const SO_BROADCAST: c_int = 0x20;
    pub const IP_TTL: c_int = 4;
    pub const IP_MULTICAST_TTL: c_int = 10;
    pub const IP_MULTICAST_LOOP: c_int = 11;
    pub const IP_ADD_MEMBERSHIP: c_int = 12;
    pub const IP_DROP_MEMBERSHIP: c_int = 13;
    pub const IPV6_UNICAST_HOPS: c_int = 4;
    pub const IPV6_MULTICAST_LOOP: c_int = 11;
    pub const IPV6_JOIN_GROUP: c_int = 12;
    pub const IPV6_LEAVE_GROUP: c_int = 13;
    pub const IPV6_V6ONLY: c_int = 27;
    pub const SOCK_STREAM: c_int = 1;
    pub const SOCK_DGRAM: c_int = 2;
    #[cfg(unix)]
    pub use super::bsd::*;
    pub use super::system::*;
}

/// macOS, iOS and the BSDs.
#[cfg(not(any(windows, target_os = "linux", target_os = "android")))]
mod bsd {
    pub type MessageCount = i32;
    pub type MessageLength = u32;
    pub type sa_family_t = u8;
    pub const SO_REUSEADDR: i32 = 4;
    pub const EINPROGRESS: i32 = 36;
}

/// Apple's systems have no flags for a new socket, so these are set by further calls.
/// `SO_NOSIGPIPE` replaces `MSG_NOSIGNAL`.
#[cfg(any(target_os = "macos", target_os = "ios"))]
mod system {
    pub const AF_INET6: i32 = 30;
    pub const MSG_NOSIGNAL: i32 = 0;
    pub const SO_NOSIGPIPE: i32 = 0x1022;
    pub const F_SETFD: i32 = 2;
    pub const FD_CLOEXEC: i32 = 1;
    pub const F_SETFL: i32 = 4;
    pub const O_NONBLOCK: i32 = 4;
    pub const F_DUPFD_CLOEXEC: i32 = 67;
}

#[cfg(target_os = "freebsd")]
mod system {
    pub const AF_INET6: i32 = 28;
    pub const MSG_NOSIGNAL: i32 = 0x2_0000;
    pub const SOCK_CLOEXEC: i32 = 0x1000_0000;
    pub const SOCK_NONBLOCK: i32 = 0x2000_0000;
    pub const F_DUPFD_CLOEXEC: i32 = 17;
}

#[cfg(target_os = "dragonfly")]
mod system {
    pub const AF_INET6: i32 = 28;
    pub const MSG_NOSIGNAL: i32 = 0x400;
    pub const SOCK_CLOEXEC: i32 = 0x1000_0000;
    pub const SOCK_NONBLOCK: i32 = 0x2000_0000;
    pub const F_DUPFD_CLOEXEC: i32 = 17;
}

#[cfg(target_os = "netbsd")]
mod system {
    pub const AF_INET6: i32 = 24;
    pub const MSG_NOSIGNAL: i32 = 0x400;
    pub const SOCK_CLOEXEC: i32 = 0x1000_0000;
    pub const SOCK_NONBLOCK: i32 = 0x2000_0000;
    pub const F_DUPFD_CLOEXEC: i32 = 12;
}

#[cfg(target_os = "openbsd")]
mod system {
    pub const AF_INET6: i32 = 24;
    pub const MSG_NOSIGNAL: i32 = 0x400;
    pub const SOCK_CLOEXEC: i32 = 0x8000;
    pub const SOCK_NONBLOCK: i32 = 0x4000;
    pub const F_DUPFD_CLOEXEC: i32 = 10;
}

#[cfg(windows)]
mod system {
    pub type sa_family_t = u16;
    pub const AF_INET6: i32 = 23;
    /// `WSASocketW` and `accept` return this if they fail.
    pub const INVALID_SOCKET: usize = usize::MAX;

    /// `WSASocketW`: the socket allows overlapped operations.
    pub const WSA_FLAG_OVERLAPPED: u32 = 0x1;
    /// `WSASocketW`: child processes do not inherit the socket.
    pub const WSA_FLAG_NO_HANDLE_INHERIT: u32 = 0x80;
    /// `SetHandleInformation`: child processes inherit the handle.
    pub const HANDLE_FLAG_INHERIT: u32 = 1;

    /// `ioctlsocket`: whether calls are non-blocking.
    pub const FIONBIO: u32 = 0x8004_667e;
    /// `WSAIoctl`: returns the address of an extension function, such as `AcceptEx`.
    pub const SIO_GET_EXTENSION_FUNCTION_POINTER: u32 = 0xc800_0006;
    /// `WSAIoctl`: whether a receive fails if a datagram that we sent earlier found no
    /// such port.
    pub const SIO_UDP_CONNRESET: u32 = 0x9800_000c;

    /// The socket's provider, as a `WSAPROTOCOL_INFOW`.
    pub const SO_PROTOCOL_INFOW: i32 = 0x2005;
    /// `WSAPROTOCOL_INFOW`: the provider's sockets are kernel handles.
    pub const XP1_IFS_HANDLES: u32 = 0x2_0000;
    /// After `AcceptEx`, makes the socket usable for all other functions.
    pub const SO_UPDATE_ACCEPT_CONTEXT: i32 = 0x700b;
    /// Does the same after `ConnectEx`.
    pub const SO_UPDATE_CONNECT_CONTEXT: i32 = 0x7010;
}

//! Socket options. The calls are the same on every system, so they are written once.
//!
//! Chapters 12 and 16. The constants are in `net/ffi/numbers.rs`.

use std::ffi::c_int;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::ffi::{self, Socket};

/// How many connections may wait for `accept`. The system may have a lower limit.
pub(super) const BACKLOG: c_int = 1024;

/// The family, as C numbers it.
pub(super) fn domain(addr: SocketAddr) -> c_int {
    match addr {
        SocketAddr::V4(_) => ffi::AF_INET,
        SocketAddr::V6(_) => ffi::AF_INET6,
    }
}

/// Whether an option is on.
pub(super) fn flag(socket: Socket<'_>, level: c_int, name: c_int) -> io::Result<bool> {
    Ok(ffi::option::<c_int>(socket, level, name)? != 0)
}

pub(super) fn set_flag(socket: Socket<'_>, level: c_int, name: c_int, on: bool) -> io::Result<()> {
    ffi::set_option(socket, level, name, c_int::from(on))
}

// ANCHOR: take_error
/// Takes the pending error. Reading the option clears it.
pub(super) fn take_error(socket: Socket<'_>) -> io::Result<Option<io::Error>> {
    match ffi::option::<c_int>(socket, ffi::SOL_SOCKET, ffi::SO_ERROR)? {
        0 => Ok(None),
        error => Ok(Some(io::Error::from_raw_os_error(error))),
    }
}
// ANCHOR_END: take_error

// ANCHOR: ttl
/// The option that holds the time to live, which depends on the address family.
fn ttl_option(socket: Socket<'_>) -> io::Result<(c_int, c_int)> {
    Ok(match ffi::getsockname(socket)? {
        SocketAddr::V4(_) => (ffi::IPPROTO_IP, ffi::IP_TTL),
        SocketAddr::V6(_) => (ffi::IPPROTO_IPV6, ffi::IPV6_UNICAST_HOPS),
    })
}

pub(super) fn ttl(socket: Socket<'_>) -> io::Result<u32> {
    let (level, name) = ttl_option(socket)?;
    hops(ffi::option(socket, level, name)?)
}

/// NetBSD, FreeBSD and Apple's systems answer -1 for "the default". They have no
/// option that says what the default is.
fn hops(answer: c_int) -> io::Result<u32> {
    let error = "the socket has the system's default, which this system does not tell: set one";
    u32::try_from(answer).map_err(|_| io::Error::new(ErrorKind::Unsupported, error))
}

pub(super) fn set_ttl(socket: Socket<'_>, ttl: u32) -> io::Result<()> {
    if !(1..=255).contains(&ttl) {
        let error = "a time to live is from 1 to 255";
        return Err(io::Error::new(ErrorKind::InvalidInput, error));
    }
    let (level, name) = ttl_option(socket)?;
    ffi::set_option(socket, level, name, ttl as c_int)
}
// ANCHOR_END: ttl

// ANCHOR: multicast
/// The type of IPv4's two multicast options. It is a byte on Unix, because OpenBSD
/// refuses an int. Windows has an int.
#[cfg(unix)]
type MulticastV4 = u8;
#[cfg(windows)]
type MulticastV4 = c_int;

pub(super) fn multicast_loop_v4(socket: Socket<'_>) -> io::Result<bool> {
    let on: MulticastV4 = ffi::option(socket, ffi::IPPROTO_IP, ffi::IP_MULTICAST_LOOP)?;
    Ok(on != 0)
}

pub(super) fn set_multicast_loop_v4(socket: Socket<'_>, on: bool) -> io::Result<()> {
    let on = MulticastV4::from(on);
    ffi::set_option(socket, ffi::IPPROTO_IP, ffi::IP_MULTICAST_LOOP, on)
}
// ANCHOR_END: multicast

pub(super) fn multicast_ttl_v4(socket: Socket<'_>) -> io::Result<u32> {
    let ttl: MulticastV4 = ffi::option(socket, ffi::IPPROTO_IP, ffi::IP_MULTICAST_TTL)?;
    Ok(ttl as u32)
}

pub(super) fn set_multicast_ttl_v4(socket: Socket<'_>, ttl: u32) -> io::Result<()> {
    let ttl = u8::try_from(ttl).map_err(|_| {
        let error = "a group's time to live is from 0 to 255";
        io::Error::new(ErrorKind::InvalidInput, error)
    })?;
    let ttl = MulticastV4::from(ttl);
    ffi::set_option(socket, ffi::IPPROTO_IP, ffi::IP_MULTICAST_TTL, ttl)
}

/// Joins an IPv4 group, or leaves it if `joins` is false.
pub(super) fn member_v4(
    socket: Socket<'_>,
    joins: bool,
    group: &Ipv4Addr,
    interface: &Ipv4Addr,
) -> io::Result<()> {
    let name = match joins {
        true => ffi::IP_ADD_MEMBERSHIP,
        false => ffi::IP_DROP_MEMBERSHIP,
    };
    let request = ffi::ip_mreq {
        multiaddr: group.octets(),
        interface: interface.octets(),
    };
    ffi::set_option(socket, ffi::IPPROTO_IP, name, request)
}

/// Joins an IPv6 group, or leaves it if `joins` is false.
pub(super) fn member_v6(
    socket: Socket<'_>,
    joins: bool,
    group: &Ipv6Addr,
    interface: u32,
) -> io::Result<()> {
    let name = match joins {
        true => ffi::IPV6_JOIN_GROUP,
        false => ffi::IPV6_LEAVE_GROUP,
    };
    let request = ffi::ipv6_mreq {
        multiaddr: group.octets(),
        interface,
    };
    ffi::set_option(socket, ffi::IPPROTO_IPV6, name, request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hop_limit_that_the_system_does_not_tell_is_an_error() {
        assert_eq!(hops(64).unwrap(), 64);
        assert_eq!(hops(-1).unwrap_err().kind(), ErrorKind::Unsupported);
    }
}

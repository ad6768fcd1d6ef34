//! Converts socket addresses between the kernel's layout and the standard library's.
//!
//! Chapter 12. `net/ffi.rs` declares the layouts.

use std::ffi::c_int;
use std::io;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use super::ffi::{AF_INET, AF_INET6, Address, Family};
use super::ffi::{sa_family_t, sockaddr_in, sockaddr_in6, socklen_t};

impl Family {
    fn new(family: c_int, _len: usize) -> Family {
        Family {
            #[cfg(not(any(windows, target_os = "linux", target_os = "android")))]
            len: _len as u8,
            family: family as sa_family_t,
        }
    }
}

impl Address {
    /// An empty address for the kernel to fill, and its length.
    pub(super) fn room() -> (Address, socklen_t) {
        let v6 = sockaddr_in6 {
            head: Family::new(0, 0),
            port: [0; 2],
            flowinfo: 0,
            addr: [0; 16],
            scope_id: 0,
        };
        (Address { v6 }, size_of::<Address>() as socklen_t)
    }

    pub(super) fn of(addr: SocketAddr) -> (Address, socklen_t) {
        match addr {
            SocketAddr::V4(addr) => {
                let len = size_of::<sockaddr_in>();
                let v4 = sockaddr_in {
                    head: Family::new(AF_INET, len),
                    port: addr.port().to_be_bytes(),
                    addr: addr.ip().octets(),
                    zero: [0; 8],
                };
                (Address { v4 }, len as socklen_t)
            }
            SocketAddr::V6(addr) => {
                let len = size_of::<sockaddr_in6>();
                let v6 = sockaddr_in6 {
                    head: Family::new(AF_INET6, len),
                    port: addr.port().to_be_bytes(),
                    flowinfo: addr.flowinfo(),
                    addr: addr.ip().octets(),
                    scope_id: addr.scope_id(),
                };
                (Address { v6 }, len as socklen_t)
            }
        }
    }

    pub(super) fn read(&self) -> io::Result<SocketAddr> {
        // SAFETY: every variant begins with a `Family`. `room` and `of` initialize all
        // bytes of the variant that is read.
        match c_int::from(unsafe { self.head }.family) {
            AF_INET => {
                // SAFETY: as above; every bit pattern is a valid sockaddr_in.
                let v4 = unsafe { self.v4 };
                let port = u16::from_be_bytes(v4.port);
                Ok(SocketAddrV4::new(v4.addr.into(), port).into())
            }
            AF_INET6 => {
                // SAFETY: as above; every bit pattern is a valid sockaddr_in6.
                let v6 = unsafe { self.v6 };
                let port = u16::from_be_bytes(v6.port);
                let ip = Ipv6Addr::from(v6.addr);
                Ok(SocketAddrV6::new(ip, port, v6.flowinfo, v6.scope_id).into())
            }
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the socket's address is neither IPv4 nor IPv6",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_comes_back_with_all_its_parts() {
        let v6 = SocketAddrV6::new("fe80::1:2".parse().unwrap(), 0x1234, 0x0a_bcde, 7);
        for addr in [v6.into(), "192.0.2.1:4660".parse().unwrap()] {
            let (raw, len) = Address::of(addr);
            assert_eq!(raw.read().unwrap(), addr);
            assert!(len <= Address::room().1);
        }
    }

    #[test]
    fn an_address_that_nobody_has_filled_in_is_an_error() {
        let (raw, _) = Address::room();
        let error = raw.read().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}

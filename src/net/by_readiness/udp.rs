//! UDP on epoll and kqueue: each method is one call on a non-blocking socket.
//!
//! Chapter 16. The public type in `net/udp.rs` forwards to this one.

use std::io;
use std::net::{self, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::FdSource;
use super::tcp::{domain, set_ttl, take_error, ttl};
use crate::net::ffi;

// ANCHOR: bind
#[derive(Debug)]
pub(crate) struct UdpSocket {
    pub(crate) source: FdSource<OwnedFd>,
}

impl UdpSocket {
    pub(crate) fn bind(addr: SocketAddr) -> io::Result<UdpSocket> {
        let fd = ffi::socket(domain(addr), ffi::SOCK_DGRAM)?;
        ffi::bind(fd.as_fd(), addr)?;
        let source = FdSource::new(fd);
        Ok(UdpSocket { source })
    }
    // ANCHOR_END: bind

    pub(crate) fn from_std(socket: net::UdpSocket) -> io::Result<UdpSocket> {
        socket.set_nonblocking(true)?;
        let source = FdSource::new(socket.into());
        Ok(UdpSocket { source })
    }

    pub(crate) fn into_std(self) -> io::Result<net::UdpSocket> {
        Ok(self.source.into_fd().into())
    }

    // ANCHOR: calls
    pub(crate) fn connect(&self, addr: SocketAddr) -> io::Result<()> {
        ffi::connect(self.fd(), addr)
    }

    #[inline]
    pub(crate) fn send_to(&self, datagram: &[u8], to: SocketAddr) -> io::Result<usize> {
        ffi::sendto(self.fd(), datagram, to)
    }

    #[inline]
    pub(crate) fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        ffi::recvfrom(self.fd(), buffer, 0)
    }

    pub(crate) fn peek_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        ffi::recvfrom(self.fd(), buffer, ffi::MSG_PEEK)
    }
    // ANCHOR_END: calls

    #[inline]
    pub(crate) fn send(&self, datagram: &[u8]) -> io::Result<usize> {
        ffi::send(self.fd(), datagram)
    }

    #[inline]
    pub(crate) fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        ffi::recv(self.fd(), buffer, 0)
    }

    pub(crate) fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        ffi::recv(self.fd(), buffer, ffi::MSG_PEEK)
    }

    pub(crate) fn try_clone(&self) -> io::Result<UdpSocket> {
        let source = FdSource::new(ffi::duplicate(self.fd())?);
        Ok(UdpSocket { source })
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        ffi::getsockname(self.fd())
    }

    pub(crate) fn peer_addr(&self) -> io::Result<SocketAddr> {
        ffi::getpeername(self.fd())
    }

    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        take_error(self.fd())
    }

    pub(crate) fn ttl(&self) -> io::Result<u32> {
        ttl(self.fd())
    }

    pub(crate) fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        set_ttl(self.fd(), ttl)
    }

    pub(crate) fn only_v6(&self) -> io::Result<bool> {
        Ok(ffi::option(self.fd(), ffi::IPPROTO_IPV6, ffi::IPV6_V6ONLY)? != 0)
    }

    pub(crate) fn broadcast(&self) -> io::Result<bool> {
        Ok(ffi::option(self.fd(), ffi::SOL_SOCKET, ffi::SO_BROADCAST)? != 0)
    }

    pub(crate) fn set_broadcast(&self, on: bool) -> io::Result<()> {
        let on = i32::from(on);
        ffi::set_option(self.fd(), ffi::SOL_SOCKET, ffi::SO_BROADCAST, on)
    }

    pub(crate) fn multicast_loop_v4(&self) -> io::Result<bool> {
        Ok(ffi::byte_option(self.fd(), ffi::IPPROTO_IP, ffi::IP_MULTICAST_LOOP)? != 0)
    }

    // ANCHOR: multicast
    /// A byte, and no int: OpenBSD takes nothing else, and the others do not mind.
    pub(crate) fn set_multicast_loop_v4(&self, on: bool) -> io::Result<()> {
        let on = u8::from(on);
        ffi::set_option(self.fd(), ffi::IPPROTO_IP, ffi::IP_MULTICAST_LOOP, on)
    }
    // ANCHOR_END: multicast

    pub(crate) fn multicast_ttl_v4(&self) -> io::Result<u8> {
        ffi::byte_option(self.fd(), ffi::IPPROTO_IP, ffi::IP_MULTICAST_TTL)
    }

    pub(crate) fn set_multicast_ttl_v4(&self, ttl: u8) -> io::Result<()> {
        ffi::set_option(self.fd(), ffi::IPPROTO_IP, ffi::IP_MULTICAST_TTL, ttl)
    }

    pub(crate) fn multicast_loop_v6(&self) -> io::Result<bool> {
        Ok(ffi::option(self.fd(), ffi::IPPROTO_IPV6, ffi::IPV6_MULTICAST_LOOP)? != 0)
    }

    pub(crate) fn set_multicast_loop_v6(&self, on: bool) -> io::Result<()> {
        let on = i32::from(on);
        ffi::set_option(self.fd(), ffi::IPPROTO_IPV6, ffi::IPV6_MULTICAST_LOOP, on)
    }

    pub(crate) fn join_multicast_v4(&self, group: &Ipv4Addr, own: &Ipv4Addr) -> io::Result<()> {
        self.group_v4(ffi::IP_ADD_MEMBERSHIP, group, own)
    }

    pub(crate) fn leave_multicast_v4(&self, group: &Ipv4Addr, own: &Ipv4Addr) -> io::Result<()> {
        self.group_v4(ffi::IP_DROP_MEMBERSHIP, group, own)
    }

    fn group_v4(&self, name: i32, group: &Ipv4Addr, own: &Ipv4Addr) -> io::Result<()> {
        let request = ffi::ip_mreq {
            multiaddr: group.octets(),
            interface: own.octets(),
        };
        ffi::set_option(self.fd(), ffi::IPPROTO_IP, name, request)
    }

    pub(crate) fn join_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.group_v6(ffi::IPV6_JOIN_GROUP, group, interface)
    }

    pub(crate) fn leave_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.group_v6(ffi::IPV6_LEAVE_GROUP, group, interface)
    }

    fn group_v6(&self, name: i32, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        let request = ffi::ipv6_mreq {
            multiaddr: group.octets(),
            interface,
        };
        ffi::set_option(self.fd(), ffi::IPPROTO_IPV6, name, request)
    }

    #[inline]
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.source.fd().as_fd()
    }
}

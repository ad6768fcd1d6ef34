//! UDP on epoll and kqueue. Each method is one call on a non-blocking socket.
//!
//! Chapter 16. The public type in `net/udp.rs` forwards to this one.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::FdSource;
use crate::net::{ffi, options};

// ANCHOR: bind
#[derive(Debug)]
pub(crate) struct UdpSocket {
    pub(crate) source: FdSource<OwnedFd>,
}

impl UdpSocket {
    pub(crate) fn bind(addr: SocketAddr) -> io::Result<UdpSocket> {
        let fd = ffi::socket(options::domain(addr), ffi::SOCK_DGRAM)?;
        ffi::bind(fd.as_fd(), addr)?;
        UdpSocket::from_socket(fd)
    }
    // ANCHOR_END: bind

    pub(crate) fn from_socket(fd: OwnedFd) -> io::Result<UdpSocket> {
        let source = FdSource::new(fd);
        Ok(UdpSocket { source })
    }

    // ANCHOR: calls
    pub(crate) fn connect(&self, addr: SocketAddr) -> io::Result<()> {
        ffi::connect(self.socket(), addr)
    }

    #[inline]
    pub(crate) fn send_to(&self, datagram: &[u8], to: SocketAddr) -> io::Result<usize> {
        ffi::sendto(self.socket(), datagram, to)
    }

    #[inline]
    pub(crate) fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        ffi::recvfrom(self.socket(), buffer, 0)
    }

    pub(crate) fn peek_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        ffi::recvfrom(self.socket(), buffer, ffi::MSG_PEEK)
    }
    // ANCHOR_END: calls

    #[inline]
    pub(crate) fn send(&self, datagram: &[u8]) -> io::Result<usize> {
        ffi::send(self.socket(), datagram)
    }

    #[inline]
    pub(crate) fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        ffi::recv(self.socket(), buffer, 0)
    }

    pub(crate) fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        ffi::recv(self.socket(), buffer, ffi::MSG_PEEK)
    }

    pub(crate) fn try_clone(&self) -> io::Result<UdpSocket> {
        UdpSocket::from_socket(ffi::duplicate(self.socket())?)
    }

    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        options::take_error(self.socket())
    }

    #[inline]
    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.source.fd().as_fd()
    }
}

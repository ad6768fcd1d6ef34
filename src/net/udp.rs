//! The public face of UDP.
//!
//! Chapter 16. One API on every system; the platform's type does the work.

use std::io;
use std::net::{self, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::ffi::{self, Socket};
use super::{options, sys};
use crate::registrator::forward_source;

/// A socket that sends and receives datagrams.
///
/// A datagram arrives whole or not at all, perhaps twice, perhaps before one
/// that was sent earlier; it may be empty. Readable means that there is one to
/// receive. Edge-triggered, receive until `WouldBlock` before you wait again.
///
/// **Larger than the buffer?** On every system the buffer is filled with the
/// datagram's first bytes, the call returns the buffer's length, and the rest
/// is lost. With a buffer one byte longer than the longest datagram that you
/// expect you can tell. An empty buffer takes a datagram out, too.
///
/// **An error may be an earlier datagram's.** If nobody listens where a
/// *connected* socket has sent to, Unix says so in the next call, whichever
/// that is, with `ConnectionRefused`; Windows is asked not to, and says nothing.
/// That call has neither sent nor received, and the socket works as before:
/// call again. A server whose sockets are not connected hears of none of this.
///
/// ```
/// use evq::net::UdpSocket;
/// use evq::{Events, Interests, Poll, Token};
///
/// # fn main() -> std::io::Result<()> {
/// let any = "127.0.0.1:0".parse().unwrap();
/// let (mut here, there) = (UdpSocket::bind(any)?, UdpSocket::bind(any)?);
/// there.send_to(b"hello", here.local_addr()?)?;
///
/// let mut poll = Poll::new()?;
/// let mut events = Events::with_capacity(8);
/// poll.registrator().register(&mut here, Token(0), Interests::READABLE)?;
/// poll.poll(&mut events, None)?;
/// let mut buffer = [0; 512];
/// let (len, from) = here.recv_from(&mut buffer)?;
/// assert_eq!((&buffer[..len], from), (&b"hello"[..], there.local_addr()?));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct UdpSocket {
    pub(super) inner: sys::UdpSocket,
}

impl UdpSocket {
    fn socket(&self) -> Socket<'_> {
        self.inner.socket()
    }

    /// Makes a socket with an address of its own; port 0 has the system choose one.
    ///
    /// # Errors
    ///
    /// `AddrInUse`, `AddrNotAvailable` (not an address of this machine),
    /// `PermissionDenied` (a port that is not for everyone), or no descriptors left.
    pub fn bind(addr: SocketAddr) -> io::Result<UdpSocket> {
        let inner = sys::UdpSocket::bind(addr)?;
        Ok(UdpSocket { inner })
    }

    /// Takes over a socket of the standard library's, and makes it non-blocking.
    ///
    /// # Errors
    ///
    /// Those of the standard library's `set_nonblocking`.
    pub fn from_std(socket: net::UdpSocket) -> io::Result<UdpSocket> {
        socket.set_nonblocking(true)?;
        let inner = sys::UdpSocket::from_socket(socket.into())?;
        Ok(UdpSocket { inner })
    }

    /// Hands it back to the standard library: deregistered, and still non-blocking.
    ///
    /// # Errors
    ///
    /// `ResourceBusy`, on Windows alone: the socket has a buffer with the kernel, a
    /// datagram that has come and is not received, or a clone. It is closed then.
    pub fn into_std(self) -> io::Result<net::UdpSocket> {
        sys::into_std(self.inner.source)
    }

    /// Sets the peer: [`send`](UdpSocket::send) sends to it, and from now on only its
    /// datagrams are received. Nothing is sent, so nobody need be there. A later call
    /// replaces the peer.
    ///
    /// What had arrived from others before may be received still, or be gone: on
    /// Windows, [a connect to another address discards it][1].
    ///
    /// [1]: https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-connect
    ///
    /// # Errors
    ///
    /// `NetworkUnreachable`: no route leads there. `PermissionDenied`: the address is
    /// for broadcast, and [`set_broadcast`](UdpSocket::set_broadcast) was not called.
    pub fn connect(&self, addr: SocketAddr) -> io::Result<()> {
        self.inner.connect(addr)
    }

    /// Sends one datagram, whole, and returns its length in bytes.
    ///
    /// # Errors
    ///
    /// - `WouldBlock` if there is no room now: wait until it is writable.
    /// - EMSGSIZE (on Windows WSAEMSGSIZE): the datagram is too large. IPv4 carries
    ///   65,507 bytes at most.
    /// - `PermissionDenied`: the address is for broadcast, and
    ///   [`set_broadcast`](UdpSocket::set_broadcast) was not called.
    /// - `NetworkUnreachable` or `HostUnreachable`: no route leads there.
    ///
    /// After an error nothing has been sent.
    ///
    /// # Platform notes
    ///
    /// On Windows a registered socket that has no room copies one datagram, and
    /// sends it when it can; an error of that comes with a later call.
    ///
    /// macOS and the BSDs take 9,216 bytes at most, as long as nobody gives the
    /// socket a larger `SO_SNDBUF`. They refuse to send from a connected socket
    /// to an address; Linux and Windows send there.
    #[inline]
    pub fn send_to(&self, datagram: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.inner.send_to(datagram, to)
    }

    /// Receives one datagram; returns the number of bytes that are in the
    /// buffer now, and the sender's address.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is none. 0 bytes are an empty datagram, not an end.
    ///
    /// # Platform notes
    ///
    /// On Windows a socket that is registered for reading has a buffer with the
    /// kernel. Then this returns `WouldBlock` until a `poll` has dequeued the packet,
    /// even if a datagram has arrived.
    #[inline]
    pub fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.inner.recv_from(buffer)
    }

    /// [`recv_from`](UdpSocket::recv_from), without taking the datagram out.
    pub fn peek_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.inner.peek_from(buffer)
    }

    /// [`send_to`](UdpSocket::send_to) the connected peer.
    ///
    /// # Errors
    ///
    /// Those of `send_to`; EDESTADDRREQ or `NotConnected`: the socket has no peer.
    #[inline]
    pub fn send(&self, datagram: &[u8]) -> io::Result<usize> {
        self.inner.send(datagram)
    }

    /// [`recv_from`](UdpSocket::recv_from), without the address.
    #[inline]
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.recv(buffer)
    }

    /// [`recv`](UdpSocket::recv), without taking the datagram out.
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.peek(buffer)
    }

    /// Makes a second handle of the same socket. A datagram goes to whichever
    /// handle receives first.
    ///
    /// # Errors
    ///
    /// No descriptors left (EMFILE). Not on Windows.
    ///
    /// # Platform notes
    ///
    /// On Unix the second handle is registered by itself. On Windows all handles
    /// share one registration: what one of them registers, all have.
    pub fn try_clone(&self) -> io::Result<UdpSocket> {
        let inner = self.inner.try_clone()?;
        Ok(UdpSocket { inner })
    }

    /// The socket's own address.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        ffi::getsockname(self.socket())
    }

    /// The address that the socket is connected to.
    ///
    /// # Errors
    ///
    /// `NotConnected` if it is not.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        ffi::getpeername(self.socket())
    }

    /// Takes the pending error, if there is one: that of an earlier datagram.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.inner.take_error()
    }

    /// The number of routers that a datagram may pass.
    ///
    /// # Errors
    ///
    /// `Unsupported` on NetBSD, FreeBSD and Apple's systems, for an IPv6 socket that
    /// has the default: they do not tell it.
    pub fn ttl(&self) -> io::Result<u32> {
        options::ttl(self.socket())
    }

    /// Sets the number of routers that a datagram may pass, 1 to 255. For
    /// datagrams to an IPv4 group there is
    /// [`set_multicast_ttl_v4`](UdpSocket::set_multicast_ttl_v4).
    ///
    /// # Errors
    ///
    /// `InvalidInput`: the number is not from 1 to 255.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        options::set_ttl(self.socket(), ttl)
    }

    /// Whether an IPv6 socket leaves IPv4 alone. One that does not receives
    /// IPv4 datagrams too, from addresses such as `::ffff:192.0.2.1`.
    ///
    /// # Platform notes
    ///
    /// The system decides what a new socket does.
    pub fn only_v6(&self) -> io::Result<bool> {
        options::flag(self.socket(), ffi::IPPROTO_IPV6, ffi::IPV6_V6ONLY)
    }

    /// Whether datagrams may be sent to a broadcast address.
    pub fn broadcast(&self) -> io::Result<bool> {
        options::flag(self.socket(), ffi::SOL_SOCKET, ffi::SO_BROADCAST)
    }

    /// Sets whether datagrams may be sent to a broadcast address, and so to all
    /// on a network. At first they may not.
    pub fn set_broadcast(&self, broadcast: bool) -> io::Result<()> {
        options::set_flag(self.socket(), ffi::SOL_SOCKET, ffi::SO_BROADCAST, broadcast)
    }

    /// Receives from now on what is sent to this IPv4 group, on the interface
    /// that has the address `interface`, or on one that the system chooses if
    /// that is `0.0.0.0`.
    ///
    /// # Errors
    ///
    /// `InvalidInput`: the address is not that of a group. Other errors have no common
    /// number: the socket has joined the group already (`AddrInUse` on Unix), or no
    /// interface leads there (ENODEV on Linux).
    pub fn join_multicast_v4(&self, group: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        options::member_v4(self.socket(), true, group, interface)
    }

    /// Receives no longer what is sent to this IPv4 group.
    ///
    /// # Errors
    ///
    /// `AddrNotAvailable`: the socket has not joined the group on this interface.
    pub fn leave_multicast_v4(&self, group: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        options::member_v4(self.socket(), false, group, interface)
    }

    /// Receives from now on what is sent to this IPv6 group, on the interface
    /// of this number, or on one that the system chooses if that is 0.
    ///
    /// # Errors
    ///
    /// Those of [`join_multicast_v4`](UdpSocket::join_multicast_v4).
    pub fn join_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        options::member_v6(self.socket(), true, group, interface)
    }

    /// Receives no longer what is sent to this IPv6 group.
    ///
    /// # Errors
    ///
    /// `AddrNotAvailable`: the socket has not joined the group on this interface.
    pub fn leave_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        options::member_v6(self.socket(), false, group, interface)
    }

    /// Whether this machine's members of an IPv4 group get datagrams, too.
    pub fn multicast_loop_v4(&self) -> io::Result<bool> {
        options::multicast_loop_v4(self.socket())
    }

    /// Sets whether what is sent to an IPv4 group is delivered on this machine
    /// as well. At first it is.
    ///
    /// # Platform notes
    ///
    /// On Unix the sender's choice counts, on Windows the receiver's: set it
    /// on both.
    pub fn set_multicast_loop_v4(&self, on: bool) -> io::Result<()> {
        options::set_multicast_loop_v4(self.socket(), on)
    }

    /// How far a datagram to an IPv4 group may go.
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        options::multicast_ttl_v4(self.socket())
    }

    /// Sets how far a datagram to an IPv4 group may go: 0 keeps it on this
    /// machine, 1 on the local network, and each router more takes one more, up
    /// to 255. At first it is 1.
    ///
    /// # Errors
    ///
    /// `InvalidInput` above 255.
    pub fn set_multicast_ttl_v4(&self, ttl: u32) -> io::Result<()> {
        options::set_multicast_ttl_v4(self.socket(), ttl)
    }

    /// Whether this machine's members of an IPv6 group get datagrams, too.
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        options::flag(self.socket(), ffi::IPPROTO_IPV6, ffi::IPV6_MULTICAST_LOOP)
    }

    /// Sets whether what is sent to an IPv6 group is delivered on this machine
    /// as well, as [`set_multicast_loop_v4`](UdpSocket::set_multicast_loop_v4)
    /// does for IPv4.
    pub fn set_multicast_loop_v6(&self, on: bool) -> io::Result<()> {
        options::set_flag(
            self.socket(),
            ffi::IPPROTO_IPV6,
            ffi::IPV6_MULTICAST_LOOP,
            on,
        )
    }
}

forward_source!([] UdpSocket, inner.source);

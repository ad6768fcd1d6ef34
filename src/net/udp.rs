//! The public type of UDP.
//!
//! Chapter 16. The API is the same on every system. The platform's type does the work.

use std::io;
use std::net::{self, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::ffi::{self, Socket};
use super::{options, sys};
use crate::registrator::forward_source;

/// A socket that sends and receives datagrams.
///
/// A datagram arrives whole or not at all. It may arrive twice, or before one that was
/// sent earlier. It may be empty. The socket is readable when a datagram waits. If the
/// socket is edge-triggered, receive until `WouldBlock` before you wait again.
///
/// **A datagram may be longer than the buffer.** On every system the call fills the
/// buffer and returns its length, and the rest is lost. To notice that, use a buffer
/// one byte longer than your longest datagram. A receive with an empty buffer takes a
/// datagram out too.
///
/// **An error may belong to an earlier datagram.** If nobody listens where a
/// *connected* socket has sent a datagram, Unix says so in the next call, whichever it
/// is, with `ConnectionRefused`. That call has done nothing, and the socket works as
/// before: call again. evq asks Windows not to report such errors. A socket that is
/// not connected hears nothing of them.
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

    /// Makes a socket with this address. If the port is 0, the system chooses one.
    ///
    /// # Errors
    ///
    /// - `AddrInUse`: another socket has the address.
    /// - `AddrNotAvailable`: it is not an address of this machine.
    /// - `PermissionDenied`: this user may not use the port.
    /// - EMFILE or ENFILE: no descriptors are left.
    pub fn bind(addr: SocketAddr) -> io::Result<UdpSocket> {
        let inner = sys::UdpSocket::bind(addr)?;
        Ok(UdpSocket { inner })
    }

    /// Converts a socket of the standard library, and makes it non-blocking.
    ///
    /// # Errors
    ///
    /// Those of the standard library's `set_nonblocking`.
    pub fn from_std(socket: net::UdpSocket) -> io::Result<UdpSocket> {
        socket.set_nonblocking(true)?;
        let inner = sys::UdpSocket::from_socket(socket.into())?;
        Ok(UdpSocket { inner })
    }

    /// Deregisters the socket, and converts it to one of the standard library. It stays
    /// non-blocking.
    ///
    /// # Errors
    ///
    /// `ResourceBusy`, only on Windows: a buffer is lent to the kernel, a datagram has
    /// come and is not received, or the socket has a clone. Then the socket is closed.
    pub fn into_std(self) -> io::Result<net::UdpSocket> {
        sys::into_std(self.inner.source)
    }

    /// Sets the peer. [`send`](UdpSocket::send) sends to the peer, and from now on the
    /// socket receives only the peer's datagrams.
    ///
    /// Nothing is sent, so this succeeds even if nobody listens there. A later call
    /// replaces the peer. Datagrams that arrived earlier from others may still be
    /// received or not: on Windows, [a connect to another address discards them][1].
    ///
    /// [1]: https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-connect
    ///
    /// # Errors
    ///
    /// - `NetworkUnreachable`: no route leads there.
    /// - `PermissionDenied`: the address is for broadcast, and
    ///   [`set_broadcast`](UdpSocket::set_broadcast) was not called.
    pub fn connect(&self, addr: SocketAddr) -> io::Result<()> {
        self.inner.connect(addr)
    }

    /// Sends one datagram, and returns its length in bytes.
    ///
    /// # Errors
    ///
    /// - `WouldBlock`: the socket has no room. Wait until it is writable.
    /// - EMSGSIZE (on Windows WSAEMSGSIZE): the datagram is too large. IPv4 carries
    ///   65,507 bytes at most.
    /// - `PermissionDenied`: the address is for broadcast, and
    ///   [`set_broadcast`](UdpSocket::set_broadcast) was not called.
    /// - `NetworkUnreachable` or `HostUnreachable`: no route leads there.
    ///
    /// After an error nothing was sent.
    ///
    /// # Platform notes
    ///
    /// On Windows a registered socket that has no room copies one datagram, and sends
    /// the copy later. If that fails, a later call returns the error.
    ///
    /// macOS and the BSDs take at most 9,216 bytes, unless somebody gives the socket a
    /// larger `SO_SNDBUF`. They refuse to send to an address if the socket is connected.
    /// Linux and Windows send there.
    #[inline]
    pub fn send_to(&self, datagram: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.inner.send_to(datagram, to)
    }

    /// Receives one datagram. Returns the number of bytes in the buffer and the sender's
    /// address. 0 bytes are an empty datagram, not an end.
    ///
    /// # Errors
    ///
    /// - `WouldBlock`: no datagram waits.
    /// - `ConnectionRefused`: an earlier datagram was refused. Call again.
    ///
    /// # Platform notes
    ///
    /// On Windows a socket that is registered for reading lends a buffer to the kernel.
    /// Until a `poll` has dequeued the packet of that read, this returns `WouldBlock`,
    /// even if a datagram has arrived.
    #[inline]
    pub fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.inner.recv_from(buffer)
    }

    /// Receives as [`recv_from`](UdpSocket::recv_from) does, but leaves the datagram for
    /// the next call.
    pub fn peek_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.inner.peek_from(buffer)
    }

    /// Sends one datagram to the peer that [`connect`](UdpSocket::connect) has set.
    ///
    /// # Errors
    ///
    /// - Those of [`send_to`](UdpSocket::send_to).
    /// - `ConnectionRefused`: an earlier datagram was refused. Call again.
    /// - EDESTADDRREQ or `NotConnected`: the socket has no peer.
    #[inline]
    pub fn send(&self, datagram: &[u8]) -> io::Result<usize> {
        self.inner.send(datagram)
    }

    /// Receives as [`recv_from`](UdpSocket::recv_from) does, but returns no address.
    #[inline]
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.recv(buffer)
    }

    /// Receives as [`recv`](UdpSocket::recv) does, but leaves the datagram for the next
    /// call.
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.peek(buffer)
    }

    /// Makes a second handle of the same socket. A datagram goes to the handle that
    /// receives first.
    ///
    /// # Errors
    ///
    /// EMFILE: no descriptors are left. This cannot fail on Windows.
    ///
    /// # Platform notes
    ///
    /// On Unix each handle has its own registration. On Windows all handles share one:
    /// if one of them is registered, all are.
    pub fn try_clone(&self) -> io::Result<UdpSocket> {
        let inner = self.inner.try_clone()?;
        Ok(UdpSocket { inner })
    }

    /// The socket's own address.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        ffi::getsockname(self.socket())
    }

    /// The peer's address.
    ///
    /// # Errors
    ///
    /// `NotConnected`: the socket has no peer.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        ffi::getpeername(self.socket())
    }

    /// Takes the pending error, if there is one. It belongs to an earlier datagram.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.inner.take_error()
    }

    /// The number of routers that a datagram may pass.
    ///
    /// # Errors
    ///
    /// `Unsupported`: NetBSD, FreeBSD and Apple's systems do not tell the default of an
    /// IPv6 socket. Set a number first.
    pub fn ttl(&self) -> io::Result<u32> {
        options::ttl(self.socket())
    }

    /// Sets the number of routers that a datagram may pass, 1 to 255.
    /// [`set_multicast_ttl_v4`](UdpSocket::set_multicast_ttl_v4) sets it for datagrams
    /// to an IPv4 group.
    ///
    /// # Errors
    ///
    /// `InvalidInput`: the number is 0 or above 255.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        options::set_ttl(self.socket(), ttl)
    }

    /// Whether an IPv6 socket receives only IPv6. Otherwise it also receives IPv4
    /// datagrams, from addresses such as `::ffff:192.0.2.1`.
    ///
    /// # Platform notes
    ///
    /// Each system has its own default.
    pub fn only_v6(&self) -> io::Result<bool> {
        options::flag(self.socket(), ffi::IPPROTO_IPV6, ffi::IPV6_V6ONLY)
    }

    /// Whether the socket may send to a broadcast address.
    pub fn broadcast(&self) -> io::Result<bool> {
        options::flag(self.socket(), ffi::SOL_SOCKET, ffi::SO_BROADCAST)
    }

    /// Sets whether the socket may send to a broadcast address, which reaches every
    /// machine of a network. A new socket may not.
    pub fn set_broadcast(&self, broadcast: bool) -> io::Result<()> {
        options::set_flag(self.socket(), ffi::SOL_SOCKET, ffi::SO_BROADCAST, broadcast)
    }

    /// Joins an IPv4 group: the socket receives what is sent to the group.
    ///
    /// `interface` is the address of a network interface. If it is `0.0.0.0`, the system
    /// chooses the interface.
    ///
    /// # Errors
    ///
    /// - `InvalidInput`: the address is not a group's.
    /// - `AddrInUse` on Unix: the socket has joined the group already.
    /// - ENODEV on Linux: there is no such interface.
    ///
    /// Other systems have other errors for the last two.
    pub fn join_multicast_v4(&self, group: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        options::member_v4(self.socket(), true, group, interface)
    }

    /// Leaves an IPv4 group.
    ///
    /// # Errors
    ///
    /// `AddrNotAvailable`: the socket has not joined the group on this interface.
    pub fn leave_multicast_v4(&self, group: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        options::member_v4(self.socket(), false, group, interface)
    }

    /// Joins an IPv6 group: the socket receives what is sent to the group.
    ///
    /// `interface` is the number of a network interface. If it is 0, the system chooses
    /// the interface.
    ///
    /// # Errors
    ///
    /// Those of [`join_multicast_v4`](UdpSocket::join_multicast_v4).
    pub fn join_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        options::member_v6(self.socket(), true, group, interface)
    }

    /// Leaves an IPv6 group.
    ///
    /// # Errors
    ///
    /// `AddrNotAvailable`: the socket has not joined the group on this interface.
    pub fn leave_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        options::member_v6(self.socket(), false, group, interface)
    }

    /// Whether this machine's members of an IPv4 group receive its datagrams too.
    pub fn multicast_loop_v4(&self) -> io::Result<bool> {
        options::multicast_loop_v4(self.socket())
    }

    /// Sets whether this machine's members of an IPv4 group receive its datagrams too.
    /// At first they do.
    ///
    /// # Platform notes
    ///
    /// On Unix the sender's setting decides, and on Windows the receiver's. Set it on
    /// both.
    pub fn set_multicast_loop_v4(&self, on: bool) -> io::Result<()> {
        options::set_multicast_loop_v4(self.socket(), on)
    }

    /// How far a datagram to an IPv4 group may go:
    /// [`set_multicast_ttl_v4`](UdpSocket::set_multicast_ttl_v4) explains the number.
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        options::multicast_ttl_v4(self.socket())
    }

    /// Sets how far a datagram to an IPv4 group may go. 0 keeps it on this machine, and 1
    /// on the local network. Each further router needs one more, up to 255. At first the
    /// number is 1.
    ///
    /// # Errors
    ///
    /// `InvalidInput`: the number is above 255.
    pub fn set_multicast_ttl_v4(&self, ttl: u32) -> io::Result<()> {
        options::set_multicast_ttl_v4(self.socket(), ttl)
    }

    /// Whether this machine's members of an IPv6 group receive its datagrams too.
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        options::flag(self.socket(), ffi::IPPROTO_IPV6, ffi::IPV6_MULTICAST_LOOP)
    }

    /// Sets whether this machine's members of an IPv6 group receive its datagrams too.
    /// [`set_multicast_loop_v4`](UdpSocket::set_multicast_loop_v4) does so for IPv4.
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

//! The public types of TCP.
//!
//! Chapter 12. The API is the same on every system. The platform's types do the work.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{self, Shutdown, SocketAddr};

use super::{ffi, options, sys};
use crate::registrator::forward_source;

/// A socket that accepts TCP connections.
///
/// The listener is readable when a connection waits for
/// [`accept`](TcpListener::accept).
///
/// ```
/// use evq::net::TcpListener;
/// use std::io::ErrorKind;
///
/// # fn main() -> std::io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
/// let nobody = listener.accept().unwrap_err();
/// assert_eq!(nobody.kind(), ErrorKind::WouldBlock);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TcpListener {
    pub(super) inner: sys::TcpListener,
}

impl TcpListener {
    /// Makes a socket that listens at an address. If the port is 0, the system
    /// chooses one.
    ///
    /// # Errors
    ///
    /// - `AddrInUse`: another socket has the address.
    /// - `AddrNotAvailable`: it is not an address of this machine.
    /// - `PermissionDenied`: this user may not use the port.
    /// - EMFILE or ENFILE: no descriptors are left.
    ///
    /// # Platform notes
    ///
    /// On Unix this sets `SO_REUSEADDR`, as the standard library does. So a server can
    /// be started again on its port at once. On Windows a server can do that without
    /// the option, and the option would let other programs take the port.
    pub fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
        let inner = sys::TcpListener::bind(addr)?;
        Ok(TcpListener { inner })
    }

    /// Converts a listener of the standard library, and makes it non-blocking.
    ///
    /// # Errors
    ///
    /// Those of the standard library's `set_nonblocking`.
    pub fn from_std(listener: net::TcpListener) -> io::Result<TcpListener> {
        listener.set_nonblocking(true)?;
        let inner = sys::TcpListener::from_socket(listener.into())?;
        Ok(TcpListener { inner })
    }

    /// Deregisters the listener, and converts it to one of the standard library. It stays
    /// non-blocking.
    ///
    /// # Errors
    ///
    /// `ResourceBusy`, only on Windows: an accept is in flight, or the listener has a
    /// clone. Then the listener is closed.
    pub fn into_std(self) -> io::Result<net::TcpListener> {
        sys::into_std(self.inner.source)
    }

    /// Takes the next connection, and returns it with its peer's address. The stream is
    /// non-blocking and not registered.
    ///
    /// # Errors
    ///
    /// - `WouldBlock`: no connection waits.
    /// - `ConnectionAborted`: this client has gone. Call again, because another may wait.
    /// - EMFILE or ENFILE: no descriptors are left. The connection still waits: close
    ///   something, and call again.
    ///
    /// # Platform notes
    ///
    /// On Windows a registered listener has an accept in flight. Until a `poll` has
    /// dequeued its packet, this returns `WouldBlock`, even if a client waits.
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (inner, from) = self.inner.accept()?;
        Ok((TcpStream { inner }, from))
    }

    /// Makes a second handle of the same socket. A connection goes to the handle that
    /// accepts first.
    ///
    /// # Errors
    ///
    /// EMFILE: no descriptors are left. This cannot fail on Windows.
    ///
    /// # Platform notes
    ///
    /// On Unix each handle has its own registration. On Windows all handles share one:
    /// if one of them is registered, all are.
    pub fn try_clone(&self) -> io::Result<TcpListener> {
        let inner = self.inner.try_clone()?;
        Ok(TcpListener { inner })
    }

    /// The address at which it listens.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        ffi::getsockname(self.inner.socket())
    }

    /// The number of routers that a packet may pass.
    ///
    /// # Errors
    ///
    /// `Unsupported`: NetBSD, FreeBSD and Apple's systems do not tell the default of an
    /// IPv6 socket. Set a number first.
    pub fn ttl(&self) -> io::Result<u32> {
        options::ttl(self.inner.socket())
    }

    /// Sets the number of routers that a packet may pass, 1 to 255. Accepted
    /// connections have it too.
    ///
    /// # Errors
    ///
    /// `InvalidInput`: the number is 0 or above 255.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        options::set_ttl(self.inner.socket(), ttl)
    }

    /// Takes the pending error, if there is one. The next call returns `None`.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        options::take_error(self.inner.socket())
    }
}

/// One end of a TCP connection.
///
/// [`Read`] and [`Write`] are implemented for `TcpStream` and for `&TcpStream`. If the
/// stream is edge-triggered, read or write until `WouldBlock` before you wait again.
///
/// # Platform notes
///
/// On Windows a stream that is registered for reading lends a buffer of 4 KiB to the
/// kernel. (`set_lending` changes the size.) Until a `poll` has dequeued the packet of
/// that read, `read` and `peek` return `WouldBlock`, even if bytes have arrived.
///
/// On Windows one `write` takes at most 128 KiB. If the socket has no room, `write`
/// copies up to 16 KiB and lends the copy. If sending the copy fails, the next `write`
/// or [`take_error`](TcpStream::take_error) returns the error. A stream that is dropped
/// meanwhile is closed when the copy is sent, and needs no `poll` for that. If
/// [`Poll`](crate::Poll) is dropped too, all such copies together have one more second.
/// Bytes that are not sent by then are lost.
///
/// ```
/// use evq::net::{TcpListener, TcpStream};
/// use evq::{Events, Interests, Poll, Token};
/// use std::io::Write;
///
/// # fn main() -> std::io::Result<()> {
/// let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
/// let mut stream = TcpStream::connect(listener.local_addr()?)?;
///
/// let mut poll = Poll::new()?;
/// let mut events = Events::with_capacity(8);
/// poll.registrator().register(&mut stream, Token(0), Interests::WRITABLE)?;
/// poll.poll(&mut events, None)?;
/// assert!(stream.take_error()?.is_none()); // connected
/// assert_eq!(stream.write(b"hello")?, 5);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TcpStream {
    pub(crate) inner: sys::TcpStream,
}

impl TcpStream {
    // ANCHOR: connect
    /// Starts to connect, and never blocks.
    ///
    /// The first writable event means that the attempt is over. Then
    /// [`take_error`](TcpStream::take_error) returns its error, or `None` if the stream
    /// is connected.
    ///
    /// # Errors
    ///
    /// - `NetworkUnreachable`: no route leads there.
    /// - `AddrNotAvailable`: no local port is free.
    /// - EMFILE or ENFILE: no descriptors are left.
    ///
    /// # Platform notes
    ///
    /// On Windows the attempt starts at the first `register`, because only a registered
    /// stream can learn the outcome. There, the event reports every error of the attempt.
    pub fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
        let inner = sys::TcpStream::connect(addr)?;
        Ok(TcpStream { inner })
    }
    // ANCHOR_END: connect

    /// Converts a stream of the standard library, and makes it non-blocking.
    ///
    /// # Errors
    ///
    /// Those of the standard library's `set_nonblocking`.
    pub fn from_std(stream: net::TcpStream) -> io::Result<TcpStream> {
        stream.set_nonblocking(true)?;
        let inner = sys::TcpStream::from_socket(stream.into())?;
        Ok(TcpStream { inner })
    }

    /// Deregisters the stream, and converts it to one of the standard library. It stays
    /// non-blocking.
    ///
    /// # Errors
    ///
    /// `ResourceBusy`, only on Windows: a buffer is lent to the kernel, bytes have come
    /// and are not read, or the stream has a clone. Then the stream is closed.
    pub fn into_std(self) -> io::Result<net::TcpStream> {
        sys::into_std(self.inner.source)
    }

    /// Reads, and leaves the bytes for the next read. 0 is the end of the stream.
    ///
    /// # Errors
    ///
    /// - `WouldBlock`: no bytes have come.
    /// - `ConnectionReset`: the peer has reset the connection.
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.peek(buffer)
    }

    /// Ends reading, writing or both.
    ///
    /// After writing has ended, the system still sends the bytes that were written. Then
    /// the peer's reads return 0. After reading has ended, our reads return 0. The peer is
    /// not told of that.
    ///
    /// # Errors
    ///
    /// `NotConnected`: there is no connection, or it is over.
    ///
    /// # Platform notes
    ///
    /// On Linux, `read` still delivers bytes that arrive after reading has ended. It
    /// returns 0 when there are none.
    ///
    /// Windows [resets the connection][1] if bytes are unread when reading ends, or
    /// arrive later. Wine does not reset it.
    ///
    /// [1]: https://learn.microsoft.com/en-us/windows/win32/api/winsock/nf-winsock-shutdown
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.inner.shutdown(how)
    }

    /// Makes a second handle of the same connection.
    ///
    /// # Errors
    ///
    /// EMFILE: no descriptors are left. This cannot fail on Windows.
    ///
    /// # Platform notes
    ///
    /// On Unix each handle has its own registration. On Windows all handles share one:
    /// if one of them is registered, all are.
    pub fn try_clone(&self) -> io::Result<TcpStream> {
        let inner = self.inner.try_clone()?;
        Ok(TcpStream { inner })
    }

    /// The address of this end.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        ffi::getsockname(self.inner.socket())
    }

    /// The address of the other end.
    ///
    /// # Errors
    ///
    /// `NotConnected`: the stream is not connected, or not connected yet.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        ffi::getpeername(self.inner.socket())
    }

    /// Whether the system sends small writes at once.
    pub fn nodelay(&self) -> io::Result<bool> {
        options::flag(self.inner.socket(), ffi::IPPROTO_TCP, ffi::TCP_NODELAY)
    }

    /// Sets whether the system sends small writes at once. Otherwise it gathers them
    /// while earlier bytes are unacknowledged (Nagle's algorithm).
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        options::set_flag(
            self.inner.socket(),
            ffi::IPPROTO_TCP,
            ffi::TCP_NODELAY,
            nodelay,
        )
    }

    /// The number of routers that a packet may pass.
    ///
    /// # Errors
    ///
    /// `Unsupported`: NetBSD, FreeBSD and Apple's systems do not tell the default of an
    /// IPv6 socket. Set a number first.
    pub fn ttl(&self) -> io::Result<u32> {
        options::ttl(self.inner.socket())
    }

    /// Sets the number of routers that a packet may pass, 1 to 255.
    ///
    /// # Errors
    ///
    /// `InvalidInput`: the number is 0 or above 255.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        options::set_ttl(self.inner.socket(), ttl)
    }

    /// Takes the pending error, if there is one. The next call returns `None`.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.inner.take_error()
    }
}

// ANCHOR: read
impl Read for &TcpStream {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.inner.read_vectored(buffers)
    }
}
// ANCHOR_END: read

impl Write for &TcpStream {
    #[inline]
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.inner.write(buffer)
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.inner.write_vectored(buffers)
    }

    /// Does nothing, because the system already has the bytes that `write` took.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for TcpStream {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.inner.read_vectored(buffers)
    }
}

impl Write for TcpStream {
    #[inline]
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.inner.write(buffer)
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        self.inner.write_vectored(buffers)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

forward_source!([] TcpListener, inner.source);

forward_source!([] TcpStream, inner.source);

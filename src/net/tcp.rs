//! The public face of TCP.
//!
//! Chapter 12. One API on every system; the platform's types do the work.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{self, Shutdown, SocketAddr};

use super::{ffi, options, sys};
use crate::registrator::forward_source;

/// A socket that takes TCP connections.
///
/// Readable means that there is one to [`accept`](TcpListener::accept).
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
    /// Listens at an address; port 0 has the system choose one.
    ///
    /// # Errors
    ///
    /// `AddrInUse`, `AddrNotAvailable` (not an address of this machine),
    /// `PermissionDenied` (a port that is not for everyone), or no descriptors left.
    ///
    /// # Platform notes
    ///
    /// On Unix sets `SO_REUSEADDR`, as the standard library does, so that a
    /// server can be restarted on its port at once. On Windows it can be anyway,
    /// and the option would let other programs take the port over.
    pub fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
        let inner = sys::TcpListener::bind(addr)?;
        Ok(TcpListener { inner })
    }

    /// Takes over a listener of the standard library's, and makes it non-blocking.
    ///
    /// # Errors
    ///
    /// Those of the standard library's `set_nonblocking`.
    pub fn from_std(listener: net::TcpListener) -> io::Result<TcpListener> {
        listener.set_nonblocking(true)?;
        let inner = sys::TcpListener::from_socket(listener.into())?;
        Ok(TcpListener { inner })
    }

    /// Hands it back to the standard library: deregistered, and still non-blocking.
    ///
    /// # Errors
    ///
    /// `ResourceBusy`, on Windows alone: the listener was registered and waits for a
    /// connection, or it has a clone. It is closed then.
    pub fn into_std(self) -> io::Result<net::TcpListener> {
        sys::into_std(self.inner.source)
    }

    /// Takes the next connection, with its peer's address. The stream is
    /// non-blocking, and not registered yet.
    ///
    /// # Errors
    ///
    /// - `WouldBlock`: there is none.
    /// - `ConnectionAborted`: this client has gone. Accept again: the next may wait.
    /// - EMFILE or ENFILE: no descriptors are left. The connection goes on waiting: close
    ///   something, and accept again.
    ///
    /// # Platform notes
    ///
    /// On Windows a registered listener has an accept in flight. Then this returns
    /// `WouldBlock` until a `poll` has dequeued its packet, even if a client is there.
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (inner, from) = self.inner.accept()?;
        Ok((TcpStream { inner }, from))
    }

    /// Makes a second handle of the same socket. Connections go to whichever
    /// handle accepts first.
    ///
    /// # Errors
    ///
    /// No descriptors left (EMFILE). Not on Windows.
    ///
    /// # Platform notes
    ///
    /// On Unix the second handle is registered by itself. On Windows all handles
    /// share one registration: what one of them registers, all have.
    pub fn try_clone(&self) -> io::Result<TcpListener> {
        let inner = self.inner.try_clone()?;
        Ok(TcpListener { inner })
    }

    /// The address that it listens at.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        ffi::getsockname(self.inner.socket())
    }

    /// The number of routers that a packet may pass.
    ///
    /// # Errors
    ///
    /// `Unsupported` on NetBSD, FreeBSD and Apple's systems, for an IPv6 socket that
    /// has the default: they do not tell it.
    pub fn ttl(&self) -> io::Result<u32> {
        options::ttl(self.inner.socket())
    }

    /// Sets the number of routers that a packet may pass, 1 to 255, also of
    /// the connections that are accepted.
    ///
    /// # Errors
    ///
    /// `InvalidInput`: the number is not from 1 to 255.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        options::set_ttl(self.inner.socket(), ttl)
    }

    /// Takes the pending error, if there is one.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        options::take_error(self.inner.socket())
    }
}

/// One end of a TCP connection.
///
/// Reads and writes go through [`Read`] and [`Write`], which are also there for
/// `&TcpStream`. Edge-triggered, read or write until `WouldBlock` before you
/// wait again.
///
/// # Platform notes
///
/// On Windows a stream that is registered for reading lends the kernel a buffer of
/// 4 KiB to read into (`set_lending` changes that). Until a `poll` has dequeued the
/// packet that brings it back, `read` and `peek` return `WouldBlock`, even if bytes
/// have arrived.
///
/// One `write` takes at most 128 KiB there. When the socket takes no more, `write`
/// copies up to 16 KiB and lends the copy. If sending the copy fails, the next
/// `write` or [`take_error`](TcpStream::take_error) returns the error. A stream that
/// is dropped meanwhile is closed once the copy is sent. That needs no `poll`. But
/// when the [`Poll`](crate::Poll) is dropped, too, all such copies together have one
/// more second, and what is not sent then is lost.
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
    /// The first writable event says that it is over: then
    /// [`take_error`](TcpStream::take_error) has the error, or `None` if the
    /// connection has been made.
    ///
    /// # Errors
    ///
    /// No descriptors left (EMFILE, ENFILE); `NetworkUnreachable`: no route leads
    /// there; `AddrNotAvailable`: no local port is free.
    ///
    /// # Platform notes
    ///
    /// On Windows the first `register` starts to connect, because only a registered
    /// stream can be told of the outcome. Every error of the attempt comes by the
    /// event.
    pub fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
        let inner = sys::TcpStream::connect(addr)?;
        Ok(TcpStream { inner })
    }
    // ANCHOR_END: connect

    /// Takes over a stream of the standard library's, and makes it non-blocking.
    ///
    /// # Errors
    ///
    /// Those of the standard library's `set_nonblocking`.
    pub fn from_std(stream: net::TcpStream) -> io::Result<TcpStream> {
        stream.set_nonblocking(true)?;
        let inner = sys::TcpStream::from_socket(stream.into())?;
        Ok(TcpStream { inner })
    }

    /// Hands it back to the standard library: deregistered, and still non-blocking.
    ///
    /// # Errors
    ///
    /// `ResourceBusy`, on Windows alone: the stream has a buffer with the kernel, bytes
    /// that have come and are not read, or a clone. It is closed then.
    pub fn into_std(self) -> io::Result<net::TcpStream> {
        sys::into_std(self.inner.source)
    }

    /// Reads without taking the bytes out.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there are none yet; 0 bytes are the end of the stream.
    pub fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.peek(buffer)
    }

    /// Ends reading, writing or both.
    ///
    /// After writing has ended, the system still sends what was written, and then the
    /// peer's reads return 0. After reading has ended, our reads return 0, on Linux once
    /// the bytes that arrive are read; the peer is not told.
    ///
    /// # Errors
    ///
    /// `NotConnected`: there is no connection, or it is over.
    ///
    /// # Platform notes
    ///
    /// On Windows, [data that is unread or comes later resets the connection][1] once
    /// reading has ended.
    ///
    /// [1]: https://learn.microsoft.com/en-us/windows/win32/api/winsock/nf-winsock-shutdown
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.inner.shutdown(how)
    }

    /// Makes a second handle of the same connection.
    ///
    /// # Errors
    ///
    /// No descriptors left (EMFILE). Not on Windows.
    ///
    /// # Platform notes
    ///
    /// On Unix the second handle is registered by itself. On Windows all handles
    /// share one registration: what one of them registers, all have.
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
    /// `NotConnected` until the connection has been made.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        ffi::getpeername(self.inner.socket())
    }

    /// Whether small writes are sent at once.
    pub fn nodelay(&self) -> io::Result<bool> {
        options::flag(self.inner.socket(), ffi::IPPROTO_TCP, ffi::TCP_NODELAY)
    }

    /// Sets whether small writes are sent at once, rather than gathered while
    /// earlier ones are unacknowledged (Nagle's algorithm).
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
    /// `Unsupported` on NetBSD, FreeBSD and Apple's systems, for an IPv6 socket that
    /// has the default: they do not tell it.
    pub fn ttl(&self) -> io::Result<u32> {
        options::ttl(self.inner.socket())
    }

    /// Sets the number of routers that a packet may pass, 1 to 255.
    ///
    /// # Errors
    ///
    /// `InvalidInput`: the number is not from 1 to 255.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        options::set_ttl(self.inner.socket(), ttl)
    }

    /// Takes the pending error, if there is one.
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

    /// Does nothing: the system has what `write` took.
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

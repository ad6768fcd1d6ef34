//! TCP on epoll and kqueue. Each method is one call on a non-blocking socket.
//!
//! Chapter 12. The public types in `net/tcp.rs` forward to these.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::FdSource;
use crate::net::{ffi, options};

#[derive(Debug)]
pub(crate) struct TcpListener {
    pub(crate) source: FdSource<OwnedFd>,
}

impl TcpListener {
    // ANCHOR: bind
    pub(crate) fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
        let fd = ffi::socket(options::domain(addr), ffi::SOCK_STREAM)?;
        // Without this option, a restarted server could not bind its port while the
        // system still remembers old connections.
        ffi::set_option(fd.as_fd(), ffi::SOL_SOCKET, ffi::SO_REUSEADDR, 1)?;
        ffi::bind(fd.as_fd(), addr)?;
        ffi::listen(fd.as_fd(), options::BACKLOG)?;
        TcpListener::from_socket(fd)
    }
    // ANCHOR_END: bind

    pub(crate) fn from_socket(fd: OwnedFd) -> io::Result<TcpListener> {
        let source = FdSource::new(fd);
        Ok(TcpListener { source })
    }

    pub(crate) fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (fd, from) = ffi::accept(self.socket())?;
        Ok((TcpStream::from_socket(fd)?, from))
    }

    pub(crate) fn try_clone(&self) -> io::Result<TcpListener> {
        TcpListener::from_socket(ffi::duplicate(self.socket())?)
    }

    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.source.fd().as_fd()
    }
}

#[derive(Debug)]
pub(crate) struct TcpStream {
    pub(crate) source: FdSource<OwnedFd>,
}

impl TcpStream {
    // ANCHOR: connect
    pub(crate) fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
        let fd = ffi::socket(options::domain(addr), ffi::SOCK_STREAM)?;
        match ffi::connect(fd.as_fd(), addr) {
            // The attempt goes on, also after a signal. Its end is a writable event.
            Err(error)
                if error.raw_os_error() == Some(ffi::EINPROGRESS)
                    || error.kind() == io::ErrorKind::Interrupted => {}
            result => result?,
        }
        TcpStream::from_socket(fd)
    }
    // ANCHOR_END: connect

    pub(crate) fn from_socket(fd: OwnedFd) -> io::Result<TcpStream> {
        let source = FdSource::new(fd);
        Ok(TcpStream { source })
    }

    #[inline]
    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        ffi::recv(self.socket(), buffer, 0)
    }

    pub(crate) fn read_vectored(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        ffi::recv_vectored(self.socket(), buffers)
    }

    pub(crate) fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        ffi::recv(self.socket(), buffer, ffi::MSG_PEEK)
    }

    #[inline]
    pub(crate) fn write(&self, buffer: &[u8]) -> io::Result<usize> {
        ffi::send(self.socket(), buffer)
    }

    pub(crate) fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        ffi::send_vectored(self.socket(), buffers)
    }

    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        ffi::shutdown(self.socket(), how)
    }

    pub(crate) fn try_clone(&self) -> io::Result<TcpStream> {
        TcpStream::from_socket(ffi::duplicate(self.socket())?)
    }

    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        options::take_error(self.socket())
    }

    #[inline]
    pub(crate) fn socket(&self) -> BorrowedFd<'_> {
        self.source.fd().as_fd()
    }
}

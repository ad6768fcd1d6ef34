//! The sockets' descriptors, for programs that set further options.
//!
//! Chapter 12.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use super::{TcpListener, TcpStream, UdpSocket};

macro_rules! as_fd {
    ($($socket:ty),+) => {$(
        impl AsFd for $socket {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.inner.socket()
            }
        }

        impl AsRawFd for $socket {
            fn as_raw_fd(&self) -> RawFd {
                self.as_fd().as_raw_fd()
            }
        }
    )+};
}

as_fd!(TcpListener, TcpStream, UdpSocket);

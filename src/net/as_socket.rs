//! The sockets' handles, for programs that set options of their own.
//!
//! Chapter 13. Do not read or write through them: only this crate knows which bytes are lent,
//! and which have come.

use std::os::windows::io::{AsRawSocket, AsSocket, BorrowedSocket, RawSocket};

use super::{TcpListener, TcpStream, UdpSocket};

macro_rules! as_socket {
    ($($socket:ty),+) => {$(
        impl AsSocket for $socket {
            fn as_socket(&self) -> BorrowedSocket<'_> {
                self.inner.socket()
            }
        }

        impl AsRawSocket for $socket {
            fn as_raw_socket(&self) -> RawSocket {
                self.as_socket().as_raw_socket()
            }
        }
    )+};
}

as_socket!(TcpListener, TcpStream, UdpSocket);

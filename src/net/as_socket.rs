//! The sockets' handles, for programs that set further options.
//!
//! Chapter 13. Do not read or write through them. Only this crate knows which buffers are
//! lent, and which bytes have come.

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

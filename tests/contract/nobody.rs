//! An address for connections that are to be refused.

use std::net::SocketAddr;
#[cfg(unix)]
use std::os::fd::{AsFd, OwnedFd as Owned};
#[cfg(windows)]
use std::os::windows::io::{AsSocket, OwnedSocket as Owned};

use evq::inside::socket_ffi;

/// An address at which nobody listens, and nobody else will: its port is taken
/// for as long as the socket lives. (A client of a port that has just been given
/// back may get that very port, and then reaches itself.)
pub fn nobody() -> (Owned, SocketAddr) {
    let socket = socket_ffi::socket(socket_ffi::AF_INET, socket_ffi::SOCK_STREAM).unwrap();
    #[cfg(unix)]
    let borrowed = socket.as_fd();
    #[cfg(windows)]
    let borrowed = socket.as_socket();
    socket_ffi::bind(borrowed, "127.0.0.1:0".parse().unwrap()).unwrap();
    let addr = socket_ffi::getsockname(borrowed).unwrap();
    (socket, addr)
}

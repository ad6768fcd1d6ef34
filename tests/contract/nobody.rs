//! An address that refuses connections.

use std::io;
use std::net::{self, SocketAddr};

use evq::net::TcpStream;

/// Both ends of a connection. Its accepted end keeps the port.
pub type Kept = [net::TcpStream; 2];

/// An address at which nobody listens while `Kept` lives.
///
/// A port that is bound but never listened is not enough. NetBSD and macOS do not
/// refuse there; the client waits for a minute. A closed port is not enough either,
/// because the system may give it to another process at any time. So we listen,
/// accept one connection, and close the listener. No socket listens then, and every
/// system resets a second client. No other socket gets the port, because the
/// accepted connection has it.
pub fn nobody() -> (Kept, SocketAddr) {
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let client = net::TcpStream::connect(addr).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    ([accepted, client], addr)
}

/// Starts a connection to nobody. Returns the refusal if it comes at once.
///
/// FreeBSD since 13 lets two connections share a local port if they lead to
/// different addresses. Once in about 50,000 times the client then gets the port to
/// which it connects, and would connect to itself. We drop such a client and try
/// again.
pub fn connect_to_nobody(addr: SocketAddr) -> io::Result<TcpStream> {
    loop {
        let stream = TcpStream::connect(addr)?;
        if stream.local_addr().ok() != Some(addr) {
            return Ok(stream);
        }
    }
}

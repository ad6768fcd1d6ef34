//! An address for connections that are to be refused.

use std::io;
use std::net::{self, SocketAddr};

use evq::net::TcpStream;

/// Both ends of a connection. Its accepted end keeps the port.
pub type Kept = [net::TcpStream; 2];

/// An address at which nobody listens while `Kept` lives.
///
/// A port that is bound and was never listened at does not do: NetBSD and macOS
/// do not refuse there, the client waits for a minute. A port that is closed and
/// free does not do either: the next socket of any process may get it. So we
/// listen, accept one connection, and close the listener. Every system answers a
/// second client with a reset, because no socket listens. No system gives the
/// port to another socket, because the accepted connection has it.
pub fn nobody() -> (Kept, SocketAddr) {
    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let client = net::TcpStream::connect(addr).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    ([accepted, client], addr)
}

/// Begins a connection to nobody, or returns the refusal if it comes at once.
///
/// FreeBSD since 13 lets two connections have one local port if they lead to
/// different addresses. Once in about 50,000 times it gives a client the very
/// port that the client connects to, and the client would reach itself. Such a
/// client is dropped, and the next one tries.
pub fn connect_to_nobody(addr: SocketAddr) -> io::Result<TcpStream> {
    loop {
        let stream = TcpStream::connect(addr)?;
        if stream.local_addr().ok() != Some(addr) {
            return Ok(stream);
        }
    }
}

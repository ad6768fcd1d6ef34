//! Exercise 16.2: a receiver with the habits of a stream.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

/// A UDP socket. The check provides it.
pub trait Socket {
    fn recv_from(&mut self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)>;
}

/// The longest datagram that the protocol allows, in bytes.
pub const LONGEST: usize = 16;

/// What has been received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    Datagram(Vec<u8>, SocketAddr),
    /// It was longer than `LONGEST`.
    TooLong(SocketAddr),
}

// ANCHOR: answer
/// Called for each event of the socket, which is edge-triggered and connected. Receives every datagram
/// that has arrived.
pub fn on_event(socket: &mut impl Socket) -> io::Result<Vec<Received>> {
    let mut received = Vec::new();
    let mut buffer = [0; LONGEST + 1];
    loop {
        match socket.recv_from(&mut buffer) {
            Ok((len, from)) if len > LONGEST => received.push(Received::TooLong(from)),
            Ok((len, from)) => received.push(Received::Datagram(buffer[..len].to_vec(), from)),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => return Ok(received),
                // An earlier datagram was refused. Another may have arrived: call again.
                ErrorKind::ConnectionRefused => {}
                _ => return Err(error),
            },
        }
    }
}
// ANCHOR_END: answer

#[cfg(test)]
#[path = "../checks/ex16_2_receive.rs"]
mod checks;

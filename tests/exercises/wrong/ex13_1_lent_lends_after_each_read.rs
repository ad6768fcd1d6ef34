// Fails with: the kernel writes over them
//! Exercise 13.1: whose the bytes are.

use std::io::{self, ErrorKind, IoSliceMut};

use evq::inside::reading::{Reading, hand_out};

/// A connection that waits to be read.
pub struct Stream {
    pub reading: Reading,
    /// What is lent, and what has come.
    pub buffer: [u8; 8],
}

/// The system's side of it.
pub trait Socket {
    /// Lends the whole buffer. `Some`: so many bytes have come at once, and it is back. `None`: it
    /// is the kernel's until its packet comes, which others see to.
    fn lend(&mut self, buffer: &mut [u8; 8]) -> Option<usize>;
    /// Takes what lies in the socket, if anything does.
    fn recv(&mut self, into: &mut [u8]) -> io::Result<usize>;
}

pub fn read(stream: &mut Stream, socket: &mut impl Socket, into: &mut [u8]) -> io::Result<usize> {
    match stream.reading {
        Reading::InHand { from, to } => {
            let count = hand_out(&stream.buffer[from..to], &mut [IoSliceMut::new(into)]);
            stream.reading = stream.reading.took(count);
            {
                stream.reading = Reading::Lent(stream.buffer.len());
                if let Some(bytes) = socket.lend(&mut stream.buffer) {
                    stream.reading = stream.reading.came_back(Ok(bytes));
                }
            }
            Ok(count)
        }
        Reading::Ended => Ok(0),
        Reading::Failed(_) => Err(ErrorKind::ConnectionReset.into()),
        Reading::Lent(_) => Err(ErrorKind::WouldBlock.into()),
        Reading::Idle | Reading::Waiting => socket.recv(into),
    }
}

#[cfg(test)]
#[path = "../../checks/ex13_1_lent.rs"]
mod checks;

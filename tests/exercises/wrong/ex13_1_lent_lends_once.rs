// Fails with: an empty buffer has to be lent again
//! Exercise 13.1: whose the bytes are.

use std::io::{self, ErrorKind, Read};

/// Where a stream's next bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// In the socket, if anywhere: nothing is in flight, and nothing in hand.
    Idle,
    /// The kernel has so many bytes of the buffer, and fills them. Of 0 bytes, it
    /// only tells that there is something.
    InFlight(usize),
    /// In the buffer, from here to there.
    InHand {
        from: usize,
        to: usize,
    },
    /// In the socket: a receive of nothing has come back.
    Notified,
    Ended,
    Failed(i32),
}

impl Reading {
    /// What was in flight has come back with so many bytes, or an error's code.
    pub fn came_back(self, outcome: Result<usize, i32>) -> Reading {
        match (self, outcome) {
            (Reading::InFlight(_), Err(code)) => Reading::Failed(code),
            (Reading::InFlight(0), Ok(_)) => Reading::Notified,
            (Reading::InFlight(_), Ok(0)) => Reading::Ended,
            (Reading::InFlight(_), Ok(to)) => Reading::InHand { from: 0, to },
            (other, _) => other,
        }
    }

    /// So many of the bytes in hand have been read.
    pub fn took(self, bytes: usize) -> Reading {
        match self {
            Reading::InHand { from, to } if from + bytes < to => Reading::InHand {
                from: from + bytes,
                to,
            },
            Reading::InHand { .. } => Reading::Idle,
            other => other,
        }
    }
}

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
            let count = (&stream.buffer[from..to]).read(into)?;
            stream.reading = stream.reading.took(count);
            Ok(count)
        }
        Reading::Ended => Ok(0),
        Reading::Failed(_) => Err(ErrorKind::ConnectionReset.into()),
        Reading::InFlight(_) => Err(ErrorKind::WouldBlock.into()),
        Reading::Idle | Reading::Notified => socket.recv(into),
    }
}

#[cfg(test)]
#[path = "../../checks/ex13_1_lent.rs"]
mod checks;

//! Exercise 13.1: who has the bytes.

use std::io::{self, ErrorKind, Read};

/// Where a stream's next bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// In the socket, if they are there: nothing is in flight or in hand.
    Idle,
    /// The kernel has this many bytes of the buffer, and fills them. With 0 bytes, it
    /// only tells that there is something.
    InFlight(usize),
    /// In the buffer, from here to there.
    InHand {
        from: usize,
        to: usize,
    },
    /// In the socket: a receive of nothing is back.
    Notified,
    Ended,
    Failed(i32),
}

impl Reading {
    /// The buffer in flight is back, with this many bytes or an error's code.
    pub fn came_back(self, outcome: Result<usize, i32>) -> Reading {
        match (self, outcome) {
            (Reading::InFlight(_), Err(code)) => Reading::Failed(code),
            (Reading::InFlight(0), Ok(_)) => Reading::Notified,
            (Reading::InFlight(_), Ok(0)) => Reading::Ended,
            (Reading::InFlight(_), Ok(to)) => Reading::InHand { from: 0, to },
            (other, _) => other,
        }
    }

    /// The program has read this many of the bytes in hand.
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

/// A stream that is read.
pub struct Stream {
    pub reading: Reading,
    /// The kernel has it, or it holds what has come.
    pub buffer: [u8; 8],
}

/// The system's side of it.
pub trait Socket {
    /// Lends the whole buffer. `Some`: it is back at once, with this many bytes. `None`: the kernel
    /// has it until its packet comes. The checks play that packet.
    fn lend(&mut self, buffer: &mut [u8; 8]) -> Option<usize>;
    /// Reads from the socket itself; `WouldBlock` if nothing is there.
    fn recv(&mut self, into: &mut [u8]) -> io::Result<usize>;
}

/// Reads what has come, and makes sure that more can come.
///
/// The buffer is lent before the first call. This function compiles, but newer bytes overtake older
/// ones, and after a while no packet comes any more. Repair it.
pub fn read(stream: &mut Stream, socket: &mut impl Socket, into: &mut [u8]) -> io::Result<usize> {
    match stream.reading {
        Reading::InHand { from, to } => {
            let count = (&stream.buffer[from..to]).read(into)?;
            stream.reading = stream.reading.took(count);
            Ok(count)
        }
        Reading::Ended => Ok(0),
        Reading::Failed(_) => Err(ErrorKind::ConnectionReset.into()),
        Reading::Idle | Reading::Notified | Reading::InFlight(_) => socket.recv(into),
    }
}

#[cfg(test)]
#[path = "../checks/ex13_1_lent.rs"]
mod checks;

// Fails with: what is copied is taken
//! Exercise 14.1: taken is taken.

use std::io::{self, ErrorKind, Write};

/// How far a stream has come with writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// The socket takes what it has room for.
    Open,
    /// The kernel has a copy. These bytes of it are not sent yet.
    InFlight { from: usize, to: usize },
}

impl Writing {
    /// This many bytes of the copy were sent. If the result is `InFlight`, lend the rest again.
    pub fn came_back(self, bytes: usize) -> Writing {
        match self {
            Writing::InFlight { from, to } if from + bytes < to => Writing::InFlight {
                from: from + bytes,
                to,
            },
            _ => Writing::Open,
        }
    }
}

/// A stream that is written.
pub struct Stream {
    pub writing: Writing,
    /// The copy that is lent.
    pub buffer: [u8; 8],
}

/// The system's side of it.
pub trait Socket {
    /// Takes what it has room for; `WouldBlock` if it has none.
    fn send(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Starts a WSASend of these bytes of the buffer. It is in flight until its packet comes.
    fn lend(&mut self, bytes: &[u8]);
}

pub fn write(stream: &mut Stream, socket: &mut impl Socket, bytes: &[u8]) -> io::Result<usize> {
    if stream.writing != Writing::Open {
        return Err(ErrorKind::WouldBlock.into());
    }
    match socket.send(bytes) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            let to = (&mut stream.buffer[..]).write(bytes)?;
            stream.writing = Writing::InFlight { from: 0, to };
            socket.lend(&stream.buffer[..to]);
            Err(error)
        }
        result => result,
    }
}

/// The packet has come: this many of the lent bytes were sent.
pub fn packet(stream: &mut Stream, socket: &mut impl Socket, sent: usize) {
    stream.writing = stream.writing.came_back(sent);
    if let Writing::InFlight { from, to } = stream.writing {
        socket.lend(&stream.buffer[from..to]);
    }
}

#[cfg(test)]
#[path = "../../checks/ex14_1_taken.rs"]
mod checks;

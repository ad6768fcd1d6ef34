// Fails with: what it was to send is written over
//! Exercise 14.1: taken is taken.

use std::io::{self, ErrorKind, Write};

/// How far a stream has come with writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// The socket takes what it has room for.
    Open,
    /// The kernel has a copy, and these bytes of it are not sent yet.
    InFlight { from: usize, to: usize },
}

impl Writing {
    /// So many bytes of the copy have been sent. Still `InFlight`: the rest is to be lent again.
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

/// A connection that is written to.
pub struct Stream {
    pub writing: Writing,
    /// What is copied, to be lent.
    pub buffer: [u8; 8],
}

/// The system's side of it.
pub trait Socket {
    /// Takes as much as there is room for; `WouldBlock` if there is none.
    fn send(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Begins a WSASend of these bytes of the buffer. It is in flight until its packet comes.
    fn lend(&mut self, bytes: &[u8]);
}

pub fn write(stream: &mut Stream, socket: &mut impl Socket, bytes: &[u8]) -> io::Result<usize> {
    match socket.send(bytes) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            let to = (&mut stream.buffer[..]).write(bytes)?;
            stream.writing = Writing::InFlight { from: 0, to };
            socket.lend(&stream.buffer[..to]);
            Ok(to)
        }
        result => result,
    }
}

/// The packet has come: so many bytes of those that were lent have been sent.
pub fn packet(stream: &mut Stream, socket: &mut impl Socket, sent: usize) {
    stream.writing = stream.writing.came_back(sent);
    if let Writing::InFlight { from, to } = stream.writing {
        socket.lend(&stream.buffer[from..to]);
    }
}

#[cfg(test)]
#[path = "../../checks/ex14_1_taken.rs"]
mod checks;

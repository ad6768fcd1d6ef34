//! Exercise 12.1: the rest of a write.

use std::io::{self, ErrorKind, Read, Write};
use std::ops::Range;

/// What the server keeps for one connection.
pub struct Echo {
    pub buffer: [u8; 1024],
    /// The part of `buffer` that has been read and not yet written.
    pub unsent: Range<usize>,
}

/// Called for each event of a non-blocking stream: sends back what has arrived. Answers `true` when
/// the peer has sent its last byte and everything has gone back.
///
/// It compiles, and a peer that reads slowly misses bytes. Repair it. `echo` is the same one at each
/// call; its buffer stays as large as it is.
pub fn on_event(stream: &mut (impl Read + Write), echo: &mut Echo) -> io::Result<bool> {
    loop {
        let count = match stream.read(&mut echo.buffer) {
            Ok(0) => return Ok(true),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        };
        match stream.write(&echo.buffer[..count]) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
#[path = "../checks/ex12_1_rest.rs"]
mod checks;

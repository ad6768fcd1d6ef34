//! Exercise 12.1: the rest of a write.

use std::io::{self, ErrorKind, Read, Write};
use std::ops::Range;

/// What the server keeps for one connection.
pub struct Echo {
    pub buffer: [u8; 1024],
    /// The part of `buffer` that was read and is not written yet.
    pub unsent: Range<usize>,
}

/// Called for each event of a non-blocking stream. Sends back the bytes that have arrived. Returns
/// `true` when the peer has ended its side and all its bytes have gone back.
///
/// It compiles, but a peer that reads slowly misses bytes. Repair it. Each call gets the same `echo`.
/// Do not change the length of its buffer.
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

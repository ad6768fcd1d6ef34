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
// ANCHOR: answer
pub fn on_event(stream: &mut (impl Read + Write), echo: &mut Echo) -> io::Result<bool> {
    loop {
        while !echo.unsent.is_empty() {
            match stream.write(&echo.buffer[echo.unsent.clone()]) {
                Ok(count) => echo.unsent.start += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        match stream.read(&mut echo.buffer) {
            Ok(0) => return Ok(true),
            Ok(count) => echo.unsent = 0..count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}
// ANCHOR_END: answer

#[cfg(test)]
#[path = "../checks/ex12_1_rest.rs"]
mod checks;

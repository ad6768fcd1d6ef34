// Fails with: a read into a buffer without room answers 0
//! Exercise 12.1: the rest of a write.

use std::io::{self, ErrorKind, Read, Write};
use std::ops::Range;

/// What the server keeps for one connection.
pub struct Echo {
    pub buffer: [u8; 1024],
    /// The part of `buffer` that has been read and not yet written.
    pub unsent: Range<usize>,
}
pub fn on_event(stream: &mut (impl Read + Write), echo: &mut Echo) -> io::Result<bool> {
    loop {
        match stream.read(&mut echo.buffer[echo.unsent.end..]) {
            Ok(0) => return Ok(true),
            Ok(count) => echo.unsent.end += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if echo.unsent.is_empty() {
                    return Ok(false);
                }
            }
            Err(error) => return Err(error),
        }
        match stream.write(&echo.buffer[echo.unsent.clone()]) {
            Ok(count) => echo.unsent.start += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
        if echo.unsent.is_empty() {
            echo.unsent = 0..0;
        }
    }
}

#[cfg(test)]
#[path = "../../checks/ex12_1_rest.rs"]
mod checks;

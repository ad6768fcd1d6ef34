//! Exercise 3.3: read for an edge.

use std::io::{self, Read};

/// The loop calls this once for each event of an edge-triggered, non-blocking source. It adds the
/// bytes that have arrived to `received`. It returns `true` if the peer has closed and no byte is
/// left.
// ANCHOR: answer
pub fn on_event(source: &mut impl Read, received: &mut Vec<u8>) -> io::Result<bool> {
    let mut buffer = [0; 4];
    loop {
        match source.read(&mut buffer) {
            Ok(0) => return Ok(true),
            Ok(count) => received.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}
// ANCHOR_END: answer

#[cfg(test)]
#[path = "../checks/ex03_3_drain.rs"]
mod checks;

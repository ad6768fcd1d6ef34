// Fails with: WouldBlock, which is no failure
//! Exercise 3.3: read for an edge.

use std::io::{self, Read};

/// Called once for each event of an edge-triggered, non-blocking source. Adds what has arrived
/// to `received`; answers `true` when the peer has closed and everything before that is read.
pub fn on_event(source: &mut impl Read, received: &mut Vec<u8>) -> io::Result<bool> {
    let mut buffer = [0; 4];
    loop {
        let count = source.read(&mut buffer)?;
        if count == 0 {
            return Ok(true);
        }
        received.extend_from_slice(&buffer[..count]);
    }
}

#[cfg(test)]
#[path = "../../checks/ex03_3_drain.rs"]
mod checks;

// Fails with: keep it with the client
//! Exercise 1.2: half a line.

use std::io::{self, ErrorKind, Read, Write};

/// One of many clients that a single thread serves.
pub struct Client<S> {
    pub stream: S,
    /// What has been read of a line that is not whole yet.
    pub begun: Vec<u8>,
}

/// Called whenever the event queue says that there is something to read from this client. Sends
/// every line back in capitals as soon as it is whole; answers `true` when the client has hung up.
pub fn on_event<S: Read + Write>(client: &mut Client<S>) -> io::Result<bool> {
    let mut line = Vec::new();
    let mut buffer = [0; 64];
    while !line.ends_with(b"\n") {
        match client.stream.read(&mut buffer) {
            Ok(0) => return Ok(true),
            Ok(count) => line.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    client.stream.write_all(&line.to_ascii_uppercase())?;
    Ok(false)
}

#[cfg(test)]
#[path = "../../checks/ex01_2_half_a_line.rs"]
mod checks;

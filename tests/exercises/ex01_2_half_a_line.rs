//! Exercise 1.2: half a line.

use std::io::{self, ErrorKind, Read, Write};

/// One of many clients of a single thread.
pub struct Client<S> {
    pub stream: S,
    /// The bytes that we have read of a line that is not whole yet.
    pub begun: Vec<u8>,
}

/// The server calls this whenever the event queue says that there is something to read from this
/// client. It sends every whole line back in capitals. It returns `true` if the client hung up.
///
/// This one compiles, but one client that sends half a line stops the server for all. Repair it.
pub fn on_event<S: Read + Write>(client: &mut Client<S>) -> io::Result<bool> {
    let mut line = Vec::new();
    let mut buffer = [0; 64];
    while !line.ends_with(b"\n") {
        match client.stream.read(&mut buffer) {
            Ok(0) => return Ok(true),
            Ok(count) => line.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {} // the rest is on its way
            Err(error) => return Err(error),
        }
    }
    client.stream.write_all(&line.to_ascii_uppercase())?;
    Ok(false)
}

#[cfg(test)]
#[path = "../checks/ex01_2_half_a_line.rs"]
mod checks;

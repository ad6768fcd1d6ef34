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
// ANCHOR: answer
pub fn on_event<S: Read + Write>(client: &mut Client<S>) -> io::Result<bool> {
    let mut buffer = [0; 64];
    let count = match client.stream.read(&mut buffer) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
        result => result?,
    };
    client.begun.extend_from_slice(&buffer[..count]);
    if let Some(end) = client.begun.iter().rposition(|byte| *byte == b'\n') {
        let whole: Vec<u8> = client.begun.drain(..=end).collect();
        client.stream.write_all(&whole.to_ascii_uppercase())?;
    }
    Ok(count == 0)
}
// ANCHOR_END: answer

#[cfg(test)]
#[path = "../checks/ex01_2_half_a_line.rs"]
mod checks;

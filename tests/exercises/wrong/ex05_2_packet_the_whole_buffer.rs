// Fails with: padding
//! Exercise 5.2: what a packet says.

/// What a packet of a receive on a TCP socket says.
pub struct Packet {
    /// The status in its OVERLAPPED: 0, or an NTSTATUS that says what went wrong.
    pub status: u32,
    pub bytes: usize,
}

#[derive(Debug, PartialEq)]
pub enum Outcome<'a> {
    Bytes(&'a [u8]),
    /// Nothing was lent to be filled; the socket has bytes, or its end. A read now tells which.
    TryNow,
    /// The peer will send no more.
    End,
    Failed(u32),
}

/// What became of a receive: `lent` is the buffer that was lent for it, all of it.
pub fn outcome<'a>(lent: &'a [u8], packet: &Packet) -> Outcome<'a> {
    match (packet.status, packet.bytes) {
        (0, 0) if lent.is_empty() => Outcome::TryNow,
        (0, 0) => Outcome::End,
        (0, _) => Outcome::Bytes(lent),
        (status, _) => Outcome::Failed(status),
    }
}

#[cfg(test)]
#[path = "../../checks/ex05_2_packet.rs"]
mod checks;

//! Exercise 5.2: what a packet says.

/// The packet of a receive on a TCP socket.
pub struct Packet {
    /// The status in its OVERLAPPED: 0, or an NTSTATUS that says why the receive failed.
    pub status: u32,
    pub bytes: usize,
}

#[derive(Debug, PartialEq)]
pub enum Outcome<'a> {
    Bytes(&'a [u8]),
    /// The buffer had no room. The socket has bytes, or its end: a read now tells which.
    TryNow,
    /// The peer will send no more.
    End,
    Failed(u32),
}

// ANCHOR: answer
/// Says how a receive went. `lent` is the whole buffer that was lent for it.
pub fn outcome<'a>(lent: &'a [u8], packet: &Packet) -> Outcome<'a> {
    match (packet.status, packet.bytes) {
        (0, 0) if lent.is_empty() => Outcome::TryNow,
        (0, 0) => Outcome::End,
        (0, bytes) => Outcome::Bytes(&lent[..bytes]),
        (status, _) => Outcome::Failed(status),
    }
}
// ANCHOR_END: answer

#[cfg(test)]
#[path = "../checks/ex05_2_packet.rs"]
mod checks;

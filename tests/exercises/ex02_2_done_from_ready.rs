//! Exercise 2.2: done, made of ready.

use std::collections::VecDeque;
use std::io::{self, Read};

/// A finished read. The buffer comes back, and `result` says how many bytes of it count.
pub struct Packet {
    pub buffer: Vec<u8>,
    pub result: io::Result<usize>,
}

/// A completion port for one stream. The stream is non-blocking, and a readiness queue watches it
/// for edges.
pub struct Port<S> {
    pub stream: S,
    /// The buffer of the read that is in flight.
    pub lent: Option<Vec<u8>>,
    /// The packets, in the order in which their reads finished.
    pub packets: VecDeque<Packet>,
}

impl<S: Read> Port<S> {
    /// Lends a buffer for one read. When the read is done, its packet goes to `packets`: at once, if
    /// there is already something to read.
    pub fn lend(&mut self, buffer: Vec<u8>) {
        self.lent = Some(buffer);
    }

    /// The loop calls this for each event of the stream. The event may be spurious. It may also come
    /// while no buffer is lent.
    pub fn on_event(&mut self) {
        todo!("do the read that is in flight, if there is one")
    }
}

#[cfg(test)]
#[path = "../checks/ex02_2_done_from_ready.rs"]
mod checks;

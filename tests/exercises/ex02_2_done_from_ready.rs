//! Exercise 2.2: done, made of ready.

use std::collections::VecDeque;
use std::io::{self, Read};

/// A finished read: the buffer comes back, and `result` says how many bytes of it count.
pub struct Packet {
    pub buffer: Vec<u8>,
    pub result: io::Result<usize>,
}

/// A completion port for one stream. The stream is non-blocking, and registered with a readiness
/// queue, for edges.
pub struct Port<S> {
    pub stream: S,
    /// The buffer that is lent, while its read is not done.
    pub lent: Option<Vec<u8>>,
    /// The packets, in the order in which their reads were done.
    pub packets: VecDeque<Packet>,
}

impl<S: Read> Port<S> {
    /// Lends a buffer. One read into it will be done, and its packet pushed to `packets`: at once
    /// if there is something to read already, else later.
    pub fn lend(&mut self, buffer: Vec<u8>) {
        self.lent = Some(buffer);
    }

    /// Called whenever the readiness queue has an event for the stream. It may be one too many, and
    /// it may come while nothing is lent.
    pub fn on_event(&mut self) {
        todo!("do the read that is waiting, if there is one")
    }
}

#[cfg(test)]
#[path = "../checks/ex02_2_done_from_ready.rs"]
mod checks;

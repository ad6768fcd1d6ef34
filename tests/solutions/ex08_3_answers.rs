//! Exercise 8.3: what the other end has done.

use evq::inside::mask::{EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP};

// ANCHOR: answer
/// The peer of a TCP connection has closed its socket and sent no bytes. We ask to read.
pub const PEER_CLOSED: u32 = EPOLLIN | EPOLLRDHUP;

/// The writer of an empty pipe has ended. We have the reading end, and ask to read.
pub const WRITER_GONE: u32 = EPOLLHUP;

/// The reader of an empty pipe has ended. We have the writing end, and ask to write.
pub const READER_GONE: u32 = EPOLLOUT | EPOLLERR;
// ANCHOR_END: answer

#[cfg(test)]
#[path = "../checks/ex08_3_answers.rs"]
mod checks;

//! Exercise 8.3: what the other end has done.

// An answer is one of these, or several of them with `|` in between.
#[allow(unused_imports)]
use evq::inside::mask::{EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP};

/// The peer of a TCP connection has closed its socket and sent no bytes. We ask to read.
pub const PEER_CLOSED: u32 = 0;

/// The writer of an empty pipe has ended. We have the reading end, and ask to read.
pub const WRITER_GONE: u32 = 0;

/// The reader of an empty pipe has ended. We have the writing end, and ask to write.
pub const READER_GONE: u32 = 0;

#[cfg(test)]
#[path = "../checks/ex08_3_answers.rs"]
mod checks;

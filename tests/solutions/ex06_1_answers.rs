//! Exercise 6.1: what you are told.

use std::io::ErrorKind;

// ANCHOR: answer
/// A program registers a source a second time, with the same queue.
pub const TWICE: ErrorKind = ErrorKind::AlreadyExists;

/// A program deregisters a source with another queue's registrator.
pub const ELSEWHERE: ErrorKind = ErrorKind::InvalidInput;

/// A program drops a `Poll`, and registers a source with a clone of its registrator.
pub const OUTLIVED: ErrorKind = ErrorKind::Other;

/// One source is ready, a batch has room for eight, and the loop is closed. What do the next
/// three calls of `poll` return? `Some` holds the number of events, and `None` means an error.
pub const CLOSED: [Option<usize>; 3] = [Some(1), None, None];
// ANCHOR_END: answer

#[cfg(test)]
#[path = "../checks/ex06_1_answers.rs"]
mod checks;

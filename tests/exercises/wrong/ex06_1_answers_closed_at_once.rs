// Fails with: what is ready is delivered first
//! Exercise 6.1: what the registrator answers.

use std::io::ErrorKind;

/// A registered source is registered again, with the same queue.
pub const TWICE: ErrorKind = ErrorKind::AlreadyExists;

/// A registered source is deregistered, with the registrator of another queue.
pub const ELSEWHERE: ErrorKind = ErrorKind::InvalidInput;

/// A source is registered, with a clone of the registrator of a `Poll` that has been dropped.
pub const OUTLIVED: ErrorKind = ErrorKind::Other;

/// One source is ready, there is room for eight, and the loop is closed. What do the next three
/// calls of `poll` return? `Some` holds the number of events, `None` is the error.
pub const CLOSED: [Option<usize>; 3] = [None, None, None];

#[cfg(test)]
#[path = "../../checks/ex06_1_answers.rs"]
mod checks;

// Fails with: not how often
//! Exercise 2.1: how often is it announced?
//!
//! Each constant is a number of events. Ten bytes have arrived at a stream that is registered,
//! unless something else is said, for edges.

/// The first `poll` gives one event. Four bytes are read. How many events does the next one give?
pub const EDGE_AFTER_A_PARTIAL_READ: usize = 0;

/// The same, registered for levels.
pub const LEVEL_AFTER_A_PARTIAL_READ: usize = 1;

/// Registered for levels, and one read has brought all ten bytes, without any `WouldBlock`.
pub const LEVEL_AFTER_ALL_IS_READ: usize = 0;

/// The client writes ten bytes three times, before the first `poll`. How many events does that
/// one give?
pub const EDGE_AFTER_THREE_WRITES: usize = 3;

/// Four bytes are read; then the stream is reregistered, for edges once more.
pub const EDGE_REREGISTERED_AFTER_A_PARTIAL_READ: usize = 1;

#[cfg(test)]
#[path = "../../checks/ex02_1_announced.rs"]
mod checks;

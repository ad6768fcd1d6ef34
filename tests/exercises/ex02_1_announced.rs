//! Exercise 2.1: how often is it announced?
//!
//! Each constant is the number of events that the next `poll` gives. Ten bytes have arrived at a
//! stream. The stream is registered for edges, unless the comment says something else.

/// The first `poll` gives one event. The program reads four bytes.
pub const EDGE_AFTER_A_PARTIAL_READ: usize = 9;

/// The same, but registered for levels.
pub const LEVEL_AFTER_A_PARTIAL_READ: usize = 9;

/// Registered for levels. One read brings all ten bytes, so no read returns `WouldBlock`.
pub const LEVEL_AFTER_ALL_IS_READ: usize = 9;

/// The client writes ten bytes three times. There was no `poll` yet.
pub const EDGE_AFTER_THREE_WRITES: usize = 9;

/// The program reads four bytes. Then it reregisters the stream, again for edges.
pub const EDGE_REREGISTERED_AFTER_A_PARTIAL_READ: usize = 9;

#[cfg(test)]
#[path = "../checks/ex02_1_announced.rs"]
mod checks;

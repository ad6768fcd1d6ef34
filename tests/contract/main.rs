//! The contract, clause by clause: what every system keeps.
//!
//! A test's name begins with its clause. What needs a process of its own
//! (exhausted descriptors, counted allocations, signals, children) has a file of
//! its own beside this folder.

mod c10;
mod c12;
mod c13;
mod c15;
mod common;

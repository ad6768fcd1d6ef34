//! What every source over completions is made of, sockets and pipes alike.
//!
//! Chapters 11, 13, 14 and 18. `source.rs` has the operations, the registration and
//! the end of a source, `kind.rs` what a kind of source adds. `incoming.rs` and `outgoing.rs` have the states of its two
//! operations, and `buffer_pool.rs` the memory that is lent: these make no system
//! call, and compile everywhere. `binding.rs` ties a handle to a queue's port.

#[cfg(windows)]
pub mod binding;
pub mod buffer_pool;
pub mod incoming;
#[cfg(windows)]
pub mod kind;
pub mod outgoing;
#[cfg(windows)]
pub mod source;

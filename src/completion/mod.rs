//! What every source over completions is made of, sockets and pipes alike.
//!
//! Chapters 11, 13, 14 and 18. `source.rs` starts and ends the operations of a source,
//! registers it and drops it. `kind.rs` says what a kind of source adds. `incoming.rs`
//! and `outgoing.rs` have the states of the two operations, and `buffer_pool.rs` has
//! the buffers that a source lends. These three make no system call, and compile on
//! every system. `binding.rs` ties a handle to a queue's port.

#[cfg(windows)]
pub mod binding;
pub mod buffer_pool;
pub mod incoming;
#[cfg(windows)]
pub mod kind;
pub mod outgoing;
#[cfg(windows)]
pub mod source;

//! What every source over completions is made of, sockets and pipes alike.
//!
//! Chapters 11, 13 and 18. `source.rs` has the operations, the registration and the end of a source,
//! `binding.rs` ties a handle to a queue's port, `buffer_pool.rs` has the memory that is lent.

#[cfg(windows)]
pub mod binding;
pub mod buffer_pool;
#[cfg(windows)]
pub mod source;

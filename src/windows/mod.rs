//! What only Windows has: any handle that a completion port takes as a source,
//! and how much a stream lends.

mod lending;

#[doc(hidden)]
pub mod ffi;

pub use crate::iocp::binding::Binding;
pub use crate::iocp::overlapped::{Overlapped, Packet};

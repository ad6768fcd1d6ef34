//! Feature `trace`: every foreign call printed to standard error as it is made.
//!
//! Chapter 7. The safe wrappers in the `ffi.rs` files report each call here,
//! with its arguments and its result. Without the feature `call` is empty, and
//! nothing is formatted.

use std::fmt;
use std::io;

// ANCHOR: call
/// Prints one foreign call, as strace would: `epoll_ctl(3, ADD, 4, ...) = 0`.
#[inline(always)]
pub(crate) fn call<T: fmt::Debug>(call: fmt::Arguments<'_>, result: &io::Result<T>) {
    if cfg!(feature = "trace") {
        match result {
            Ok(value) => eprintln!("{call} = {value:?}"),
            Err(error) => eprintln!("{call} = {error}"),
        }
    }
}
// ANCHOR_END: call

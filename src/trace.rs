//! What every foreign call ends with: its result, and feature `trace`.
//!
//! Chapter 7. The safe wrappers in the `ffi.rs` files report each call here.
//! With the feature it is printed to standard error, arguments and result, as
//! strace would print it; without, nothing is even formatted.

use std::fmt::{Arguments, Debug};
use std::io::{self, Write};

// ANCHOR: checked
/// Turns the -1 of a failed call into the error that the system keeps for it.
#[cfg(unix)]
#[inline(always)]
pub(crate) fn checked<T>(call: Arguments<'_>, returned: T) -> io::Result<T>
where
    T: PartialEq + From<i8> + Debug,
{
    failed_if(T::from(-1), call, returned)
}

/// The same, for calls that fail with another value.
#[inline(always)]
pub(crate) fn failed_if<T>(failure: T, call: Arguments<'_>, returned: T) -> io::Result<T>
where
    T: PartialEq + Debug,
{
    let result = if returned == failure {
        Err(io::Error::last_os_error())
    } else {
        Ok(returned)
    };
    traced(call, result)
}

/// Prints a call and its result, if there is feature `trace`.
#[inline(always)]
pub(crate) fn traced<T: Debug>(call: Arguments<'_>, result: io::Result<T>) -> io::Result<T> {
    if cfg!(feature = "trace") {
        let line = match &result {
            Ok(value) => format!("{call} = {value:?}\n"),
            Err(error) => format!("{call} = {error}\n"),
        };
        // In one write, or other threads' lines would tear it; and not by
        // `eprint`, which panics where nobody reads: `2>&1 | head`.
        let _ = io::stderr().write_all(line.as_bytes());
    }
    result
}
// ANCHOR_END: checked

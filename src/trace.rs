//! What every foreign call ends with: its result, and feature `trace`.
//!
//! Chapter 7. The wrappers in the `ffi` files report each call here. With the
//! feature it is printed to standard error, arguments and result, as strace
//! would print it; without, nothing is even formatted.

use std::fmt::{Arguments, Debug};
use std::io::{self, Write};

// ANCHOR: checked
/// Makes a result of what a call returned, and prints the call as the trace
/// shows it: `checked!("listen({fd}, {backlog})" = returned != -1)`. If the call
/// returned what stands after `!=`, it failed, for the reason that the system keeps.
macro_rules! checked {
    ($call:literal = $returned:ident != $failure:expr) => {{
        let reason = std::io::Error::last_os_error;
        $crate::trace::check(format_args!($call), $returned, $failure, reason)
    }};
}

pub(crate) use checked;

/// What `checked!` does. It asks for the `reason` before anything else.
#[inline(always)]
pub(crate) fn check<T: PartialEq + Debug>(
    call: Arguments<'_>,
    returned: T,
    failure: T,
    reason: fn() -> io::Error,
) -> io::Result<T> {
    let result = match returned == failure {
        true => Err(reason()),
        false => Ok(returned),
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

//! The end of every foreign call: its result, and feature `trace`.
//!
//! Chapter 7. Each wrapper in an `ffi` file ends here. With feature `trace`, the
//! call is printed to standard error with its arguments and its result, as strace
//! would print it. Without the feature, no text is made. Calls of the standard
//! library do not pass through here.

use std::fmt::{Arguments, Debug};
use std::io::{self, Write};

// ANCHOR: checked
/// Makes a result of what a call returned, and traces the call:
/// `checked!("listen({fd}, {backlog})" = returned != -1)`. The value after `!=` means
/// that the call failed. Then the system knows the reason.
macro_rules! checked {
    ($call:literal = $returned:ident != $failure:expr) => {{
        let reason = std::io::Error::last_os_error;
        $crate::trace::check(format_args!($call), $returned, $failure, reason)
    }};
}

pub(crate) use checked;
// ANCHOR_END: checked

// ANCHOR: check
/// What `checked!` does. It asks for the `reason` before it does anything else.
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
// ANCHOR_END: check

// ANCHOR: traced
/// Prints a call and its result, if the feature `trace` is on.
#[inline(always)]
pub(crate) fn traced<T: Debug>(call: Arguments<'_>, result: io::Result<T>) -> io::Result<T> {
    if cfg!(feature = "trace") {
        let line = match &result {
            Ok(value) => format!("{call} = {value:?}\n"),
            Err(error) => format!("{call} = {error}\n"),
        };
        // One write, or another thread's line could come in the middle. Not `eprint`:
        // it panics if nobody reads, as in `2>&1 | head`.
        let _ = io::stderr().write_all(line.as_bytes());
    }
    result
}
// ANCHOR_END: traced

// ANCHOR: shown
/// How the trace shows a struct: its mask by the names of the bits that are set, and
/// then other fields.
#[cfg(unix)]
macro_rules! shown {
    ($type:ident: $mask:ident = $($bit:ident)|+; $($field:ident),+) => {
        impl std::fmt::Debug for $type {
            fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let Self { $mask, $($field,)+ .. } = *self;
                let bits = [$((stringify!($bit), $bit)),+].into_iter();
                let set = bits.filter_map(|(name, bit)| (u64::from($mask) & u64::from(bit) != 0).then_some(name));
                write!(to, "{{{}", set.collect::<Vec<_>>().join(" | "))?;
                $(write!(to, ", {}: {}", stringify!($field), $field)?;)+
                write!(to, "}}")
            }
        }
    };
}

#[cfg(unix)]
pub(crate) use shown;
// ANCHOR_END: shown

//! The errors of a call on a connection that is over.

use std::io::{self, ErrorKind};

/// Whether the error says that the peer has closed or reset the connection.
///
/// While a system handles the peer's reset, a write may return another error, and
/// the next write returns `EPIPE`. On macOS that error is `EPROTOTYPE`, on NetBSD
/// `EINVAL`.
pub fn is_gone(error: &io::Error) -> bool {
    let meanwhile = match std::env::consts::OS {
        "macos" | "ios" => Some(41),
        "netbsd" => Some(22),
        _ => None,
    };
    let kinds = [
        ErrorKind::BrokenPipe,
        ErrorKind::ConnectionReset,
        ErrorKind::ConnectionAborted,
    ];
    kinds.contains(&error.kind()) || (meanwhile.is_some() && error.raw_os_error() == meanwhile)
}

//! What a call on a connection says once the connection is over.

use std::io::{self, ErrorKind};

/// Whether the error says that the peer has closed or reset the connection.
///
/// While a system still takes in the peer's reset, a write may say something
/// else, and the next one says `EPIPE`: macOS has `EPROTOTYPE` there, NetBSD
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

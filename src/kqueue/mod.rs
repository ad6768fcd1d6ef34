//! kqueue: macOS, iOS, FreeBSD, DragonFly BSD, NetBSD and OpenBSD.
//!
//! `changes.rs` decides, without a system call, and compiles on every system;
//! `ffi.rs` calls; `selector.rs` joins the two. With `--cfg evq_libkqueue` the
//! latter two also build on Linux, against libkqueue.

pub mod changes;

#[cfg(any(
    target_os = "macos",
    target_os = "ios",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "netbsd",
    target_os = "openbsd",
    evq_libkqueue
))]
pub mod ffi;
#[cfg(any(
    target_os = "macos",
    target_os = "ios",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "netbsd",
    target_os = "openbsd",
    evq_libkqueue
))]
pub mod selector;

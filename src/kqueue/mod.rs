//! kqueue: macOS, iOS, FreeBSD, DragonFly BSD, NetBSD and OpenBSD.
//!
//! `changes.rs` decides. It makes no system call and compiles on every system.
//! `ffi.rs` makes the calls, and `selector.rs` joins the two. With
//! `--cfg evq_libkqueue`, all three also build on Linux, against libkqueue.

pub mod changes;

#[cfg(unix)]
#[cfg(any(evq_libkqueue, not(any(target_os = "linux", target_os = "android"))))]
pub mod ffi;
#[cfg(unix)]
#[cfg(any(evq_libkqueue, not(any(target_os = "linux", target_os = "android"))))]
pub mod selector;

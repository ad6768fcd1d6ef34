//! epoll: Linux and Android.
//!
//! `mask.rs` decides. It makes no system call and compiles on every system.
//! `ffi.rs` makes the calls, and `selector.rs` joins the two.

pub mod mask;

#[cfg(all(any(target_os = "linux", target_os = "android"), not(evq_libkqueue)))]
pub mod ffi;
#[cfg(all(any(target_os = "linux", target_os = "android"), not(evq_libkqueue)))]
pub mod selector;

//! IOCP: Windows.
//!
//! A completion port says what is done, and not what could be done. So there is
//! more here than in `epoll/` and `kqueue/`: `selector.rs` dequeues the packets,
//! `overlapped.rs` is what each packet leads back to, `binding.rs` ties a handle
//! to a port, and `operations.rs` is what every source of this crate is made of
//! that turns completions into readiness.

#[cfg(windows)]
pub mod ffi;
#[cfg(not(windows))]
pub mod ffi {
    pub mod errors; // Numbers, and no call.
}
#[cfg(windows)]
pub mod overlapped;
#[cfg(windows)]
pub mod selector;

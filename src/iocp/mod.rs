//! IOCP: Windows.
//!
//! A completion port says what is done, not what could be done. So there is more
//! here than in `epoll/` and `kqueue/`. `selector.rs` dequeues the packets,
//! `overlapped.rs` is what each packet leads back to, and `orphans.rs` keeps the
//! operations whose source was dropped.

#[cfg(windows)]
pub mod ffi;
#[cfg(not(windows))]
pub mod ffi {
    pub mod errors; // Numbers, and no call.
}
#[cfg(windows)]
pub mod orphans;
#[cfg(windows)]
pub mod overlapped;
#[cfg(windows)]
pub mod selector;

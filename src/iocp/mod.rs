//! IOCP: Windows.
//!
//! A completion port says what is done, not what could be done. So this folder has
//! more files than `epoll/` and `kqueue/`. `selector.rs` dequeues packets,
//! `overlapped.rs` is what each packet leads back to, and `orphans.rs` keeps the
//! operations whose source was dropped.

#[cfg(windows)]
pub mod ffi;
#[cfg(not(windows))]
pub mod ffi {
    pub mod errors; // Numbers alone, so that every system can test with them.
}
#[cfg(windows)]
pub mod orphans;
#[cfg(windows)]
pub mod overlapped;
#[cfg(windows)]
pub mod selector;

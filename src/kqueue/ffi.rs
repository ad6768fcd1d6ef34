//! The foreign functions of kqueue, declared by hand.
//!
//! Chapter 7. Six systems have a kqueue, and no two agree on `struct kevent`
//! or on the numbers of its filters. `mod c` says what each C library has;
//! around each function stands a safe wrapper that turns -1 into the error in
//! `errno`, retries nothing and hides nothing. Sizes, offsets and constants are
//! held to the real headers by `tests/abi.rs` and `.ci/abi`.

// C's names, and what they mean is told where C tells it.
#![allow(non_camel_case_types, missing_docs)]

use std::ffi::{c_int, c_long};
use std::io::Result;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::null;
use std::time::Duration;

use crate::trace::checked;

// ANCHOR: kevent
/// One change, or one answer
/// (<https://man.freebsd.org/cgi/man.cgi?kqueue>, <https://keith.github.io/xcode-man-pages/kqueue.2.html>).
///
/// Apple packs it to 4 bytes, on 64-bit systems too: no references into it.
#[repr(C)]
#[cfg_attr(any(target_os = "macos", target_os = "ios"), repr(packed(4)))]
#[derive(Debug, Clone, Copy)]
pub struct kevent {
    /// The descriptor.
    pub ident: usize,
    /// What is watched about it.
    pub filter: Filter,
    /// What to do, or what was done: `EV_...`
    pub flags: Flags,
    /// What the filter says besides.
    pub fflags: u32,
    /// A number whose meaning is the filter's.
    pub data: Data,
    /// The program's own, handed back unread. A pointer in C; but nobody
    /// follows it, and a number may go to another thread.
    pub udata: usize,
    /// Of no use to us.
    #[cfg(target_os = "freebsd")]
    pub ext: [u64; 4],
}
// ANCHOR_END: kevent

// ANCHOR: systems
#[cfg(any(target_os = "macos", target_os = "ios"))]
mod system {
    pub type Data = isize;
    pub type Seconds = std::ffi::c_long;
    pub const EVFILT_USER: i16 = -10;
}

#[cfg(target_os = "freebsd")]
mod system {
    pub type Data = i64;
    #[cfg(target_arch = "x86")]
    pub type Seconds = i32;
    #[cfg(not(target_arch = "x86"))]
    pub type Seconds = i64;
    pub const EVFILT_USER: i16 = -11;
}

/// libkqueue has DragonFly's struct, and FreeBSD's filters.
#[cfg(any(target_os = "dragonfly", evq_libkqueue))]
mod system {
    pub type Data = isize;
    pub type Seconds = std::ffi::c_long;
    pub const EVFILT_USER: i16 = if cfg!(evq_libkqueue) { -11 } else { -9 };
}

#[cfg(target_os = "openbsd")]
mod system {
    pub type Data = i64;
    pub type Seconds = i64;
    pub const EVFILT_USER: i16 = -10;
}

/// NetBSD's filters count up from 0, in 32 bits, and its lists are counted in
/// `size_t`.
#[cfg(target_os = "netbsd")]
mod system {
    pub type Filter = u32;
    pub type Flags = u32;
    pub type Count = usize;
    pub type Data = i64;
    pub type Seconds = i64;
    pub const EVFILT_READ: u32 = 0;
    pub const EVFILT_WRITE: u32 = 1;
    pub const EVFILT_USER: u32 = 8;
    pub const O_CLOEXEC: i32 = 0x40_0000;
}

/// Everyone else's count down from -1, in 16 bits.
#[cfg(not(target_os = "netbsd"))]
mod common {
    pub type Filter = i16;
    pub type Flags = u16;
    pub type Count = i32;
    pub const EVFILT_READ: i16 = -1;
    pub const EVFILT_WRITE: i16 = -2;
    /// `fcntl`: set the descriptor's flags, of which there is one.
    pub const F_SETFD: i32 = 2;
    pub const FD_CLOEXEC: i32 = 1;
}

#[cfg(not(target_os = "netbsd"))]
pub use common::*;
pub use system::*;

/// The error number of a bad descriptor.
pub const EBADF: i32 = 9;

/// `EVFILT_USER`: trigger it.
pub const NOTE_TRIGGER: u32 = 0x0100_0000;
// ANCHOR_END: systems

/// How long to wait.
#[repr(C)]
pub struct timespec {
    /// Whole seconds.
    pub tv_sec: Seconds,
    /// Nanoseconds, below 1,000,000,000.
    pub tv_nsec: c_long,
}

// ANCHOR: extern
/// What the C library has. Public only so that `tests/abi.rs` sees the types.
pub mod c {
    use super::*;

    #[cfg_attr(evq_libkqueue, link(name = "kqueue"))]
    unsafe extern "C" {
        /// <https://man.freebsd.org/cgi/man.cgi?kqueue>
        #[cfg(not(target_os = "netbsd"))]
        pub fn kqueue() -> c_int;
        /// <https://man.netbsd.org/kqueue1.2>
        #[cfg(target_os = "netbsd")]
        pub fn kqueue1(flags: c_int) -> c_int;
        /// <https://man.freebsd.org/cgi/man.cgi?kqueue>, <https://man.netbsd.org/kevent.2>
        ///
        /// NetBSD keeps each version of the struct under its own link name:
        /// this one is the struct's above.
        #[cfg_attr(target_os = "netbsd", link_name = "__kevent50")]
        pub fn kevent(
            kq: c_int,
            changelist: *const kevent,
            nchanges: Count,
            eventlist: *mut kevent,
            nevents: Count,
            timeout: *const timespec,
        ) -> c_int;
        /// <https://man.freebsd.org/cgi/man.cgi?fcntl>
        #[cfg(not(target_os = "netbsd"))]
        pub fn fcntl(fd: c_int, cmd: c_int, ...) -> c_int;
    }
}
// ANCHOR_END: extern

// ANCHOR: owned
/// Takes ownership of the descriptor that a successful call returned.
fn owned(fd: c_int) -> OwnedFd {
    // SAFETY: only called with what the kernel has just returned as a new
    // descriptor, which nobody else knows of.
    unsafe { OwnedFd::from_raw_fd(fd) }
}
// ANCHOR_END: owned

// ANCHOR: kqueue
/// Makes a kqueue, closed on exec.
///
/// NetBSD alone can do it in one call. The others need no more than this: a
/// child does not inherit a kqueue by `fork`, so nobody can come in between.
#[cfg(not(target_os = "netbsd"))]
pub fn kqueue() -> Result<OwnedFd> {
    // SAFETY: no pointer is passed.
    let fd = unsafe { c::kqueue() };
    let kqueue = checked!("kqueue()" = fd != -1).map(owned)?;
    // SAFETY: no pointer is passed, and the command gets its one argument.
    let returned = unsafe { c::fcntl(fd, F_SETFD, FD_CLOEXEC) };
    checked!("fcntl({fd}, F_SETFD, FD_CLOEXEC)" = returned != -1)?;
    Ok(kqueue)
}

/// Makes a kqueue, closed on exec.
#[cfg(target_os = "netbsd")]
pub fn kqueue() -> Result<OwnedFd> {
    // SAFETY: no pointer is passed.
    let fd = unsafe { c::kqueue1(O_CLOEXEC) };
    checked!("kqueue1(O_CLOEXEC)" = fd != -1).map(owned)
}
// ANCHOR_END: kqueue

// ANCHOR: call
/// Applies the change list, then waits for events up to `wait`, for ever if it
/// is `None`. Returns as much of `room` as was filled.
pub fn kevent<'a>(
    kqueue: BorrowedFd,
    list: &[kevent],
    room: &'a mut [MaybeUninit<kevent>],
    wait: Option<Duration>,
) -> Result<&'a mut [kevent]> {
    let until = wait.map(|wait| timespec {
        tv_sec: Seconds::try_from(wait.as_secs()).unwrap_or(Seconds::MAX),
        tv_nsec: wait.subsec_nanos() as c_long,
    });
    let until = until.as_ref().map_or(null(), |until| &raw const *until);
    let (kq, from, to) = (kqueue.as_raw_fd(), list.as_ptr(), room.as_mut_ptr().cast());
    let (len, max) = (list.len() as Count, room.len() as Count);
    // SAFETY: `from` is readable and `to` writable for as many entries as are
    // given; `until` is null or lives through the call.
    let n = unsafe { c::kevent(kq, from, len, to, max, until) };
    let n = checked!("kevent({kq}, {list:?}, {max}, {wait:?})" = n != -1)? as usize;
    // SAFETY: the kernel has written the first `n`.
    Ok(unsafe { std::slice::from_raw_parts_mut(to, n) })
}
// ANCHOR_END: call

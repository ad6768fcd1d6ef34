//! The foreign functions of kqueue, declared by hand.
//!
//! Chapter 7. Six systems have a kqueue, and they differ in `struct kevent` and in
//! the numbers of the filters. `mod c` declares functions of each C library. Each
//! has a safe wrapper, which turns -1 into the error in `errno`. The wrappers retry
//! nothing and hide nothing. `tests/abi.rs` and `.ci/abi` compare sizes, offsets and
//! constants with the real headers; `tests/abi/table.txt` names the systems whose
//! headers they do not have.

// These are C's names. C's documentation says what they mean.
#![allow(non_camel_case_types, missing_docs)]

use std::ffi::{c_int, c_long};
use std::io::Result;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::null;
use std::time::Duration;

use super::changes::{EV_ADD, EV_CLEAR, EV_DELETE, EV_DISPATCH, EV_ENABLE, EV_RECEIPT};
use crate::trace::{checked, shown};

// ANCHOR: kevent
/// One change, or one answer
/// (<https://man.freebsd.org/cgi/man.cgi?kqueue>, <https://keith.github.io/xcode-man-pages/kqueue.2.html>).
///
/// Apple packs it to 4 bytes, on 64-bit systems too, so nobody may borrow a field.
#[repr(C)]
#[cfg_attr(any(target_os = "macos", target_os = "ios"), repr(packed(4)))]
#[derive(Clone, Copy)]
pub struct kevent {
    /// The descriptor.
    pub ident: usize,
    /// What is watched: `EVFILT_...`
    pub filter: Filter,
    /// What to do, or what has happened: `EV_...`
    pub flags: Flags,
    /// Flags whose meaning depends on the filter.
    pub fflags: u32,
    /// A number whose meaning depends on the filter.
    pub data: Data,
    /// The program's own number. The kernel gives it back unread. C has a pointer
    /// here, but nobody follows it, and a number may go to another thread.
    pub udata: usize,
    /// Not used by us.
    #[cfg(target_os = "freebsd")]
    pub ext: [u64; 4],
}
// ANCHOR_END: kevent

shown!(kevent: flags = EV_ADD | EV_DELETE | EV_ENABLE | EV_CLEAR | EV_RECEIPT | EV_DISPATCH;
    ident, filter, fflags, udata);

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

/// libkqueue has DragonFly's struct and FreeBSD's filters.
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

/// NetBSD's filters have 32 bits and count up from 0. The length of a list is a
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

/// On the other systems the filters have 16 bits and count down from -1.
#[cfg(not(target_os = "netbsd"))]
mod common {
    pub type Filter = i16;
    pub type Flags = u16;
    pub type Count = i32;
    pub const EVFILT_READ: i16 = -1;
    pub const EVFILT_WRITE: i16 = -2;
    /// `fcntl`: set the descriptor's flags, such as `FD_CLOEXEC`.
    pub const F_SETFD: i32 = 2;
    pub const FD_CLOEXEC: i32 = 1;
}

#[cfg(not(target_os = "netbsd"))]
pub use common::*;
pub use system::*;

/// The error number for a bad descriptor.
pub const EBADF: i32 = 9;

/// `EVFILT_USER`: make it report.
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

/// Functions of the C library. Public only so that `tests/abi.rs` sees the types.
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
        // ANCHOR: extern
        /// <https://man.freebsd.org/cgi/man.cgi?kqueue>, <https://man.netbsd.org/kevent.2>
        ///
        /// NetBSD has a symbol for each version of the struct. This one belongs to the
        /// struct above.
        #[cfg_attr(target_os = "netbsd", link_name = "__kevent50")]
        pub fn kevent(
            kq: c_int,
            changelist: *const kevent,
            nchanges: Count,
            eventlist: *mut kevent,
            nevents: Count,
            timeout: *const timespec,
        ) -> c_int;
        // ANCHOR_END: extern
        /// <https://man.freebsd.org/cgi/man.cgi?fcntl>
        #[cfg(not(target_os = "netbsd"))]
        pub fn fcntl(fd: c_int, cmd: c_int, ...) -> c_int;
    }
}

// ANCHOR: owned
/// Takes ownership of the descriptor that a successful call returned.
fn owned(fd: c_int) -> OwnedFd {
    // SAFETY: each caller passes a descriptor that the kernel has just returned as
    // new. Nobody else knows its number.
    unsafe { OwnedFd::from_raw_fd(fd) }
}
// ANCHOR_END: owned

// ANCHOR: kqueue
/// Makes a kqueue, close-on-exec.
///
/// On NetBSD, evq does it in one call. On the other systems two calls are enough: a
/// child made by `fork` does not inherit a kqueue, so none can get it in between.
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

/// Makes a kqueue, close-on-exec.
#[cfg(target_os = "netbsd")]
pub fn kqueue() -> Result<OwnedFd> {
    // SAFETY: no pointer is passed.
    let fd = unsafe { c::kqueue1(O_CLOEXEC) };
    checked!("kqueue1(O_CLOEXEC)" = fd != -1).map(owned)
}
// ANCHOR_END: kqueue

// ANCHOR: call
/// Applies the change list. Then waits for events up to `wait`, or for ever if
/// `wait` is `None`. Returns the part of `room` that the kernel has filled.
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
    // SAFETY: `from` is readable for `len` entries, and `to` is writable for `max`.
    // `until` is null, or lives until the call returns.
    let n = unsafe { c::kevent(kq, from, len, to, max, until) };
    let n = checked!("kevent({kq}, {list:?}, {max}, {wait:?})" = n != -1)? as usize;
    // SAFETY: the kernel has filled the first `n`.
    Ok(unsafe { std::slice::from_raw_parts_mut(to, n) })
}
// ANCHOR_END: call

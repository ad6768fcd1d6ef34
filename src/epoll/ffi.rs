//! The foreign functions of epoll, declared by hand.
//!
//! Chapter 7. `mod c` declares functions of the C library. Each has a safe wrapper
//! of the same name, which turns -1 into the error in `errno`. The wrappers retry
//! nothing and hide nothing. `tests/abi.rs` and `.ci/abi` compare sizes, offsets
//! and constants with the real headers.

// These are C's names. C's documentation says what they mean.
#![allow(non_camel_case_types, missing_docs)]

use std::ffi::{c_int, c_long, c_uint, c_void};
use std::io::Result;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

use super::mask::*;
use crate::trace::{checked, shown};

// ANCHOR: epoll_event
/// One interest, or one answer
/// (<https://man7.org/linux/man-pages/man3/epoll_event.3type.html>).
///
/// On x86-64 alone the kernel packs it to 12 bytes, as on 32-bit x86. On other
/// machines C's ordinary rules hold.
#[repr(C)]
#[cfg_attr(target_arch = "x86_64", repr(packed))]
#[derive(Clone, Copy)]
pub struct epoll_event {
    /// The mask: see `mask.rs`.
    pub events: u32,
    /// The program's own number. The kernel gives it back unread.
    pub data: u64,
}
// ANCHOR_END: epoll_event

shown!(epoll_event: events = EPOLLIN | EPOLLRDHUP | EPOLLOUT | EPOLLONESHOT | EPOLLET; data);

/// `epoll_ctl`: watch a descriptor.
pub const EPOLL_CTL_ADD: c_int = 1;
/// `epoll_ctl`: stop watching a descriptor.
pub const EPOLL_CTL_DEL: c_int = 2;
/// `epoll_ctl`: change a descriptor's mask and data.
pub const EPOLL_CTL_MOD: c_int = 3;

// ANCHOR: cloexec
/// `epoll_create1`: close the descriptor when the process executes another program.
pub const EPOLL_CLOEXEC: c_int = if SPARC { 0x40_0000 } else { 0x8_0000 };

/// `eventfd`: the same.
pub const EFD_CLOEXEC: c_int = EPOLL_CLOEXEC;
/// `eventfd`: if the counter is full or empty, fail with `EAGAIN` instead of waiting.
pub const EFD_NONBLOCK: c_int = if MIPS {
    0x80
} else if SPARC {
    0x4000
} else {
    0x800
};
// ANCHOR_END: cloexec

/// The number of the system call `epoll_pwait2` on most machines, but not on MIPS.
pub const SYS_EPOLL_PWAIT2: c_long = 441;

/// On these two architectures Linux copied the numbers of an older Unix.
const MIPS: bool = cfg!(any(target_arch = "mips", target_arch = "mips64"));
const SPARC: bool = cfg!(any(target_arch = "sparc", target_arch = "sparc64"));

// ANCHOR: timespec
/// `struct __kernel_timespec`: each field has 64 bits on every architecture.
#[repr(C)]
pub struct kernel_timespec {
    /// Whole seconds.
    pub tv_sec: i64,
    /// Nanoseconds, below 1,000,000,000.
    pub tv_nsec: i64,
}
// ANCHOR_END: timespec

// ANCHOR: extern
/// Functions of the C library. Public only so that `tests/abi.rs` sees the types.
pub mod c {
    use super::*;

    unsafe extern "C" {
        /// <https://man7.org/linux/man-pages/man2/epoll_create.2.html>
        pub fn epoll_create1(flags: c_int) -> c_int;
        /// <https://man7.org/linux/man-pages/man2/epoll_ctl.2.html>
        pub fn epoll_ctl(epfd: c_int, op: c_int, fd: c_int, event: *mut epoll_event) -> c_int;
        /// <https://man7.org/linux/man-pages/man2/epoll_wait.2.html>
        pub fn epoll_wait(ep: c_int, evs: *mut epoll_event, max: c_int, ms: c_int) -> c_int;
        /// <https://man7.org/linux/man-pages/man2/eventfd.2.html>
        pub fn eventfd(initval: c_uint, flags: c_int) -> c_int;
        /// <https://man7.org/linux/man-pages/man2/read.2.html>
        pub fn read(fd: c_int, buf: *mut c_void, count: usize) -> isize;
        /// <https://man7.org/linux/man-pages/man2/write.2.html>
        pub fn write(fd: c_int, buf: *const c_void, count: usize) -> isize;
        /// <https://man7.org/linux/man-pages/man2/syscall.2.html>
        pub fn syscall(number: c_long, ...) -> c_long;
    }
}
// ANCHOR_END: extern

// ANCHOR: owned
/// Takes ownership of the descriptor that a successful call returned.
fn owned(fd: c_int) -> OwnedFd {
    // SAFETY: each caller passes a descriptor that the kernel has just returned as
    // new. Nobody else knows its number.
    unsafe { OwnedFd::from_raw_fd(fd) }
}
// ANCHOR_END: owned

/// Makes an epoll instance, close-on-exec.
pub fn epoll_create1() -> Result<OwnedFd> {
    // SAFETY: no pointer is passed.
    let fd = unsafe { c::epoll_create1(EPOLL_CLOEXEC) };
    checked!("epoll_create1(CLOEXEC)" = fd != -1).map(owned)
}

// ANCHOR: epoll_ctl
/// Adds, changes or removes the interest in one descriptor.
pub fn epoll_ctl(ep: BorrowedFd, op: c_int, fd: BorrowedFd, event: epoll_event) -> Result<()> {
    let (ep, fd, mut copy) = (ep.as_raw_fd(), fd.as_raw_fd(), event);
    // SAFETY: `copy` lives until the call returns; the kernel keeps no pointer to it.
    let done = unsafe { c::epoll_ctl(ep, op, fd, &mut copy) };
    let op = ["", "ADD", "DEL", "MOD"][op as usize & 3];
    checked!("epoll_ctl({ep}, {op}, {fd}, {event:?})" = done != -1).map(drop)
}
// ANCHOR_END: epoll_ctl

// ANCHOR: epoll_wait
/// Waits up to `ms` milliseconds, or for ever if `ms` is -1. Returns the part of
/// `room` that the kernel has filled.
pub fn epoll_wait<'r>(ep: BorrowedFd, room: &'r mut Room, ms: c_int) -> Answers<'r> {
    let (ep, max) = (ep.as_raw_fd(), room.len() as c_int);
    let at = room.as_mut_ptr().cast();
    // SAFETY: `at` is writable for `max` entries.
    let n = unsafe { c::epoll_wait(ep, at, max, ms) };
    let n = checked!("epoll_wait({ep}, .., {max}, {ms})" = n != -1)? as usize;
    // SAFETY: the kernel has filled the first `n`.
    Ok(unsafe { std::slice::from_raw_parts(at, n) })
}

/// Entries that the kernel may fill.
pub type Room = [MaybeUninit<epoll_event>];
/// Entries that the kernel has filled.
pub type Answers<'r> = Result<&'r [epoll_event]>;
// ANCHOR_END: epoll_wait

// ANCHOR: epoll_pwait2
/// `epoll_wait` with nanoseconds, since Linux 5.11. It is called by its number,
/// because not every C library has it.
///
/// It is not called on Android, on MIPS or under Miri: Android kills a process that
/// calls it, MIPS has other numbers, and Miri does not know it.
pub fn epoll_pwait2<'r>(ep: BorrowedFd, room: &'r mut Room, time: Duration) -> Answers<'r> {
    if MIPS || cfg!(any(target_os = "android", miri)) {
        return Err(std::io::ErrorKind::Unsupported.into());
    }
    let (ep, max) = (c_long::from(ep.as_raw_fd()), room.len());
    let at = room.as_mut_ptr().cast();
    let timespec = kernel_timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(time.subsec_nanos()),
    };
    let (until, no_mask) = (&raw const timespec, std::ptr::null::<c_void>());
    // SAFETY: `at` is writable for `max` entries, and `timespec` lives until the
    // call returns. A null signal mask means none, whatever its size.
    let n = unsafe { c::syscall(SYS_EPOLL_PWAIT2, ep, at, max, until, no_mask, 0_usize) };
    let n = checked!("epoll_pwait2({ep}, .., {max}, {time:?})" = n != -1)? as usize;
    // SAFETY: the kernel has filled the first `n`.
    Ok(unsafe { std::slice::from_raw_parts(at, n) })
}
// ANCHOR_END: epoll_pwait2

/// Makes an eventfd: its counter is 0, and it is non-blocking and close-on-exec.
pub fn eventfd() -> Result<OwnedFd> {
    // SAFETY: no pointer is passed.
    let fd = unsafe { c::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
    checked!("eventfd(0, CLOEXEC|NONBLOCK)" = fd != -1).map(owned)
}

/// Returns an eventfd's counter, and sets it to 0.
pub fn eventfd_read(fd: BorrowedFd) -> Result<u64> {
    let (fd, mut counter) = (fd.as_raw_fd(), 0_u64);
    // SAFETY: `counter` is writable for the 8 bytes that an eventfd writes.
    let returned = unsafe { c::read(fd, (&raw mut counter).cast(), 8) };
    checked!("read({fd}, .., 8)" = returned != -1).map(|_| counter)
}

/// Adds to an eventfd's counter.
pub fn eventfd_write(fd: BorrowedFd, add: u64) -> Result<()> {
    let fd = fd.as_raw_fd();
    // SAFETY: `add` is readable for the 8 bytes that an eventfd reads.
    let returned = unsafe { c::write(fd, (&raw const add).cast(), 8) };
    checked!("write({fd}, {add}, 8)" = returned != -1).map(drop)
}

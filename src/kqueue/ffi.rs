//! The foreign functions of kqueue, declared by hand.
//!
//! Chapter 7. Six systems have a kqueue, and no two agree on `struct kevent`
//! or on the numbers of its filters. `mod c` says what each C library has;
//! around each function stands a safe wrapper that turns -1 into the error in
//! `errno`, retries nothing and hides nothing. Sizes, offsets and constants are
//! held to the real headers by `tests/abi.rs` and `.ci/abi`.

// C's names, and what they mean is told where C tells it.
#![allow(non_camel_case_types, missing_docs)]

use std::ffi::{c_int, c_long, c_void};
use std::io;
use std::mem::offset_of;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

use crate::trace::checked;

// ANCHOR: kevent
/// One change, or one answer. (FreeBSD: <https://man.freebsd.org/cgi/man.cgi?kqueue>)
#[cfg(target_os = "freebsd")]
#[repr(C)]
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
    /// The program's own, handed back unread.
    pub udata: *mut c_void,
    /// Since FreeBSD 12; of no use to us.
    pub ext: [u64; 4],
}

/// One change, or one answer. (macOS: <https://keith.github.io/xcode-man-pages/kqueue.2.html>)
///
/// Apple packs it to 4 bytes, on 64-bit systems too: no references into it.
#[cfg(not(target_os = "freebsd"))]
#[cfg_attr(not(any(target_os = "macos", target_os = "ios")), repr(C))]
#[cfg_attr(any(target_os = "macos", target_os = "ios"), repr(C, packed(4)))]
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
    /// The program's own, handed back unread.
    pub udata: *mut c_void,
}
// ANCHOR_END: kevent

// For those who take this file elsewhere; `tests/abi.rs` says the rest.
#[cfg(target_pointer_width = "64")]
const _: () = assert!(match size_of::<kevent>() {
    64 => cfg!(target_os = "freebsd"),
    40 => cfg!(target_os = "netbsd"),
    _ => size_of::<kevent>() == 32 && offset_of!(kevent, udata) == 24,
});

// ANCHOR: systems
#[cfg(any(target_os = "macos", target_os = "ios"))]
mod system {
    pub type Data = isize;
    pub const EVFILT_USER: i16 = -10;
    pub const F_DUPFD_CLOEXEC: i32 = 67;
}

#[cfg(target_os = "freebsd")]
mod system {
    pub type Data = i64;
    pub const EVFILT_USER: i16 = -11;
    pub const F_DUPFD_CLOEXEC: i32 = 17;
    pub const O_CLOEXEC: i32 = 0x10_0000;
    pub const O_NONBLOCK: i32 = 0x4;
}

#[cfg(target_os = "dragonfly")]
mod system {
    pub type Data = isize;
    pub const EVFILT_USER: i16 = -9;
    pub const F_DUPFD_CLOEXEC: i32 = 17;
    pub const O_CLOEXEC: i32 = 0x2_0000;
    pub const O_NONBLOCK: i32 = 0x4;
}

#[cfg(target_os = "openbsd")]
mod system {
    pub type Data = i64;
    pub const EVFILT_USER: i16 = -10;
    pub const F_DUPFD_CLOEXEC: i32 = 10;
    pub const O_CLOEXEC: i32 = 0x1_0000;
    pub const O_NONBLOCK: i32 = 0x4;
}

/// NetBSD's filters count up from 0, in 32 bits, and its lists are counted in
/// `size_t`.
#[cfg(target_os = "netbsd")]
mod system {
    pub type Filter = u32;
    pub type Flags = u32;
    pub type Count = usize;
    pub type Data = i64;
    pub const EVFILT_READ: u32 = 0;
    pub const EVFILT_WRITE: u32 = 1;
    pub const EVFILT_USER: u32 = 8;
    pub const F_DUPFD_CLOEXEC: i32 = 12;
    pub const O_CLOEXEC: i32 = 0x40_0000;
    pub const O_NONBLOCK: i32 = 0x4;
}

/// Everyone else's count down from -1, in 16 bits.
#[cfg(not(target_os = "netbsd"))]
mod common {
    pub type Filter = i16;
    pub type Flags = u16;
    pub type Count = i32;
    pub const EVFILT_READ: i16 = -1;
    pub const EVFILT_WRITE: i16 = -2;
}

/// libkqueue has FreeBSD's filters and DragonFly's struct.
#[cfg(evq_libkqueue)]
mod system {
    pub type Data = isize;
    pub const EVFILT_USER: i16 = -11;
    pub const F_DUPFD_CLOEXEC: i32 = 1030;
    pub const O_CLOEXEC: i32 = 0x8_0000;
    pub const O_NONBLOCK: i32 = 0x800;
}

#[cfg(not(target_os = "netbsd"))]
pub use common::*;
pub use system::*;

/// `EVFILT_USER`: trigger it.
pub const NOTE_TRIGGER: u32 = 0x0100_0000;
/// `fcntl`: set the descriptor's flags.
pub const F_SETFD: c_int = 2;
/// `fcntl`, `F_SETFD`: close it when the process executes another program.
pub const FD_CLOEXEC: c_int = 1;
// ANCHOR_END: systems

/// Seconds as `struct timespec` has them: a `long`, or 64 bits everywhere.
#[cfg(not(any(target_os = "freebsd", target_os = "netbsd", target_os = "openbsd")))]
pub type Seconds = c_long;
/// Seconds as `struct timespec` has them: FreeBSD kept 32 bits on 32-bit x86.
#[cfg(all(target_os = "freebsd", target_arch = "x86"))]
pub type Seconds = i32;
/// Seconds as `struct timespec` has them: a `long`, or 64 bits everywhere.
#[cfg(any(
    all(target_os = "freebsd", not(target_arch = "x86")),
    target_os = "netbsd",
    target_os = "openbsd"
))]
pub type Seconds = i64;

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
        pub fn fcntl(fd: c_int, cmd: c_int, ...) -> c_int;
        /// <https://man.freebsd.org/cgi/man.cgi?pipe2>
        #[cfg(not(any(target_os = "macos", target_os = "ios")))]
        pub fn pipe2(fds: *mut c_int, flags: c_int) -> c_int;
        /// <https://man.freebsd.org/cgi/man.cgi?read>
        pub fn read(fd: c_int, buf: *mut c_void, count: usize) -> isize;
        /// <https://man.freebsd.org/cgi/man.cgi?write>
        pub fn write(fd: c_int, buf: *const c_void, count: usize) -> isize;
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
pub fn kqueue() -> io::Result<OwnedFd> {
    // SAFETY: no pointer is passed.
    let fd = unsafe { c::kqueue() };
    let kqueue = checked(format_args!("kqueue()"), fd).map(owned)?;
    // SAFETY: no pointer is passed, and the command gets its one argument.
    let returned = unsafe { c::fcntl(fd, F_SETFD, FD_CLOEXEC) };
    checked(format_args!("fcntl({fd}, F_SETFD, FD_CLOEXEC)"), returned)?;
    Ok(kqueue)
}

/// Makes a kqueue, closed on exec.
#[cfg(target_os = "netbsd")]
pub fn kqueue() -> io::Result<OwnedFd> {
    // SAFETY: no pointer is passed.
    let fd = unsafe { c::kqueue1(O_CLOEXEC) };
    checked(format_args!("kqueue1(O_CLOEXEC)"), fd).map(owned)
}
// ANCHOR_END: kqueue

// ANCHOR: call
/// Applies `changes`, then waits for events up to `timeout`, for ever if it is
/// `None`. Returns how many of `events` were filled.
pub fn kevent(
    kqueue: BorrowedFd<'_>,
    changes: &[kevent],
    events: &mut [kevent],
    timeout: Option<Duration>,
) -> io::Result<usize> {
    let kq = kqueue.as_raw_fd();
    let (nchanges, nevents) = (changes.len(), events.len());
    let timespec = timeout.map(|timeout| timespec {
        tv_sec: Seconds::try_from(timeout.as_secs()).unwrap_or(Seconds::MAX),
        tv_nsec: timeout.subsec_nanos() as c_long,
    });
    let timespec = timespec
        .as_ref()
        .map_or(std::ptr::null(), |timespec| timespec as *const _);
    // SAFETY: `changes` is readable and `events` writable for as many entries
    // as are given; `timespec` is null or lives through the call.
    let filled = unsafe {
        c::kevent(
            kq,
            changes.as_ptr(),
            nchanges as Count,
            events.as_mut_ptr(),
            nevents as Count,
            timespec,
        )
    };
    let filled = checked(
        format_args!("kevent({kq}, {changes:?}, .., {nevents}, {timeout:?})"),
        filled,
    )?;
    Ok(filled as usize)
}
// ANCHOR_END: call

// ANCHOR: duplicate
/// Duplicates a descriptor under the lowest free number, closed on exec.
pub fn duplicate(fd: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let fd = fd.as_raw_fd();
    let lowest: c_int = 0;
    // SAFETY: no pointer is passed, and the command gets the one argument that
    // it takes: without it the call would read whatever the register held.
    let new = unsafe { c::fcntl(fd, F_DUPFD_CLOEXEC, lowest) };
    checked(format_args!("fcntl({fd}, F_DUPFD_CLOEXEC, {lowest})"), new).map(owned)
}
// ANCHOR_END: duplicate

/// Makes a pipe: its reading and its writing end, both non-blocking and closed
/// on exec.
#[cfg(not(any(target_os = "macos", target_os = "ios")))]
pub fn pipe2() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut fds: [c_int; 2] = [-1; 2];
    // SAFETY: `fds` is writable for the two descriptors.
    let returned = unsafe { c::pipe2(fds.as_mut_ptr(), O_CLOEXEC | O_NONBLOCK) };
    checked(
        format_args!("pipe2({fds:?}, O_CLOEXEC|O_NONBLOCK)"),
        returned,
    )?;
    Ok((owned(fds[0]), owned(fds[1])))
}

/// Apple's systems have no `pipe2`, and never refused `EVFILT_USER`.
#[cfg(any(target_os = "macos", target_os = "ios"))]
pub fn pipe2() -> io::Result<(OwnedFd, OwnedFd)> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Reads into `buffer`. Returns the number of bytes.
pub fn read(fd: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<usize> {
    let (fd, len) = (fd.as_raw_fd(), buffer.len());
    // SAFETY: `buffer` is writable for `len` bytes.
    let returned = unsafe { c::read(fd, buffer.as_mut_ptr().cast(), len) };
    Ok(checked(format_args!("read({fd}, .., {len})"), returned)? as usize)
}

/// Writes from `buffer`. Returns the number of bytes.
pub fn write(fd: BorrowedFd<'_>, buffer: &[u8]) -> io::Result<usize> {
    let (fd, len) = (fd.as_raw_fd(), buffer.len());
    // SAFETY: `buffer` is readable for `len` bytes.
    let returned = unsafe { c::write(fd, buffer.as_ptr().cast(), len) };
    Ok(checked(format_args!("write({fd}, .., {len})"), returned)? as usize)
}

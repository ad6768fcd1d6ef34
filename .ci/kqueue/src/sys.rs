//! The calls of Linux that the model needs.
//!
//! Descriptors are plain numbers here, and a system call closes them. The library's
//! own `close` would take the model's lock a second time.

#![allow(non_camel_case_types)]

use std::ffi::{c_int, c_long, c_short, c_uint, c_ulong, c_void};

pub const EPERM: c_int = 1;
pub const ENOENT: c_int = 2;
pub const EBADF: c_int = 9;
pub const EINVAL: c_int = 22;
pub const EPIPE: c_int = 32;

pub const EPOLLIN: u32 = 0x1;
pub const EPOLLOUT: u32 = 0x4;
pub const EPOLLRDHUP: u32 = 0x2000;
pub const EPOLLET: u32 = 1 << 31;
const EPOLL_CTL_ADD: c_int = 1;
const EPOLL_CTL_DEL: c_int = 2;
const EPOLL_CLOEXEC: c_int = 0x8_0000;

pub const POLLIN: c_short = 0x1;
pub const POLLOUT: c_short = 0x4;
pub const POLLERR: c_short = 0x8;
pub const POLLHUP: c_short = 0x10;
pub const POLLRDHUP: c_short = 0x2000;

const F_GETFD: c_int = 1;
const SOL_SOCKET: c_int = 1;
const SO_TYPE: c_int = 3;
const IPPROTO_TCP: c_int = 6;
const TCP_INFO: c_int = 11;

#[cfg(target_arch = "x86_64")]
const SYS_CLOSE: c_long = 3;
#[cfg(target_arch = "x86")]
const SYS_CLOSE: c_long = 6;
#[cfg(not(any(target_arch = "x86_64", target_arch = "x86")))]
const SYS_CLOSE: c_long = 57;

#[repr(C)]
#[cfg_attr(target_arch = "x86_64", repr(packed))]
#[derive(Clone, Copy)]
pub struct epoll_event {
    pub events: u32,
    pub data: u64,
}

#[repr(C)]
struct pollfd {
    fd: c_int,
    events: c_short,
    revents: c_short,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct timespec {
    pub tv_sec: c_long,
    pub tv_nsec: c_long,
}

unsafe extern "C" {
    fn epoll_create1(flags: c_int) -> c_int;
    fn epoll_ctl(epoll: c_int, op: c_int, fd: c_int, event: *mut epoll_event) -> c_int;
    fn epoll_wait(epoll: c_int, events: *mut epoll_event, most: c_int, timeout: c_int) -> c_int;
    fn eventfd(counter: c_uint, flags: c_int) -> c_int;
    fn poll(fds: *mut pollfd, n: c_ulong, timeout: c_int) -> c_int;
    fn ppoll(fds: *mut pollfd, n: c_ulong, time: *const timespec, mask: *const c_void) -> c_int;
    fn fcntl(fd: c_int, cmd: c_int, ...) -> c_int;
    fn getsockopt(fd: c_int, level: c_int, name: c_int, to: *mut c_void, len: *mut u32) -> c_int;
    fn read(fd: c_int, to: *mut c_void, len: usize) -> isize;
    fn write(fd: c_int, from: *const c_void, len: usize) -> isize;
    fn syscall(number: c_long, ...) -> c_long;
    fn __errno_location() -> *mut c_int;
}

pub fn errno() -> c_int {
    // SAFETY: each thread has its own errno, as long as it runs.
    unsafe { *__errno_location() }
}

pub fn set_errno(error: c_int) {
    // SAFETY: as above.
    unsafe { *__errno_location() = error }
}

fn checked(returned: c_int) -> Result<c_int, c_int> {
    if returned == -1 {
        Err(errno())
    } else {
        Ok(returned)
    }
}

/// An epoll instance. It stays open across `exec` only if `inherited`.
pub fn new_epoll(inherited: bool) -> Result<c_int, c_int> {
    // SAFETY: no pointer is passed.
    checked(unsafe { epoll_create1(if inherited { 0 } else { EPOLL_CLOEXEC }) })
}

pub fn new_eventfd() -> Result<c_int, c_int> {
    // SAFETY: no pointer is passed.
    checked(unsafe { eventfd(0, EPOLL_CLOEXEC) })
}

pub fn watch(epoll: c_int, fd: c_int, events: u32) -> Result<(), c_int> {
    let mut event = epoll_event {
        events,
        data: fd as u64,
    };
    // SAFETY: `event` lives through the call.
    checked(unsafe { epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &mut event) }).map(drop)
}

pub fn unwatch(epoll: c_int, fd: c_int) {
    let mut event = epoll_event { events: 0, data: 0 };
    // SAFETY: as above. If `fd` is not watched, the call fails, and that is fine.
    unsafe { epoll_ctl(epoll, EPOLL_CTL_DEL, fd, &mut event) };
}

/// Whether a descriptor is an epoll instance. An instance answers `ENOENT` for
/// `other`, which it does not watch; any other descriptor gives another error.
pub fn is_epoll(fd: c_int, other: c_int) -> bool {
    let mut event = epoll_event { events: 0, data: 0 };
    // SAFETY: as above.
    unsafe { epoll_ctl(fd, EPOLL_CTL_DEL, other, &mut event) == -1 && errno() == ENOENT }
}

/// At most 64 descriptors with news, without waiting.
pub fn news(epoll: c_int) -> Vec<c_int> {
    let mut events = [epoll_event { events: 0, data: 0 }; 64];
    // SAFETY: `events` is writable for 64 entries.
    let filled = unsafe { epoll_wait(epoll, events.as_mut_ptr(), 64, 0) };
    let filled = usize::try_from(filled).unwrap_or(0);
    events[..filled]
        .iter()
        .map(|event| event.data as c_int)
        .collect()
}

/// The state of a descriptor now, from poll(2).
pub fn state(fd: c_int, events: c_short) -> c_short {
    let mut pollfd = pollfd {
        fd,
        events,
        revents: 0,
    };
    // SAFETY: `pollfd` is one writable entry.
    unsafe { poll(&mut pollfd, 1, 0) };
    pollfd.revents
}

/// Waits until a descriptor is readable or the time is over. `None` waits for ever.
pub fn wait(fd: c_int, time: Option<timespec>) -> Result<(), c_int> {
    let mut pollfd = pollfd {
        fd,
        events: POLLIN,
        revents: 0,
    };
    let time = time
        .as_ref()
        .map_or(std::ptr::null(), |time| &raw const *time);
    // SAFETY: `pollfd` is one writable entry; `time` is null or lives through
    // the call; a null mask changes no signals.
    checked(unsafe { ppoll(&mut pollfd, 1, time, std::ptr::null()) }).map(drop)
}

pub fn is_open(fd: c_int) -> bool {
    // SAFETY: no pointer is passed, and the command takes no argument.
    unsafe { fcntl(fd, F_GETFD) != -1 }
}

fn option(fd: c_int, level: c_int, name: c_int) -> Option<u8> {
    let (mut value, mut len) = ([0_u8; 256], 256);
    // SAFETY: `value` is writable for `len` bytes.
    let returned = unsafe { getsockopt(fd, level, name, value.as_mut_ptr().cast(), &mut len) };
    (returned == 0).then_some(value[0])
}

pub fn is_socket(fd: c_int) -> bool {
    option(fd, SOL_SOCKET, SO_TYPE).is_some()
}

/// Whether this is a TCP socket that has shut down its own half of a connection.
/// The first byte of `tcp_info` is its state.
pub fn tcp_has_ended(fd: c_int) -> bool {
    const FIN_WAIT1: u8 = 4;
    const CLOSE_WAIT: u8 = 8;
    const LAST_ACK: u8 = 9;
    const CLOSING: u8 = 11;
    let state = option(fd, IPPROTO_TCP, TCP_INFO);
    state.is_some_and(|state| {
        (FIN_WAIT1..CLOSE_WAIT).contains(&state) || state == LAST_ACK || state == CLOSING
    })
}

/// Makes an eventfd readable, or not readable.
pub fn raise(eventfd: c_int, readable: bool) {
    let mut counter = 1_u64;
    let at = (&raw mut counter).cast::<c_void>();
    // SAFETY: `counter` is 8 bytes, readable and writable.
    unsafe {
        if readable {
            write(eventfd, at, 8);
        } else {
            read(eventfd, at, 8);
        }
    }
}

pub fn close(fd: c_int) -> c_int {
    // SAFETY: the caller of `close` promises that the descriptor is no longer used.
    unsafe { syscall(SYS_CLOSE, fd) as c_int }
}

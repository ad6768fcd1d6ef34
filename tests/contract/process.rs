//! For tests with a process of their own: which descriptors are open, and how many
//! may be.

use std::ffi::c_int;
use std::io;
use std::os::fd::RawFd;

/// The same number on every Unix.
const F_GETFD: c_int = 1;
/// The same number on every Unix.
const FD_CLOEXEC: c_int = 1;

#[cfg(not(any(target_os = "linux", target_os = "android")))]
const RLIMIT_NOFILE: c_int = 8;
#[cfg(any(target_os = "linux", target_os = "android"))]
const RLIMIT_NOFILE: c_int = if cfg!(any(target_arch = "mips", target_arch = "mips64")) {
    5
} else if cfg!(any(target_arch = "sparc", target_arch = "sparc64")) {
    6
} else {
    7
};

#[repr(C)]
struct Limits {
    soft: u64,
    hard: u64,
}

unsafe extern "C" {
    /// <https://man7.org/linux/man-pages/man2/fcntl.2.html>
    fn fcntl(fd: c_int, cmd: c_int, ...) -> c_int;
    /// <https://man7.org/linux/man-pages/man2/getrlimit.2.html>
    #[cfg_attr(
        all(
            any(target_os = "linux", target_os = "android"),
            target_pointer_width = "32",
            not(target_env = "musl")
        ),
        link_name = "getrlimit64"
    )]
    fn getrlimit(resource: c_int, limits: *mut Limits) -> c_int;
    /// <https://man7.org/linux/man-pages/man2/getrlimit.2.html>
    #[cfg_attr(
        all(
            any(target_os = "linux", target_os = "android"),
            target_pointer_width = "32",
            not(target_env = "musl")
        ),
        link_name = "setrlimit64"
    )]
    fn setrlimit(resource: c_int, limits: *const Limits) -> c_int;
}

/// `None` if the descriptor is not open. Otherwise, whether exec closes it.
pub fn closes_on_exec(fd: RawFd) -> Option<bool> {
    // SAFETY: no pointer is passed, and the command takes no argument.
    let flags = unsafe { fcntl(fd, F_GETFD) };
    (flags != -1).then_some(flags & FD_CLOEXEC != 0)
}

/// `process_windows.rs` has a function of the same name.
pub fn what_is_open() -> Vec<RawFd> {
    open_descriptors()
}

/// Whether a child inherits the descriptor.
pub fn is_left_to_children(fd: RawFd) -> bool {
    closes_on_exec(fd) != Some(true)
}

/// The descriptors below 1024 that are open.
pub fn open_descriptors() -> Vec<RawFd> {
    (0..1024)
        .filter(|&fd| closes_on_exec(fd).is_some())
        .collect()
}

fn limits() -> Limits {
    let mut limits = Limits { soft: 0, hard: 0 };
    // SAFETY: `limits` is writable, and a struct of the two 64-bit numbers that
    // the call fills.
    let result = unsafe { getrlimit(RLIMIT_NOFILE, &mut limits) };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
    limits
}

fn set_limits(limits: &Limits) -> io::Result<()> {
    // SAFETY: `limits` lives through the call.
    match unsafe { setrlimit(RLIMIT_NOFILE, limits) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Limits this process to descriptors with numbers below `count`.
pub fn lower_descriptor_limit(count: u64) {
    let hard = limits().hard;
    set_limits(&Limits { soft: count, hard }).unwrap();
}

/// Raises this process's limit to `count` descriptors, or to as many as the system
/// allows. Returns the limit.
pub fn raise_descriptor_limit(count: u64) -> u64 {
    let Limits { soft, hard } = limits();
    if soft >= count {
        return soft;
    }
    // A privileged process may raise the hard limit. macOS has a third limit.
    for soft in [count, hard, count / 2, 10_240] {
        let hard = hard.max(soft);
        if set_limits(&Limits { soft, hard }).is_ok() {
            break;
        }
    }
    limits().soft
}

/// Whether the program failed to start itself because it runs under qemu-user.
pub fn is_emulated<T>(started: &io::Result<T>) -> bool {
    const ENOEXEC: i32 = 8;
    matches!(started, Err(error) if error.raw_os_error() == Some(ENOEXEC))
}

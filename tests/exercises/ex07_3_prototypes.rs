//! Exercise 7.3: four declarations that link.

use std::ffi::c_void;

// Each comment is the line of the header, and each type is what somebody made of it. All four link,
// and all four are wrong. Repair them for 64-bit machines, with types that show their width.

/// `long syscall(long number, ...);` of Linux
pub type Syscall = unsafe extern "C" fn(i64, i64, i64) -> i64;
/// `ssize_t recv(int fd, void *buf, size_t len, int flags);` of every Unix
pub type Recv = unsafe extern "C" fn(i32, *mut c_void, usize, i32) -> i32;
/// `int WSAAPI ioctlsocket(SOCKET s, long cmd, u_long *argp);` of Windows
pub type IoctlSocket = unsafe extern "C" fn(i32, i64, *mut u64) -> i32;
/// `BOOL WINAPI CancelIoEx(HANDLE hFile, LPOVERLAPPED lpOverlapped);` of Windows
pub type CancelIoEx = unsafe extern "system" fn(*mut c_void, *mut c_void) -> bool;

#[cfg(test)]
#[path = "../checks/ex07_3_prototypes.rs"]
mod checks;

// Fails with: a long has 32 bits there
//! Exercise 7.3: four declarations that link.

use std::ffi::c_void;

/// `long syscall(long number, ...);` of Linux
pub type Syscall = unsafe extern "C" fn(i64, ...) -> i64;
/// `ssize_t recv(int fd, void *buf, size_t len, int flags);` of every Unix
pub type Recv = unsafe extern "C" fn(i32, *mut c_void, usize, i32) -> isize;
/// `int WSAAPI ioctlsocket(SOCKET s, long cmd, u_long *argp);` of Windows
pub type IoctlSocket = unsafe extern "system" fn(usize, i64, *mut u64) -> i32;
/// `BOOL WINAPI CancelIoEx(HANDLE hFile, LPOVERLAPPED lpOverlapped);` of Windows
pub type CancelIoEx = unsafe extern "system" fn(*mut c_void, *mut c_void) -> i32;

#[cfg(test)]
#[path = "../../checks/ex07_3_prototypes.rs"]
mod checks;

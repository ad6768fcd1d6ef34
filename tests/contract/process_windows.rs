//! What the tests with a process of their own ask of it: how many handles are
//! open.

use std::ffi::c_void;
use std::io;

#[link(name = "kernel32")]
unsafe extern "system" {
    /// <https://learn.microsoft.com/en-us/windows/win32/api/processthreadsapi/nf-processthreadsapi-getcurrentprocess>
    fn GetCurrentProcess() -> *mut c_void;
    /// <https://learn.microsoft.com/en-us/windows/win32/api/processthreadsapi/nf-processthreadsapi-getprocesshandlecount>
    fn GetProcessHandleCount(process: *mut c_void, count: *mut u32) -> i32;
}

/// How many handles this process has open.
pub fn what_is_open() -> u32 {
    let mut count = 0;
    // SAFETY: `count` is writable, and this process's own handle needs no closing.
    let returned = unsafe { GetProcessHandleCount(GetCurrentProcess(), &mut count) };
    assert_ne!(returned, 0, "{}", io::Error::last_os_error());
    count
}

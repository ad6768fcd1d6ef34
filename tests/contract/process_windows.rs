//! For tests with a process of their own: which handles are open, and whether a
//! child inherits them.

use std::ffi::c_void;
use std::io;
use std::ptr;

/// A child that inherits gets a handle with this flag.
const HANDLE_FLAG_INHERIT: u32 = 1;

#[link(name = "kernel32")]
unsafe extern "system" {
    /// <https://learn.microsoft.com/en-us/windows/win32/api/handleapi/nf-handleapi-gethandleinformation>
    fn GetHandleInformation(handle: *mut c_void, flags: *mut u32) -> i32;
    /// <https://learn.microsoft.com/en-us/windows/win32/api/handleapi/nf-handleapi-sethandleinformation>
    fn SetHandleInformation(handle: *mut c_void, mask: u32, flags: u32) -> i32;
}

/// Handles are multiples of four, and Windows gives low ones first.
const HIGHEST: usize = 1 << 15;

/// The flags of the handle. `None` if it is not open.
fn flags(number: usize) -> Option<u32> {
    let mut flags = 0;
    let handle = ptr::without_provenance_mut(number);
    // SAFETY: `flags` is writable, and the call accepts any number.
    let is_open = unsafe { GetHandleInformation(handle, &mut flags) } != 0;
    is_open.then_some(flags)
}

/// The open handles, as numbers.
pub fn what_is_open() -> Vec<usize> {
    let numbers = (4..HIGHEST).step_by(4);
    numbers.filter(|&number| flags(number).is_some()).collect()
}

/// Whether a child inherits the handle.
pub fn is_left_to_children(number: usize) -> bool {
    flags(number).unwrap() & HANDLE_FLAG_INHERIT != 0
}

/// Lets children inherit the handle from now on.
pub fn leave_to_children(number: usize) {
    let handle = ptr::without_provenance_mut(number);
    // SAFETY: no memory is passed.
    let set = unsafe { SetHandleInformation(handle, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT) };
    assert_ne!(set, 0, "{}", io::Error::last_os_error());
}

/// Whether the program failed to start itself. On Windows it never does.
pub fn is_emulated<T>(_: &io::Result<T>) -> bool {
    false
}

//! What the tests with a process of their own ask of it: which handles are open,
//! and whether a child gets them.

use std::ffi::c_void;
use std::io;
use std::ptr;

/// A child that is started with inheritance gets the handle.
const HANDLE_FLAG_INHERIT: u32 = 1;

#[link(name = "kernel32")]
unsafe extern "system" {
    /// <https://learn.microsoft.com/en-us/windows/win32/api/handleapi/nf-handleapi-gethandleinformation>
    fn GetHandleInformation(handle: *mut c_void, flags: *mut u32) -> i32;
    /// <https://learn.microsoft.com/en-us/windows/win32/api/handleapi/nf-handleapi-sethandleinformation>
    fn SetHandleInformation(handle: *mut c_void, mask: u32, flags: u32) -> i32;
}

/// Handles are multiples of four, and low ones come first.
const HIGHEST: usize = 1 << 15;

/// The flags of a handle, if the number is that of one.
fn flags(number: usize) -> Option<u32> {
    let mut flags = 0;
    let handle = ptr::without_provenance_mut(number);
    // SAFETY: `flags` is writable; any number may be asked about.
    let is_open = unsafe { GetHandleInformation(handle, &mut flags) } != 0;
    is_open.then_some(flags)
}

/// The handles that are open, as numbers.
pub fn what_is_open() -> Vec<usize> {
    let numbers = (4..HIGHEST).step_by(4);
    numbers.filter(|&number| flags(number).is_some()).collect()
}

/// Whether a child gets the handle.
pub fn is_left_to_children(number: usize) -> bool {
    flags(number).unwrap() & HANDLE_FLAG_INHERIT != 0
}

/// Has children get the handle from now on.
pub fn leave_to_children(number: usize) {
    let handle = ptr::without_provenance_mut(number);
    // SAFETY: no memory is passed.
    let set = unsafe { SetHandleInformation(handle, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT) };
    assert_ne!(set, 0, "{}", io::Error::last_os_error());
}

/// Whether this program was to start itself and could not: here it can.
pub fn is_emulated<T>(_: &io::Result<T>) -> bool {
    false
}

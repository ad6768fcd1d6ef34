//! What the tests with a process of their own ask of it: which handles are open,
//! and whether a child gets them.

use std::ffi::c_void;
use std::io;
use std::ptr;

/// A child that is started with inheritance gets the handle.
pub const HANDLE_FLAG_INHERIT: u32 = 1;

#[link(name = "kernel32")]
unsafe extern "system" {
    /// <https://learn.microsoft.com/en-us/windows/win32/api/handleapi/nf-handleapi-gethandleinformation>
    fn GetHandleInformation(handle: *mut c_void, flags: *mut u32) -> i32;
}

/// Handles are multiples of four, and low ones come first.
const HIGHEST: usize = 1 << 15;

/// The handles that are open, as numbers, with their flags.
pub fn open_handles() -> Vec<(usize, u32)> {
    let flags = |number| {
        let mut flags = 0;
        let handle = ptr::without_provenance_mut(number);
        // SAFETY: `flags` is writable; any number may be asked about.
        let is_open = unsafe { GetHandleInformation(handle, &mut flags) } != 0;
        is_open.then_some((number, flags))
    };
    (4..HIGHEST).step_by(4).filter_map(flags).collect()
}

/// How many handles are open.
pub fn what_is_open() -> usize {
    open_handles().len()
}

/// Whether this program was to start itself and could not: here it can.
pub fn is_emulated<T>(_: &io::Result<T>) -> bool {
    false
}

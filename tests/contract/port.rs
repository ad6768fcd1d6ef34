//! What a completion port tells about itself.

use std::ffi::c_void;
use std::os::windows::io::AsRawHandle;
use std::ptr;

use evq::Registrator;

/// `IoCompletionBasicInformation`
const BASIC: u32 = 0;

#[link(name = "ntdll")]
unsafe extern "system" {
    /// <https://ntdoc.m417z.com/ntqueryiocompletion>
    fn NtQueryIoCompletion(
        port: *mut c_void,
        class: u32,
        information: *mut i32,
        length: u32,
        returned: *mut u32,
    ) -> i32;
}

/// How many packets wait in the port.
pub fn queued_packets(registrator: &Registrator) -> i32 {
    let port = evq::inside::port(registrator).as_raw_handle();
    let mut depth = 0;
    // SAFETY: the port is open, and `depth` has room for the four bytes of
    // IO_COMPLETION_BASIC_INFORMATION.
    let status = unsafe { NtQueryIoCompletion(port, BASIC, &mut depth, 4, ptr::null_mut()) };
    assert_eq!(status, 0, "{status:#x}");
    depth
}

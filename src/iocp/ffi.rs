//! The foreign functions of completion ports, declared by hand.
//!
//! Chapter 7. `mod c` says what the libraries have. Each function has a wrapper that
//! turns its failure into the error of `GetLastError`. The wrappers retry nothing and
//! hide nothing. `tests/abi.rs` and `.ci/abi` check sizes, offsets and constants
//! against the real headers.

// The names are C's. The links say what they mean.
#![allow(non_camel_case_types, non_snake_case, missing_docs)]

use std::io::{self, Result};
use std::mem::MaybeUninit;
use std::os::windows::io::{AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle};
use std::ptr;

use crate::trace::checked;

pub mod errors;

pub use errors::*;

pub type BOOL = i32;
pub type HANDLE = *mut std::ffi::c_void;

/// The kernel writes an operation's outcome here
/// (<https://learn.microsoft.com/en-us/windows/win32/api/minwinbase/ns-minwinbase-overlapped>).
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct OVERLAPPED {
    /// An NTSTATUS, `STATUS_PENDING` while the operation is in flight.
    pub Internal: usize,
    /// The number of bytes.
    pub InternalHigh: usize,
    /// The position in a file, its lower half. 0 if the handle has no positions.
    pub Offset: u32,
    pub OffsetHigh: u32,
    pub hEvent: HANDLE,
}

impl OVERLAPPED {
    /// For an operation that has not been started.
    pub const ZEROED: OVERLAPPED = OVERLAPPED {
        Internal: 0,
        InternalHigh: 0,
        Offset: 0,
        OffsetHigh: 0,
        hEvent: ptr::null_mut(),
    };
}

/// A completion packet
/// (<https://learn.microsoft.com/en-us/windows/win32/api/minwinbase/ns-minwinbase-overlapped_entry>).
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct OVERLAPPED_ENTRY {
    /// The number that the handle was associated with.
    pub lpCompletionKey: usize,
    pub lpOverlapped: *mut OVERLAPPED,
    /// Reserved.
    pub Internal: usize,
    pub dwNumberOfBytesTransferred: u32,
}

pub const INVALID_HANDLE_VALUE: HANDLE = ptr::without_provenance_mut(usize::MAX);
/// `GetQueuedCompletionStatusEx`: wait for ever.
pub const INFINITE: u32 = u32::MAX;
/// No packet for an operation that succeeds at once.
pub const FILE_SKIP_COMPLETION_PORT_ON_SUCCESS: u8 = 1;
/// The kernel sets no event on the handle itself. Nobody waits there.
pub const FILE_SKIP_SET_EVENT_ON_HANDLE: u8 = 2;

/// What the libraries have. Public so that `tests/abi.rs` sees the types.
pub mod c {
    use super::{BOOL, HANDLE, OVERLAPPED, OVERLAPPED_ENTRY};

    #[link(name = "kernel32")]
    unsafe extern "system" {
        /// <https://learn.microsoft.com/en-us/windows/win32/fileio/createiocompletionport>
        pub fn CreateIoCompletionPort(
            FileHandle: HANDLE,
            ExistingCompletionPort: HANDLE,
            CompletionKey: usize,
            NumberOfConcurrentThreads: u32,
        ) -> HANDLE;
        /// <https://learn.microsoft.com/en-us/windows/win32/fileio/getqueuedcompletionstatusex-func>
        pub fn GetQueuedCompletionStatusEx(
            CompletionPort: HANDLE,
            lpCompletionPortEntries: *mut OVERLAPPED_ENTRY,
            ulCount: u32,
            ulNumEntriesRemoved: *mut u32,
            dwMilliseconds: u32,
            fAlertable: BOOL,
        ) -> BOOL;
        /// <https://learn.microsoft.com/en-us/windows/win32/fileio/postqueuedcompletionstatus>
        pub fn PostQueuedCompletionStatus(
            CompletionPort: HANDLE,
            dwNumberOfBytesTransferred: u32,
            dwCompletionKey: usize,
            lpOverlapped: *mut OVERLAPPED,
        ) -> BOOL;
        /// <https://learn.microsoft.com/en-us/windows/win32/fileio/cancelioex-func>
        pub fn CancelIoEx(hFile: HANDLE, lpOverlapped: *mut OVERLAPPED) -> BOOL;
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winbase/nf-winbase-setfilecompletionnotificationmodes>
        pub fn SetFileCompletionNotificationModes(FileHandle: HANDLE, Flags: u8) -> BOOL;
    }

    #[link(name = "ntdll")]
    unsafe extern "system" {
        /// <https://learn.microsoft.com/en-us/windows/win32/api/winternl/nf-winternl-rtlntstatustodoserror>
        pub fn RtlNtStatusToDosError(Status: i32) -> u32;
    }
}

/// Takes ownership of the handle that a successful call returned.
pub(crate) fn owned(handle: HANDLE) -> OwnedHandle {
    // SAFETY: the kernel has returned this new handle a moment ago, and nobody else
    // knows of it.
    unsafe { OwnedHandle::from_raw_handle(handle) }
}

/// Makes a completion port.
pub fn create_port() -> Result<OwnedHandle> {
    let none = ptr::null_mut();
    // SAFETY: no memory is passed. 0 threads means one for each processor.
    let port = unsafe { c::CreateIoCompletionPort(INVALID_HANDLE_VALUE, none, 0, 0) };
    checked!("CreateIoCompletionPort()" = port != none).map(owned)
}

/// Ties a handle to a port: the handle's packets go there. No Win32 call undoes it.
pub fn associate(port: BorrowedHandle<'_>, handle: BorrowedHandle<'_>) -> Result<()> {
    let (port, handle) = (port.as_raw_handle(), handle.as_raw_handle());
    // SAFETY: both are open handles, and no memory is passed.
    let done = unsafe { c::CreateIoCompletionPort(handle, port, 0, 0) };
    checked!("CreateIoCompletionPort({handle:?}, {port:?})" = done != ptr::null_mut()).map(drop)
}

// ANCHOR: dequeue
/// Waits up to `ms` milliseconds for packets, and returns those that have come. Fails
/// with `WAIT_TIMEOUT` if none has come.
pub fn dequeue<'p>(
    port: BorrowedHandle<'_>,
    room: &'p mut [MaybeUninit<OVERLAPPED_ENTRY>],
    ms: u32,
) -> Result<&'p [OVERLAPPED_ENTRY]> {
    let (port, max, mut n) = (port.as_raw_handle(), room.len() as u32, 0);
    let at = room.as_mut_ptr().cast();
    // SAFETY: `at` is writable for `max` entries, and `n` for a number.
    let done = unsafe { c::GetQueuedCompletionStatusEx(port, at, max, &mut n, ms, 0) };
    let ms = ms as i32;
    checked!("GetQueuedCompletionStatusEx({port:?}, .., {max}, [{n}], {ms})" = done != 0)?;
    // SAFETY: the kernel has written the first `n`.
    Ok(unsafe { std::slice::from_raw_parts(at, n as usize) })
}
// ANCHOR_END: dequeue

/// Queues a packet whose OVERLAPPED is null.
pub fn post(port: BorrowedHandle<'_>) -> Result<()> {
    let port = port.as_raw_handle();
    // SAFETY: the packet brings the null pointer back, and nobody follows it.
    let done = unsafe { c::PostQueuedCompletionStatus(port, 0, 0, ptr::null_mut()) };
    checked!("PostQueuedCompletionStatus({port:?}, 0, 0, NULL)" = done != 0).map(drop)
}

/// Asks the kernel to end an operation. The kernel has its memory until its packet
/// is dequeued, as before.
///
/// # Safety
///
/// An operation was started on this handle with `overlapped`. The operation may be
/// over: the kernel compares the pointer, and does not follow it.
pub unsafe fn cancel(handle: BorrowedHandle<'_>, overlapped: *mut OVERLAPPED) -> Result<()> {
    let handle = handle.as_raw_handle();
    // SAFETY: as above.
    let done = unsafe { c::CancelIoEx(handle, overlapped) };
    checked!("CancelIoEx({handle:?}, {overlapped:?})" = done != 0).map(drop)
}

/// From now on, operations that succeed at once queue no packet.
pub fn skip_on_success(handle: BorrowedHandle<'_>) -> Result<()> {
    let handle = handle.as_raw_handle();
    let flags = FILE_SKIP_COMPLETION_PORT_ON_SUCCESS | FILE_SKIP_SET_EVENT_ON_HANDLE;
    // SAFETY: no memory is passed.
    let done = unsafe { c::SetFileCompletionNotificationModes(handle, flags) };
    checked!("SetFileCompletionNotificationModes({handle:?}, PORT|EVENT)" = done != 0).map(drop)
}

/// An NTSTATUS as a result. A negative one is an error or a warning.
pub fn status(status: usize) -> Result<()> {
    let status = status as i32;
    if status >= 0 {
        return Ok(());
    }
    // SAFETY: no memory is passed.
    let code = unsafe { c::RtlNtStatusToDosError(status) };
    Err(io::Error::from_raw_os_error(code as i32))
}

// ANCHOR: started
/// The answer of a call that starts an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    /// The operation is over and has moved this many bytes. A packet comes unless the
    /// handle skips it.
    AtOnce(usize),
    /// The operation is in flight. A packet comes.
    Pending,
}

impl Started {
    /// What a call's result means. `bytes` counts only if the operation is over.
    pub(crate) fn by<T>(result: io::Result<T>, bytes: u32) -> io::Result<Started> {
        match result {
            Ok(_) => Ok(Started::AtOnce(bytes as usize)),
            Err(error) if error.raw_os_error() == Some(ERROR_IO_PENDING) => Ok(Started::Pending),
            Err(error) => Err(error),
        }
    }
}
// ANCHOR_END: started

//! The foreign functions of named pipes, declared by hand.
//!
//! Chapter 7. `mod c` declares the library's functions. Each has a wrapper, which turns a
//! failure into the error of `GetLastError`. A wrapper retries nothing and hides nothing.
//! `tests/abi.rs` and `.ci/abi` check sizes, offsets and constants against the real
//! headers.

// The names are C's, and Microsoft's documentation explains them.
#![allow(non_camel_case_types, non_snake_case, missing_docs)]

use std::ffi::{OsStr, c_void};
use std::io::{self, Result};
use std::os::windows::ffi::OsStrExt;
use std::os::windows::io::{AsRawHandle, BorrowedHandle, OwnedHandle};
use std::ptr;

pub use crate::iocp::ffi::errors::*;
use crate::iocp::ffi::{BOOL, HANDLE, INVALID_HANDLE_VALUE, OVERLAPPED, Started, owned};
use crate::trace::checked;

/// `CreateFileW`: the handle can read.
pub const GENERIC_READ: u32 = 0x8000_0000;
/// `CreateFileW`: the handle can write.
pub const GENERIC_WRITE: u32 = 0x4000_0000;
/// `CreateFileW`: fail if nothing of that name exists.
pub const OPEN_EXISTING: u32 = 3;
/// The handle allows overlapped operations.
pub const FILE_FLAG_OVERLAPPED: u32 = 0x4000_0000;
/// `CreateNamedPipeW`: fail if there is a pipe of that name.
pub const FILE_FLAG_FIRST_PIPE_INSTANCE: u32 = 0x8_0000;
/// `CreateFileW`: the call has a flag such as the next one.
pub const SECURITY_SQOS_PRESENT: u32 = 0x10_0000;
/// `CreateFileW`: the pipe's server learns who the client is, but cannot act as the
/// client.
pub const SECURITY_IDENTIFICATION: u32 = 0x1_0000;

/// `CreateNamedPipeW`: both ends can read and write.
pub const PIPE_ACCESS_DUPLEX: u32 = 3;
/// `CreateNamedPipeW`: a stream of bytes, not of messages.
pub const PIPE_TYPE_BYTE: u32 = 0;
/// Reads take bytes, not messages.
pub const PIPE_READMODE_BYTE: u32 = 0;
/// Calls that are not overlapped may wait.
pub const PIPE_WAIT: u32 = 0;
/// `CreateNamedPipeW`: only clients on this machine.
pub const PIPE_REJECT_REMOTE_CLIENTS: u32 = 8;
/// `CreateNamedPipeW`: the number of server ends of one name has no limit but memory.
pub const PIPE_UNLIMITED_INSTANCES: u32 = 255;

/// The library's functions. Public only for `tests/abi.rs`, which needs the types.
pub mod c {
    use super::*;

    #[link(name = "kernel32")]
    unsafe extern "system" {
        /// <https://learn.microsoft.com/en-us/windows/win32/api/namedpipeapi/nf-namedpipeapi-createnamedpipew>
        pub fn CreateNamedPipeW(
            lpName: *const u16,
            dwOpenMode: u32,
            dwPipeMode: u32,
            nMaxInstances: u32,
            nOutBufferSize: u32,
            nInBufferSize: u32,
            nDefaultTimeOut: u32,
            lpSecurityAttributes: *mut c_void,
        ) -> HANDLE;
        /// <https://learn.microsoft.com/en-us/windows/win32/api/namedpipeapi/nf-namedpipeapi-connectnamedpipe>
        pub fn ConnectNamedPipe(hNamedPipe: HANDLE, lpOverlapped: *mut OVERLAPPED) -> BOOL;
        /// <https://learn.microsoft.com/en-us/windows/win32/api/namedpipeapi/nf-namedpipeapi-disconnectnamedpipe>
        pub fn DisconnectNamedPipe(hNamedPipe: HANDLE) -> BOOL;
        /// <https://learn.microsoft.com/en-us/windows/win32/api/fileapi/nf-fileapi-createfilew>
        pub fn CreateFileW(
            lpFileName: *const u16,
            dwDesiredAccess: u32,
            dwShareMode: u32,
            lpSecurityAttributes: *mut c_void,
            dwCreationDisposition: u32,
            dwFlagsAndAttributes: u32,
            hTemplateFile: HANDLE,
        ) -> HANDLE;
        /// <https://learn.microsoft.com/en-us/windows/win32/api/fileapi/nf-fileapi-readfile>
        pub fn ReadFile(
            hFile: HANDLE,
            lpBuffer: *mut c_void,
            nNumberOfBytesToRead: u32,
            lpNumberOfBytesRead: *mut u32,
            lpOverlapped: *mut OVERLAPPED,
        ) -> BOOL;
        /// <https://learn.microsoft.com/en-us/windows/win32/api/fileapi/nf-fileapi-writefile>
        pub fn WriteFile(
            hFile: HANDLE,
            lpBuffer: *const c_void,
            nNumberOfBytesToWrite: u32,
            lpNumberOfBytesWritten: *mut u32,
            lpOverlapped: *mut OVERLAPPED,
        ) -> BOOL;
        /// <https://learn.microsoft.com/en-us/windows/win32/api/ioapiset/nf-ioapiset-getoverlappedresult>
        pub fn GetOverlappedResult(
            hFile: HANDLE,
            lpOverlapped: *mut OVERLAPPED,
            lpNumberOfBytesTransferred: *mut u32,
            bWait: BOOL,
        ) -> BOOL;
    }
}

/// Converts a name to UTF-16, with a 0 at its end.
fn wide(name: &OsStr) -> Result<Vec<u16>> {
    let mut wide: Vec<u16> = name.encode_wide().collect();
    if wide.contains(&0) {
        let error = "the name has a NUL character in it: leave it out";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, error));
    }
    wide.push(0);
    Ok(wide)
}

/// Makes a server's end of a named pipe, for clients on this machine. The pipe carries
/// bytes in both directions, and has a buffer of `room` bytes for each. If `first` is true
/// and there is a pipe of that name, the call fails.
pub fn create_pipe(name: &OsStr, room: u32, first: bool) -> Result<OwnedHandle> {
    let wide = wide(name)?;
    let first = u32::from(first) * FILE_FLAG_FIRST_PIPE_INSTANCE;
    let open = PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | first;
    let mode = PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS;
    let (at, max, none) = (wide.as_ptr(), PIPE_UNLIMITED_INSTANCES, ptr::null_mut());
    // SAFETY: `at` is a string with a 0 at its end, and null is the default.
    let pipe = unsafe { c::CreateNamedPipeW(at, open, mode, max, room, room, 0, none) };
    checked!(
        "CreateNamedPipeW({name:?}, DUPLEX|OVERLAPPED|{first:#x}, REJECT_REMOTE, .., {room})" =
            pipe != INVALID_HANDLE_VALUE
    )
    .map(owned)
}

/// Opens a client's end of a named pipe. Fails with `ERROR_PIPE_BUSY` if every server's
/// end has a client.
pub fn open_pipe(name: &OsStr) -> Result<OwnedHandle> {
    let wide = wide(name)?;
    let access = GENERIC_READ | GENERIC_WRITE;
    let flags = FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION;
    let (at, default, none) = (wide.as_ptr(), ptr::null_mut(), ptr::null_mut());
    // SAFETY: `at` is a string with a 0 at its end. Null is the default, or no template.
    let pipe = unsafe { c::CreateFileW(at, access, 0, default, OPEN_EXISTING, flags, none) };
    checked!(
        "CreateFileW({name:?}, READ|WRITE, 0, NULL, OPEN_EXISTING, OVERLAPPED|IDENTIFICATION)" =
            pipe != INVALID_HANDLE_VALUE
    )
    .map(owned)
}

/// Ends the connection with a server's client. Bytes that the client has not read are
/// lost.
pub fn disconnect_pipe(pipe: BorrowedHandle<'_>) -> Result<()> {
    let pipe = pipe.as_raw_handle();
    // SAFETY: no memory is passed.
    let done = unsafe { c::DisconnectNamedPipe(pipe) };
    checked!("DisconnectNamedPipe({pipe:?})" = done != 0).map(drop)
}

/// Starts to wait for a client. If a client has already opened its end, this fails with
/// `ERROR_PIPE_CONNECTED`, and no packet comes.
///
/// # Safety
///
/// Until the operation's packet was dequeued, `overlapped` stays where it is, and nobody
/// else uses it.
pub unsafe fn connect_pipe(
    pipe: BorrowedHandle<'_>,
    overlapped: *mut OVERLAPPED,
) -> Result<Started> {
    let pipe = pipe.as_raw_handle();
    // SAFETY: the caller lends `overlapped`.
    let done = unsafe { c::ConnectNamedPipe(pipe, overlapped) };
    let result = checked!("ConnectNamedPipe({pipe:?}, {overlapped:?})" = done != 0);
    Started::by(result, 0)
}

/// Lends a buffer to read into.
///
/// # Safety
///
/// `buffer` has `len` bytes. Until the operation's packet was dequeued, `buffer` and
/// `overlapped` stay where they are, and nobody else uses them.
pub unsafe fn read_overlapped(
    handle: BorrowedHandle<'_>,
    buffer: *mut u8,
    len: usize,
    overlapped: *mut OVERLAPPED,
) -> Result<Started> {
    let (handle, len) = (handle.as_raw_handle(), len.min(u32::MAX as usize) as u32);
    // The kernel sets it only if the call succeeds at once.
    let mut n = 0;
    // SAFETY: the caller lends both.
    let done = unsafe { c::ReadFile(handle, buffer.cast(), len, &mut n, overlapped) };
    let result = checked!("ReadFile({handle:?}, .., {len}, [{n}], {overlapped:?})" = done != 0);
    Started::by(result, n)
}

/// Lends a buffer to write from.
///
/// # Safety
///
/// That of [`read_overlapped`].
pub unsafe fn write_overlapped(
    handle: BorrowedHandle<'_>,
    buffer: *const u8,
    len: usize,
    overlapped: *mut OVERLAPPED,
) -> Result<Started> {
    let (handle, len, mut n) = (handle.as_raw_handle(), len.min(u32::MAX as usize) as u32, 0);
    // SAFETY: the caller lends both.
    let done = unsafe { c::WriteFile(handle, buffer.cast(), len, &mut n, overlapped) };
    let result = checked!("WriteFile({handle:?}, .., {len}, [{n}], {overlapped:?})" = done != 0);
    Started::by(result, n)
}

/// The result of an operation that is over: its number of bytes, or its error.
///
/// # Safety
///
/// `overlapped` belongs to an operation on this handle, and its packet was dequeued.
pub unsafe fn overlapped_result(
    handle: BorrowedHandle<'_>,
    overlapped: *mut OVERLAPPED,
) -> Result<usize> {
    let (handle, mut n) = (handle.as_raw_handle(), 0);
    // SAFETY: the operation is over, so the kernel no longer writes to `overlapped`.
    let done = unsafe { c::GetOverlappedResult(handle, overlapped, &mut n, 0) };
    checked!("GetOverlappedResult({handle:?}, {overlapped:?}, [{n}], 0)" = done != 0)?;
    Ok(n as usize)
}

#[cfg(test)]
mod tests {
    use std::os::windows::io::AsHandle;

    use super::*;

    const ERROR_PIPE_BUSY: i32 = 231;
    const ERROR_IO_INCOMPLETE: i32 = 996;

    fn wait(handle: BorrowedHandle<'_>, overlapped: *mut OVERLAPPED) -> Result<usize> {
        loop {
            // SAFETY: the test that calls this has started the operation on this handle.
            match unsafe { overlapped_result(handle, overlapped) } {
                Err(error) if error.raw_os_error() == Some(ERROR_IO_INCOMPLETE) => {}
                result => return result,
            }
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_pipe_is_made_opened_used_and_disconnected() {
        let name = format!(r"\\.\pipe\evq-ffi-{}", std::process::id());
        let name = OsStr::new(&name);
        let nobody = open_pipe(name).unwrap_err();
        assert_eq!(nobody.kind(), io::ErrorKind::NotFound);
        let server = create_pipe(name, 4096, true).unwrap();
        let server = server.as_handle();
        let (mut connecting, mut reading, mut writing) = [OVERLAPPED::ZEROED; 3].into();
        let mut buffer = [0; 8];
        // SAFETY: the lent memory lives until its operation is over.
        unsafe {
            let overlapped = &raw mut connecting;
            assert_eq!(connect_pipe(server, overlapped).unwrap(), Started::Pending);
            let client = open_pipe(name).unwrap();
            wait(server, overlapped).unwrap();
            let busy = open_pipe(name).unwrap_err();
            assert_eq!(busy.raw_os_error(), Some(ERROR_PIPE_BUSY));
            let client = client.as_handle();

            let (at, overlapped) = (buffer.as_mut_ptr(), &raw mut reading);
            let started = read_overlapped(client, at, 8, overlapped).unwrap();
            assert_eq!(started, Started::Pending);
            let (bytes, sent) = (b"hello", &raw mut writing);
            write_overlapped(server, bytes.as_ptr(), 5, sent).unwrap();
            assert_eq!(wait(server, sent).unwrap(), 5);
            assert_eq!(wait(client, overlapped).unwrap(), 5);
            disconnect_pipe(server).unwrap();
            let error = read_overlapped(client, at, 8, overlapped).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(ERROR_PIPE_NOT_CONNECTED));
        }
        assert_eq!(&buffer[..5], b"hello");
    }

    #[test]
    fn a_name_with_a_nul_is_refused() {
        let error = open_pipe(OsStr::new("\\\\.\\pipe\\a\0b")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}

//! What all sockets over completions share.
//!
//! Chapters 13 and 14.

use std::io::{self, ErrorKind};
use std::os::windows::io::{AsSocket, BorrowedHandle, OwnedSocket};
use std::sync::Arc;

use crate::completion::binding::as_handle;
use crate::completion::incoming::Outcome;
use crate::completion::kind::{Handle, Kind};
use crate::completion::source::CompletionSource;
use crate::iocp::ffi::skip_on_success;
use crate::iocp::overlapped::Packet;
use crate::net::ffi;

/// A socket that does not block.
pub(super) fn socket(domain: i32, kind: i32) -> io::Result<OwnedSocket> {
    let socket = ffi::socket(domain, kind)?;
    ffi::set_nonblocking(socket.as_socket(), true)?;
    Ok(socket)
}

// ANCHOR: handle
impl Handle for OwnedSocket {
    fn borrow(&self) -> BorrowedHandle<'_> {
        as_handle(self.as_socket())
    }

    /// A packet has a general error. The socket knows its own.
    fn outcome(&self, packet: &Packet) -> Outcome {
        if packet.status().is_ok() {
            return Ok(packet.bytes_transferred());
        }
        let overlapped = packet.overlapped().cast();
        // SAFETY: the operation was started on this socket, and has been dequeued.
        let result = unsafe { ffi::overlapped_result(self.as_socket(), overlapped) };
        result.map(|(bytes, _)| bytes)
    }
}

/// Has operations that succeed at once queue no packet. A layered provider whose
/// sockets are no handles of the kernel's would lose other packets by it
/// (<https://learn.microsoft.com/en-us/windows/win32/api/winbase/nf-winbase-setfilecompletionnotificationmodes>).
pub(super) fn skips_packets(socket: &OwnedSocket) -> bool {
    ffi::has_kernel_handles(socket.as_socket()).unwrap_or(false)
        && skip_on_success(socket.borrow()).is_ok()
}
// ANCHOR_END: handle

// ANCHOR: into_std
/// Hands a socket back to the standard library, if nothing of it is with the
/// kernel or with us.
pub(super) fn into_std<K, S>(source: Arc<CompletionSource<K>>) -> io::Result<S>
where
    K: Kind<Handle = OwnedSocket>,
    S: From<OwnedSocket>,
{
    let socket = Arc::into_inner(source).and_then(CompletionSource::into_handle);
    socket.map(S::from).ok_or_else(|| {
        io::Error::new(
            ErrorKind::ResourceBusy,
            "the socket has a clone, an operation in flight, or something that has come and is \
             not read: convert it before it is registered",
        )
    })
}
// ANCHOR_END: into_std

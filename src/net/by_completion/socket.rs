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

    /// A packet has only a general error. The socket has the exact one.
    fn outcome(&self, packet: &Packet) -> Outcome {
        if packet.status().is_ok() {
            return Ok(packet.bytes_transferred());
        }
        let overlapped = packet.overlapped().cast();
        // SAFETY: the operation was started on this socket, and has been dequeued.
        let result = unsafe { ffi::overlapped_result(self.as_socket(), overlapped) };
        result.map(|(bytes, _)| bytes)
    }

    /// If a layered provider's sockets are not handles of the kernel's, skipping
    /// packets can lose packets that are not skipped
    /// (<https://learn.microsoft.com/en-us/windows/win32/api/winbase/nf-winbase-setfilecompletionnotificationmodes>).
    fn skip_packets(&self) -> bool {
        ffi::has_kernel_handles(self.as_socket()).unwrap_or(false)
            && skip_on_success(self.borrow()).is_ok()
    }
}
// ANCHOR_END: handle

// ANCHOR: into_std
/// Hands a socket back to the standard library if nothing is in flight or in hand.
pub(crate) fn into_std<K, S>(source: Arc<CompletionSource<K>>) -> io::Result<S>
where
    K: Kind<Handle = OwnedSocket>,
    S: From<OwnedSocket>,
{
    let socket = Arc::into_inner(source).and_then(CompletionSource::into_handle);
    socket.map(S::from).ok_or_else(|| {
        io::Error::new(
            ErrorKind::ResourceBusy,
            "the socket has a clone, an operation in flight, or input that nobody has read: \
             convert it before you register it",
        )
    })
}
// ANCHOR_END: into_std

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::completion::buffer_pool::Buffer;
    use crate::completion::incoming::Incoming;
    use crate::completion::kind::Call;
    use crate::completion::outgoing::Outgoing;
    use crate::completion::source::State;
    use crate::event::Readiness;
    use crate::iocp::ffi::Started;
    use crate::{Events, Interests, Poll, Token};

    /// Reads datagrams. The first reads, as many as this number, lack memory.
    struct Short(usize);

    impl Kind for Short {
        type Handle = OwnedSocket;
        type Lent = Buffer;

        fn reads(state: &State<Self>) -> bool {
            state.is_registered()
        }

        fn lend(&mut self, _: &OwnedSocket) -> io::Result<Incoming<Buffer>> {
            Ok(Incoming::InFlight(Buffer::take(64)))
        }

        unsafe fn read(&mut self, call: Call<'_, Self>, lent: &mut Buffer) -> io::Result<Started> {
            if self.0 > 0 {
                self.0 -= 1;
                return Err(io::Error::from_raw_os_error(ffi::WSAENOBUFS));
            }
            let (socket, at) = (call.handle.as_socket(), lent.as_mut_ptr());
            // SAFETY: the caller lends both.
            unsafe { ffi::recv_overlapped(socket, at, lent.size(), call.overlapped) }
        }

        fn came(_: &mut State<Self>, lent: Buffer, outcome: Outcome) -> Incoming<Buffer> {
            match outcome {
                Ok(len) => Incoming::InHand(lent, 0..len),
                Err(error) => Incoming::Failed(error),
            }
        }
    }

    #[test]
    fn a_source_whose_read_lacked_memory_is_told_to_try_again() {
        let socket = socket(ffi::AF_INET, ffi::SOCK_DGRAM).unwrap();
        ffi::bind(socket.as_socket(), "127.0.0.1:0".parse().unwrap()).unwrap();
        let to = ffi::getsockname(socket.as_socket()).unwrap();
        let mut source = Arc::new(CompletionSource::new(socket, Short(3), Outgoing::Apart));
        let (mut poll, mut events) = (Poll::new().unwrap(), Events::with_capacity(8));
        let registrator = poll.registrator().clone();
        registrator
            .register(&mut source, Token(1), Interests::READABLE)
            .unwrap();
        let mut is_event = |limit: u64| {
            let limit = Duration::from_millis(limit);
            poll.poll(&mut events, Some(limit)).unwrap() == 1
        };
        for refusals in [2, 1, 0] {
            assert!(is_event(20_000), "try again");
            // What a read does when it finds nothing.
            let mut source = source.lock();
            assert!(matches!(source.incoming, Incoming::Refused));
            assert_eq!(source.kind.0, refusals);
            source.tell_again(Readiness::READABLE);
            source.arm();
        }
        assert!(!is_event(50), "there was memory: a read is in flight");
        let there = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        there.send_to(b"hello", to).unwrap();
        assert!(is_event(20_000), "the datagram");
        assert!(source.lock().incoming.take().is_some());
    }
}

//! What a kind of source adds to the machine in `source.rs`.
//!
//! Chapter 11. A TCP stream, a listener, a datagram socket and a named pipe are
//! kinds of sources.

use std::io;
use std::os::windows::io::BorrowedHandle;

use super::incoming::{Incoming, Outcome};
use super::source::State;
use crate::event::Trigger;
use crate::iocp::ffi::{OVERLAPPED, Started};
use crate::iocp::overlapped::Packet;

// ANCHOR: kind
/// How a kind of source starts its operations, and what their outcomes mean.
///
/// # Safety
///
/// `read`, `connect` and `write` lend to the kernel what the caller passes, and what
/// `self` adds. Until the operation's packet comes, all of that memory must stay where
/// it is, and nobody may touch it.
pub(crate) trait Kind: Sized + Send + 'static {
    type Handle: Handle;
    /// Whether operations that succeed at once may queue no packet.
    const SKIPS_PACKETS: bool = false;
    /// What a read lends to the kernel: a buffer, or the next client's socket.
    type Lent: Send;

    /// Whether a read should be in flight when no bytes are in hand.
    fn reads(state: &State<Self>) -> bool;

    /// Returns what the next read lends, as `InFlight`. Returns another state if no read
    /// is needed to know it.
    fn lend(&mut self, handle: &Self::Handle) -> io::Result<Incoming<Self::Lent>>;

    /// Starts a read, or an accept.
    unsafe fn read(&mut self, call: Call<'_, Self>, lent: &mut Self::Lent) -> io::Result<Started>;

    /// Called when an operation is in flight.
    fn started(_: &mut State<Self>) {}

    /// Which state follows a read that is over.
    fn came(state: &mut State<Self>, lent: Self::Lent, outcome: Outcome) -> Incoming<Self::Lent>;
    // ANCHOR_END: kind

    // ANCHOR: others
    unsafe fn connect(&mut self, _: Call<'_, Self>) -> io::Result<Started> {
        Err(io::ErrorKind::Unsupported.into())
    }

    unsafe fn write(&mut self, _: Call<'_, Self>, _: &mut [u8]) -> io::Result<Started> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// What the outcome of a connect or a write means.
    fn went(_: &mut State<Self>, _: &Self::Handle, outcome: Outcome) -> Outcome {
        outcome
    }

    /// Called when the source is dropped with a write in flight. `true`: the write may
    /// linger, because the peer will see the end of the stream after it.
    fn ends(_: &Self::Handle) -> bool {
        true
    }
}

/// What each call that starts an operation is given.
pub(crate) struct Call<'a, K: Kind> {
    pub(crate) handle: &'a K::Handle,
    pub(crate) overlapped: *mut OVERLAPPED,
}

/// Which of a source's two operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// A read, an accept, a datagram in.
    Incoming,
    /// A connect, a write, a datagram out.
    Outgoing,
}
// ANCHOR_END: others

impl<K: Kind> State<K> {
    pub(crate) fn is_registered(&self) -> bool {
        self.registered.watch().is_some()
    }

    pub(crate) fn watches_reading(&self) -> bool {
        let watch = self.registered.watch();
        watch.is_some_and(|watch| watch.interests.is_readable())
    }

    pub(crate) fn is_level(&self) -> bool {
        let watch = self.registered.watch();
        watch.is_some_and(|watch| watch.trigger == Trigger::Level)
    }
}

/// The owner of a handle: of a socket's, or of a pipe's.
pub(crate) trait Handle: Send + Sync + 'static {
    fn borrow(&self) -> BorrowedHandle<'_>;

    /// The outcome of the packet's operation.
    fn outcome(&self, packet: &Packet) -> Outcome;

    /// Tells the handle to queue no packet for an operation that succeeds at once.
    /// `false` if that failed or is not safe: then these packets come.
    fn skip_packets(&self) -> bool {
        false
    }
}

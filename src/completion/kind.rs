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
/// What a kind of source adds: how to start its operations, and what their outcomes
/// mean.
///
/// # Safety
///
/// The caller of `read`, `connect` and `write` lends what it passes, and what `self`
/// adds: until the operation's packet comes, all of that stays where it is, and
/// nobody touches it.
pub(crate) trait Kind: Sized + Send + 'static {
    type Handle: Handle;
    /// Whether operations that succeed at once may queue no packet.
    const SKIPS_PACKETS: bool = false;
    /// What a read lends to the kernel.
    type Lent: Send;

    /// Whether a read is to be in flight while nothing is in hand.
    fn reads(state: &State<Self>) -> bool;

    /// What the next read lends, as `InFlight`; or what is there without a read.
    fn lend(&mut self, handle: &Self::Handle) -> io::Result<Incoming<Self::Lent>>;

    /// Starts a read, or an accept.
    unsafe fn read(&mut self, call: Call<'_, Self>, lent: &mut Self::Lent) -> io::Result<Started>;

    /// An operation has been started.
    fn started(_: &mut State<Self>) {}

    /// What the end of a read means.
    fn came(state: &mut State<Self>, lent: Self::Lent, outcome: Outcome) -> Incoming<Self::Lent>;

    // ANCHOR_END: kind

    // ANCHOR: others
    /// Starts to connect.
    unsafe fn connect(&mut self, _: Call<'_, Self>) -> io::Result<Started> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Starts a write.
    unsafe fn write(&mut self, _: Call<'_, Self>, _: &mut [u8]) -> io::Result<Started> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// What the end of a connect or a write means.
    fn went(_: &mut State<Self>, _: &Self::Handle, outcome: Outcome) -> Outcome {
        outcome
    }

    /// The source was dropped, and its last write lingers: whether the peer will
    /// see the end of the stream behind it.
    fn ends(_: &Self::Handle) -> bool {
        true
    }
}

/// What every call that starts an operation needs.
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

/// What owns a handle, of a socket or of anything else.
pub(crate) trait Handle: Send + Sync + 'static {
    fn borrow(&self) -> BorrowedHandle<'_>;

    /// How the packet's operation went: the number of bytes.
    fn outcome(&self, packet: &Packet) -> Outcome;

    /// Has operations that succeed at once queue no packet. `false` if that is not
    /// safe here: then packets come.
    fn skip_packets(&self) -> bool {
        false
    }
}

//! Named pipes.
//!
//! Chapter 17. Three operations make a pipe's readiness. A server's end waits for a
//! client; both ends read into a buffer that they lend, and write a copy.

use std::ffi::OsStr;
use std::io::{self, ErrorKind, Read, Write};
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, OwnedHandle, RawHandle};
use std::sync::Arc;

use super::ffi;
use crate::completion::buffer_pool::Buffer;
use crate::completion::incoming::{Incoming, Outcome};
use crate::completion::kind::{Call, Direction, Handle, Kind};
use crate::completion::outgoing::{APART, LARGEST_WRITE, Outgoing};
use crate::completion::source::{CompletionSource, State};
use crate::event::Readiness;
use crate::iocp::ffi::{Started, errors::*};
use crate::iocp::overlapped::Packet;
use crate::registrator::forward_source;

/// One end of a named pipe: a server's or a client's.
///
/// Bytes go both ways, in order, between two processes of one machine. A server
/// makes an end and waits with [`connect`](NamedPipe::connect) until a client
/// opens the other; for the next client it makes another end of the same name, or
/// disconnects this one and connects it again. Reads and writes go through
/// [`Read`] and [`Write`], which are also there for `&NamedPipe`. Edge-triggered,
/// read or write until `WouldBlock` before you wait again.
///
/// **Before it is first registered**, a pipe does nothing: `connect`, reads and
/// writes return `WouldBlock`, and nothing is taken. The first registration starts
/// to wait for a client, if `connect` has asked for one. A pipe that is registered
/// for reading reads at once if its other end is open, whatever the pipe was made
/// from.
///
/// ```
/// use evq::windows::{Instance, NamedPipe};
/// use evq::{Events, Interests, Poll, Token};
/// use std::io::{ErrorKind, Read, Write};
///
/// # fn main() -> std::io::Result<()> {
/// let name = format!(r"\\.\pipe\evq-example-{}", std::process::id());
/// let mut poll = Poll::new()?;
/// let mut events = Events::with_capacity(8);
///
/// let mut server = NamedPipe::create(&name, Instance::First)?;
/// poll.registrator().register(&mut server, Token(0), Interests::READABLE | Interests::WRITABLE)?;
/// assert_eq!(server.connect().unwrap_err().kind(), ErrorKind::WouldBlock);
///
/// let mut client = NamedPipe::open(&name)?;
/// poll.registrator().register(&mut client, Token(1), Interests::WRITABLE)?;
/// client.write_all(b"hello")?;
///
/// let mut buffer = [0; 16];
/// let n = loop {
///     poll.poll(&mut events, None)?;
///     match server.read(&mut buffer) {
///         Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
///         result => break result?,
///     }
/// };
/// assert_eq!(&buffer[..n], b"hello");
/// # Ok(())
/// # }
/// ```
///
/// # Platform notes
///
/// Each end belongs to the first [`Poll`](crate::Poll) that it is registered with,
/// for good. Once that `Poll` is dropped, no event tells of what ends: the next call
/// does.
///
/// A pipe is not `AsHandle`. Its packets go to its queue, whoever has started the
/// operation and through whichever duplicate of the handle, and the queue follows
/// the pointer in each packet. With a safe handle any code could put a pointer of its
/// own there. [`AsRawHandle`] gives out the number, which needs `unsafe` to be used.
///
/// ```compile_fail,E0277
/// fn duplicate(pipe: &impl std::os::windows::io::AsHandle) {}
/// duplicate(&evq::windows::NamedPipe::open(r"\\.\pipe\name").unwrap());
/// ```
#[derive(Debug)]
pub struct NamedPipe {
    source: Arc<CompletionSource<Pipe>>,
}

/// What a pipe adds to the state of a source.
pub(crate) struct Pipe {
    /// Whether it is known if there is another end.
    knows: bool,
    /// A `read` has found nothing, and wants more than the registration says.
    waits_to_read: bool,
}

/// Whether a server's end may be one of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instance {
    /// It must be the first of its name: nobody else then has it already, and can
    /// get at the clients.
    First,
    /// There may be others, for as many clients.
    Another,
}

/// The system's buffer in each direction, in bytes.
const ROOM: u32 = 64 * 1024;
/// What each read lends, in bytes.
const LENT: usize = 4096;

impl NamedPipe {
    /// Makes a server's end, for clients of this machine, with the system's buffers
    /// of 64 KiB each way. Children do not inherit it.
    ///
    /// A name is of the form `\\.\pipe\name`.
    ///
    /// # Errors
    ///
    /// `PermissionDenied` if there is a pipe of that name, and this is to be the
    /// first; `InvalidInput` if the name has a NUL character in it; what else the
    /// system says of the name.
    pub fn create(name: impl AsRef<OsStr>, instance: Instance) -> io::Result<NamedPipe> {
        NamedPipe::create_with_buffers(name, instance, ROOM)
    }

    /// [`create`](NamedPipe::create) with buffers of another size, in bytes.
    ///
    /// A write is over once the bytes that the reader has not taken yet fit there. The
    /// system takes the number for advice.
    ///
    /// # Errors
    ///
    /// Those of `create`.
    pub fn create_with_buffers(
        name: impl AsRef<OsStr>,
        instance: Instance,
        bytes: u32,
    ) -> io::Result<NamedPipe> {
        let first = instance == Instance::First;
        let handle = ffi::create_pipe(name.as_ref(), bytes, first)?;
        Ok(NamedPipe::new(handle, false, Outgoing::Apart))
    }

    /// Opens a client's end. Its server learns who the client is, but cannot act in
    /// its name.
    ///
    /// # Errors
    ///
    /// `NotFound` if there is no such pipe; 231 (`ERROR_PIPE_BUSY`) if each server's
    /// end has a client: try again later.
    pub fn open(name: impl AsRef<OsStr>) -> io::Result<NamedPipe> {
        let handle = ffi::open_pipe(name.as_ref())?;
        Ok(NamedPipe::new(handle, true, Outgoing::Open))
    }

    /// Takes over either end, connected or not, of a pipe that someone else opened.
    ///
    /// If it is a pipe of messages, each write is one message. Reads take the bytes of
    /// all messages in order, and do not tell where one ends.
    ///
    /// # Safety
    ///
    /// The handle is that of a pipe that was opened with `FILE_FLAG_OVERLAPPED`.
    /// Whoever has a duplicate, or an operation in flight on it, keeps the promise of
    /// [`Binding::register_handle`](super::Binding::register_handle).
    pub unsafe fn from_handle(handle: OwnedHandle) -> NamedPipe {
        NamedPipe::new(handle, false, Outgoing::Open)
    }

    /// Hands the handle out, of a pipe that was never registered.
    ///
    /// # Errors
    ///
    /// `ResourceBusy`, and the pipe is closed, if it was registered: its packets
    /// belong to that queue for good.
    pub fn into_handle(self) -> io::Result<OwnedHandle> {
        let is_bound = self.source.lock().is_bound();
        let source = Arc::into_inner(self.source).filter(|_| !is_bound);
        let handle = source.and_then(CompletionSource::into_handle);
        handle.ok_or_else(|| {
            io::Error::new(
                ErrorKind::ResourceBusy,
                "the pipe was registered, and its handle belongs to that queue for good: take \
                 the handle before you register the pipe",
            )
        })
    }

    fn new(handle: OwnedHandle, knows: bool, outgoing: Outgoing) -> NamedPipe {
        let kind = Pipe {
            knows,
            waits_to_read: false,
        };
        NamedPipe {
            source: Arc::new(CompletionSource::new(handle, kind, outgoing)),
        }
    }

    /// Waits for a client, and never blocks.
    ///
    /// `Ok` if there is one, also if it has come and gone again: what it wrote is
    /// still read. Otherwise the first writable event says that it has come, or that
    /// waiting has failed, which [`take_error`](NamedPipe::take_error) or the next
    /// `connect` returns.
    ///
    /// # Errors
    ///
    /// `WouldBlock` if there is none yet; what the system says.
    pub fn connect(&self) -> io::Result<()> {
        let source = &mut self.source.lock();
        let knows = source.kind.knows;
        match &mut source.outgoing {
            Outgoing::Unwanted { asked, .. } => *asked = true,
            Outgoing::Open if knows => {}
            Outgoing::Open | Outgoing::Apart => source.outgoing = Outgoing::Asked,
            _ => {}
        }
        source.kind.knows = true;
        source.arm(); // A client may have been there.
        if source.outgoing.is_connected() {
            return Ok(());
        }
        let error = source.outgoing.take_error();
        Err(error.unwrap_or_else(|| ErrorKind::WouldBlock.into()))
    }

    /// Ends the connection with a client, or the waiting for one, so that
    /// [`connect`](NamedPipe::connect) may wait for another.
    ///
    /// Bytes that either end has written, and the other has not read, are lost.
    ///
    /// # Errors
    ///
    /// What the system says, if there is no client, or this is a client's end.
    pub fn disconnect(&self) -> io::Result<()> {
        let source = &mut self.source.lock();
        let waits = match source.outgoing {
            Outgoing::Asked | Outgoing::Connecting => true,
            Outgoing::Unwanted { asked, .. } => asked,
            _ => false,
        };
        if let Outgoing::Connecting = source.outgoing {
            source.operations.cancel(Direction::Outgoing);
        }
        let ended = ffi::disconnect_pipe(self.source.handle().as_handle());
        if !waits {
            ended?; // To end the waiting is no error, whatever the system calls it.
        }
        source.kind.knows = true;
        source.outgoing.discard();
        source.incoming.discard(false);
        Ok(())
    }

    /// Takes the pending error, if there is one: of a write that was on its way, of
    /// waiting for a client, or of a read.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        let source = &mut self.source.lock();
        let error = source.outgoing.take_error();
        Ok(error.or_else(|| source.incoming.take_error(false)))
    }
}

impl Read for &NamedPipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let source = &mut self.source.lock();
        source.kind.waits_to_read = true;
        source.arm();
        match &source.incoming {
            Incoming::InHand(bytes, left) => {
                let n = (&bytes[left.clone()]).read(buffer)?;
                source.incoming.took(n);
                source.kind.waits_to_read = false;
                source.arm();
                Ok(n)
            }
            Incoming::Ended => Ok(0),
            Incoming::Failed(_) => {
                let error = source.incoming.take_error(false);
                source.kind.waits_to_read = false;
                source.arm(); // Finds out whether it lasts.
                error.map_or(Ok(0), Err)
            }
            _ if source.is_bound() && source.outgoing.is_apart() => {
                Err(io::Error::new(ErrorKind::NotConnected, APART))
            }
            _ => {
                source.tell_again(Readiness::READABLE);
                Err(ErrorKind::WouldBlock.into())
            }
        }
    }
}

impl Write for &NamedPipe {
    /// Takes a copy of up to 128 KiB, and has the system write them. Until it has,
    /// `write` returns `WouldBlock`; if it could not, the error.
    ///
    /// A pipe that is dropped meanwhile closes only once they are written, or
    /// nobody is left to read them, or [`Poll`](crate::Poll) was dropped a second
    /// ago.
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let source = &mut self.source.lock();
        if buffer.is_empty() {
            return Ok(0);
        }
        if !source.is_bound() {
            return Err(ErrorKind::WouldBlock.into());
        }
        source.outgoing.check()?;
        let n = buffer.len().min(LARGEST_WRITE);
        // Few sizes, so that the pool has a buffer that fits.
        let mut copy = Buffer::take(n.next_power_of_two().max(LENT));
        copy[..n].copy_from_slice(&buffer[..n]);
        source.write_copy(copy, n)
    }

    /// Does nothing: what `write` took is on its way.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for NamedPipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }
}

impl Write for NamedPipe {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        (&*self).write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Kind for Pipe {
    type Handle = OwnedHandle;
    type Lent = Buffer;

    /// A server's end is also read while nobody knows whether it has a client: the
    /// read finds that out.
    fn reads(state: &State<Self>) -> bool {
        let wanted = state.kind.waits_to_read || state.watches_reading();
        let unknown = !state.kind.knows && matches!(state.outgoing, Outgoing::Apart);
        wanted && (state.outgoing.is_connected() || unknown)
    }

    fn lend(&mut self, _: &OwnedHandle) -> io::Result<Incoming<Buffer>> {
        Ok(Incoming::InFlight(Buffer::take(LENT)))
    }

    unsafe fn read(&mut self, call: Call<'_, Self>, lent: &mut Buffer) -> io::Result<Started> {
        let (pipe, at, len) = (call.handle.as_handle(), lent.as_mut_ptr(), lent.size());
        // SAFETY: the caller lends both.
        unsafe { ffi::read_overlapped(pipe, at, len, call.overlapped) }
    }

    fn started(state: &mut State<Self>) {
        state.joined();
    }

    fn came(state: &mut State<Self>, lent: Buffer, outcome: Outcome) -> Incoming<Buffer> {
        let error = match outcome {
            // An empty message, which is not the end of a stream.
            Ok(0) => return Incoming::Idle,
            Ok(bytes) => return Incoming::InHand(lent, 0..bytes),
            Err(error) => error,
        };
        match error.raw_os_error() {
            Some(ERROR_BROKEN_PIPE) => {
                state.joined();
                Incoming::Ended
            }
            Some(ERROR_PIPE_LISTENING | ERROR_PIPE_NOT_CONNECTED) if !state.kind.knows => {
                state.kind.knows = true;
                state.outgoing.discard();
                Incoming::Idle
            }
            _ => Incoming::Failed(error),
        }
    }

    unsafe fn connect(&mut self, call: Call<'_, Self>) -> io::Result<Started> {
        // SAFETY: the caller lends `overlapped`.
        unsafe { ffi::connect_pipe(call.handle.as_handle(), call.overlapped) }
    }

    unsafe fn write(&mut self, call: Call<'_, Self>, bytes: &mut [u8]) -> io::Result<Started> {
        let (pipe, at) = (call.handle.as_handle(), bytes.as_mut_ptr());
        // SAFETY: the caller lends both.
        unsafe { ffi::write_overlapped(pipe, at, bytes.len(), call.overlapped) }
    }

    fn went(state: &mut State<Self>, _: &OwnedHandle, outcome: Outcome) -> Outcome {
        let code = outcome.as_ref().err().and_then(io::Error::raw_os_error);
        match (&state.outgoing, code) {
            // A client was there first. It may have gone again, but what it wrote is
            // still to be read.
            (Outgoing::Connecting, Some(ERROR_PIPE_CONNECTED | ERROR_NO_DATA)) => Ok(0),
            _ => outcome,
        }
    }
}

impl State<Pipe> {
    /// There is another end, or was.
    fn joined(&mut self) {
        self.kind.knows = true;
        if let Outgoing::Apart = self.outgoing {
            self.outgoing = Outgoing::Open;
        }
    }
}

impl Handle for OwnedHandle {
    fn borrow(&self) -> BorrowedHandle<'_> {
        self.as_handle()
    }

    fn outcome(&self, packet: &Packet) -> Outcome {
        match packet.status() {
            // The rest of the message comes with the next read.
            Err(error) if error.raw_os_error() == Some(ERROR_MORE_DATA) => {}
            status => status?,
        }
        Ok(packet.bytes_transferred())
    }
}

forward_source!([] NamedPipe, source);

impl AsRawHandle for NamedPipe {
    fn as_raw_handle(&self) -> RawHandle {
        self.source.handle().as_raw_handle()
    }
}

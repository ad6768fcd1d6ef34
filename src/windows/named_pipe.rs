//! Named pipes.
//!
//! Chapter 17. A pipe has three operations. A server's end waits for a client. Both ends
//! read into a buffer that they lend, and write from a copy.

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
/// A pipe carries bytes in both directions between two processes of one machine. A
/// server makes its end, and waits with [`connect`](NamedPipe::connect) until a client
/// opens the other end. For the next client the server makes another end of the same
/// name, or disconnects this one and connects it again. [`Read`] and [`Write`] are
/// implemented for `NamedPipe` and for `&NamedPipe`. If the pipe is edge-triggered, read
/// or write until `WouldBlock` before you wait again.
///
/// **A pipe does nothing before it is first registered.** `connect`, reads and writes
/// return `WouldBlock`. If `connect` was called, the first registration starts to wait
/// for a client. If the pipe is registered for reading and its other end is open, a read
/// starts at once.
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
/// Each end stays with the first [`Poll`](crate::Poll) that it is registered with, because
/// no Win32 call moves a handle to another completion port. After that `Poll` was dropped,
/// no event reports the end of an operation. The next call on the pipe returns its result.
///
/// `NamedPipe` does not implement `AsHandle`. All packets of its handle, and of every
/// duplicate, go to its queue, and the queue follows the pointer in each packet. With a
/// safe handle, any code could put another pointer there. [`AsRawHandle`] returns the
/// handle's number, and to use that needs `unsafe`.
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
    /// Whether we know if another end exists.
    knows: bool,
    /// A `read` found nothing, so a read must start even if the registration does not
    /// ask for one.
    waits_to_read: bool,
}

/// Whether a server's end may be one of several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instance {
    /// The end must be the first of its name. So no other program has the name already,
    /// and gets the clients.
    First,
    /// Other ends of the name may exist, each for one client.
    Another,
}

/// The system's buffer in each direction, in bytes.
const ROOM: u32 = 64 * 1024;
/// The buffer that each read lends, in bytes.
const LENT: usize = 4096;

impl NamedPipe {
    /// Makes a server's end, for clients on this machine. The system's buffer has 64 KiB
    /// for each direction. Children do not inherit the end.
    ///
    /// A name has the form `\\.\pipe\name`.
    ///
    /// # Errors
    ///
    /// - `PermissionDenied`: this is to be the first end, and the name is in use.
    /// - `InvalidInput`: the name contains a NUL character.
    /// - The system's error, if it refuses the name.
    pub fn create(name: impl AsRef<OsStr>, instance: Instance) -> io::Result<NamedPipe> {
        NamedPipe::create_with_buffers(name, instance, ROOM)
    }

    /// Makes a server's end as [`create`](NamedPipe::create) does, with buffers of another
    /// size, in bytes.
    ///
    /// A write is over when all unread bytes fit in the buffer. The system may choose
    /// another size.
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

    /// Opens a client's end. The server learns who the client is, but cannot act as the
    /// client.
    ///
    /// # Errors
    ///
    /// - `NotFound`: no server has made a pipe of that name.
    /// - 231 (`ERROR_PIPE_BUSY`): each server's end has a client. Try again later.
    /// - `InvalidInput`: the name contains a NUL character.
    pub fn open(name: impl AsRef<OsStr>) -> io::Result<NamedPipe> {
        let handle = ffi::open_pipe(name.as_ref())?;
        Ok(NamedPipe::new(handle, true, Outgoing::Open))
    }

    /// Converts a handle of either end, connected or not, that other code has opened.
    ///
    /// If it is a pipe of messages, each write is one message. Reads return the bytes of
    /// all messages in order, and do not show where a message ends.
    ///
    /// # Safety
    ///
    /// The handle belongs to a pipe, and was opened with `FILE_FLAG_OVERLAPPED`. Code that
    /// has a duplicate of the handle, or an operation in flight, keeps the promise of
    /// [`Binding::register_handle`](super::Binding::register_handle).
    pub unsafe fn from_handle(handle: OwnedHandle) -> NamedPipe {
        NamedPipe::new(handle, false, Outgoing::Open)
    }

    /// Returns the handle of a pipe that was never registered.
    ///
    /// # Errors
    ///
    /// `ResourceBusy`: the pipe was registered, so its packets go to that queue. Then the
    /// pipe is closed.
    pub fn into_handle(self) -> io::Result<OwnedHandle> {
        let is_bound = self.source.lock().is_bound();
        let source = Arc::into_inner(self.source).filter(|_| !is_bound);
        let handle = source.and_then(CompletionSource::into_handle);
        handle.ok_or_else(|| {
            io::Error::new(
                ErrorKind::ResourceBusy,
                "the pipe was registered, and its handle belongs to that queue until it is \
                 closed: take the handle before you register the pipe",
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
    /// Returns `Ok` if a client has come. The client may have gone again, and you can
    /// still read what it wrote. After `WouldBlock`, the first writable event means that a
    /// client has come or that the waiting has failed.
    /// [`take_error`](NamedPipe::take_error) or the next `connect` returns that error.
    ///
    /// # Errors
    ///
    /// - `WouldBlock`: no client has come yet.
    /// - The system's error: the waiting has failed.
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
        source.arm(); // A client may have come before.
        if source.outgoing.is_connected() {
            return Ok(());
        }
        let error = source.outgoing.take_error();
        Err(error.unwrap_or_else(|| ErrorKind::WouldBlock.into()))
    }

    /// Ends the connection with a client, or the waiting for a client. Then
    /// [`connect`](NamedPipe::connect) can wait for another.
    ///
    /// Bytes that one end has written and the other has not read are lost.
    ///
    /// # Errors
    ///
    /// The system's error: the pipe has no client and does not wait for one, or this is a
    /// client's end.
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
            ended?; // The system may report an error when only the waiting ends.
        }
        source.kind.knows = true;
        source.outgoing.discard();
        source.incoming.discard(false);
        Ok(())
    }

    /// Takes the pending error, if there is one: of a write in flight, of waiting for a
    /// client, or of a read.
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
                source.arm(); // Shows whether the error lasts.
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
    /// Copies up to 128 KiB, and lends the copy to the system. Until the copy is
    /// written, the next `write` returns `WouldBlock`. If writing it fails, the next
    /// `write` returns the error.
    ///
    /// A pipe that is dropped meanwhile closes when the copy is written, when nobody is
    /// left to read it, or one second after [`Poll`](crate::Poll) was dropped.
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
        // Only a few sizes, so the pool often has a buffer that fits.
        let mut copy = Buffer::take(n.next_power_of_two().max(LENT));
        copy[..n].copy_from_slice(&buffer[..n]);
        source.write_copy(copy, n)
    }

    /// Does nothing, because the system already has the copy that `write` made.
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

    /// A read also starts while we do not know whether a server's end has a client. Its
    /// outcome tells us.
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
            // An empty message. It is not the end of the stream.
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
            // A client came before the call. It may have gone again, but its bytes can
            // still be read.
            (Outgoing::Connecting, Some(ERROR_PIPE_CONNECTED | ERROR_NO_DATA)) => Ok(0),
            _ => outcome,
        }
    }
}

impl State<Pipe> {
    /// Notes that another end exists, or existed.
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
            // The next read returns the rest of the message.
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

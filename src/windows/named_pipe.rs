//! Named pipes.
//!
//! Chapter 17. What a pipe does next is decided in `pipe.rs`; here the calls
//! are made, and their outcomes told to it.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, OwnedHandle, RawHandle};
use std::sync::{Arc, MutexGuard};

use super::ffi;
use super::pipe::{Call, Pipe, is_part_of_a_message, outcome};
use crate::completion::source::{Bound, Machine, Operations, State, Which};
use crate::iocp::ffi::Started;
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
/// writes return `WouldBlock`, and nothing is taken. Registering it starts waiting
/// for a client, if `connect` has asked for one.
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
/// for good. Once that has been dropped, nobody is told of what ends: what has
/// ended is seen by the next call.
pub struct NamedPipe {
    source: Arc<Bound<Pipe>>,
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
    /// A write is over once what of it the reader has not taken fits there. The
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
        Ok(NamedPipe::new(handle, Pipe::server()))
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
        Ok(NamedPipe::new(handle, Pipe::client()))
    }

    /// Takes over either end, connected or not, of a pipe that someone else opened.
    ///
    /// Of a pipe of messages each write is one message, and reads run through all.
    ///
    /// # Safety
    ///
    /// The handle is that of a pipe that was opened with `FILE_FLAG_OVERLAPPED`, and
    /// whoever has a duplicate keeps the promise of
    /// [`Binding::register_handle`](super::Binding::register_handle).
    pub unsafe fn from_handle(handle: OwnedHandle) -> NamedPipe {
        NamedPipe::new(handle, Pipe::unknown())
    }

    fn new(handle: OwnedHandle, pipe: Pipe) -> NamedPipe {
        NamedPipe {
            source: Arc::new(Bound::new(handle, pipe)),
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
        let mut state = self.source.lock();
        let result = match state.machine.connect() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.go_on(&mut state);
                // A client may have been there.
                match state.machine.take_output_error() {
                    Some(error) => Err(error),
                    None => state.machine.connect(),
                }
            }
            result => result,
        };
        self.announce(&mut state);
        result
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
        let mut state = self.source.lock();
        let waits = state.machine.is_connecting();
        if waits && state.in_flight(Which::Output) {
            let operations = &self.source.operations;
            operations.cancel(self.source.handle(), Which::Output);
        }
        match ffi::disconnect_pipe(self.as_handle()) {
            // Some systems do not call that a connection.
            Err(error) if !waits => return Err(error),
            _ => {}
        }
        state.machine.disconnected();
        self.go_on(&mut state);
        Ok(())
    }

    /// Takes the pending error, if there is one: of a write that was on its way, of
    /// waiting for a client, or of a read.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        let mut state = self.source.lock();
        let error = state.machine.take_output_error();
        let error = error.or_else(|| state.machine.take_input_error());
        self.announce(&mut state);
        Ok(error)
    }

    fn go_on(&self, state: &mut MutexGuard<'_, State<Pipe>>) {
        go_on(state, &self.source.operations);
    }

    fn announce(&self, state: &mut MutexGuard<'_, State<Pipe>>) {
        announce(state, &self.source.operations);
    }
}

impl Read for &NamedPipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.source.lock();
        let first = state.machine.read(buffer);
        // Lends the buffer again as soon as it is empty.
        self.go_on(&mut state);
        match first {
            // What that told at once.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                let second = state.machine.read(buffer);
                self.announce(&mut state);
                second
            }
            result => result,
        }
    }
}

impl Write for &NamedPipe {
    /// Takes a copy of all the bytes, and has the system write them. Until it has,
    /// `write` returns `WouldBlock`; if it could not, the error.
    ///
    /// A pipe that is dropped meanwhile closes only once they are written, or
    /// nobody is left to read them, or `Poll` has been dropped and a second has
    /// passed.
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let mut state = self.source.lock();
        let taken = state.machine.write(buffer);
        self.go_on(&mut state);
        match taken {
            // It had none before.
            Ok(_) => match state.machine.take_output_error() {
                Some(error) => {
                    self.announce(&mut state);
                    Err(error)
                }
                None => taken,
            },
            Err(_) => taken,
        }
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

impl Machine for Pipe {
    type Handle = OwnedHandle;
    /// Not proven of pipes.
    const SKIPS_PACKETS: bool = false;

    fn arm(state: &mut State<Pipe>, operations: &Arc<Operations<Pipe>>) -> io::Result<()> {
        let reads = state
            .watch
            .is_some_and(|watch| watch.interests.is_readable());
        state.machine.registered(reads);
        // What fails is reported as an event, as it would be later.
        go_on(state, operations);
        Ok(())
    }

    fn done(
        state: &mut State<Pipe>,
        operations: &Arc<Operations<Pipe>>,
        which: Which,
        packet: &Packet,
    ) {
        let outcome = outcome(packet.status(), packet.bytes_transferred());
        match which {
            Which::Input => state.machine.finished_input(outcome),
            Which::Output => state.machine.finished_output(outcome),
        }
        go_on(state, operations);
    }

    fn lingers(state: &mut State<Pipe>, _: &OwnedHandle) -> bool {
        state.machine.is_writing()
    }
}

/// Makes the calls that are to be made, and says what has become of them.
fn go_on(state: &mut State<Pipe>, operations: &Arc<Operations<Pipe>>) {
    while let Some(call) = state.machine.next_call() {
        let (at, len) = state.machine.buffer(call);
        let which = match call {
            Call::Read => Which::Input,
            Call::Connect | Call::Write => Which::Output,
        };
        let started = operations.start(state, which, |pipe, overlapped| {
            let (pipe, overlapped) = (pipe.as_handle(), overlapped);
            // SAFETY: `overlapped` is lent until its packet; and so is the buffer,
            // which the machine leaves alone from `lent` until `finished`, and which
            // goes only with the `Operations`, of which `start` has lent a count.
            let started = unsafe {
                match call {
                    Call::Connect => ffi::connect_pipe(pipe, overlapped),
                    Call::Read => ffi::read_overlapped(pipe, at, len, overlapped),
                    Call::Write => ffi::write_overlapped(pipe, at, len, overlapped),
                }
            };
            match started {
                Err(error) if is_part_of_a_message(&error) => Ok(Started::Pending),
                started => started,
            }
        });
        let outcome = match started {
            Ok(Started::Pending) => {
                state.machine.lent(call);
                continue;
            }
            Ok(Started::AtOnce(n)) => Ok(n),
            Err(error) => Err(error),
        };
        match which {
            Which::Input => state.machine.finished_input(outcome),
            Which::Output => state.machine.finished_output(outcome),
        }
    }
    announce(state, operations);
}

fn announce(state: &mut State<Pipe>, operations: &Operations<Pipe>) {
    if let Some((readiness, edge)) = state.machine.news() {
        operations.announce(readiness, edge);
    }
}

forward_source!([] NamedPipe, source);

impl AsHandle for NamedPipe {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.source.handle().as_handle()
    }
}

impl AsRawHandle for NamedPipe {
    fn as_raw_handle(&self) -> RawHandle {
        self.as_handle().as_raw_handle()
    }
}

impl fmt::Debug for NamedPipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NamedPipe")
            .field("source", &self.source)
            .finish()
    }
}

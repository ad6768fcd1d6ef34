//! A TCP stream over completions.
//!
//! Chapter 13 for reading, 14 for writing and connecting. The public types in
//! `net/tcp.rs` forward to these. What is lent and what is in hand is told by
//! `reading.rs` and `writing.rs`; here are the calls between.

use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::net::{self, Shutdown, SocketAddr};
use std::os::windows::io::{AsSocket, BorrowedSocket, OwnedSocket};
use std::sync::Arc;

use super::options;
use super::reading::{Reading, hand_out};
use super::writing::{Writing, gather};
use crate::completion::buffer_pool::Buffer;
use crate::completion::source::{Bound, Machine, Operations, State, Which};
use crate::event::Trigger;
use crate::iocp::ffi::Started;
use crate::iocp::overlapped::Packet;
use crate::net::ffi;
use crate::net::options::{domain, take_error};

// ANCHOR: stream
/// What a stream lends for reading, unless told otherwise, in bytes.
pub(crate) const LENT: usize = 4096;
/// The most that a write copies when the socket is full, in bytes.
const COPIED: usize = 16 * 1024;
// ANCHOR_END: stream

// ANCHOR: state
/// Clones share one state and one registration: two reads lent to one socket
/// would split its stream between them.
#[derive(Debug, Clone)]
pub(crate) struct TcpStream {
    pub(crate) source: Arc<Bound<Stream>>,
}

/// What changes, under the lock of `Operations`.
pub(crate) struct Stream {
    reading: Reading,
    writing: Writing,
    /// Where to connect to, until that has succeeded: lent with ConnectEx.
    peer: Option<Box<(ffi::Address, i32)>>,
    input: Buffer,
    output: Buffer,
    /// How much is lent for reading. 0: a notification only.
    lends: usize,
}
// ANCHOR_END: state

impl TcpStream {
    // ANCHOR: new
    fn new(socket: OwnedSocket, writing: Writing, peer: Option<SocketAddr>) -> TcpStream {
        let machine = Stream {
            reading: Reading::Idle,
            writing,
            peer: peer.map(|peer| Box::new(ffi::Address::of(peer))),
            input: Buffer::default(),
            output: Buffer::default(),
            lends: LENT,
        };
        TcpStream {
            source: Arc::new(Bound::new(socket, machine)),
        }
    }
    // ANCHOR_END: new

    // ANCHOR: connect
    /// The connection begins with the first registration: only then is there a
    /// port to tell of its end.
    pub(crate) fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
        let socket = options::socket(domain(addr), ffi::SOCK_STREAM)?;
        // ConnectEx insists.
        ffi::bind(socket.as_socket(), options::any(addr))?;
        Ok(TcpStream::new(socket, Writing::Unconnected, Some(addr)))
    }
    // ANCHOR_END: connect

    /// Of a socket that is connected and does not block.
    pub(super) fn connected(socket: OwnedSocket) -> TcpStream {
        TcpStream::new(socket, Writing::Open, None)
    }

    pub(crate) fn from_std(stream: net::TcpStream) -> io::Result<TcpStream> {
        stream.set_nonblocking(true)?;
        Ok(TcpStream::connected(stream.into()))
    }

    // ANCHOR: into_std
    pub(crate) fn into_std(self) -> io::Result<net::TcpStream> {
        let unread = |stream: &Stream| matches!(stream.reading, Reading::InHand { .. });
        let bound = Arc::into_inner(self.source);
        let socket = bound.and_then(|bound| bound.into_handle(unread).ok());
        socket.map(Into::into).ok_or_else(options::still_lent)
    }
    // ANCHOR_END: into_std

    pub(crate) fn try_clone(&self) -> io::Result<TcpStream> {
        Ok(self.clone())
    }

    /// From the next lending on.
    pub(crate) fn set_lending(&self, bytes: usize) {
        self.source.lock().machine.lends = bytes;
    }

    pub(crate) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.receive(&mut [IoSliceMut::new(buffer)], false)
    }

    pub(crate) fn read_vectored(&self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        self.receive(buffers, false)
    }

    pub(crate) fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.receive(&mut [IoSliceMut::new(buffer)], true)
    }

    // ANCHOR: receive
    /// Hands out what is in hand; or asks the socket, if nothing of its stream
    /// is lent.
    fn receive(&self, buffers: &mut [IoSliceMut<'_>], peek: bool) -> io::Result<usize> {
        // A call takes only so many, and 0 bytes into none but empty ones are no end.
        let Some(first) = buffers.iter().position(|buffer| !buffer.is_empty()) else {
            return Ok(0);
        };
        let buffers = &mut buffers[first..];
        let (operations, mut state) = (&self.source.operations, self.source.lock());
        let level = state.watch.is_some_and(|w| w.trigger == Trigger::Level);
        match (state.machine.writing, state.machine.reading) {
            (Writing::Unconnected | Writing::Connecting, _) | (_, Reading::Lent(1..)) => {
                Err(ErrorKind::WouldBlock.into())
            }
            (Writing::Failed { refused: true, .. }, _) | (_, Reading::Failed(_)) => {
                let error = state.machine.take_error();
                announce(&state, operations, false);
                error.map_or(Ok(0), Err)
            }
            (_, Reading::InHand { from, to }) if peek => {
                let n = hand_out(&state.machine.input[from..to], buffers);
                // Nothing is lent, so what has come since is in the socket.
                let more = match &mut buffers[0][n..] {
                    [] => Ok(0),
                    room => ffi::recv(self.socket(), room, ffi::MSG_PEEK),
                };
                Ok(n + more.unwrap_or(0))
            }
            // ANCHOR_END: receive
            // ANCHOR: receive_more
            (_, Reading::InHand { from, to }) => {
                let n = hand_out(&state.machine.input[from..to], buffers);
                state.machine.reading = state.machine.reading.took(n);
                lend(&mut state, operations);
                announce(&state, operations, level);
                Ok(n)
            }
            (_, Reading::Idle | Reading::Waiting | Reading::Lent(0)) => {
                let received = if peek {
                    ffi::recv(self.socket(), &mut buffers[0], ffi::MSG_PEEK)
                } else {
                    ffi::recv_vectored(self.socket(), buffers)
                };
                let reading = state.machine.reading.asked(&received, level && !peek);
                state.machine.reading = reading;
                lend(&mut state, operations);
                // Whoever was refused waits for an edge, also if it is there already.
                let waits = level || received.is_err();
                let readable = !state.machine.reading.readiness().is_empty();
                announce(&state, operations, waits && readable);
                received
            }
            (_, Reading::Ended) => Ok(0),
        }
    }
    // ANCHOR_END: receive_more

    pub(crate) fn write(&self, buffer: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(buffer)])
    }

    // ANCHOR: write
    /// Writes what the socket takes at once. Only if it takes nothing, some is
    /// copied and lent, so that a packet tells when there is room again.
    pub(crate) fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let Some(first) = buffers.iter().position(|buffer| !buffer.is_empty()) else {
            return Ok(0);
        };
        let buffers = &buffers[first..];
        let (operations, mut state) = (&self.source.operations, self.source.lock());
        match state.machine.writing {
            Writing::Unconnected | Writing::Connecting | Writing::Lent { .. } => {
                Err(ErrorKind::WouldBlock.into())
            }
            Writing::Failed { .. } => {
                let error = state.machine.take_error();
                announce(&state, operations, false);
                error.map_or(Ok(0), Err)
            }
            Writing::Open => match ffi::send_vectored(self.socket(), buffers) {
                Err(error) if error.kind() == ErrorKind::WouldBlock && state.watch.is_some() => {
                    let stream = &mut state.machine;
                    stream.output = Buffer::take(COPIED);
                    let to = gather(buffers, &mut stream.output);
                    stream.writing = Writing::Lent { from: 0, to };
                    send_on(&mut state, operations);
                    let failed = matches!(state.machine.writing, Writing::Failed { .. });
                    announce(&state, operations, failed);
                    Ok(to)
                }
                result => result,
            },
        }
    }
    // ANCHOR_END: write

    // ANCHOR: shutdown
    /// Goes straight through: what is lent for writing goes first.
    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        let which = match how {
            Shutdown::Read => ffi::SHUT_RD,
            Shutdown::Write => ffi::SHUT_WR,
            Shutdown::Both => ffi::SHUT_RDWR,
        };
        ffi::shutdown(self.socket(), which)?;
        if how != Shutdown::Write {
            let mut state = self.source.lock();
            state.machine.reading = Reading::Ended;
            announce(&state, &self.source.operations, true);
        }
        Ok(())
    }
    // ANCHOR_END: shutdown

    // ANCHOR: take_error
    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        let mut state = self.source.lock();
        if let Some(error) = state.machine.take_error() {
            announce(&state, &self.source.operations, false);
            return Ok(Some(error));
        }
        match state.machine.peer {
            None => take_error(self.socket()),
            // Of a refusal the socket may tell again and again.
            Some(_) => Ok(None),
        }
    }
    // ANCHOR_END: take_error

    pub(crate) fn socket(&self) -> BorrowedSocket<'_> {
        self.source.handle().as_socket()
    }
}

impl Machine for Stream {
    type Handle = OwnedSocket;
    const SKIPS_PACKETS: bool = true;

    // ANCHOR: arm
    fn arm(state: &mut State<Stream>, operations: &Arc<Operations<Stream>>) -> io::Result<()> {
        let unconnected = state.machine.writing == Writing::Unconnected;
        if let Some(peer) = state.machine.peer.as_deref().filter(|_| unconnected) {
            let (at, len) = (&raw const peer.0, peer.1);
            state.machine.writing = Writing::Connecting;
            let started = operations.start(state, Which::Output, |socket, overlapped| {
                let connectex = ffi::connectex(socket.as_socket())?;
                // SAFETY: both are lent until the packet: the address stays
                // where it is, and is not touched again.
                unsafe {
                    ffi::connect_overlapped(connectex, socket.as_socket(), (at, len), overlapped)
                }
            });
            match started {
                Ok(Started::Pending) => {}
                Ok(Started::AtOnce(bytes)) => output_done(state, operations, Ok(bytes)),
                Err(error) => output_done(state, operations, Err(error)),
            }
        }
        lend(state, operations);
        announce(state, operations, true);
        Ok(())
    }
    // ANCHOR_END: arm

    // ANCHOR: done
    fn done(
        state: &mut State<Stream>,
        operations: &Arc<Operations<Stream>>,
        which: Which,
        packet: &Packet,
    ) {
        let Some(socket) = operations.handle() else {
            return; // Dropped, and nobody wants to know.
        };
        let outcome = options::outcome(&socket, packet);
        match which {
            Which::Input => {
                state.machine.reading = state.machine.reading.came_back(outcome.map_err(code));
            }
            Which::Output => output_done(state, operations, outcome),
        }
        lend(state, operations);
        announce(state, operations, true);
    }
    // ANCHOR_END: done

    // ANCHOR: lingers
    fn lingers(state: &mut State<Stream>, socket: &OwnedSocket) -> bool {
        let lent = matches!(state.machine.writing, Writing::Lent { .. });
        // The end of the stream goes after what is lent, also if nobody polls.
        lent && ffi::shutdown(socket.as_socket(), ffi::SHUT_WR).is_ok()
    }
    // ANCHOR_END: lingers
}

impl Stream {
    // ANCHOR: kept_error
    /// The error that no call has returned yet. Then the stream has ended.
    fn take_error(&mut self) -> Option<io::Error> {
        let code = match (self.writing, self.reading) {
            (Writing::Failed { code, refused }, _) => {
                self.writing = Writing::Open;
                if refused {
                    self.reading = Reading::Ended;
                }
                code
            }
            (_, Reading::Failed(code)) => {
                self.reading = Reading::Ended;
                code
            }
            _ => return None,
        };
        Some(io::Error::from_raw_os_error(code))
    }
    // ANCHOR_END: kept_error
}

// ANCHOR: lend
/// Lends the buffer, if reading is watched, the stream is connected, and there
/// is nothing in hand and nothing in flight. A receive that succeeds at once
/// has filled it already.
fn lend(state: &mut State<Stream>, operations: &Arc<Operations<Stream>>) {
    let watched = state.watch.is_some_and(|w| w.interests.is_readable());
    let connected = state.machine.writing.is_connected();
    let idle = state.machine.reading == Reading::Idle && !state.in_flight(Which::Input);
    if !(watched && connected && idle) {
        return;
    }
    let stream = &mut state.machine;
    if stream.input.size() != stream.lends {
        stream.input = Buffer::take(stream.lends);
    }
    let (at, len) = (stream.input.as_mut_ptr(), stream.lends);
    stream.reading = Reading::Lent(len);
    let started = operations.start(state, Which::Input, |socket, overlapped| {
        // SAFETY: both are lent until the packet: the buffer stays where it is,
        // and is not touched while `reading` is `Lent`.
        unsafe { ffi::recv_overlapped(socket.as_socket(), at, len, overlapped) }
    });
    let outcome = match started {
        Ok(Started::Pending) => return,
        Ok(Started::AtOnce(bytes)) => Ok(bytes),
        Err(error) => Err(code(error)),
    };
    state.machine.reading = state.machine.reading.came_back(outcome);
}
// ANCHOR_END: lend

// ANCHOR: output_done
/// A connect or a write is over.
fn output_done(
    state: &mut State<Stream>,
    operations: &Arc<Operations<Stream>>,
    mut outcome: io::Result<usize>,
) {
    if state.machine.writing == Writing::Connecting && outcome.is_ok() {
        // Until then the socket's other calls know of no connection.
        if let Some(socket) = operations.handle() {
            let updated = options::connected(socket.as_socket());
            outcome = updated.and(outcome);
        }
    }
    state.machine.writing = state.machine.writing.came_back(outcome.map_err(code));
    if state.machine.writing == Writing::Open {
        state.machine.peer = None;
    }
    send_on(state, operations);
}
// ANCHOR_END: output_done

// ANCHOR: send_on
/// Lends what is left to be written, if anything is. What has been written gives
/// its buffer back.
fn send_on(state: &mut State<Stream>, operations: &Arc<Operations<Stream>>) {
    while let Writing::Lent { from, to } = state.machine.writing {
        let rest = &mut state.machine.output[from..to];
        let (at, len) = (rest.as_mut_ptr(), rest.len());
        let started = operations.start(state, Which::Output, |socket, overlapped| {
            // SAFETY: both are lent until the packet: the buffer stays where it
            // is, and is not touched while `writing` is `Lent`.
            unsafe { ffi::send_overlapped(socket.as_socket(), at, len, overlapped) }
        });
        let outcome = match started {
            Ok(Started::Pending) => return,
            Ok(Started::AtOnce(bytes)) => Ok(bytes),
            Err(error) => Err(code(error)),
        };
        state.machine.writing = state.machine.writing.came_back(outcome);
    }
    state.machine.output = Buffer::default();
}
// ANCHOR_END: send_on

// ANCHOR: announce
/// Says what the stream is ready for.
fn announce(state: &State<Stream>, operations: &Arc<Operations<Stream>>, news: bool) {
    let stream = &state.machine;
    operations.announce(
        stream.reading.readiness() | stream.writing.readiness(),
        news,
    );
}

/// The number of a system's error. Every other is of a stream that is gone.
fn code(error: io::Error) -> i32 {
    error.raw_os_error().unwrap_or(ffi::WSAENOTCONN)
}
// ANCHOR_END: announce

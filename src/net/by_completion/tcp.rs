//! A TCP stream over completions.
//!
//! Chapter 13 reads, chapter 14 writes and connects. The public types in `net/tcp.rs`
//! forward to the types here.

use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr};
use std::os::windows::io::{AsSocket, BorrowedSocket, OwnedSocket};
use std::sync::Arc;

use super::socket::socket;
use crate::completion::buffer_pool::Buffer;
use crate::completion::incoming::{Incoming, Outcome, is_cancelled};
use crate::completion::kind::{Call, Kind};
use crate::completion::outgoing::{LARGEST_WRITE, Outgoing};
use crate::completion::source::{CompletionSource, State};
use crate::event::Readiness;
use crate::iocp::ffi::Started;
use crate::net::ffi;
use crate::net::options::{domain, take_error};

// ANCHOR: stream
/// What a stream lends for reading unless `set_lending` changes it, in bytes.
pub(crate) const LENT: usize = 4096;
/// The most that a write copies when the socket is full, in bytes.
const COPIED: usize = 16 * 1024;

/// Clones share one state and one registration. Two reads in flight on one socket
/// would split its stream between them.
#[derive(Debug, Clone)]
pub(crate) struct TcpStream {
    pub(crate) source: Arc<CompletionSource<Stream>>,
}

/// What a stream adds to the state of a source.
pub(crate) struct Stream {
    /// Where to connect to, until the connection is made. While a connect is in
    /// flight, the kernel has this address.
    peer: Option<Box<(ffi::Address, i32)>>,
    /// How much the next read lends, in bytes. A read of 0 bytes only notifies.
    pub(crate) lends: usize,
}
// ANCHOR_END: stream

impl TcpStream {
    // ANCHOR: new
    fn new(socket: OwnedSocket, outgoing: Outgoing, peer: Option<SocketAddr>) -> TcpStream {
        let kind = Stream {
            peer: peer.map(|peer| Box::new(ffi::Address::of(peer))),
            lends: LENT,
        };
        let source = Arc::new(CompletionSource::new(socket, kind, outgoing));
        TcpStream { source }
    }
    // ANCHOR_END: new

    // ANCHOR: connect
    /// The first registration starts the connect: before that, no port gets the
    /// packet.
    pub(crate) fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
        let socket = socket(domain(addr), ffi::SOCK_STREAM)?;
        // ConnectEx takes only a socket that is bound.
        let any = match addr {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        ffi::bind(socket.as_socket(), any)?;
        Ok(TcpStream::new(socket, Outgoing::Asked, Some(addr)))
    }
    // ANCHOR_END: connect

    /// The socket is connected and does not block.
    pub(crate) fn from_socket(socket: OwnedSocket) -> io::Result<TcpStream> {
        Ok(TcpStream::new(socket, Outgoing::Open, None))
    }

    pub(crate) fn try_clone(&self) -> io::Result<TcpStream> {
        Ok(self.clone())
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
    /// Hands out what is in hand. If no buffer can bring the next bytes, it reads
    /// from the socket itself.
    fn receive(&self, buffers: &mut [IoSliceMut<'_>], peek: bool) -> io::Result<usize> {
        // One call takes a limited number of buffers. If all of those are empty, it
        // returns 0, which would look like the end.
        let Some(first) = buffers.iter().position(|buffer| !buffer.is_empty()) else {
            return Ok(0);
        };
        let buffers = &mut buffers[first..];
        let source = &mut self.source.lock();
        if let Outgoing::Asked | Outgoing::Connecting = source.outgoing {
            return Err(ErrorKind::WouldBlock.into());
        }
        if !source.outgoing.is_connected() {
            // The connect failed: the error once, then the end.
            return source.outgoing.take_error().map_or(Ok(0), Err);
        }
        // ANCHOR_END: receive
        // ANCHOR: in_hand
        match &mut source.incoming {
            Incoming::InFlight(buffer) if buffer.size() > 0 => Err(ErrorKind::WouldBlock.into()),
            Incoming::InHand(buffer, left) => {
                let n = (&buffer[left.clone()]).read_vectored(buffers)?;
                if peek {
                    // Nothing is in flight, so the bytes that follow are in the socket.
                    let more = match &mut buffers[0][n..] {
                        [] => Ok(0),
                        room => ffi::recv(self.socket(), room, ffi::MSG_PEEK),
                    };
                    return Ok(n + more.unwrap_or(0));
                }
                source.incoming.took(n);
                source.arm();
                Ok(n)
            }
            // ANCHOR_END: in_hand
            // ANCHOR: receive_more
            Incoming::Ended | Incoming::Unwanted { .. } => Ok(0),
            Incoming::Failed(_) => source.incoming.take_error(true).map_or(Ok(0), Err),
            _ => {
                let received = match peek {
                    true => ffi::recv(self.socket(), &mut buffers[0], ffi::MSG_PEEK),
                    false => ffi::recv_vectored(self.socket(), buffers),
                };
                let level = source.is_level() && !peek;
                source.incoming.asked(&received, level);
                if received.is_err() {
                    source.tell_again(Readiness::READABLE);
                }
                source.arm();
                received
            }
        }
    }
    // ANCHOR_END: receive_more

    pub(crate) fn write(&self, buffer: &[u8]) -> io::Result<usize> {
        let most = buffer.len().min(LARGEST_WRITE);
        self.write_vectored(&[IoSlice::new(&buffer[..most])])
    }

    // ANCHOR: fits
    /// Writes what the socket takes at once. If it takes nothing, it lends a copy,
    /// whose packet tells that there is room again.
    pub(crate) fn write_vectored(&self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let Some(first) = buffers.iter().position(|buffer| !buffer.is_empty()) else {
            return Ok(0);
        };
        let buffers = &buffers[first..];
        let fitting = buffers.iter().scan(LARGEST_WRITE, |room, buffer| {
            *room = room.checked_sub(buffer.len())?;
            Some(())
        });
        let buffers = match fitting.count() {
            0 => return self.write(&buffers[0]),
            count => &buffers[..count],
        };
        // ANCHOR_END: fits
        // ANCHOR: write
        let source = &mut self.source.lock();
        source.outgoing.check()?;
        match ffi::send_vectored(self.socket(), buffers) {
            Err(error) if error.kind() == ErrorKind::WouldBlock && source.is_registered() => {
                let mut copy = Buffer::take(COPIED);
                let n = (&mut copy[..]).write_vectored(buffers)?;
                source.write_copy(copy, n)
            }
            result => result,
        }
    }
    // ANCHOR_END: write

    // ANCHOR: shutdown
    /// No need to wait for a write in flight: the system sends it before the end.
    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        ffi::shutdown(self.socket(), how)?;
        if how != Shutdown::Write {
            self.source.lock().incoming.discard(true);
        }
        Ok(())
    }
    // ANCHOR_END: shutdown

    // ANCHOR: take_error
    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        let source = &mut self.source.lock();
        let error = source.outgoing.take_error();
        match error.or_else(|| source.incoming.take_error(true)) {
            // After a failed connect, the socket may repeat that error. Wine's does.
            None if source.kind.peer.is_none() => take_error(self.socket()),
            error => Ok(error),
        }
    }
    // ANCHOR_END: take_error

    pub(crate) fn socket(&self) -> BorrowedSocket<'_> {
        self.source.handle().as_socket()
    }
}

// ANCHOR: kind
impl Kind for Stream {
    type Handle = OwnedSocket;
    const SKIPS_PACKETS: bool = true;
    type Lent = Buffer;

    fn reads(state: &State<Self>) -> bool {
        state.watches_reading() && state.outgoing.is_connected()
    }

    fn lend(&mut self, _: &OwnedSocket) -> io::Result<Incoming<Buffer>> {
        Ok(Incoming::InFlight(Buffer::take(self.lends)))
    }

    unsafe fn read(&mut self, call: Call<'_, Self>, lent: &mut Buffer) -> io::Result<Started> {
        let (socket, at, len) = (call.handle.as_socket(), lent.as_mut_ptr(), lent.size());
        // SAFETY: the caller lends both.
        unsafe { ffi::recv_overlapped(socket, at, len, call.overlapped) }
    }

    fn came(_: &mut State<Self>, lent: Buffer, outcome: Outcome) -> Incoming<Buffer> {
        match outcome {
            // The buffer had no room, so 0 bytes are not the end.
            Ok(_) if lent.size() == 0 => Incoming::Notified,
            Ok(0) => Incoming::Ended,
            Ok(bytes) => Incoming::InHand(lent, 0..bytes),
            Err(error) => Incoming::Failed(error),
        }
    }
    // ANCHOR_END: kind

    // ANCHOR: start
    unsafe fn connect(&mut self, call: Call<'_, Self>) -> io::Result<Started> {
        let peer = self.peer.as_deref().ok_or(ErrorKind::NotConnected)?;
        let (socket, name) = (call.handle.as_socket(), (&raw const peer.0, peer.1));
        let connectex = ffi::connectex(socket)?;
        // SAFETY: the caller lends `overlapped`, and `peer` with this stream.
        unsafe { ffi::connect_overlapped(connectex, socket, name, call.overlapped) }
    }

    unsafe fn write(&mut self, call: Call<'_, Self>, bytes: &mut [u8]) -> io::Result<Started> {
        let (socket, at) = (call.handle.as_socket(), bytes.as_mut_ptr());
        // SAFETY: the caller lends both.
        unsafe { ffi::send_overlapped(socket, at, bytes.len(), call.overlapped) }
    }
    // ANCHOR_END: start

    // ANCHOR: went
    fn went(state: &mut State<Self>, socket: &OwnedSocket, outcome: Outcome) -> Outcome {
        if !matches!(state.outgoing, Outgoing::Connecting) {
            return outcome;
        }
        let name = ffi::SO_UPDATE_CONNECT_CONTEXT;
        // Before that, the socket's other calls do not know that it is connected.
        let connected = outcome.and_then(|bytes| {
            ffi::set_option(socket.as_socket(), ffi::SOL_SOCKET, name, ())?;
            Ok(bytes)
        });
        match &connected {
            Ok(_) => state.kind.peer = None,
            Err(error) if is_cancelled(error) => {}
            Err(_) => state.incoming = Incoming::Ended,
        }
        connected
    }
    // ANCHOR_END: went

    // ANCHOR: ends
    /// Has the kernel send the end of the stream after what is in flight, even if
    /// nobody polls.
    fn ends(socket: &OwnedSocket) -> bool {
        ffi::shutdown(socket.as_socket(), Shutdown::Write).is_ok()
    }
    // ANCHOR_END: ends
}

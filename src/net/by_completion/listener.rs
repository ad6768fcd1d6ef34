//! A TCP listener over completions.
//!
//! Chapter 14. One AcceptEx is kept in flight once the listener is registered,
//! with a socket made beforehand that the next client gets.

use std::io::{self, ErrorKind};
use std::mem;
use std::net::{self, SocketAddr};
use std::os::windows::io::{AsSocket, BorrowedSocket, OwnedSocket};
use std::sync::Arc;

use super::options;
use super::tcp::TcpStream;
use crate::completion::source::{Bound, Machine, Operations, State, Which};
use crate::event::{Readiness, Trigger};
use crate::iocp::ffi::Started;
use crate::iocp::overlapped::Packet;
use crate::net::ffi;
use crate::net::options::domain;

/// Connections that have been made and not yet accepted, before the system turns
/// more away. It may have a lower limit of its own.
const BACKLOG: i32 = 1024;

/// Clones share one state and one registration.
#[derive(Debug, Clone)]
pub(crate) struct TcpListener {
    pub(crate) source: Arc<Bound<Listener>>,
}

// ANCHOR: listener
pub(crate) struct Listener {
    accepting: Accepting,
    /// The family of its sockets.
    domain: i32,
    acceptex: ffi::AcceptEx,
    /// Where AcceptEx writes both addresses. Lent with each.
    addresses: Box<ffi::Addresses>,
}

/// What has become of the next client.
enum Accepting {
    /// It is not waited for.
    Idle,
    /// It gets this socket.
    Lent(OwnedSocket),
    /// It has got it.
    Accepted(OwnedSocket),
    /// It could not be waited for, which no call has returned yet.
    Failed(io::Error),
}
// ANCHOR_END: listener

impl TcpListener {
    // ANCHOR: new
    fn new(socket: OwnedSocket) -> io::Result<TcpListener> {
        let machine = Listener {
            accepting: Accepting::Idle,
            domain: domain(ffi::getsockname(socket.as_socket())?),
            acceptex: ffi::acceptex(socket.as_socket())?,
            addresses: Box::new(ffi::Addresses::room()),
        };
        Ok(TcpListener {
            source: Arc::new(Bound::new(socket, machine)),
        })
    }
    // ANCHOR_END: new

    // ANCHOR: bind
    /// Without SO_REUSEADDR: a port of Windows' is free again at once, and the
    /// option would let another program take it from this one.
    pub(crate) fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
        let socket = options::socket(domain(addr), ffi::SOCK_STREAM)?;
        ffi::bind(socket.as_socket(), addr)?;
        ffi::listen(socket.as_socket(), BACKLOG)?;
        TcpListener::new(socket)
    }
    // ANCHOR_END: bind

    pub(crate) fn from_std(listener: net::TcpListener) -> io::Result<TcpListener> {
        listener.set_nonblocking(true)?;
        TcpListener::new(listener.into())
    }

    pub(crate) fn into_std(self) -> io::Result<net::TcpListener> {
        let accepted = |listener: &Listener| matches!(listener.accepting, Accepting::Accepted(_));
        let bound = Arc::into_inner(self.source);
        let socket = bound.and_then(|bound| bound.into_handle(accepted).ok());
        socket.map(Into::into).ok_or_else(options::still_lent)
    }

    pub(crate) fn try_clone(&self) -> io::Result<TcpListener> {
        Ok(self.clone())
    }

    // ANCHOR: accept
    /// Hands out the client that has got its socket, and waits for another. An
    /// unregistered listener asks the system directly.
    pub(crate) fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (operations, mut state) = (&self.source.operations, self.source.lock());
        let level = state.watch.is_some_and(|w| w.trigger == Trigger::Level);
        loop {
            wait_for_next(&mut state, operations);
            match mem::replace(&mut state.machine.accepting, Accepting::Idle) {
                Accepting::Accepted(socket) => {
                    let from = self.finish(&socket);
                    wait_for_next(&mut state, operations);
                    announce(&state, operations, level);
                    match from {
                        Ok(from) => return Ok((TcpStream::connected(socket), from)),
                        // The client gave up: the next may be there.
                        Err(_) => continue,
                    }
                }
                Accepting::Failed(error) => {
                    announce(&state, operations, false);
                    if level {
                        // Nothing is in flight: the next call knows whether it fails again.
                        operations.announce(Readiness::READABLE, true);
                    }
                    return Err(error);
                }
                Accepting::Idle if state.watch.is_none() => match ffi::accept(self.socket()) {
                    Ok((socket, from)) => return Ok((TcpStream::connected(socket), from)),
                    Err(error) if gave_up(&error) => continue,
                    Err(error) => return Err(error),
                },
                waiting => {
                    state.machine.accepting = waiting;
                    announce(&state, operations, false);
                    return Err(ErrorKind::WouldBlock.into());
                }
            }
        }
    }

    /// Makes a whole socket of the one that AcceptEx has filled.
    fn finish(&self, socket: &OwnedSocket) -> io::Result<SocketAddr> {
        options::accepted(socket.as_socket(), self.socket())?;
        ffi::getpeername(socket.as_socket())
    }
    // ANCHOR_END: accept

    pub(crate) fn socket(&self) -> BorrowedSocket<'_> {
        self.source.handle().as_socket()
    }
}

// ANCHOR: machine
impl Machine for Listener {
    type Handle = OwnedSocket;
    const SKIPS_PACKETS: bool = true;

    fn arm(state: &mut State<Listener>, operations: &Arc<Operations<Listener>>) -> io::Result<()> {
        wait_for_next(state, operations);
        announce(state, operations, true);
        Ok(())
    }

    fn done(
        state: &mut State<Listener>,
        operations: &Arc<Operations<Listener>>,
        _: Which,
        packet: &Packet,
    ) {
        let Some(listener) = operations.handle() else {
            return; // Dropped: so is the socket, whoever has got it.
        };
        came_back(state, options::outcome(&listener, packet));
        wait_for_next(state, operations);
        announce(state, operations, true);
    }

    fn lingers(_: &mut State<Listener>, _: &OwnedSocket) -> bool {
        false // It writes nothing.
    }
}
// ANCHOR_END: machine

// ANCHOR: wait_for_next
/// Has an AcceptEx in flight, if the listener is registered and nobody is there
/// to be handed out. One that succeeds at once brings somebody.
fn wait_for_next(state: &mut State<Listener>, operations: &Arc<Operations<Listener>>) {
    while matches!(state.machine.accepting, Accepting::Idle) && state.watch.is_some() {
        match start(state, operations) {
            Ok(Started::Pending) => return,
            Ok(Started::AtOnce(bytes)) => came_back(state, Ok(bytes)),
            Err(error) if gave_up(&error) => state.machine.accepting = Accepting::Idle,
            Err(error) => state.machine.accepting = Accepting::Failed(error),
        }
    }
}

fn start(
    state: &mut State<Listener>,
    operations: &Arc<Operations<Listener>>,
) -> io::Result<Started> {
    let listener = &mut state.machine;
    let socket = options::socket(listener.domain, ffi::SOCK_STREAM)?;
    let (acceptex, at) = (listener.acceptex, &raw mut *listener.addresses);
    let started = operations.start(state, Which::Input, |listener, overlapped| {
        let (listener, socket) = (listener.as_socket(), socket.as_socket());
        // SAFETY: all are lent until the packet: the addresses stay where they
        // are, and `Lent` owns the socket.
        unsafe { ffi::accept_overlapped(acceptex, listener, socket, at, overlapped) }
    });
    state.machine.accepting = Accepting::Lent(socket);
    started
}
// ANCHOR_END: wait_for_next

// ANCHOR: came_back
/// An AcceptEx is over. A client that gave up meanwhile leaves nothing behind.
fn came_back(state: &mut State<Listener>, outcome: io::Result<usize>) {
    let was = mem::replace(&mut state.machine.accepting, Accepting::Idle);
    state.machine.accepting = match (was, outcome) {
        (Accepting::Lent(socket), Ok(_)) => Accepting::Accepted(socket),
        (_, Err(error)) if !gave_up(&error) => Accepting::Failed(error),
        _ => Accepting::Idle,
    };
}

/// Whether it is the client's error, and not the listener's; or nobody's, for the
/// thread has ended that had begun to wait.
fn gave_up(error: &io::Error) -> bool {
    error.raw_os_error() == Some(ffi::ERROR_OPERATION_ABORTED)
        || matches!(
            error.kind(),
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::NotConnected
        )
}

/// Says whether there is somebody to be accepted.
fn announce(state: &State<Listener>, operations: &Arc<Operations<Listener>>, news: bool) {
    let readiness = match state.machine.accepting {
        Accepting::Idle | Accepting::Lent(_) => Readiness::EMPTY,
        Accepting::Accepted(_) => Readiness::READABLE,
        Accepting::Failed(_) => Readiness::READABLE | Readiness::ERROR,
    };
    operations.announce(readiness, news);
}
// ANCHOR_END: came_back

//! A TCP listener over completions.
//!
//! Chapter 14. A registered listener has one AcceptEx in flight. It lends a new
//! socket, and the next client gets that socket.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::windows::io::{AsRawSocket, AsSocket, BorrowedSocket, OwnedSocket};
use std::sync::Arc;

use super::socket::socket;
use super::tcp::TcpStream;
use crate::completion::incoming::{Incoming, Outcome};
use crate::completion::kind::{Call, Kind};
use crate::completion::outgoing::Outgoing;
use crate::completion::source::{CompletionSource, State};
use crate::event::Readiness;
use crate::iocp::ffi::Started;
use crate::net::ffi;
use crate::net::options::{BACKLOG, domain};

// ANCHOR: listener
/// Clones share one state and one registration.
#[derive(Debug, Clone)]
pub(crate) struct TcpListener {
    pub(crate) source: Arc<CompletionSource<Listener>>,
}

/// What a listener adds to the state of a source.
pub(crate) struct Listener {
    /// The family of the sockets that it lends.
    domain: i32,
    acceptex: ffi::AcceptEx,
    /// AcceptEx writes both addresses here. The kernel has it while one is in flight.
    addresses: Box<ffi::Addresses>,
}
// ANCHOR_END: listener

impl TcpListener {
    // ANCHOR: new
    pub(crate) fn from_socket(socket: OwnedSocket) -> io::Result<TcpListener> {
        let kind = Listener {
            domain: domain(ffi::getsockname(socket.as_socket())?),
            acceptex: ffi::acceptex(socket.as_socket())?,
            addresses: Box::new(ffi::Addresses::room()),
        };
        // A listener never writes.
        let source = CompletionSource::new(socket, kind, Outgoing::Apart);
        Ok(TcpListener {
            source: Arc::new(source),
        })
    }
    // ANCHOR_END: new

    // ANCHOR: bind
    /// Without SO_REUSEADDR. Windows frees a port at once when its listener closes,
    /// and the option would let another program take the port from this one.
    pub(crate) fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
        let socket = socket(domain(addr), ffi::SOCK_STREAM)?;
        ffi::bind(socket.as_socket(), addr)?;
        ffi::listen(socket.as_socket(), BACKLOG)?;
        TcpListener::from_socket(socket)
    }
    // ANCHOR_END: bind

    pub(crate) fn try_clone(&self) -> io::Result<TcpListener> {
        Ok(self.clone())
    }

    // ANCHOR: accept
    /// Hands out the client that AcceptEx has brought. An unregistered listener calls
    /// the system's `accept`.
    pub(crate) fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let source = &mut self.source.lock();
        loop {
            source.arm();
            if let Some(socket) = source.incoming.take() {
                source.arm();
                match self.finish(&socket) {
                    Ok(from) => return Ok((TcpStream::from_socket(socket)?, from)),
                    // The client gave up. The next one may be there.
                    Err(_) => continue,
                }
            }
            // ANCHOR_END: accept
            // ANCHOR: no_client
            if let Some(error) = source.incoming.take_error(false) {
                // Nothing is in flight. The next call tries again.
                source.incoming = Incoming::Refused;
                return Err(error);
            }
            if source.is_registered() || source.incoming.is_in_flight() {
                source.tell_again(Readiness::READABLE);
                return Err(ErrorKind::WouldBlock.into());
            }
            match ffi::accept(self.socket()) {
                Ok((socket, from)) => return Ok((TcpStream::from_socket(socket)?, from)),
                Err(error) if gave_up(&error) => continue,
                Err(error) => return Err(error),
            }
        }
    }
    // ANCHOR_END: no_client

    // ANCHOR: finish
    /// Finishes a socket that AcceptEx has connected. Before that, its other calls do
    /// not know that it is connected.
    fn finish(&self, socket: &OwnedSocket) -> io::Result<SocketAddr> {
        let (name, by) = (ffi::SO_UPDATE_ACCEPT_CONTEXT, self.socket().as_raw_socket());
        ffi::set_option(socket.as_socket(), ffi::SOL_SOCKET, name, by)?;
        ffi::getpeername(socket.as_socket())
    }
    // ANCHOR_END: finish

    pub(crate) fn socket(&self) -> BorrowedSocket<'_> {
        self.source.handle().as_socket()
    }
}

// ANCHOR: kind
impl Kind for Listener {
    type Handle = OwnedSocket;
    const SKIPS_PACKETS: bool = true;
    type Lent = OwnedSocket;

    fn reads(state: &State<Self>) -> bool {
        state.is_registered()
    }

    fn lend(&mut self, _: &OwnedSocket) -> io::Result<Incoming<OwnedSocket>> {
        socket(self.domain, ffi::SOCK_STREAM).map(Incoming::InFlight)
    }

    unsafe fn read(&mut self, call: Call<'_, Self>, lent: &mut OwnedSocket) -> io::Result<Started> {
        let (listener, next) = (call.handle.as_socket(), lent.as_socket());
        let (acceptex, addresses) = (self.acceptex, &raw mut *self.addresses);
        // SAFETY: the caller lends `lent`, `overlapped`, and `addresses` with this.
        unsafe { ffi::accept_overlapped(acceptex, listener, next, addresses, call.overlapped) }
    }
    // ANCHOR_END: kind

    // ANCHOR: came
    /// A client may give up before it is accepted. Then the listener has not failed.
    fn came(_: &mut State<Self>, lent: OwnedSocket, outcome: Outcome) -> Incoming<OwnedSocket> {
        match outcome {
            Ok(_) => Incoming::InHand(lent, 0..0),
            Err(error) if gave_up(&error) => Incoming::Idle,
            Err(error) => Incoming::Failed(error),
        }
    }
}

/// Whether the client has failed, and not the listener. `accept` may succeed for a
/// client that has reset, and return no address. Then `Address::read` makes the
/// error, which has no number.
fn gave_up(error: &io::Error) -> bool {
    let no_address = error.kind() == ErrorKind::InvalidInput && error.raw_os_error().is_none();
    no_address
        || matches!(
            error.kind(),
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::NotConnected
        )
}
// ANCHOR_END: came

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_without_an_address_has_given_up() {
        let error = ffi::Address::room().0.read().unwrap_err();
        assert!(gave_up(&error), "{error}");
        let invalid = io::Error::from_raw_os_error(ffi::ERROR_INVALID_PARAMETER);
        assert!(!gave_up(&invalid), "the listener has failed: {invalid}");
    }
}

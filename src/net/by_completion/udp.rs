//! A UDP socket over completions.
//!
//! Chapter 16. The public type in `net/udp.rs` forwards to this one.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::windows::io::{AsSocket, BorrowedSocket, OwnedSocket};
use std::sync::Arc;

use super::socket::socket;
use crate::completion::buffer_pool::Buffer;
use crate::completion::incoming::{Incoming, Outcome};
use crate::completion::kind::{Call, Kind};
use crate::completion::outgoing::Outgoing;
use crate::completion::source::{CompletionSource, Locked, State};
use crate::event::Readiness;
use crate::iocp::ffi::{Started, errors::*};
use crate::net::ffi;
use crate::net::options::domain;

// ANCHOR: socket
/// Longer than any datagram, so the kernel never cuts one.
const ROOM: usize = 64 * 1024;

/// Clones share one state and one registration.
#[derive(Debug, Clone)]
pub(crate) struct UdpSocket {
    pub(crate) source: Arc<CompletionSource<Datagrams>>,
}

/// What a datagram socket adds to the state of a source.
pub(crate) struct Datagrams {
    /// The sender of the datagram in hand. The kernel writes it while a read is in
    /// flight.
    sender: Box<(ffi::Address, i32)>,
    /// The kernel reads the receiver here, while a write is in flight. Its length is
    /// 0 if the socket is connected.
    receiver: Box<(ffi::Address, i32)>,
}
// ANCHOR_END: socket

impl UdpSocket {
    pub(crate) fn from_socket(socket: OwnedSocket) -> io::Result<UdpSocket> {
        // If the system refuses this, `came` starts again after such an error.
        let _ = ffi::set_connreset(socket.as_socket(), false);
        let kind = Datagrams {
            sender: Box::new(ffi::Address::room()),
            receiver: Box::new(ffi::Address::room()),
        };
        let source = Arc::new(CompletionSource::new(socket, kind, Outgoing::Open));
        Ok(UdpSocket { source })
    }

    pub(crate) fn bind(addr: SocketAddr) -> io::Result<UdpSocket> {
        let socket = socket(domain(addr), ffi::SOCK_DGRAM)?;
        ffi::bind(socket.as_socket(), addr)?;
        UdpSocket::from_socket(socket)
    }

    pub(crate) fn try_clone(&self) -> io::Result<UdpSocket> {
        Ok(self.clone())
    }

    pub(crate) fn connect(&self, addr: SocketAddr) -> io::Result<()> {
        ffi::connect(self.socket(), addr)
    }

    pub(crate) fn recv_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.receive(buffer, false)
    }

    pub(crate) fn peek_from(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.receive(buffer, true)
    }

    pub(crate) fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.receive(buffer, false).map(|(len, _)| len)
    }

    pub(crate) fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.receive(buffer, true).map(|(len, _)| len)
    }

    // ANCHOR: receive
    /// Hands out the datagram in hand, and then fetches the next one if it is there.
    /// A socket that is not watched for reading asks the system now.
    fn receive(&self, buffer: &mut [u8], peek: bool) -> io::Result<(usize, SocketAddr)> {
        let source = &mut self.source.lock();
        source.arm();
        if let Incoming::Idle = source.incoming {
            let found = source.kind.lend(self.source.handle());
            source.incoming = found.unwrap_or_else(Incoming::Failed);
            if let Incoming::InFlight(_) = source.incoming {
                source.incoming = Incoming::Idle; // nothing is lent
            }
        }
        let Incoming::InHand(datagram, all) = &source.incoming else {
            source.tell_again(Readiness::READABLE);
            let error = source.incoming.take_error(false);
            source.arm();
            return Err(error.unwrap_or_else(|| ErrorKind::WouldBlock.into()));
        };
        let len = all.len().min(buffer.len());
        buffer[..len].copy_from_slice(&datagram[..len]);
        let from = source.kind.sender.0.read();
        if !peek {
            source.incoming = Incoming::Idle;
            source.arm();
        }
        Ok((len, from?))
    }
    // ANCHOR_END: receive

    pub(crate) fn send_to(&self, datagram: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.transmit(datagram, Some(to))
    }

    pub(crate) fn send(&self, datagram: &[u8]) -> io::Result<usize> {
        self.transmit(datagram, None)
    }

    // ANCHOR: transmit
    /// Sends the datagram if the socket has room for it. If not, lends a copy, whose
    /// packet tells that there is room again.
    fn transmit(&self, datagram: &[u8], to: Option<SocketAddr>) -> io::Result<usize> {
        let source = &mut self.source.lock();
        source.outgoing.check()?;
        let send = || match to {
            Some(to) => ffi::sendto(self.socket(), datagram, to),
            None => ffi::send(self.socket(), datagram),
        };
        let sent = match send() {
            // That call sent nothing, and took the error from the socket.
            Err(error) if is_of_an_earlier(&error) => send(),
            sent => sent,
        };
        match sent {
            Err(error) if error.kind() == ErrorKind::WouldBlock && source.is_registered() => {
                write_copy(source, datagram, to)
            }
            result => result,
        }
    }
    // ANCHOR_END: transmit

    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        let source = &mut self.source.lock();
        // The socket keeps no error: `from_socket` asked it not to.
        let error = source.outgoing.take_error();
        let error = error.or_else(|| source.incoming.take_error(false));
        if error.is_some() {
            // The next datagram is an event, even if the program reads none now.
            source.tell_again(Readiness::READABLE);
            source.arm();
        }
        Ok(error)
    }

    pub(crate) fn socket(&self) -> BorrowedSocket<'_> {
        self.source.handle().as_socket()
    }
}

// ANCHOR: write_copy
/// Lends a copy of a datagram.
fn write_copy(
    source: &mut Locked<'_, Datagrams>,
    datagram: &[u8],
    to: Option<SocketAddr>,
) -> io::Result<usize> {
    let mut copy = Buffer::take(datagram.len().max(ROOM));
    copy[..datagram.len()].copy_from_slice(datagram);
    *source.kind.receiver = to.map_or((ffi::Address::room().0, 0), ffi::Address::of);
    source.write_copy(copy, datagram.len())
}
// ANCHOR_END: write_copy

// ANCHOR: lend
impl Kind for Datagrams {
    type Handle = OwnedSocket;
    type Lent = Buffer;

    fn reads(state: &State<Self>) -> bool {
        state.watches_reading()
    }

    /// Asks the socket first: so many datagrams that come together need one packet.
    fn lend(&mut self, socket: &OwnedSocket) -> io::Result<Incoming<Buffer>> {
        let mut buffer = Buffer::take(ROOM);
        loop {
            match ffi::recvfrom(socket.as_socket(), &mut buffer, 0) {
                Ok((len, from)) => {
                    *self.sender = ffi::Address::of(from);
                    return Ok(Incoming::InHand(buffer, 0..len));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    *self.sender = ffi::Address::room();
                    return Ok(Incoming::InFlight(buffer));
                }
                Err(error) if is_of_an_earlier(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }
    // ANCHOR_END: lend

    // ANCHOR: read
    unsafe fn read(&mut self, call: Call<'_, Self>, lent: &mut Buffer) -> io::Result<Started> {
        let (socket, at, len) = (call.handle.as_socket(), lent.as_mut_ptr(), lent.size());
        let sender = (&raw mut self.sender.0, &raw mut self.sender.1);
        // SAFETY: the caller lends both, and `sender` with this.
        unsafe { ffi::recvfrom_overlapped(socket, at, len, sender, call.overlapped) }
    }

    fn came(_: &mut State<Self>, lent: Buffer, outcome: Outcome) -> Incoming<Buffer> {
        match outcome {
            Ok(len) => Incoming::InHand(lent, 0..len),
            // It loses no datagram, and a server must survive its clients.
            Err(error) if is_of_an_earlier(&error) => Incoming::Idle,
            Err(error) => Incoming::Failed(error),
        }
    }
    // ANCHOR_END: read

    // ANCHOR: write
    unsafe fn write(&mut self, call: Call<'_, Self>, bytes: &mut [u8]) -> io::Result<Started> {
        let (socket, at, len) = (call.handle.as_socket(), bytes.as_mut_ptr(), bytes.len());
        // SAFETY: the caller lends both, and `receiver` with this.
        unsafe {
            match (&raw const self.receiver.0, self.receiver.1) {
                (_, 0) => ffi::send_overlapped(socket, at, len, call.overlapped),
                to => ffi::sendto_overlapped(socket, at, len, to, call.overlapped),
            }
        }
    }

    fn went(state: &mut State<Self>, _: &OwnedSocket, outcome: Outcome) -> Outcome {
        match (&state.outgoing, outcome) {
            // The error belongs to another datagram. UDP may lose any datagram.
            (Outgoing::InFlight(_, all), Err(error)) if is_of_an_earlier(&error) => Ok(all.len()),
            (_, outcome) => outcome,
        }
    }
}

/// Whether the error tells of a datagram that was sent earlier: it found no receiver,
/// or expired on its way.
fn is_of_an_earlier(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(ERROR_PORT_UNREACHABLE | WSAENETRESET | WSAECONNRESET | WSAECONNREFUSED)
    )
}
// ANCHOR_END: write

#[cfg(test)]
mod tests {
    use std::net;
    use std::time::Duration;

    use super::*;
    use crate::{Events, Interests, Poll, Token, Trigger};

    fn poll_once(poll: &mut Poll, events: &mut Events) {
        assert_ne!(poll.poll(events, Some(Duration::from_secs(20))).unwrap(), 0);
    }

    /// Under each trigger, a program that has taken the error can wait for datagrams
    /// without a read before.
    #[test]
    fn after_an_error_that_was_taken_the_next_datagram_is_an_event() {
        let any = "127.0.0.1:0".parse().unwrap();
        let there = net::UdpSocket::bind(any).unwrap();
        for trigger in [Trigger::Edge, Trigger::Level] {
            let mut here = crate::net::UdpSocket::bind(any).unwrap();
            let to = here.local_addr().unwrap();
            let (mut poll, mut events) = (Poll::new().unwrap(), Events::with_capacity(8));
            poll.registrator()
                .register_with(&mut here, Token(0), Interests::READABLE, trigger)
                .unwrap();
            there.send_to(b"lost", to).unwrap();
            poll_once(&mut poll, &mut events);
            let mut source = here.inner.source.lock();
            assert!(!source.incoming.is_in_flight());
            source.incoming = Incoming::Failed(io::Error::from_raw_os_error(WSAENOTCONN));
            drop(source);
            poll_once(&mut poll, &mut events);
            assert!(events.iter().all(|event| event.is_error()));
            let error = here.take_error().unwrap().unwrap();
            assert_eq!(error.raw_os_error(), Some(WSAENOTCONN));
            there.send_to(b"heard", to).unwrap();
            poll_once(&mut poll, &mut events);
            assert_eq!(here.recv(&mut [0; 8]).unwrap(), 5);
        }
    }

    /// The error comes once, and does not stop the datagrams after it.
    #[test]
    fn a_datagram_whose_sender_is_unknown_is_taken_like_any_other() {
        let any = "127.0.0.1:0".parse().unwrap();
        let there = net::UdpSocket::bind(any).unwrap();
        let mut here = crate::net::UdpSocket::bind(any).unwrap();
        let to = here.local_addr().unwrap();
        let (mut poll, mut events) = (Poll::new().unwrap(), Events::with_capacity(8));
        poll.registrator()
            .register(&mut here, Token(0), Interests::READABLE)
            .unwrap();
        there.send_to(b"unknown", to).unwrap();
        poll_once(&mut poll, &mut events);
        *here.inner.source.lock().kind.sender = ffi::Address::room();
        let error = here.recv_from(&mut [0; 8]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        there.send_to(b"known", to).unwrap();
        poll_once(&mut poll, &mut events);
        assert_eq!(here.recv(&mut [0; 8]).unwrap(), 5);
    }

    /// No packet of Wine's has this error, so the test makes up the outcome.
    #[test]
    fn an_error_of_an_earlier_datagram_does_not_fail_the_one_in_flight() {
        let here = crate::net::UdpSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let (source, error) = (&here.inner.source, io::Error::from_raw_os_error);
        let mut state = source.lock();
        state.outgoing = Outgoing::InFlight(Buffer::take(8), 0..6);
        let went = Datagrams::went(&mut state, source.handle(), Err(error(WSAECONNRESET)));
        assert_eq!(went.unwrap(), 6);
        let went = Datagrams::went(&mut state, source.handle(), Err(error(10050)));
        assert_eq!(went.unwrap_err().raw_os_error(), Some(10050));
        state.outgoing = Outgoing::Open;
    }

    /// No socket refuses a datagram for loopback, so the test calls `write_copy` itself.
    #[test]
    fn a_datagram_that_the_socket_has_no_room_for_is_copied_and_sent() {
        let any = "127.0.0.1:0".parse().unwrap();
        let there = net::UdpSocket::bind(any).unwrap();
        there
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let to = there.local_addr().unwrap();
        let mut here = crate::net::UdpSocket::bind(any).unwrap();
        let (mut poll, mut events) = (Poll::new().unwrap(), Events::with_capacity(8));
        poll.registrator()
            .register(&mut here, Token(0), Interests::WRITABLE)
            .unwrap();
        poll_once(&mut poll, &mut events);
        let source = &here.inner.source;
        for to in [Some(to), None] {
            if to.is_none() {
                here.connect(there.local_addr().unwrap()).unwrap();
            }
            let mut locked = source.lock();
            assert_eq!(write_copy(&mut locked, b"copied", to).unwrap(), 6);
            assert!(locked.outgoing.is_in_flight());
            drop(locked);
            let refused = here.send_to(b"another", there.local_addr().unwrap());
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::WouldBlock);
            poll_once(&mut poll, &mut events);
            assert!(events.iter().all(|event| event.is_writable()));
            assert!(matches!(source.lock().outgoing, Outgoing::Open));
            let buffer = &mut [0; 9];
            let (len, from) = there.recv_from(buffer).unwrap();
            assert_eq!(
                (&buffer[..len], from),
                (&b"copied"[..], here.local_addr().unwrap())
            );
        }

        // A send that fails at once has taken nothing. If it fails later, the next call
        // returns the error, once. (A datagram that is too long would fail, too, but
        // then Wine, unlike Windows, queues a packet.)
        let mut locked = source.lock();
        let elsewhere = Some("[::1]:9".parse().unwrap());
        let at_once = write_copy(&mut locked, b"not there", elsewhere);
        drop(locked);
        let error = at_once.and_then(|_| {
            poll_once(&mut poll, &mut events);
            here.send_to(b"not this", to)
        });
        assert_ne!(error.unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(here.send_to(b"but this", to).unwrap(), 8);
    }
}

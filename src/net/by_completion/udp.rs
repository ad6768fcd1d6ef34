//! A UDP socket over completions.
//!
//! Chapter 16. The public type in `net/udp.rs` forwards to this one. Where a
//! datagram is, `datagrams.rs` tells; here are the calls between.

use std::io::{self, ErrorKind};
use std::net::{self, SocketAddr};
use std::os::windows::io::{AsSocket, BorrowedSocket, OwnedSocket};
use std::sync::Arc;

use super::datagrams::{self, Receiving, Sending};
use super::options;
use crate::completion::buffer_pool::Buffer;
use crate::completion::source::{Bound, Machine, Operations, State, Which};
use crate::event::Trigger;
use crate::iocp::overlapped::Packet;
use crate::net::ffi;
use crate::net::options::domain;

/// Longer than any datagram, so that what is lent holds each one whole: what is
/// cut is cut when it is handed out.
const ROOM: usize = 64 * 1024;

/// Clones share one state and one registration.
#[derive(Debug, Clone)]
pub(crate) struct UdpSocket {
    pub(crate) source: Arc<Bound<Datagrams>>,
}

/// What changes, under the lock of `Operations`.
pub(crate) struct Datagrams {
    receiving: Receiving,
    sending: Sending,
    input: Buffer,
    output: Buffer,
    /// Where the kernel writes the sender. Lent with `input`.
    from: Box<(ffi::Address, i32)>,
    /// The receiver. Lent with `output`.
    to: Box<(ffi::Address, i32)>,
}

/// Room for an address.
fn room() -> (ffi::Address, i32) {
    ffi::Address::room()
}

impl UdpSocket {
    fn new(socket: OwnedSocket) -> UdpSocket {
        // Where it is refused, `Receiving::came` survives what comes of it.
        let _ = ffi::set_connreset(socket.as_socket(), false);
        let machine = Datagrams {
            receiving: Receiving::Idle,
            sending: Sending::Open,
            input: Buffer::default(),
            output: Buffer::default(),
            from: Box::new(room()),
            to: Box::new(room()),
        };
        UdpSocket {
            source: Arc::new(Bound::new(socket, machine)),
        }
    }

    pub(crate) fn bind(addr: SocketAddr) -> io::Result<UdpSocket> {
        let socket = options::socket(domain(addr), ffi::SOCK_DGRAM)?;
        ffi::bind(socket.as_socket(), addr)?;
        Ok(UdpSocket::new(socket))
    }

    pub(crate) fn from_std(socket: net::UdpSocket) -> io::Result<UdpSocket> {
        socket.set_nonblocking(true)?;
        Ok(UdpSocket::new(socket.into()))
    }

    pub(crate) fn into_std(self) -> io::Result<net::UdpSocket> {
        let unread = |socket: &Datagrams| matches!(socket.receiving, Receiving::InHand { .. });
        let bound = Arc::into_inner(self.source);
        let socket = bound.and_then(|bound| bound.into_handle(unread).ok());
        socket.map(Into::into).ok_or_else(options::still_lent)
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
    /// Hands out the datagram in hand; if there is none, and nothing lent, the
    /// socket is asked for one.
    fn receive(&self, buffer: &mut [u8], peek: bool) -> io::Result<(usize, SocketAddr)> {
        let (operations, mut state) = (&self.source.operations, self.source.lock());
        fetch(&mut state, operations, self.socket());
        let level = state.watch.is_some_and(|w| w.trigger == Trigger::Level);
        let result = match state.machine.receiving {
            Receiving::Idle | Receiving::Lent => Err(ErrorKind::WouldBlock.into()),
            Receiving::InHand { len, from } => {
                let len = len.min(buffer.len());
                buffer[..len].copy_from_slice(&state.machine.input[..len]);
                Ok((len, from))
            }
            Receiving::Failed(code) => Err(io::Error::from_raw_os_error(code)),
        };
        let lasts = peek && result.is_ok();
        if state.machine.receiving != Receiving::Lent && !lasts {
            state.machine.receiving = Receiving::Idle;
            if level {
                // The next one is to be reported, though nobody has asked for it.
                fetch(&mut state, operations, self.socket());
            }
        }
        if state.watch.is_none() && state.machine.receiving == Receiving::Idle {
            state.machine.input = Buffer::default();
        }
        announce(&state, operations, level);
        result
    }
    // ANCHOR_END: receive

    pub(crate) fn send_to(&self, datagram: &[u8], to: SocketAddr) -> io::Result<usize> {
        self.transmit(datagram, Some(to))
    }

    pub(crate) fn send(&self, datagram: &[u8]) -> io::Result<usize> {
        self.transmit(datagram, None)
    }

    // ANCHOR: transmit
    /// Sends what the socket takes at once. If it does not, one datagram is
    /// copied and lent, so that a packet tells when there is room again.
    fn transmit(&self, datagram: &[u8], to: Option<SocketAddr>) -> io::Result<usize> {
        let (operations, mut state) = (&self.source.operations, self.source.lock());
        match state.machine.sending {
            Sending::Lent => return Err(ErrorKind::WouldBlock.into()),
            Sending::Failed(code) => {
                state.machine.sending = Sending::Open;
                announce(&state, operations, false);
                return Err(io::Error::from_raw_os_error(code));
            }
            Sending::Open => {}
        }
        let send = || match to {
            Some(to) => ffi::sendto(self.socket(), datagram, to),
            None => ffi::send(self.socket(), datagram),
        };
        let sent = match send().map_err(code) {
            // Nothing has been sent, and the error is gone now.
            Err(code) if datagrams::is_of_an_earlier(code) => send(),
            sent => sent.map_err(io::Error::from_raw_os_error),
        };
        match sent {
            Err(error) if error.kind() == ErrorKind::WouldBlock && state.watch.is_some() => {
                lend_copy(&mut state, operations, datagram, to);
                announce(&state, operations, false);
                Ok(datagram.len())
            }
            result => result,
        }
    }
    // ANCHOR_END: transmit

    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        let mut state = self.source.lock();
        let code = match (state.machine.sending, state.machine.receiving) {
            (Sending::Failed(code), _) => {
                state.machine.sending = Sending::Open;
                code
            }
            (_, Receiving::Failed(code)) => {
                state.machine.receiving = Receiving::Idle;
                // Whoever takes the error so need not ask for a datagram as well.
                if state.watch.is_some() {
                    fetch(&mut state, &self.source.operations, self.socket());
                }
                code
            }
            // The socket has been asked to keep none.
            _ => return Ok(None),
        };
        announce(&state, &self.source.operations, true);
        Ok(Some(io::Error::from_raw_os_error(code)))
    }

    pub(crate) fn socket(&self) -> BorrowedSocket<'_> {
        self.source.handle().as_socket()
    }
}

// ANCHOR: machine
impl Machine for Datagrams {
    type Handle = OwnedSocket;
    /// Layers over UDP have been seen to queue a packet all the same.
    const SKIPS_PACKETS: bool = false;

    fn arm(state: &mut State<Self>, operations: &Arc<Operations<Self>>) -> io::Result<()> {
        let reads = state.watch.is_some_and(|w| w.interests.is_readable());
        if let Some(socket) = operations.handle().filter(|_| reads) {
            fetch(state, operations, socket.as_socket());
        }
        announce(state, operations, true);
        Ok(())
    }

    fn done(
        state: &mut State<Self>,
        operations: &Arc<Operations<Self>>,
        which: Which,
        packet: &Packet,
    ) {
        let Some(socket) = operations.handle() else {
            return; // Dropped, and nobody wants to know.
        };
        let outcome = options::outcome(&socket, packet);
        match which {
            Which::Input => {
                let outcome = outcome.and_then(|len| Ok((len, state.machine.from.0.read()?)));
                state.machine.receiving = Receiving::came_back(outcome.map_err(code));
                if state.watch.is_some() {
                    fetch(state, operations, socket.as_socket());
                }
            }
            Which::Output => {
                state.machine.sending = Sending::came_back(outcome.map_err(code));
                state.machine.output = Buffer::default();
            }
        }
        announce(state, operations, true);
    }

    /// What has been taken is sent, as far as it is in our hands.
    fn lingers(state: &mut State<Self>, _: &OwnedSocket) -> bool {
        state.machine.sending == Sending::Lent
    }
}
// ANCHOR_END: machine

// ANCHOR: fetch
/// Takes the next datagram in hand, if there is none and nothing is lent. If the
/// socket has none either, and reading is watched, the buffer is lent for it.
fn fetch(
    state: &mut State<Datagrams>,
    operations: &Arc<Operations<Datagrams>>,
    socket: BorrowedSocket<'_>,
) {
    while state.machine.receiving == Receiving::Idle && !state.in_flight(Which::Input) {
        if state.machine.input.size() != ROOM {
            state.machine.input = Buffer::take(ROOM);
        }
        let outcome = match ffi::recvfrom(socket, &mut state.machine.input, 0) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => match lend(state, operations) {
                Ok(()) => return,
                Err(error) => Err(error),
            },
            outcome => outcome,
        };
        state.machine.receiving = Receiving::came(outcome.map_err(code));
    }
}

/// Lends the buffer, if reading is watched. It comes back with a packet of its
/// own, however soon.
fn lend(state: &mut State<Datagrams>, operations: &Arc<Operations<Datagrams>>) -> io::Result<()> {
    if !state.watch.is_some_and(|w| w.interests.is_readable()) {
        return Ok(());
    }
    let datagrams = &mut state.machine;
    *datagrams.from = room();
    let (at, from) = (datagrams.input.as_mut_ptr(), &raw mut *datagrams.from);
    operations.start(state, Which::Input, |socket, overlapped| {
        // SAFETY: all are lent until the packet: the buffer and the address stay
        // where they are, and are not touched while `receiving` is `Lent`.
        unsafe {
            let from = (&raw mut (*from).0, &raw mut (*from).1);
            ffi::recvfrom_overlapped(socket.as_socket(), at, ROOM, from, overlapped)
        }
    })?;
    state.machine.receiving = Receiving::Lent;
    Ok(())
}
// ANCHOR_END: fetch

/// Copies a datagram, and lends the copy.
fn lend_copy(
    state: &mut State<Datagrams>,
    operations: &Arc<Operations<Datagrams>>,
    datagram: &[u8],
    to: Option<SocketAddr>,
) {
    let datagrams = &mut state.machine;
    let len = datagram.len();
    datagrams.output = Buffer::take(len.max(ROOM));
    datagrams.output[..len].copy_from_slice(datagram);
    if let Some(to) = to {
        *datagrams.to = ffi::Address::of(to);
    }
    let (at, name) = (datagrams.output.as_mut_ptr(), &raw const *datagrams.to);
    let started = operations.start(state, Which::Output, |socket, overlapped| {
        let socket = socket.as_socket();
        // SAFETY: all are lent until the packet: the buffer and the address stay
        // where they are, and are not touched while `sending` is `Lent`.
        unsafe {
            match to {
                None => ffi::send_overlapped(socket, at, len, overlapped),
                Some(_) => {
                    let name = (&raw const (*name).0, (*name).1);
                    ffi::sendto_overlapped(socket, at, len, name, overlapped)
                }
            }
        }
    });
    state.machine.sending = match started {
        Ok(_) => Sending::Lent,
        Err(error) => Sending::came_back(Err(code(error))),
    };
}

/// Says what the socket is ready for.
fn announce(state: &State<Datagrams>, operations: &Arc<Operations<Datagrams>>, news: bool) {
    let datagrams = &state.machine;
    let readiness = datagrams.receiving.readiness() | datagrams.sending.readiness();
    operations.announce(readiness, news);
}

/// The number of a system's error. Every other is of a socket that is gone.
fn code(error: io::Error) -> i32 {
    error.raw_os_error().unwrap_or(ffi::WSAENOTCONN)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Events, Interests, Poll, Token};

    fn poll_once(poll: &mut Poll, events: &mut Events) {
        assert_ne!(poll.poll(events, Some(Duration::from_secs(20))).unwrap(), 0);
    }

    /// Under each trigger: who has taken the error waits for datagrams, and need not
    /// have asked for one.
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
            let source = &here.inner.source;
            let mut state = source.lock();
            assert!(!state.in_flight(Which::Input));
            state.machine.receiving = Receiving::Failed(ffi::WSAENOTCONN);
            announce(&state, &source.operations, true);
            drop(state);
            poll_once(&mut poll, &mut events);
            assert!(events.iter().all(|event| event.is_error()));
            let error = here.take_error().unwrap().unwrap();
            assert_eq!(error.raw_os_error(), Some(ffi::WSAENOTCONN));
            there.send_to(b"heard", to).unwrap();
            poll_once(&mut poll, &mut events);
            assert_eq!(here.recv(&mut [0; 8]).unwrap(), 5);
        }
    }

    /// No socket refuses a datagram for loopback, so this takes that for granted.
    #[test]
    fn what_the_socket_has_no_room_for_is_copied_and_sent_all_the_same() {
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
            let mut state = source.lock();
            lend_copy(&mut state, &source.operations, b"copied", to);
            announce(&state, &source.operations, false);
            assert_eq!(state.machine.sending, Sending::Lent);
            drop(state);
            let refused = here.send_to(b"another", there.local_addr().unwrap());
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::WouldBlock);
            poll_once(&mut poll, &mut events);
            assert!(events.iter().all(|event| event.is_writable()));
            assert_eq!(source.lock().machine.sending, Sending::Open);
            let buffer = &mut [0; 9];
            let (len, from) = there.recv_from(buffer).unwrap();
            assert_eq!(
                (&buffer[..len], from),
                (&b"copied"[..], here.local_addr().unwrap())
            );
        }

        // One that fails is told of by the next call, once. (One that is too long
        // would do as well, but for that Wine, unlike Windows, queues a packet.)
        let mut state = source.lock();
        let elsewhere = Some("[::1]:9".parse().unwrap());
        lend_copy(&mut state, &source.operations, b"not there", elsewhere);
        announce(&state, &source.operations, false);
        if state.machine.sending == Sending::Lent {
            drop(state);
            poll_once(&mut poll, &mut events);
            state = source.lock();
        }
        assert!(matches!(state.machine.sending, Sending::Failed(_)));
        drop(state);
        let error = here.send_to(b"not this", to).unwrap_err();
        assert_ne!(error.kind(), ErrorKind::WouldBlock);
        assert_eq!(here.send_to(b"but this", to).unwrap(), 8);
    }
}

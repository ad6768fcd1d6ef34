//! UDP sockets, behaviour by behaviour, on every system.
//!
//! A test that begins with `each_way` runs twice: with a registered socket, and
//! with an unregistered one. On Windows the two take different paths through the
//! crate.

use std::io::{self, ErrorKind};
use std::net::{self, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::{Duration, Instant};

use evq::net::UdpSocket;
use evq::{Event, Events, Interests, Poll, Token, Trigger};

/// A test that waits longer has failed, even on a busy machine.
const LIMIT: Duration = Duration::from_secs(20);

/// On Linux the tests know the exact answers, so they require them.
const LINUX: bool = cfg!(any(target_os = "linux", target_os = "android"));

fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// A socket that receives. Without a queue it asks again and again.
struct Receiver {
    socket: UdpSocket,
    queue: Option<(Poll, Events)>,
}

impl Receiver {
    fn new(addr: SocketAddr, registered: bool) -> Receiver {
        let mut socket = UdpSocket::bind(addr).unwrap();
        let queue = registered.then(|| {
            let poll = Poll::new().unwrap();
            poll.registrator()
                .register(&mut socket, Token(0), Interests::READABLE)
                .unwrap();
            (poll, Events::with_capacity(8))
        });
        Receiver { socket, queue }
    }

    fn addr(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    /// Repeats the call until it does not return `WouldBlock`. With a queue, waits
    /// for an event before each repetition.
    fn once<T>(&mut self, mut call: impl FnMut(&UdpSocket) -> io::Result<T>) -> io::Result<T> {
        let deadline = Instant::now() + LIMIT;
        loop {
            match call(&self.socket) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => return result,
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "still waiting for a datagram");
            match &mut self.queue {
                Some((poll, events)) => drop(poll.poll(events, Some(left)).unwrap()),
                None => std::thread::yield_now(),
            }
        }
    }

    /// The next datagram and its sender. `room` is the buffer's length in bytes.
    fn next(&mut self, room: usize) -> (Vec<u8>, SocketAddr) {
        let mut buffer = vec![0xee; room];
        let (len, from) = self.once(|socket| socket.recv_from(&mut buffer)).unwrap();
        buffer.truncate(len);
        (buffer, from)
    }

    /// Asserts that nothing is left to receive: a datagram sent now is the next one.
    fn is_empty(&mut self) {
        let last = net::UdpSocket::bind(any_port()).unwrap();
        last.send_to(b"last", self.addr()).unwrap();
        assert_eq!(self.next(9), (b"last".to_vec(), last.local_addr().unwrap()));
        let refused = self.socket.recv_from(&mut [0; 9]).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::WouldBlock);
    }
}

fn each_way(test: impl Fn(Receiver)) {
    for registered in [false, true] {
        println!("registered: {registered}");
        test(Receiver::new(any_port(), registered));
    }
}

/// Polls until an event meets the condition.
fn until(poll: &mut Poll, what: &str, mut condition: impl FnMut(&Event) -> bool) {
    let mut events = Events::with_capacity(8);
    let deadline = Instant::now() + LIMIT;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        poll.poll(&mut events, Some(left)).unwrap();
        let mut met = false;
        for event in &events {
            met |= condition(event);
        }
        if met {
            return;
        }
        assert!(Instant::now() < deadline, "still waiting for {what}");
    }
}

/// An address that refuses datagrams, and a socket that keeps its port from other
/// programs. The socket is connected to itself, so the kernel refuses all other
/// senders.
fn dead_addr() -> (net::UdpSocket, SocketAddr) {
    let dead = net::UdpSocket::bind(any_port()).unwrap();
    let addr = dead.local_addr().unwrap();
    dead.connect(addr).unwrap();
    (dead, addr)
}

/// Whether this machine has the IPv6 loopback address. If not, prints that `test` cannot run.
fn has_ipv6(test: &str) -> bool {
    match net::UdpSocket::bind("[::1]:0") {
        Ok(_) => true,
        Err(error) => {
            println!("{test}: cannot run here: this machine has no ::1 ({error})");
            false
        }
    }
}

#[test]
fn datagrams_keep_their_bounds_and_say_who_sent_them() {
    each_way(|mut here| {
        let one = net::UdpSocket::bind(any_port()).unwrap();
        let other = UdpSocket::bind(any_port()).unwrap();
        assert_eq!(one.send_to(b"one", here.addr()).unwrap(), 3);
        assert_eq!(other.send_to(b"and other", here.addr()).unwrap(), 9);
        let one = (b"one".to_vec(), one.local_addr().unwrap());
        let other = (b"and other".to_vec(), other.local_addr().unwrap());
        assert_eq!(here.next(100), one);
        assert_eq!(here.next(100), other);
        here.is_empty();
    });
}

#[test]
fn what_would_wait_is_refused() {
    each_way(|here| {
        let kind = |error: io::Error| error.kind();
        for _ in 0..2 {
            let buffer = &mut [0; 9];
            let from = here.socket.recv_from(buffer).map_err(kind);
            assert_eq!(from, Err(ErrorKind::WouldBlock));
            let from = here.socket.peek_from(buffer).map_err(kind);
            assert_eq!(from, Err(ErrorKind::WouldBlock));
            let received = here.socket.recv(buffer).map_err(kind);
            assert_eq!(received, Err(ErrorKind::WouldBlock));
            let peeked = here.socket.peek(buffer).map_err(kind);
            assert_eq!(peeked, Err(ErrorKind::WouldBlock));
        }
    });
}

#[test]
fn an_empty_datagram_is_a_datagram() {
    each_way(|mut here| {
        let there = UdpSocket::bind(any_port()).unwrap();
        for _ in 0..2 {
            assert_eq!(there.send_to(b"", here.addr()).unwrap(), 0);
        }
        let from = there.local_addr().unwrap();
        let peeked = here.once(|socket| socket.peek_from(&mut [0; 9])).unwrap();
        assert_eq!(peeked, (0, from));
        assert_eq!(here.next(9), (vec![], from));
        assert_eq!(
            here.next(0),
            (vec![], from),
            "an empty datagram fits an empty buffer"
        );
        here.is_empty();
        there.connect(here.addr()).unwrap();
        assert_eq!(there.send(b"").unwrap(), 0);
        assert_eq!(here.next(9), (vec![], from));
        here.is_empty();
    });
}

#[test]
fn of_a_datagram_larger_than_the_buffer_the_first_bytes_come() {
    each_way(|mut here| {
        let there = net::UdpSocket::bind(any_port()).unwrap();
        let from = there.local_addr().unwrap();
        for datagram in [&b"0123456789"[..], b"abcdefghij", b"klm", b"n"] {
            there.send_to(datagram, here.addr()).unwrap();
        }
        let buffer = &mut [0; 4];
        let peeked = here.once(|socket| socket.peek_from(buffer)).unwrap();
        assert_eq!((peeked, &*buffer), ((4, from), b"0123"));
        let peeked = here.once(|socket| socket.peek(&mut buffer[..2])).unwrap();
        assert_eq!(peeked, 2);
        assert_eq!(here.next(4), (b"0123".to_vec(), from));
        let received = here.once(|socket| socket.recv(buffer)).unwrap();
        assert_eq!((received, &*buffer), (4, b"abcd"));
        assert_eq!(here.next(3), (b"klm".to_vec(), from), "its own length");
        assert_eq!(
            here.next(0),
            (vec![], from),
            "the datagram does not fit: it is removed and lost"
        );
        here.is_empty();
    });
}

#[test]
fn the_largest_datagram_passes_and_a_larger_one_is_refused() {
    each_way(|mut here| {
        let there = UdpSocket::bind(any_port()).unwrap();
        // 65,535 bytes, minus the IPv4 header (20) and the UDP header (8).
        let datagram: Vec<u8> = (0..=250).cycle().take(65_507).collect();
        let mut len = datagram.len();
        while let Err(error) = there.send_to(&datagram[..len], here.addr()) {
            println!("{len} bytes: {error}");
            assert!(len > 4096, "the loopback passes no datagram");
            assert_ne!(error.kind(), ErrorKind::WouldBlock);
            len /= 2;
        }
        assert!(!LINUX || len == datagram.len());
        let (received, from) = here.next(70_000);
        assert_eq!(from, there.local_addr().unwrap());
        assert!(received == datagram[..len], "other bytes than were sent");

        let error = there.send_to(&[7; 65_508], here.addr()).unwrap_err();
        assert_ne!(error.kind(), ErrorKind::WouldBlock);
        here.is_empty();
    });
}

#[test]
fn peeking_takes_nothing_out() {
    each_way(|mut here| {
        let there = net::UdpSocket::bind(any_port()).unwrap();
        let from = there.local_addr().unwrap();
        there.send_to(b"peek", here.addr()).unwrap();
        let buffer = &mut [0; 9];
        for _ in 0..2 {
            let peeked = here.once(|socket| socket.peek_from(buffer)).unwrap();
            assert_eq!((peeked, &buffer[..4]), ((4, from), &b"peek"[..]));
            assert_eq!(here.socket.peek(buffer).unwrap(), 4);
        }
        assert_eq!(here.next(9), (b"peek".to_vec(), from));
        here.is_empty();
    });
}

#[test]
fn a_connected_socket_hears_its_peer_alone() {
    each_way(|mut here| {
        let peer = net::UdpSocket::bind(any_port()).unwrap();
        let other = net::UdpSocket::bind(any_port()).unwrap();
        let error = here.socket.peer_addr().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotConnected);
        let error = here.socket.send(b"to whom?").unwrap_err();
        assert_ne!(error.kind(), ErrorKind::WouldBlock);

        here.socket.connect(peer.local_addr().unwrap()).unwrap();
        let connected = here.socket.peer_addr().unwrap();
        assert_eq!(connected, peer.local_addr().unwrap());
        other.send_to(b"not for you", here.addr()).unwrap();
        peer.send_to(b"one", here.addr()).unwrap();
        let buffer = &mut [0; 20];
        assert_eq!(here.once(|socket| socket.peek(buffer)).unwrap(), 3);
        assert_eq!(here.once(|socket| socket.recv(buffer)).unwrap(), 3);
        assert_eq!(&buffer[..3], b"one");
        peer.send_to(b"two", here.addr()).unwrap();
        assert_eq!(here.next(9), (b"two".to_vec(), connected));
        let error = here.socket.recv(buffer).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);

        assert_eq!(here.socket.send(b"answer").unwrap(), 6);
        peer.set_read_timeout(Some(LIMIT)).unwrap();
        assert_eq!(peer.recv_from(buffer).unwrap(), (6, here.addr()));
        assert_eq!(&buffer[..6], b"answer");
    });
}

#[test]
fn a_second_connect_changes_the_peer() {
    each_way(|mut here| {
        let [one, other] = [(); 2].map(|()| net::UdpSocket::bind(any_port()).unwrap());
        for peer in [&one, &other, &one] {
            here.socket.connect(peer.local_addr().unwrap()).unwrap();
            let connected = here.socket.peer_addr().unwrap();
            assert_eq!(connected, peer.local_addr().unwrap());
            here.socket.send(b"?").unwrap();
            peer.set_read_timeout(Some(LIMIT)).unwrap();
            assert_eq!(peer.recv(&mut [0; 9]).unwrap(), 1);
            peer.send_to(b"!", here.addr()).unwrap();
            assert_eq!(here.next(9), (b"!".to_vec(), connected));
        }
    });
}

#[test]
fn a_datagram_to_nobody_costs_a_connected_socket_no_more_than_a_call() {
    each_way(|mut here| {
        let (port, dead) = dead_addr();
        here.socket.connect(dead).unwrap();
        let mut refusals = 0;
        for _ in 0..10 {
            match here.socket.send(b"anybody there?") {
                Ok(len) => assert_eq!(len, 14),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
                    refusals += 1;
                }
            }
        }
        assert!(
            !LINUX || refusals == 5,
            "{refusals} refusals, but every second send must be refused"
        );

        // Now the port accepts datagrams, and the refusals have no further effect.
        // We keep the socket: if we closed it, another test could get the port.
        let alive = port;
        alive.connect(here.addr()).unwrap();
        alive.set_read_timeout(Some(LIMIT)).unwrap();
        let buffer = &mut [0; 20];
        let sent = loop {
            match here.socket.send(b"hello") {
                Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionRefused),
                Ok(len) => break len,
            }
        };
        assert_eq!(sent, 5);
        // One of the ten datagrams may still arrive.
        while alive.recv_from(buffer).unwrap() == (14, here.addr()) {}
        assert_eq!(&buffer[..5], b"hello");
        alive.send(b"yes").unwrap();
        let received = loop {
            match here.once(|socket| socket.recv(buffer)) {
                Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionRefused),
                Ok(len) => break len,
            }
        };
        assert_eq!(&buffer[..received], b"yes");
    });
}

#[test]
fn an_earlier_datagrams_error_is_taken_once() {
    each_way(|mut here| {
        let (_port, dead) = dead_addr();
        here.socket.connect(dead).unwrap();
        here.socket.send(b"anybody there?").unwrap();
        if let (true, Some((poll, _))) = (LINUX, &mut here.queue) {
            until(poll, "the refusal", Event::is_readable);
        }
        let taken = here.socket.take_error().unwrap();
        if LINUX {
            assert_eq!(taken.unwrap().kind(), ErrorKind::ConnectionRefused);
        }
        assert!(
            here.socket.take_error().unwrap().is_none(),
            "the error was taken before"
        );
    });
}

#[test]
fn a_server_hears_nothing_of_clients_that_are_gone() {
    each_way(|mut here| {
        let (_port, dead) = dead_addr();
        for _ in 0..3 {
            assert_eq!(here.socket.send_to(b"an answer", dead).unwrap(), 9);
        }
        let alive = net::UdpSocket::bind(any_port()).unwrap();
        alive.send_to(b"a question", here.addr()).unwrap();
        let from = alive.local_addr().unwrap();
        assert_eq!(here.next(20), (b"a question".to_vec(), from));
        assert_eq!(here.socket.send_to(b"an answer", from).unwrap(), 9);
        alive.set_read_timeout(Some(LIMIT)).unwrap();
        assert_eq!(alive.recv(&mut [0; 20]).unwrap(), 9);
        here.is_empty();
    });
}

#[test]
fn each_datagram_after_would_block_is_an_event() {
    let mut here = UdpSocket::bind(any_port()).unwrap();
    let there = net::UdpSocket::bind(any_port()).unwrap();
    there.connect(here.local_addr().unwrap()).unwrap();
    let mut poll = Poll::new().unwrap();
    poll.registrator()
        .register(&mut here, Token(7), Interests::READABLE)
        .unwrap();
    for round in 0..100 {
        there.send(&[round]).unwrap();
        until(&mut poll, "the datagram", |event| {
            assert_eq!(event.token(), Token(7));
            assert!(!event.is_writable() && !event.is_error());
            event.is_readable()
        });
        let buffer = &mut [0; 9];
        assert_eq!(here.recv(buffer).unwrap(), 1);
        assert_eq!(buffer[0], round);
        let error = here.recv(buffer).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    }
}

#[test]
fn level_reports_while_a_datagram_is_left() {
    let mut here = UdpSocket::bind(any_port()).unwrap();
    let there = net::UdpSocket::bind(any_port()).unwrap();
    there.connect(here.local_addr().unwrap()).unwrap();
    let mut poll = Poll::new().unwrap();
    poll.registrator()
        .register_with(&mut here, Token(0), Interests::READABLE, Trigger::Level)
        .unwrap();
    for _ in 0..3 {
        // An empty datagram is a datagram too.
        let datagrams = [&b"one"[..], b"two", b""];
        for datagram in datagrams {
            there.send(datagram).unwrap();
        }
        for datagram in datagrams {
            for _ in 0..2 {
                until(&mut poll, "the rest", Event::is_readable);
            }
            let buffer = &mut [0; 9];
            let len = here.recv(buffer).unwrap();
            assert_eq!(&buffer[..len], datagram);
        }
        let mut events = Events::with_capacity(8);
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        assert!(events.is_empty(), "no datagram is left: {events:?}");
    }
}

#[test]
fn a_socket_is_writable_from_the_start_and_again_when_asked_again() {
    let mut here = UdpSocket::bind(any_port()).unwrap();
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let mut silent = |poll: &mut Poll| {
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        assert!(events.is_empty(), "{events:?}");
    };
    for trigger in [Trigger::Edge, Trigger::Oneshot, Trigger::Level] {
        let registrator = poll.registrator().clone();
        let writable = Interests::WRITABLE;
        registrator
            .register_with(&mut here, Token(1), writable, trigger)
            .unwrap();
        let mut token = Token(1);
        for _ in 0..3 {
            until(&mut poll, "room", |event| {
                assert_eq!(event.token(), token, "the event of an old registration");
                assert!(!event.is_readable() && !event.is_error(), "{event:?}");
                event.is_writable()
            });
            match trigger {
                Trigger::Level => until(&mut poll, "room again", Event::is_writable),
                _ => silent(&mut poll),
            }
            token.0 += 1;
            registrator
                .reregister_with(&mut here, token, writable, trigger)
                .unwrap();
        }
        registrator.deregister(&mut here).unwrap();
        silent(&mut poll);
    }
}

#[test]
fn registering_again_loses_no_datagram() {
    let mut here = UdpSocket::bind(any_port()).unwrap();
    let there = net::UdpSocket::bind(any_port()).unwrap();
    there.connect(here.local_addr().unwrap()).unwrap();
    let mut poll = Poll::new().unwrap();
    let registrator = poll.registrator().clone();
    let buffer = &mut [0; 9];
    for round in 0..20 {
        let trigger = [Trigger::Edge, Trigger::Level, Trigger::Oneshot][round % 3];
        registrator
            .register_with(&mut here, Token(round), Interests::READABLE, trigger)
            .unwrap();
        there.send(b"registered").unwrap();
        if round % 2 == 0 {
            until(&mut poll, "a datagram", Event::is_readable);
        }
        registrator.deregister(&mut here).unwrap();
        there.send(b"not").unwrap();
        registrator
            .register_with(&mut here, Token(round), Interests::READABLE, trigger)
            .unwrap();
        let mut lens = Vec::new();
        while lens.len() < 2 {
            match here.recv(buffer) {
                Ok(len) => lens.push(len),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    if trigger == Trigger::Oneshot {
                        registrator
                            .reregister_with(&mut here, Token(round), Interests::READABLE, trigger)
                            .unwrap();
                    }
                    until(&mut poll, "the other datagram", Event::is_readable);
                }
            }
        }
        assert_eq!(lens, [9, 3], "in round {round}");
        registrator.deregister(&mut here).unwrap();
    }
}

#[test]
fn thousands_of_datagrams_go_both_ways_through_one_loop() {
    let [mut client, mut server] = [(); 2].map(|()| UdpSocket::bind(any_port()).unwrap());
    let server_addr = server.local_addr().unwrap();
    let mut poll = Poll::new().unwrap();
    let registrator = poll.registrator().clone();
    let both = Interests::READABLE | Interests::WRITABLE;
    registrator.register(&mut client, Token(0), both).unwrap();
    registrator.register(&mut server, Token(1), both).unwrap();

    // At most `window` datagrams are on their way, because a full socket drops datagrams.
    let (total, window) = (5000_u32, 16);
    let (mut sent, mut returned) = (0, 0);
    let mut unsent: Vec<(Vec<u8>, SocketAddr)> = Vec::new();
    let mut events = Events::with_capacity(8);
    let deadline = Instant::now() + LIMIT;
    let buffer = &mut [0; 2000];
    while returned < total {
        while sent < total && sent - returned < window {
            let mut datagram = vec![0; 4 + sent as usize % 1400];
            datagram[..4].copy_from_slice(&sent.to_le_bytes());
            match client.send_to(&datagram, server_addr) {
                Ok(len) => assert_eq!(len, datagram.len()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
            sent += 1;
        }
        loop {
            while let Some((datagram, to)) = unsent.pop() {
                match server.send_to(&datagram, to) {
                    Ok(len) => assert_eq!(len, datagram.len()),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        unsent.push((datagram, to));
                        break;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            match server.recv_from(buffer) {
                Ok((len, from)) => unsent.push((buffer[..len].to_vec(), from)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        loop {
            match client.recv_from(buffer) {
                Ok((len, from)) => {
                    assert_eq!(from, server_addr);
                    let number = u32::from_le_bytes(buffer[..4].try_into().unwrap());
                    assert_eq!(len, 4 + number as usize % 1400, "number {number}");
                    returned += 1;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => panic!("{error}"),
            }
        }
        if returned < total && (sent == total || sent - returned == window) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{returned} of {total} came back");
            poll.poll(&mut events, Some(left)).unwrap();
        }
    }
    assert!(unsent.is_empty());
}

#[test]
fn one_socket_sends_and_receives_in_two_threads_at_once() {
    let here = UdpSocket::bind(any_port()).unwrap();
    let echo = net::UdpSocket::bind(any_port()).unwrap();
    echo.set_read_timeout(Some(LIMIT)).unwrap();
    here.connect(echo.local_addr().unwrap()).unwrap();
    let rounds = 1000;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..rounds {
                let buffer = &mut [0; 9];
                let (len, from) = echo.recv_from(buffer).unwrap();
                echo.send_to(&buffer[..len], from).unwrap();
            }
        });
        let (returned, next) = std::sync::mpsc::channel();
        let here = &here;
        scope.spawn(move || {
            for round in 0..rounds {
                assert_eq!(here.send(&[round as u8]).unwrap(), 1);
                // Wait for the receiver: a full socket drops datagrams.
                next.recv_timeout(LIMIT).unwrap();
            }
        });
        let deadline = Instant::now() + LIMIT;
        for round in 0..rounds {
            let buffer = &mut [0; 9];
            while let Err(error) = here.recv(buffer) {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                assert!(Instant::now() < deadline, "still waiting for the echo");
                std::thread::yield_now();
            }
            assert_eq!(buffer[0], round as u8);
            returned.send(()).unwrap();
        }
    });
}

/// Three threads use one socket, and each datagram arrives exactly once.
#[test]
fn two_threads_receive_while_a_third_polls() {
    let mut here = UdpSocket::bind(any_port()).unwrap();
    let there = net::UdpSocket::bind(any_port()).unwrap();
    there.connect(here.local_addr().unwrap()).unwrap();
    let mut poll = Poll::new().unwrap();
    let registrator = poll.registrator().clone();
    registrator
        .register_with(&mut here, Token(0), Interests::READABLE, Trigger::Level)
        .unwrap();
    let total = 2000_u16;
    let deadline = Instant::now() + LIMIT;
    let received = std::sync::Mutex::new(vec![0_u8; total.into()]);
    let count = || received.lock().unwrap().iter().filter(|n| **n > 0).count();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut events = Events::with_capacity(8);
            while poll.poll(&mut events, Some(LIMIT)).is_ok() {}
        });
        for _ in 0..2 {
            scope.spawn(|| {
                let buffer = &mut [0; 9];
                while count() < total.into() && Instant::now() < deadline {
                    match here.recv(buffer) {
                        Ok(len) => {
                            assert_eq!(len, 2);
                            let number = u16::from_le_bytes([buffer[0], buffer[1]]);
                            received.lock().unwrap()[usize::from(number)] += 1;
                        }
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::WouldBlock);
                            std::thread::yield_now();
                        }
                    }
                }
            });
        }
        for number in 0..total {
            there.send(&number.to_le_bytes()).unwrap();
            // Wait for the receivers: a full socket drops datagrams.
            while count() + 50 < number.into() && Instant::now() < deadline {
                std::thread::yield_now();
            }
        }
        while count() < total.into() && Instant::now() < deadline {
            std::thread::yield_now();
        }
        registrator.close_loop().unwrap();
    });
    let received = received.into_inner().unwrap();
    assert!(
        received.iter().all(|n| *n == 1),
        "a datagram was lost, or came twice"
    );
}

#[test]
fn socket_and_queue_can_be_dropped_in_any_order_with_datagrams_on_their_way() {
    let there = net::UdpSocket::bind(any_port()).unwrap();
    for round in 0..40 {
        let here = Receiver::new(any_port(), true);
        let (addr, clone) = (here.addr(), here.socket.try_clone().unwrap());
        if round % 4 > 0 {
            there.send_to(b"to whom?", addr).unwrap();
        }
        let (mut poll, mut events) = here.queue.unwrap();
        if round % 4 > 1 {
            poll.poll(&mut events, Some(LIMIT)).unwrap();
        }
        if round % 4 > 2 {
            here.socket.recv(&mut [0; 9]).unwrap();
        }
        match round % 3 {
            0 => drop((poll, here.socket, clone)),
            1 => drop((here.socket, poll, clone)),
            _ => drop((here.socket, clone, poll)),
        }
        // This fails if anything still holds the port.
        UdpSocket::bind(addr).unwrap();
    }
}

#[test]
fn either_handle_of_a_socket_receives() {
    each_way(|mut here| {
        let second = here.socket.try_clone().unwrap();
        assert_eq!(second.local_addr().unwrap(), here.addr());
        let there = net::UdpSocket::bind(any_port()).unwrap();
        let from = there.local_addr().unwrap();
        for datagram in [b"one", b"two", b"six"] {
            there.send_to(datagram, here.addr()).unwrap();
        }
        let buffer = &mut [0; 9];
        assert_eq!(here.next(9), (b"one".to_vec(), from));
        let received = here.once(|_| second.recv_from(buffer)).unwrap();
        assert_eq!((received, &buffer[..3]), ((3, from), &b"two"[..]));
        assert_eq!(here.next(9), (b"six".to_vec(), from));
        here.is_empty();
        assert_eq!(second.send_to(b"alive", from).unwrap(), 5);

        // The second handle still works after the first is closed.
        let Receiver { socket, queue } = here;
        drop(socket);
        let mut second = Receiver {
            socket: second,
            queue,
        };
        if let Some((poll, _)) = &second.queue {
            let registrator = poll.registrator();
            let result = registrator.register(&mut second.socket, Token(0), Interests::READABLE);
            if let Err(error) = result {
                assert_eq!(error.kind(), ErrorKind::AlreadyExists);
            }
        }
        there.send_to(b"alive", second.addr()).unwrap();
        assert_eq!(second.next(9), (b"alive".to_vec(), from));
        there.set_read_timeout(Some(LIMIT)).unwrap();
        assert_eq!(there.recv(buffer).unwrap(), 5);
    });
}

#[test]
fn sockets_go_to_the_standard_library_and_back() {
    let std = net::UdpSocket::bind(any_port()).unwrap();
    let addr = std.local_addr().unwrap();
    let socket = UdpSocket::from_std(std).unwrap();
    assert_eq!(socket.local_addr().unwrap(), addr);
    let error = socket.recv(&mut [0; 9]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    let there = UdpSocket::bind(any_port()).unwrap();
    there.send_to(b"one", addr).unwrap();
    let std = socket.into_std().unwrap();
    std.set_nonblocking(false).unwrap();
    std.set_read_timeout(Some(LIMIT)).unwrap();
    assert_eq!(std.recv(&mut [0; 9]).unwrap(), 3);
    let std = UdpSocket::from_std(std).unwrap().into_std().unwrap();
    let error = std.recv(&mut [0; 9]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock, "still non-blocking");
}

#[test]
fn a_port_that_is_taken_is_refused_and_free_again_at_once() {
    each_way(|here| {
        let addr = here.addr();
        let error = UdpSocket::bind(addr).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        drop(here);
        UdpSocket::bind(addr).unwrap();
    });
}

/// IPv4 and IPv6 keep the TTL in different options, so each test runs for both.
fn ttl_at(addr: SocketAddr) {
    let socket = UdpSocket::bind(addr).unwrap();
    socket.set_ttl(37).unwrap();
    assert_eq!(socket.ttl().unwrap(), 37);
    for wrong in [0, 256, u32::MAX] {
        let refused = socket.set_ttl(wrong).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput, "a TTL of {wrong}");
    }
    assert_eq!(socket.ttl().unwrap(), 37, "a refused TTL changed it");
}

#[test]
fn ttl_is_set_and_read() {
    ttl_at(any_port());
    if has_ipv6("ttl_is_set_and_read") {
        ttl_at("[::1]:0".parse().unwrap());
    }
}

#[test]
fn ipv6_datagrams_carry_addresses_with_all_their_parts() {
    let test = "ipv6_datagrams_carry_addresses_with_all_their_parts";
    if !has_ipv6(test) {
        return;
    }
    for registered in [false, true] {
        let mut here = Receiver::new("[::1]:0".parse().unwrap(), registered);
        let there = UdpSocket::bind("[::1]:0".parse().unwrap()).unwrap();
        let from = there.local_addr().unwrap();
        assert!(from.is_ipv6() && from.port() != 0);
        there.send_to(b"six", here.addr()).unwrap();
        assert_eq!(here.next(9), (b"six".to_vec(), from));
        there.connect(here.addr()).unwrap();
        assert_eq!(there.peer_addr().unwrap(), here.addr());
        there.send(b"six again").unwrap();
        assert_eq!(here.next(9), (b"six again".to_vec(), from));
    }
}

#[test]
fn only_v6_is_what_the_system_makes_of_it() {
    if !has_ipv6("only_v6_is_what_the_system_makes_of_it") {
        return;
    }
    let mut here = Receiver::new("[::]:0".parse().unwrap(), true);
    let four = UdpSocket::bind(any_port()).unwrap();
    let to = SocketAddr::from(([127, 0, 0, 1], here.addr().port()));
    let sent = four.send_to(b"four", to);
    if here.socket.only_v6().unwrap() {
        println!("sending IPv4 to an IPv6 socket: {sent:?}");
    } else {
        let (datagram, from) = here.next(9);
        assert_eq!(datagram, b"four");
        let mapped = Ipv4Addr::LOCALHOST.to_ipv6_mapped();
        assert_eq!(from.ip(), mapped);
        assert_eq!(from.port(), four.local_addr().unwrap().port());
    }
}

#[test]
fn broadcasting_is_forbidden_until_it_is_allowed() {
    let socket = UdpSocket::bind(any_port()).unwrap();
    assert!(!socket.broadcast().unwrap());
    let all = SocketAddr::from(([127, 255, 255, 255], 9));
    if LINUX {
        let error = socket.send_to(b"all of you", all).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    }
    socket.set_broadcast(true).unwrap();
    assert!(socket.broadcast().unwrap());
    if LINUX {
        assert_eq!(socket.send_to(b"all of you", all).unwrap(), 10);
    }
    socket.set_broadcast(false).unwrap();
    assert!(!socket.broadcast().unwrap());
}

#[test]
fn multicast_options_are_set_and_read() {
    let socket = UdpSocket::bind(any_port()).unwrap();
    assert!(socket.multicast_loop_v4().unwrap());
    for on in [false, true] {
        socket.set_multicast_loop_v4(on).unwrap();
        assert_eq!(socket.multicast_loop_v4().unwrap(), on);
    }
    assert_eq!(socket.multicast_ttl_v4().unwrap(), 1);
    for ttl in [255, 0, 37] {
        socket.set_multicast_ttl_v4(ttl).unwrap();
        assert_eq!(socket.multicast_ttl_v4().unwrap(), ttl);
    }
    for wrong in [256, u32::MAX] {
        let refused = socket.set_multicast_ttl_v4(wrong).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput, "a TTL of {wrong}");
    }
    assert_eq!(socket.multicast_ttl_v4().unwrap(), 37);
    assert_ne!(
        socket.ttl().unwrap(),
        37,
        "the multicast TTL must not change the other TTL"
    );
    if has_ipv6("multicast_options_are_set_and_read") {
        let socket = UdpSocket::bind("[::1]:0".parse().unwrap()).unwrap();
        for on in [false, true] {
            socket.set_multicast_loop_v6(on).unwrap();
            assert_eq!(socket.multicast_loop_v6().unwrap(), on);
        }
    }
}

#[test]
fn members_of_an_ipv4_group_hear_what_is_sent_to_it() {
    // A group address reserved for documentation, joined on this machine's loopback interface.
    let (group, interface) = (Ipv4Addr::new(233, 252, 0, 16), Ipv4Addr::LOCALHOST);
    for registered in [false, true] {
        let mut here = Receiver::new("0.0.0.0:0".parse().unwrap(), registered);
        let to = SocketAddr::from((group, here.addr().port()));
        if let Err(error) = here.socket.join_multicast_v4(&group, &interface) {
            println!(
                "members_of_an_ipv4_group_hear_what_is_sent_to_it: cannot run here: the \
                 loopback interface has no groups ({error})"
            );
            return;
        }
        let twice = here.socket.join_multicast_v4(&group, &interface);
        assert!(twice.is_err(), "joined twice");
        let none = here.socket.join_multicast_v4(&interface, &interface);
        assert!(none.is_err(), "127.0.0.1 is no group");

        let there = UdpSocket::bind(any_port()).unwrap();
        match there.send_to(b"members", to) {
            Ok(len) => {
                assert_eq!(len, 7);
                assert_eq!(
                    here.next(9),
                    (b"members".to_vec(), there.local_addr().unwrap())
                );
            }
            Err(error) => println!(
                "members_of_an_ipv4_group_hear_what_is_sent_to_it: cannot run here to its \
                 end: nothing leads to the group ({error})"
            ),
        }

        here.socket.leave_multicast_v4(&group, &interface).unwrap();
        let twice = here.socket.leave_multicast_v4(&group, &interface);
        assert!(twice.is_err(), "left twice");
    }
}

#[test]
fn members_of_an_ipv6_group_hear_what_is_sent_to_it() {
    let test = "members_of_an_ipv6_group_hear_what_is_sent_to_it";
    if !has_ipv6(test) {
        return;
    }
    // A group with the scope of one interface. The loopback interface usually has number 1.
    let (group, interface) = (Ipv6Addr::new(0xff01, 0, 0, 0, 0, 0, 0, 0x1616), 1);
    for registered in [false, true] {
        let mut here = Receiver::new("[::]:0".parse().unwrap(), registered);
        let to = SocketAddrV6::new(group, here.addr().port(), 0, interface);
        if let Err(error) = here.socket.join_multicast_v6(&group, interface) {
            println!("{test}: cannot run here: interface 1 has no groups ({error})");
            return;
        }
        let twice = here.socket.join_multicast_v6(&group, interface);
        assert!(twice.is_err(), "joined twice");

        let there = UdpSocket::bind("[::1]:0".parse().unwrap()).unwrap();
        match there.send_to(b"members", to.into()) {
            Ok(len) => {
                assert_eq!(len, 7);
                assert_eq!(here.next(9).0, b"members");
            }
            Err(error) => {
                println!(
                    "{test}: cannot run here to its end: there is no route to the group ({error})"
                )
            }
        }

        here.socket.leave_multicast_v6(&group, interface).unwrap();
        let twice = here.socket.leave_multicast_v6(&group, interface);
        assert!(twice.is_err(), "left twice");
    }
}

#[cfg(unix)]
#[test]
fn descriptors_can_be_borrowed_for_other_calls() {
    use std::os::fd::{AsFd, AsRawFd};

    let socket = UdpSocket::bind(any_port()).unwrap();
    assert_eq!(socket.as_fd().as_raw_fd(), socket.as_raw_fd());
    let copy = socket.as_fd().try_clone_to_owned().unwrap();
    let copy = net::UdpSocket::from(copy);
    assert_eq!(copy.local_addr().unwrap(), socket.local_addr().unwrap());
}

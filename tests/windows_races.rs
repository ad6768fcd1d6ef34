//! Several threads use, change and drop Windows sources at the same time, also after
//! their queue is gone.

#![cfg(windows)]

use std::io::{self, ErrorKind, Read, Write};
use std::net;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use evq::net::{TcpListener, TcpStream, UdpSocket};
use evq::{Events, Interests, Poll, Token, Trigger, inside};

/// A test that waits longer has failed, even on a busy machine.
const LIMIT: Duration = Duration::from_secs(20);
const READABLE: Interests = Interests::READABLE;

fn any_port() -> net::SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// Two connected ends: ours, and the peer's, which is blocking.
fn connection() -> (TcpStream, net::TcpStream) {
    let listener = net::TcpListener::bind(any_port()).unwrap();
    let ours = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (peer, _) = listener.accept().unwrap();
    peer.set_read_timeout(Some(LIMIT)).unwrap();
    peer.set_nodelay(true).unwrap();
    (TcpStream::from_std(ours).unwrap(), peer)
}

/// Ends the race when it is dropped, and so also after a panic.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Runs `race` while another thread polls. That thread waits at the barrier before its first
/// poll, so `race` must wait there once too.
fn while_polled<T>(poll: &mut Poll, race: impl FnOnce(&Barrier) -> T) -> T {
    let (over, start) = (&AtomicBool::new(false), &Barrier::new(2));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut events = Events::with_capacity(8);
            start.wait();
            while !over.load(Ordering::Acquire) {
                poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
            }
        });
        let _over = Over(over);
        race(start)
    })
}

/// A byte that arrives during the conversion must not be dropped with the lent buffer. If the
/// stream may hold the byte, the conversion is refused.
#[test]
fn what_comes_while_a_stream_goes_to_the_standard_library_is_not_lost() {
    let mut poll = Poll::new().unwrap();
    let mut gone = 0;
    for round in 0..600 {
        let (mut stream, mut peer) = connection();
        poll.registrator()
            .register(&mut stream, Token(1), READABLE)
            .unwrap();
        peer.write_all(b"!").unwrap();
        while_polled(&mut poll, |start| {
            start.wait();
            (0..round % 100 * 60).for_each(|_| std::hint::spin_loop());
            if let Ok(stream) = stream.into_std() {
                stream.set_nonblocking(false).unwrap();
                stream
                    .set_read_timeout(Some(Duration::from_millis(200)))
                    .unwrap();
                let read = (&stream).read(&mut [0; 8]);
                assert!(matches!(read, Ok(1)), "round {round}: {read:?}");
                gone += 1;
            }
        });
    }
    assert_eq!(gone, 0, "a stream that has lent a buffer was converted");
}

/// Writes until the stream has a copy in flight and takes no more. Returns how many bytes it took.
fn fill(mut stream: &TcpStream) -> usize {
    let (piece, mut taken) = ([7; 100_000], 0);
    loop {
        match stream.write(&piece) {
            Ok(count) => taken += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return taken,
            Err(error) => panic!("{error}"),
        }
    }
}

/// A full stream: its last write is in flight until the peer reads. Also returns how many bytes
/// the stream took.
fn full(poll: &Poll) -> (TcpStream, net::TcpStream, usize) {
    let (mut stream, peer) = connection();
    poll.registrator()
        .register(&mut stream, Token(1), Interests::WRITABLE)
        .unwrap();
    let taken = fill(&stream);
    (stream, peer, taken)
}

/// All streams together wait one second from the end of `Poll`, not one second each.
#[test]
fn streams_that_are_dropped_after_their_poll_share_one_second() {
    let poll = Poll::new().unwrap();
    let registrator = poll.registrator().clone();
    let stalled: Vec<_> = (0..10).map(|_| full(&poll)).collect();
    drop(poll);
    let began = Instant::now();
    let mut peers = Vec::new();
    for (stream, peer, _) in stalled {
        drop(stream);
        peers.push(peer);
    }
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(900), "{took:?}");
    assert!(took < Duration::from_secs(3), "{took:?} for ten streams");
    assert_eq!(inside::operations_in_flight(&registrator), 0);
}

/// A last write arrives within that second, also if another stream was dropped before.
#[test]
fn a_last_write_after_poll_arrives_while_the_second_lasts() {
    // On a busy machine a round can be late. One round in time is enough.
    for _ in 0..10 {
        let poll = Poll::new().unwrap();
        // The peer of `early` reads nothing.
        let (early, _early_peer, _) = full(&poll);
        let (late, mut late_peer, taken) = full(&poll);
        drop(poll);
        let began = Instant::now();
        let in_time = thread::scope(|scope| {
            scope.spawn(|| drop(early));
            thread::sleep(Duration::from_millis(300));
            scope.spawn(|| drop(late));
            thread::sleep(Duration::from_millis(200));
            let mut read = Vec::new();
            late_peer.read_to_end(&mut read).unwrap();
            let in_time = began.elapsed() < Duration::from_millis(900);
            assert!(read.len() == taken || !in_time, "{} of {taken}", read.len());
            in_time
        });
        if in_time {
            return;
        }
    }
    panic!("this machine was too slow in every round");
}

/// Repeats the call until it does not return `WouldBlock`, without polling.
fn insist<T>(what: &str, mut call: impl FnMut() -> io::Result<T>) -> T {
    let end = Instant::now() + LIMIT;
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                assert!(Instant::now() < end, "{what}: still would block");
                thread::yield_now();
            }
            result => return result.unwrap_or_else(|error| panic!("{what}: {error}")),
        }
    }
}

/// A source still reads and writes after its queue is gone, as on every other system. What was in
/// flight at that moment arrives too.
#[test]
fn sources_go_on_without_their_queue() {
    for lending in [0, 3, 4096] {
        let poll = Poll::new().unwrap();
        let registrator = poll.registrator().clone();
        let (mut stream, mut peer) = connection();
        stream.set_lending(lending);
        let both = READABLE | Interests::WRITABLE;
        registrator.register(&mut stream, Token(1), both).unwrap();
        let taken = fill(&stream);
        drop(poll);
        thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut left = vec![0; taken + 4];
                peer.read_exact(&mut left).unwrap();
                peer.write_all(b"answer").unwrap();
            });
            assert_eq!(insist("write", || (&stream).write(b"more")), 4);
            reader.join().unwrap();
        });
        for byte in b"answer" {
            let mut one = [0];
            assert_eq!(insist("read", || stream.read(&mut one)), 1);
            assert_eq!(one[0], *byte, "{lending} lent");
        }
        peer.shutdown(net::Shutdown::Write).unwrap();
        assert_eq!(insist("the end", || stream.read(&mut [0])), 0);
        assert_eq!(inside::operations_in_flight(&registrator), 0);
    }

    let poll = Poll::new().unwrap();
    let registrator = poll.registrator().clone();
    let mut listener = TcpListener::bind(any_port()).unwrap();
    registrator
        .register(&mut listener, Token(1), READABLE)
        .unwrap();
    let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    registrator
        .register(&mut stream, Token(2), READABLE)
        .unwrap();
    let mut socket = UdpSocket::bind(any_port()).unwrap();
    registrator
        .register(&mut socket, Token(3), READABLE)
        .unwrap();
    drop(poll);
    let (accepted, _) = insist("accept", || listener.accept());
    assert_eq!(insist("connect", || (&stream).write(b"hello")), 5);
    assert_eq!(insist("read", || (&accepted).read(&mut [0; 8])), 5);
    insist("write", || (&accepted).write(b"hi"));
    assert_eq!(insist("read", || stream.read(&mut [0; 8])), 2);
    let addr = listener.local_addr().unwrap();
    for _ in 0..3 {
        let _another = net::TcpStream::connect(addr).unwrap();
        insist("accept", || listener.accept());
        let there = net::UdpSocket::bind("127.0.0.1:0").unwrap();
        there.send_to(b"!", socket.local_addr().unwrap()).unwrap();
        let received = insist("recv_from", || socket.recv_from(&mut [0; 8]));
        assert_eq!(received, (1, there.local_addr().unwrap()));
    }
    assert_eq!(inside::operations_in_flight(&registrator), 0);
}

/// A packet that arrives while its source is deregistered reports no event, but the stream keeps
/// its bytes.
#[test]
fn c05_what_is_deregistered_is_not_reported_however_close_its_packet() {
    for lending in [0, 4096] {
        let mut poll = Poll::new().unwrap();
        let registrator = poll.registrator().clone();
        let (gone, over) = (AtomicUsize::new(0), AtomicBool::new(false));
        let (gone, over) = (&gone, &over);
        thread::scope(|scope| {
            scope.spawn(move || {
                let _over = Over(over);
                let (mut stream, mut peer) = connection();
                stream.set_lending(lending);
                let (mut sent, mut read) = (0, 0);
                for token in 1..=1000 {
                    let trigger = [Trigger::Edge, Trigger::Level, Trigger::Oneshot][token % 3];
                    let (interests, now) = (READABLE | Interests::WRITABLE, Token(token));
                    registrator
                        .register_with(&mut stream, now, interests, trigger)
                        .unwrap();
                    sent += peer.write(b"!").unwrap();
                    (0..token % 64 * 8).for_each(|_| std::hint::spin_loop());
                    registrator.deregister(&mut stream).unwrap();
                    gone.store(token, Ordering::SeqCst);
                    if let Ok(count) = stream.read(&mut [0; 8]) {
                        read += count;
                    }
                }
                while read < sent {
                    read += insist("read", || stream.read(&mut [0; 8]));
                }
                assert_eq!(read, sent);
            });
            let mut events = Events::with_capacity(4);
            while !over.load(Ordering::Acquire) {
                let before = gone.load(Ordering::SeqCst);
                poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
                for event in &events {
                    assert!(event.token().0 > before, "{event:?} after {before}");
                }
            }
        });
    }
}

/// Two threads accept on clones of one listener: each client goes to exactly one of them.
#[test]
fn two_threads_that_accept_share_the_clients() {
    const CLIENTS: usize = 100;
    for trigger in [Trigger::Edge, Trigger::Level] {
        let mut poll = Poll::new().unwrap();
        let mut listener = TcpListener::bind(any_port()).unwrap();
        poll.registrator()
            .register_with(&mut listener, Token(0), READABLE, trigger)
            .unwrap();
        let addr = listener.local_addr().unwrap();
        let from = while_polled(&mut poll, |start| {
            start.wait();
            let left = &AtomicUsize::new(CLIENTS);
            thread::scope(|scope| {
                let accepting: Vec<_> = (0..2)
                    .map(|_| {
                        let listener = listener.try_clone().unwrap();
                        scope.spawn(move || {
                            let (mut from, end) = (Vec::new(), Instant::now() + LIMIT);
                            while left.load(Ordering::Acquire) > 0 && Instant::now() < end {
                                match listener.accept() {
                                    Ok((stream, addr)) => {
                                        assert_eq!(stream.peer_addr().unwrap(), addr);
                                        from.push(addr);
                                        left.fetch_sub(1, Ordering::AcqRel);
                                    }
                                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                                        thread::yield_now();
                                    }
                                    Err(error) => panic!("{error}"),
                                }
                            }
                            from
                        })
                    })
                    .collect();
                let clients: Vec<_> = (0..CLIENTS)
                    .map(|_| net::TcpStream::connect(addr).unwrap())
                    .collect();
                let accepted = accepting.into_iter().map(|thread| thread.join().unwrap());
                let mut accepted: Vec<_> = accepted.flatten().collect();
                let mut ours: Vec<_> = clients.iter().map(|c| c.local_addr().unwrap()).collect();
                accepted.sort();
                ours.sort();
                (accepted, ours)
            })
        });
        assert_eq!(from.0, from.1);
    }
}

/// One thread reads and another writes, and both wait for events. A third thread changes the
/// registration again and again. No byte is lost, and no event is missing.
#[test]
fn two_threads_use_a_stream_that_a_third_registers_otherwise() {
    const BYTES: usize = 600_000;
    let mut poll = Poll::new().unwrap();
    let registrator = poll.registrator().clone();
    let (mut stream, mut peer) = connection();
    let interests = READABLE | Interests::WRITABLE;
    registrator
        .register(&mut stream, Token(0), interests)
        .unwrap();
    let mut clone = stream.try_clone().unwrap();
    let (readable, writable, over) = Default::default();
    let (readable, writable, over): (&AtomicBool, &AtomicBool, &AtomicBool) =
        (&readable, &writable, &over);
    let wait_for = |flag: &AtomicBool, what: &str| {
        let end = Instant::now() + LIMIT;
        while !flag.swap(false, Ordering::AcqRel) {
            assert!(Instant::now() < end, "{what}: an event was lost");
            thread::yield_now();
        }
    };
    thread::scope(|scope| {
        let stream = &stream;
        scope.spawn(move || {
            // The peer sends everything back.
            let mut buffer = [0; 10_000];
            loop {
                match peer.read(&mut buffer).unwrap() {
                    0 => return,
                    count => peer.write_all(&buffer[..count]).unwrap(),
                }
            }
        });
        scope.spawn(move || {
            let mut sent = 0;
            while sent < BYTES {
                let piece: Vec<u8> = (sent..BYTES.min(sent + 70_000))
                    .map(|n| (n % 251) as u8)
                    .collect();
                match (&*stream).write(&piece) {
                    Ok(count) => sent += count,
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::WouldBlock);
                        wait_for(writable, "writing");
                    }
                }
            }
        });
        scope.spawn(move || {
            let _over = Over(over);
            let (mut read, mut buffer) = (0, [0; 3000]);
            while read < BYTES {
                match (&*stream).read(&mut buffer) {
                    Ok(0) => panic!("the stream ended after {read} bytes"),
                    Ok(count) => {
                        let right = (read..).zip(&buffer[..count]);
                        assert!(right.into_iter().all(|(n, byte)| (n % 251) as u8 == *byte));
                        read += count;
                    }
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::WouldBlock);
                        wait_for(readable, "reading");
                    }
                }
            }
            stream.shutdown(net::Shutdown::Write).unwrap();
        });
        scope.spawn(move || {
            let triggers = [Trigger::Edge, Trigger::Level];
            let lendings = [4096, 0, 100, 10_000];
            for n in 0.. {
                if over.load(Ordering::Acquire) {
                    return;
                }
                // The pauses grow, so each registration in turn lasts longer before it changes.
                thread::sleep(Duration::from_millis(n / 50));
                let n = n as usize;
                clone.set_lending(lendings[n % 4]);
                let trigger = triggers[n / 3 % 2];
                registrator
                    .reregister_with(&mut clone, Token(n), interests, trigger)
                    .unwrap();
            }
        });
        let mut events = Events::with_capacity(2);
        while !over.load(Ordering::Acquire) {
            poll.poll(&mut events, Some(Duration::from_millis(10)))
                .unwrap();
            for event in &events {
                readable.fetch_or(event.is_readable(), Ordering::AcqRel);
                writable.fetch_or(event.is_writable(), Ordering::AcqRel);
            }
        }
    });
}

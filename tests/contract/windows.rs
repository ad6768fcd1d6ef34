//! Faults that only completion ports have. Memory stays in flight too long, or is
//! freed too early. Packets come twice, or not at all. Bytes are lost between a
//! completion and a read.

use std::io::{ErrorKind, Read, Write};
use std::net;
use std::os::windows::io::AsSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use evq::inside::{operations_in_flight, socket_ffi};
use evq::net::{TcpListener, TcpStream, UdpSocket};
use evq::{Events, Interests, Poll, Registrator, Source, Token, Trigger, Waker};

use crate::bench::{TRIGGERS, fill};
use crate::common::{
    LIMIT, both, connection, duplicate, look, readable, readable_connection, until, wait_for,
};
use crate::port::queued_packets;

/// What a stream lends: nothing, less than arrives, the default.
const LENDING: [usize; 3] = [0, 3, 4096];

/// <https://learn.microsoft.com/en-us/windows/win32/winsock/sol-socket-socket-options>
const SO_LINGER: i32 = 0x80;

fn any() -> net::SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// Polls until no operation is in flight.
fn until_nothing_is_in_flight(poll: &mut Poll) {
    let registrator = poll.registrator().clone();
    let mut events = Events::with_capacity(64);
    let deadline = Instant::now() + LIMIT;
    while operations_in_flight(&registrator) > 0 {
        assert!(Instant::now() < deadline, "an operation stays in flight");
        look(poll, &mut events);
    }
}

/// A source with an operation in flight or just completed, and whatever keeps it in
/// that state.
type InFlight = (Box<dyn Source + Send>, Box<dyn Send>);
type Begin = fn(&mut Poll) -> InFlight;

fn register(poll: &Poll, source: &mut dyn Source, interests: Interests) {
    poll.registrator()
        .register(source, Token(1), interests)
        .unwrap();
}

/// Every operation, in every state that a drop may meet.
const STATES: &[(&str, Begin)] = &[
    ("an accept in flight", |poll| {
        let mut listener = TcpListener::bind(any()).unwrap();
        register(poll, &mut listener, Interests::READABLE);
        (Box::new(listener), Box::new(()))
    }),
    ("an accept whose packet waits", |poll| {
        let mut listener = TcpListener::bind(any()).unwrap();
        register(poll, &mut listener, Interests::READABLE);
        let client = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        until(|| queued_packets(poll.registrator()) > 0);
        (Box::new(listener), Box::new(client))
    }),
    ("a connection that was not accepted", |poll| {
        let mut listener = TcpListener::bind(any()).unwrap();
        register(poll, &mut listener, Interests::READABLE);
        let client = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        poll.poll(&mut Events::with_capacity(4), Some(LIMIT))
            .unwrap();
        (Box::new(listener), Box::new(client))
    }),
    ("a connect in flight", |poll| {
        let listener = net::TcpListener::bind(any()).unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        register(poll, &mut stream, both());
        (Box::new(stream), Box::new(listener))
    }),
    ("a connect whose packet waits", |poll| {
        let listener = net::TcpListener::bind(any()).unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        register(poll, &mut stream, both());
        until(|| queued_packets(poll.registrator()) > 0);
        (Box::new(stream), Box::new(listener))
    }),
    ("a connect that was refused", |poll| {
        // This socket has the port but does not listen.
        let nobody = TcpStream::connect(any()).unwrap();
        let port = nobody.local_addr().unwrap().port();
        let mut stream = TcpStream::connect(([127, 0, 0, 1], port).into()).unwrap();
        register(poll, &mut stream, both());
        poll.poll(&mut Events::with_capacity(4), Some(LIMIT))
            .unwrap();
        (Box::new(stream), Box::new(nobody))
    }),
    ("a read in flight", |poll| {
        let (mut stream, peer) = connection();
        register(poll, &mut stream, Interests::READABLE);
        (Box::new(stream), Box::new(peer))
    }),
    ("a zero-byte receive in flight", |poll| {
        let (mut stream, peer) = connection();
        stream.set_lending(0);
        register(poll, &mut stream, Interests::READABLE);
        (Box::new(stream), Box::new(peer))
    }),
    ("a read whose packet waits", |poll| {
        let (mut stream, mut peer) = connection();
        register(poll, &mut stream, Interests::READABLE);
        peer.write_all(b"!").unwrap();
        until(|| queued_packets(poll.registrator()) > 0);
        (Box::new(stream), Box::new(peer))
    }),
    ("bytes that have arrived", |poll| {
        let (mut stream, mut peer) = connection();
        register(poll, &mut stream, Interests::READABLE);
        peer.write_all(b"!").unwrap();
        poll.poll(&mut Events::with_capacity(4), Some(LIMIT))
            .unwrap();
        (Box::new(stream), Box::new(peer))
    }),
    (
        "a read in flight of a stream that was deregistered",
        |poll| {
            let (mut stream, peer) = connection();
            register(poll, &mut stream, Interests::READABLE);
            poll.registrator().deregister(&mut stream).unwrap();
            (Box::new(stream), Box::new(peer))
        },
    ),
    ("a read in flight, and a reset on its way", |poll| {
        let (mut stream, peer) = connection();
        register(poll, &mut stream, both());
        stream.write_all(b"unread").unwrap();
        assert!(peer.peek(&mut [0]).unwrap() > 0);
        drop(peer);
        (Box::new(stream), Box::new(()))
    }),
    ("a write in flight whose peer goes", |poll| {
        let (mut stream, peer) = connection();
        register(poll, &mut stream, both());
        fill(&stream);
        drop(peer);
        (Box::new(stream), Box::new(()))
    }),
    ("a read and a write in flight", |poll| {
        let (mut stream, mut peer) = connection();
        register(poll, &mut stream, both());
        fill(&stream);
        // Reads everything after the stream is dropped.
        let reader = thread::spawn(move || {
            let _ = peer.read_to_end(&mut Vec::new());
        });
        (Box::new(stream), Box::new(reader))
    }),
    ("a receive of a datagram in flight", |poll| {
        let mut socket = UdpSocket::bind(any()).unwrap();
        register(poll, &mut socket, Interests::READABLE);
        (Box::new(socket), Box::new(()))
    }),
    ("a receive of a datagram whose packet waits", |poll| {
        let mut socket = UdpSocket::bind(any()).unwrap();
        register(poll, &mut socket, Interests::READABLE);
        let there = net::UdpSocket::bind("127.0.0.1:0").unwrap();
        there.send_to(b"!", socket.local_addr().unwrap()).unwrap();
        until(|| queued_packets(poll.registrator()) > 0);
        (Box::new(socket), Box::new(there))
    }),
    ("a datagram that has arrived", |poll| {
        let mut socket = UdpSocket::bind(any()).unwrap();
        register(poll, &mut socket, Interests::READABLE);
        let there = net::UdpSocket::bind("127.0.0.1:0").unwrap();
        there.send_to(b"!", socket.local_addr().unwrap()).unwrap();
        poll.poll(&mut Events::with_capacity(4), Some(LIMIT))
            .unwrap();
        (Box::new(socket), Box::new(there))
    }),
];

/// The memory of an operation belongs to the kernel until its packet is dequeued.
/// Then the crate frees it. The test drops source and `Poll` in every order, on one
/// thread and on two, in each of the states above. No operation stays in flight.
#[test]
fn every_operation_comes_back_whatever_is_dropped_when() {
    for (state, begin) in STATES {
        println!("{state}");
        // The source first. `Poll` still polls and dequeues its packets.
        let mut poll = Poll::new().unwrap();
        let (source, keep) = begin(&mut poll);
        drop(source);
        until_nothing_is_in_flight(&mut poll);
        drop(keep);

        // The source, then `Poll`, without a `poll` in between.
        let mut poll = Poll::new().unwrap();
        let registrator = poll.registrator().clone();
        let (source, keep) = begin(&mut poll);
        drop(source);
        drop(poll);
        assert_eq!(operations_in_flight(&registrator), 0, "{state}");
        drop(keep);

        // `Poll`, then the source.
        let mut poll = Poll::new().unwrap();
        let registrator = poll.registrator().clone();
        let (source, keep) = begin(&mut poll);
        drop(poll);
        drop(source);
        assert_eq!(operations_in_flight(&registrator), 0, "{state}");
        drop(keep);

        // The peer first. Then another thread drops the source.
        let mut poll = Poll::new().unwrap();
        let registrator = poll.registrator().clone();
        let (source, keep) = begin(&mut poll);
        drop(keep);
        thread::spawn(move || drop(source)).join().unwrap();
        until_nothing_is_in_flight(&mut poll);
        drop(poll);
        assert_eq!(operations_in_flight(&registrator), 0, "{state}");

        // The source and `Poll` at the same moment.
        let mut poll = Poll::new().unwrap();
        let registrator = poll.registrator().clone();
        let (source, keep) = begin(&mut poll);
        let start = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                drop(source);
            });
            start.wait();
            drop(poll);
        });
        assert_eq!(operations_in_flight(&registrator), 0, "{state}");
        drop(keep);
    }
}

/// The same with ten thousand operations at once.
#[test]
fn ten_thousand_operations_come_back_whoever_goes_first() {
    const CONNECTIONS: usize = 5_000;
    for poll_first in [true, false] {
        let poll = Poll::new().unwrap();
        let registrator = poll.registrator().clone();
        let listener = net::TcpListener::bind(any()).unwrap();
        let addr = listener.local_addr().unwrap();
        let streams: Vec<TcpStream> = (0..CONNECTIONS)
            .flat_map(|_| {
                let one = net::TcpStream::connect(addr).unwrap();
                [one, listener.accept().unwrap().0]
            })
            .map(|stream| {
                let mut stream = TcpStream::from_std(stream).unwrap();
                register(&poll, &mut stream, Interests::READABLE);
                stream
            })
            .collect();
        assert_eq!(operations_in_flight(&registrator), 2 * CONNECTIONS);
        if poll_first {
            drop(poll);
            drop(streams);
        } else {
            drop(streams);
            drop(poll);
        }
        assert_eq!(operations_in_flight(&registrator), 0);
    }
}

/// A packet may be dequeued before the call that started the operation has
/// returned. Two threads register streams, deregister them and read, while a third
/// polls. No byte is lost or comes twice, and at the end no operation is in flight.
#[test]
fn registering_deregistering_and_completing_race_without_loss() {
    const STREAMS: usize = 8;
    const BYTES: usize = 3_000;
    let mut poll = Poll::new().unwrap();
    let registrator = poll.registrator().clone();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..2)
            .map(|half| {
                let registrator = registrator.clone();
                scope.spawn(move || race(&registrator, half, STREAMS / 2, BYTES))
            })
            .collect();
        let over = &over;
        scope.spawn(move || {
            let results: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
            over.store(true, Ordering::Release);
            results.into_iter().for_each(|result| result.unwrap());
        });
        let mut events = Events::with_capacity(3);
        let mut turn = 0;
        while !over.load(Ordering::Acquire) {
            turn += 1;
            let timeout = Duration::from_millis(turn % 3);
            poll.poll(&mut events, Some(timeout)).unwrap();
        }
    });
    until_nothing_is_in_flight(&mut poll);
}

/// Registers streams in every way and reads in between, until each has all its
/// bytes in order.
fn race(registrator: &Registrator, half: usize, streams: usize, bytes: usize) {
    let mut connections: Vec<_> = (0..streams)
        .map(|number| {
            let (stream, peer) = connection();
            stream.set_lending(LENDING[number % LENDING.len()]);
            (stream, peer, 0, 0)
        })
        .collect();
    let deadline = Instant::now() + LIMIT;
    let mut random = half as u32 + 1;
    let mut done = 0;
    while done < streams {
        assert!(Instant::now() < deadline, "a byte was lost");
        done = 0;
        for (stream, peer, sent, received) in &mut connections {
            random = random.wrapping_mul(0x5851_F42D).wrapping_add(12_345);
            let choice = (random >> 16) as usize;
            let interests = [Interests::READABLE, Interests::WRITABLE, both()][choice % 3];
            let trigger = TRIGGERS[choice / 3 % 3];
            let token = Token(choice);
            let registered = registrator.register_with(stream, token, interests, trigger);
            if registered.is_err() {
                registrator
                    .reregister_with(stream, token, interests, trigger)
                    .unwrap();
            }
            if *sent < bytes {
                let some = (choice / 9 % 10).min(bytes - *sent);
                let next: Vec<u8> = (*sent..*sent + some).map(|n| n as u8).collect();
                peer.write_all(&next).unwrap();
                *sent += some;
            }
            let mut room = [0; 7];
            match stream.read(&mut room[..1 + choice / 90 % 7]) {
                Ok(count) => {
                    assert_ne!(count, 0, "the stream ended too early");
                    for byte in &room[..count] {
                        assert_eq!(*byte, *received as u8, "at {received}");
                        *received += 1;
                    }
                }
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
            if choice % 5 < 2 {
                registrator.deregister(stream).unwrap();
            }
            done += usize::from(*received == bytes);
        }
    }
}

/// An operation may succeed at once or later, by a packet. Both give one outcome.
/// The test has a byte there before the registration or after it, and expects one
/// event: no second one from an unexpected packet.
#[test]
fn what_was_there_before_is_one_event_however_it_is_told() {
    for lending in LENDING {
        for round in 0..20 {
            let mut poll = Poll::new().unwrap();
            let mut events = Events::with_capacity(8);
            let (mut stream, mut peer) = if round % 2 == 0 {
                readable_connection()
            } else {
                connection()
            };
            stream.set_lending(lending);
            register(&poll, &mut stream, Interests::READABLE);
            if round % 2 == 1 {
                peer.write_all(b"!").unwrap();
            }
            wait_for(&mut poll, &mut events, "the byte", readable(Token(1)));
            for _ in 0..3 {
                assert_eq!(look(&mut poll, &mut events), [], "lends {lending}");
            }
            assert_eq!(stream.read(&mut [0; 8]).unwrap(), 1);
            assert_eq!(look(&mut poll, &mut events), [], "lends {lending}");
        }
    }
}

/// An operation that succeeds at once still queues a packet, unless the handle says
/// that it skips packets. A UDP socket does not say so. The test has twenty
/// datagrams waiting, and receives each once.
#[test]
fn datagrams_that_were_there_come_once_each() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let mut socket = UdpSocket::bind(any()).unwrap();
    let there = net::UdpSocket::bind("127.0.0.1:0").unwrap();
    there.connect(socket.local_addr().unwrap()).unwrap();
    for number in 0..20 {
        there.send(&[number]).unwrap();
    }
    until(|| socket.peek_from(&mut [0; 8]).is_ok());
    register(&poll, &mut socket, Interests::READABLE);
    let mut received = Vec::new();
    while received.len() < 20 {
        wait_for(&mut poll, &mut events, "a datagram", readable(Token(1)));
        let mut room = [0; 8];
        while let Ok((count, _)) = socket.recv_from(&mut room) {
            received.extend_from_slice(&room[..count]);
        }
    }
    assert!(received.into_iter().eq(0..20));
    look(&mut poll, &mut events);
    assert_eq!(look(&mut poll, &mut events), []);
    assert_eq!(operations_in_flight(poll.registrator()), 1);
}

/// Clause 10: a packet without an event does not end a wait early. In the test a
/// stream is dropped during the wait, and its cancelled read comes back.
#[test]
fn c10_a_packet_of_a_dropped_stream_does_not_end_a_wait() {
    let wait = Duration::from_millis(200);
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let registrator = poll.registrator().clone();
    let (mut stream, _peer) = connection();
    register(&poll, &mut stream, Interests::READABLE);
    let (returned, early) = mpsc::channel();
    let thread = thread::spawn(move || {
        // Drops the stream during the wait, unless the wait has ended.
        let early = early.recv_timeout(wait / 4).is_ok();
        drop(stream);
        early
    });
    let started = Instant::now();
    assert_eq!(poll.poll(&mut events, Some(wait)).unwrap(), 0);
    let waited = started.elapsed();
    let _ = returned.send(());
    assert!(!thread.join().unwrap(), "poll returned too early");
    assert!(waited >= wait, "ended after {waited:?}");
    until(|| {
        look(&mut poll, &mut events);
        operations_in_flight(&registrator) == 0
    });
}

/// The queue's own wake-up is a packet with a null pointer. The selector must
/// recognize it in a batch with others. The test mixes wakes and completions.
#[test]
fn wakes_and_completions_come_in_one_batch() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(64);
    let waker = Waker::new(poll.registrator(), Token(99)).unwrap();
    let mut streams: Vec<_> = (0..10).map(|_| connection()).collect();
    for (number, (stream, _)) in streams.iter_mut().enumerate() {
        poll.registrator()
            .register(stream, Token(number), Interests::READABLE)
            .unwrap();
    }
    for round in 0..50 {
        thread::scope(|scope| {
            let (streams, waker) = (&mut streams, &waker);
            scope.spawn(move || {
                for (_, peer) in streams {
                    peer.write_all(b"!").unwrap();
                    waker.wake().unwrap();
                }
            });
            let mut missing: Vec<usize> = (0..10).chain([99]).collect();
            while !missing.is_empty() {
                let what = format!("{missing:?} of round {round}");
                wait_for(&mut poll, &mut events, &what, |_| true);
                missing.retain(|token| !events.iter().any(|event| event.token().0 == *token));
            }
        });
        for (stream, _) in &mut streams {
            assert_eq!(stream.read(&mut [0; 8]).unwrap(), 1);
        }
    }
}

/// A completion that ends the poller's sleep lists a node. The poller is awake
/// then, so nobody may post another packet for the node: the next wait would find
/// that packet. The test counts the packets in the port.
#[test]
fn a_completion_posts_no_packet_of_its_own() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let (mut stream, mut peer) = connection();
    register(&poll, &mut stream, Interests::READABLE);
    look(&mut poll, &mut events);
    for _ in 0..100 {
        thread::scope(|scope| {
            scope.spawn(|| peer.write_all(b"!").unwrap());
            poll.poll(&mut events, None).unwrap();
        });
        assert_eq!(events.iter().count(), 1);
        assert_eq!(queued_packets(poll.registrator()), 0);
        assert_eq!(stream.read(&mut [0; 8]).unwrap(), 1);
        assert_eq!(queued_packets(poll.registrator()), 0);
    }
}

/// A program reads exactly the bytes that have arrived, and then waits, although no
/// read has returned `WouldBlock`. It still gets an event for the next bytes. The
/// test tries every trigger and every lending.
#[test]
fn reading_just_what_was_in_hand_waits_for_more() {
    for trigger in TRIGGERS {
        for lending in LENDING {
            let mut poll = Poll::new().unwrap();
            let mut events = Events::with_capacity(8);
            let (mut stream, mut peer) = connection();
            stream.set_lending(lending);
            let registrator = poll.registrator().clone();
            registrator
                .register_with(&mut stream, Token(1), Interests::READABLE, trigger)
                .unwrap();
            for _ in 0..5 {
                peer.write_all(b"ten bytes!").unwrap();
                let mut read = Vec::new();
                while read.len() < 10 {
                    let what = format!("the bytes after {}, lends {lending}", read.len());
                    wait_for(&mut poll, &mut events, &what, readable(Token(1)));
                    let mut room = [0; 10];
                    let left = 10 - read.len();
                    let count = stream.read(&mut room[..left]).unwrap();
                    assert_ne!(count, 0, "the stream ended too early");
                    read.extend_from_slice(&room[..count]);
                    // Edge: read everything that is there, but stop before
                    // `WouldBlock`.
                    while trigger == Trigger::Edge && read.len() < 10 {
                        match stream.read(&mut room[..10 - read.len()]) {
                            Ok(count) => read.extend_from_slice(&room[..count]),
                            Err(error) => {
                                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                                break;
                            }
                        }
                    }
                    if trigger == Trigger::Oneshot {
                        registrator
                            .reregister_with(&mut stream, Token(1), Interests::READABLE, trigger)
                            .unwrap();
                    }
                }
                assert_eq!(read, b"ten bytes!");
                if trigger == Trigger::Edge && lending == 0 {
                    // With nothing lent, the read went to the socket itself, so it
                    // must see `WouldBlock`.
                    let error = stream.read(&mut [0]).unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                }
            }
        }
    }
}

/// A zero-byte receive completes with zero bytes, both when bytes have arrived and
/// at the end of the stream. Zero bytes mean the end only if a buffer was lent. The
/// test tries every lending.
#[test]
fn nothing_received_is_the_end_only_if_something_was_lent() {
    for lending in LENDING {
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(8);
        let (mut stream, mut peer) = connection();
        stream.set_lending(lending);
        register(&poll, &mut stream, Interests::READABLE);
        for _ in 0..3 {
            peer.write_all(b"!").unwrap();
            wait_for(&mut poll, &mut events, "the byte", readable(Token(1)));
            assert_eq!(stream.read(&mut [0; 8]).unwrap(), 1);
            let error = stream.read(&mut [0; 8]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
        }
        peer.shutdown(net::Shutdown::Write).unwrap();
        wait_for(&mut poll, &mut events, "the end", readable(Token(1)));
        assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0);
        assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0);
    }
}

/// A peek that finds nothing returns `WouldBlock` like a read, and an event comes
/// for the next bytes. The test peeks at an empty stream before each byte.
#[test]
fn a_peek_that_finds_nothing_waits_for_more() {
    for lending in LENDING {
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(8);
        let (mut stream, mut peer) = connection();
        stream.set_lending(lending);
        register(&poll, &mut stream, Interests::READABLE);
        for _ in 0..3 {
            peer.write_all(b"!").unwrap();
            wait_for(&mut poll, &mut events, "the byte", readable(Token(1)));
            assert_eq!(stream.peek(&mut [0; 8]).unwrap(), 1);
            assert_eq!(stream.peek(&mut [0; 8]).unwrap(), 1);
            assert_eq!(stream.read(&mut [0; 8]).unwrap(), 1);
            let error = stream.peek(&mut [0; 8]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WouldBlock);
        }
    }
}

/// The lent buffer is longer than what arrives. A read returns only the bytes that
/// have arrived, each once.
#[test]
fn a_lent_buffer_is_read_by_the_count_that_came() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let (mut stream, mut peer) = connection();
    register(&poll, &mut stream, Interests::READABLE);
    for words in [&b"many words"[..], b"few", b"not one more"] {
        peer.write_all(words).unwrap();
        let mut read = Vec::new();
        while read.len() < words.len() {
            wait_for(&mut poll, &mut events, "the words", readable(Token(1)));
            let mut room = [b'?'; 64];
            while let Ok(count) = stream.read(&mut room) {
                read.extend_from_slice(&room[..count]);
            }
        }
        assert_eq!(read, words);
    }
}

/// AcceptEx fails if its client has already gone. That is not the listener's error,
/// and it accepts the next client. In the test every second client resets its
/// connection.
#[test]
fn a_client_that_gives_up_is_not_the_listeners_error() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let mut listener = TcpListener::bind(any()).unwrap();
    let addr = listener.local_addr().unwrap();
    for round in 0..30 {
        if round == 10 {
            register(&poll, &mut listener, Interests::READABLE);
        }
        let rude = net::TcpStream::connect(addr).unwrap();
        // The two fields of a LINGER: on, for zero seconds. Closing is then a
        // reset.
        let linger = [1_u16, 0];
        let (level, name) = (socket_ffi::SOL_SOCKET, SO_LINGER);
        socket_ffi::set_option(rude.as_socket(), level, name, linger).unwrap();
        drop(rude);
        let polite = net::TcpStream::connect(addr).unwrap();
        let ours = polite.local_addr().unwrap();
        let deadline = Instant::now() + LIMIT;
        loop {
            assert!(
                Instant::now() < deadline,
                "the polite client was not accepted"
            );
            match listener.accept() {
                Ok((_, from)) if from == ours => break,
                Ok(_) => {}
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    if round >= 10 {
                        poll.poll(&mut events, Some(LIMIT)).unwrap();
                    }
                }
            }
        }
    }
}

/// A stream is dropped with a read in flight. The read is cancelled and takes no
/// byte. The test then reads every byte through a second handle of the socket.
#[test]
fn a_dropped_read_takes_no_bytes_along() {
    let mut poll = Poll::new().unwrap();
    for _ in 0..20 {
        let (mut stream, mut peer) = connection();
        let duplicate = duplicate(&stream);
        register(&poll, &mut stream, Interests::READABLE);
        drop(stream);
        until_nothing_is_in_flight(&mut poll);
        peer.write_all(b"whole").unwrap();
        duplicate.set_nonblocking(false).unwrap();
        let mut room = [0; 5];
        (&duplicate).read_exact(&mut room).unwrap();
        assert_eq!(&room, b"whole");
    }
}

//! What goes wrong with completion ports alone: memory that is lent too long or
//! too short, packets that come twice or not at all, and bytes that are lost on
//! the way from a completion to a read.

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

/// What a stream lends: nothing, less than comes, the default.
const LENDING: [usize; 3] = [0, 3, 4096];

/// <https://learn.microsoft.com/en-us/windows/win32/winsock/sol-socket-socket-options>
const SO_LINGER: i32 = 0x80;

fn any() -> net::SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// Polls until nothing is lent to the kernel any more.
fn until_nothing_is_in_flight(poll: &mut Poll) {
    let registrator = poll.registrator().clone();
    let mut events = Events::with_capacity(64);
    let deadline = Instant::now() + LIMIT;
    while operations_in_flight(&registrator) > 0 {
        assert!(Instant::now() < deadline, "lent, and never given back");
        look(poll, &mut events);
    }
}

/// A source with something in flight, or just come back, and whatever it takes to
/// keep it so.
type InFlight = (Box<dyn Source + Send>, Box<dyn Send>);
type Begin = fn(&mut Poll) -> InFlight;

fn register(poll: &Poll, source: &mut dyn Source, interests: Interests) {
    poll.registrator()
        .register(source, Token(1), interests)
        .unwrap();
}

/// Every operation there is, in every state in which it can be met.
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
    ("a connection that nobody has taken", |poll| {
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
        // Bound, and no listener.
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
    ("a receive of nothing in flight", |poll| {
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
    ("bytes in hand", |poll| {
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
        // Reads all, once the stream has gone.
        let reader = thread::spawn(move || {
            let _ = peer.read_to_end(&mut Vec::new());
        });
        (Box::new(stream), Box::new(reader))
    }),
    ("a datagram's receive in flight", |poll| {
        let mut socket = UdpSocket::bind(any()).unwrap();
        register(poll, &mut socket, Interests::READABLE);
        (Box::new(socket), Box::new(()))
    }),
    ("a datagram's packet waits", |poll| {
        let mut socket = UdpSocket::bind(any()).unwrap();
        register(poll, &mut socket, Interests::READABLE);
        let there = net::UdpSocket::bind("127.0.0.1:0").unwrap();
        there.send_to(b"!", socket.local_addr().unwrap()).unwrap();
        until(|| queued_packets(poll.registrator()) > 0);
        (Box::new(socket), Box::new(there))
    }),
    ("a datagram in hand", |poll| {
        let mut socket = UdpSocket::bind(any()).unwrap();
        register(poll, &mut socket, Interests::READABLE);
        let there = net::UdpSocket::bind("127.0.0.1:0").unwrap();
        there.send_to(b"!", socket.local_addr().unwrap()).unwrap();
        poll.poll(&mut Events::with_capacity(4), Some(LIMIT))
            .unwrap();
        (Box::new(socket), Box::new(there))
    }),
];

/// The memory of an operation is the kernel's until its packet has been dequeued,
/// and then it is given back: whatever the operation is, however far it has come,
/// and whoever goes first, the source or `Poll`, on this thread or on another.
#[test]
fn every_operation_comes_back_whatever_is_dropped_when() {
    for (state, begin) in STATES {
        println!("{state}");
        // The source, while there is a `Poll` to dequeue its packets.
        let mut poll = Poll::new().unwrap();
        let (source, keep) = begin(&mut poll);
        drop(source);
        until_nothing_is_in_flight(&mut poll);
        drop(keep);

        // The source; and before any packet, `Poll`.
        let mut poll = Poll::new().unwrap();
        let registrator = poll.registrator().clone();
        let (source, keep) = begin(&mut poll);
        drop(source);
        drop(poll);
        assert_eq!(operations_in_flight(&registrator), 0, "{state}");
        drop(keep);

        // `Poll`, and then the source.
        let mut poll = Poll::new().unwrap();
        let registrator = poll.registrator().clone();
        let (source, keep) = begin(&mut poll);
        drop(poll);
        drop(source);
        assert_eq!(operations_in_flight(&registrator), 0, "{state}");
        drop(keep);

        // The peer first, and the source by a thread of its own.
        let mut poll = Poll::new().unwrap();
        let registrator = poll.registrator().clone();
        let (source, keep) = begin(&mut poll);
        drop(keep);
        thread::spawn(move || drop(source)).join().unwrap();
        until_nothing_is_in_flight(&mut poll);
        drop(poll);
        assert_eq!(operations_in_flight(&registrator), 0, "{state}");

        // Both at once.
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

/// The same with ten thousand at once.
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

/// The packet may be dequeued before the call that started the operation has
/// returned. Two threads register, deregister and read one stream's worth of
/// bytes while a third polls: none is lost, none comes twice, and in the end all
/// that was lent is back.
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

/// Registers streams in every way and reads from them in between, until each has
/// got its bytes in order.
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
        assert!(Instant::now() < deadline, "bytes were lost");
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
                    assert_ne!(count, 0, "the end of a stream that goes on");
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

/// Whether an operation succeeds at once or by a packet, it has one outcome: what
/// is there when the source is registered is one event, and not a second one by a
/// packet that nobody expected.
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

/// "Completed at once" queues a packet all the same where the handle does not say
/// otherwise, and of datagrams it does not.
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

/// A packet that tells the program nothing does not end its wait early: here that
/// of a read whose stream is dropped in the midst of it.
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
        // In the midst of it, unless there is none.
        let early = early.recv_timeout(wait / 4).is_ok();
        drop(stream);
        early
    });
    let started = Instant::now();
    assert_eq!(poll.poll(&mut events, Some(wait)).unwrap(), 0);
    let waited = started.elapsed();
    let _ = returned.send(());
    assert!(!thread.join().unwrap(), "returned by itself");
    assert!(waited >= wait, "ended after {waited:?}");
    until(|| {
        look(&mut poll, &mut events);
        operations_in_flight(&registrator) == 0
    });
}

/// The queue's own wake-up is a packet that leads nowhere, and must be told apart
/// from the others of its batch.
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

/// What completes while the poller sleeps wakes it, and lists its node: for that
/// nobody posts another packet, which the next wait would find.
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

/// Who reads exactly what was in hand, and waits again, is told of what comes
/// next, although no read has returned `WouldBlock`: under every trigger, and
/// however much the stream lends.
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
                    assert_ne!(count, 0, "the end of a stream that goes on");
                    read.extend_from_slice(&room[..count]);
                    // Edge: all that is there now, but not until `WouldBlock`.
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
                    // Nothing was in hand: the socket itself was read.
                    let error = stream.read(&mut [0]).unwrap_err();
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                }
            }
        }
    }
}

/// A receive of nothing completes with nothing, for bytes and for the end alike.
/// Only what is lent and comes back empty is the end.
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

/// A peek that finds nothing is a `WouldBlock` like any other: what comes next is
/// an event.
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

/// What is lent comes back longer than what has come: a read hands out no more
/// than the bytes that were written, and none twice.
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

/// AcceptEx may fail because its client has gone again. That is no error of the
/// listener's: the next client is accepted.
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
        // The two halves of a LINGER: on, for no time. Then closing is a reset.
        let linger = [1_u16, 0];
        let (level, name) = (socket_ffi::SOL_SOCKET, SO_LINGER);
        socket_ffi::set_option(rude.as_socket(), level, name, linger).unwrap();
        drop(rude);
        let polite = net::TcpStream::connect(addr).unwrap();
        let ours = polite.local_addr().unwrap();
        let deadline = Instant::now() + LIMIT;
        loop {
            assert!(Instant::now() < deadline, "the polite client is not heard");
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

/// A second handle of the socket reads past the stream: what the stream had lent
/// when it was dropped is given back unfilled, and no byte has gone into it.
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

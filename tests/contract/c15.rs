//! Clause 15: the end of the loop.

use std::collections::BTreeSet;
use std::io::{self, Write};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use evq::net::{TcpListener, TcpStream};
use evq::{
    Events, Interests, Poll, Readiness, Registration, Registrator, SetReadiness, Token, Trigger,
    Waker,
};

use crate::bench::TRIGGERS;
use crate::common::{IOCP, KQUEUE, LIMIT, both, connection, look, readable_connection};
#[cfg(unix)]
use evq::unix::SourceFd;

/// How often one round reports a source: a kqueue, each direction by itself.
const TURNS: usize = if KQUEUE { 2 } else { 1 };

/// No system call's error, and a sentence that says what has happened.
fn says_closed(error: &io::Error) {
    assert_eq!(error.raw_os_error(), None, "{error}");
    assert!(error.to_string().contains("loop is closed"), "{error}");
}

/// Polls a closed loop to its end: how many polls returned events, and their tokens.
fn to_the_end(poll: &mut Poll, events: &mut Events) -> (usize, BTreeSet<usize>) {
    let mut polls = 0;
    let mut tokens = BTreeSet::new();
    loop {
        match poll.poll(events, Some(LIMIT)) {
            Ok(count) => {
                assert_eq!(count, events.iter().count());
                polls += 1;
                tokens.extend(events.iter().map(|event| event.token().0));
            }
            Err(error) => {
                says_closed(&error);
                return (polls, tokens);
            }
        }
        assert!(polls < 10_000, "the loop never ends");
    }
}

/// Streams that have a byte to read, and their peers.
fn readable_streams(count: usize) -> (Vec<TcpStream>, Vec<std::net::TcpStream>) {
    (0..count).map(|_| readable_connection()).unzip()
}

/// `close_loop` may be called from any thread. It ends a `poll` that waits for
/// ever, without an event; the next `poll` returns an error that no system
/// call can return, and so does each one after it.
#[test]
fn c15_closing_ends_a_wait_from_another_thread() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(4);
    let (mut stream, _peer) = connection();
    poll.registrator()
        .register(&mut stream, Token(1), Interests::READABLE)
        .unwrap();
    let registrator = poll.registrator().clone();
    let thread = thread::spawn(move || registrator.close_loop().unwrap());
    let first = poll.poll(&mut events, None);
    thread.join().unwrap();
    // Closed before the wait began, or during it.
    assert_eq!(first.unwrap(), 0);
    for timeout in [None, Some(LIMIT), Some(Duration::ZERO)] {
        says_closed(&poll.poll(&mut events, timeout).unwrap_err());
    }
}

/// Whatever `poll` is doing when the loop is closed, it notices: here it is
/// kept busy by a node that is listed again and again but has nothing to say,
/// and the loop is closed right after one of those times.
#[test]
fn c15_closing_is_noticed_at_any_moment() {
    let (hand_over, handed_over) = mpsc::channel::<(Registrator, SetReadiness)>();
    let closer = thread::spawn(move || {
        for (round, (registrator, set_readiness)) in handed_over.iter().enumerate() {
            for _ in 0..round % 397 {
                set_readiness.set_readiness(Readiness::WRITABLE).unwrap();
            }
            for _ in 0..round % 7 {
                std::hint::spin_loop();
            }
            registrator.close_loop().unwrap();
        }
    });
    let mut events = Events::with_capacity(4);
    for _ in 0..10_000 {
        let mut poll = Poll::new().unwrap();
        let (mut registration, set_readiness) = Registration::new();
        poll.registrator()
            .register(&mut registration, Token(1), Interests::READABLE)
            .unwrap();
        hand_over
            .send((poll.registrator().clone(), set_readiness))
            .unwrap();
        let started = Instant::now();
        assert_eq!(poll.poll(&mut events, Some(LIMIT)).unwrap(), 0);
        assert!(started.elapsed() < LIMIT, "closing was not noticed");
    }
    drop(hand_over);
    closer.join().unwrap();
}

/// What is written to the first half is there for the second at once.
#[cfg(unix)]
fn pair() -> (Far, SourceFd<UnixStream>) {
    let (far, near) = UnixStream::pair().unwrap();
    (far, SourceFd::new(near))
}

#[cfg(unix)]
type Far = UnixStream;

#[cfg(windows)]
fn pair() -> (Far, TcpStream) {
    let (ours, peer) = connection();
    (peer, ours)
}

#[cfg(windows)]
type Far = std::net::TcpStream;

/// Nor is it missed by a `poll` that has events to return: another thread
/// closes the loop right after it has made a source ready.
#[test]
fn c15_closing_is_noticed_beside_an_event() {
    let (hand_over, handed_over) = mpsc::channel::<(Registrator, Far)>();
    let (ended, end) = mpsc::channel();
    let missed = Arc::new(AtomicBool::new(false));
    let closer = {
        let missed = Arc::clone(&missed);
        thread::spawn(move || {
            for (round, (registrator, mut far)) in handed_over.iter().enumerate() {
                for _ in 0..round % 97 {
                    std::hint::spin_loop();
                }
                far.write_all(b"!").unwrap();
                registrator.close_loop().unwrap();
                if end.recv_timeout(LIMIT).is_err() {
                    // It waits for ever, and nothing but an event ends that now.
                    missed.store(true, Ordering::Release);
                    far.write_all(b"!").unwrap();
                }
            }
        })
    };
    let mut events = Events::with_capacity(4);
    for _ in 0..if cfg!(miri) { 20 } else { 2_000 } {
        let mut poll = Poll::new().unwrap();
        let (far, mut near) = pair();
        poll.registrator()
            .register(&mut near, Token(0), Interests::READABLE)
            .unwrap();
        hand_over.send((poll.registrator().clone(), far)).unwrap();
        let mut count = 0;
        while poll.poll(&mut events, None).is_ok() {
            count += events.iter().count();
            assert!(!missed.load(Ordering::Acquire), "closing was not noticed");
        }
        // Here what a socket gets may be a packet only later.
        assert!(count > 0 || IOCP);
        ended.send(()).unwrap();
    }
    drop(hand_over);
    closer.join().unwrap();
}

/// What is ready when the loop is closed is still delivered: `poll` asks
/// without waiting until a batch leaves room, whatever its timeout says.
#[test]
fn c15_what_is_ready_is_delivered_first() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(3);
    let waker = Waker::new(poll.registrator(), Token(0)).unwrap();
    let (mut registration, set_readiness) = Registration::new();
    poll.registrator()
        .register(&mut registration, Token(1), Interests::READABLE)
        .unwrap();
    let (mut streams, _peers) = readable_streams(5);
    for (number, stream) in streams.iter_mut().enumerate() {
        poll.registrator()
            .register(stream, Token(2 + number), Interests::READABLE)
            .unwrap();
    }
    waker.wake().unwrap();
    poll.registrator().close_loop().unwrap();
    // Readiness may go on changing while the loop ends.
    set_readiness.set_readiness(Readiness::READABLE).unwrap();
    let (polls, tokens) = to_the_end(&mut poll, &mut events);
    assert_eq!(tokens, (0..7).collect());
    assert!(polls <= 7, "{polls} polls for 7 registrations");
}

/// Sources that stay ready fill every batch, and never leave room. Then it
/// takes at most as many polls as there are registrations, in which each source
/// has had its turn.
#[test]
fn c15_sources_that_stay_ready_do_not_keep_the_loop_open() {
    for (sockets, nodes) in [(0, 9), (9, 0), (6, 3), (3, 6), (1, 8), (8, 1)] {
        // With an odd capacity it matters whose turn it is: each look changes it.
        for (capacity, looks) in [1, 2, 3, 4, 8, 9, 10, 100]
            .into_iter()
            .flat_map(|capacity| [(capacity, 0), (capacity, 1)])
        {
            let mut poll = Poll::new().unwrap();
            let mut events = Events::with_capacity(capacity);
            for _ in 0..looks {
                assert!(look(&mut poll, &mut events).is_empty());
            }
            let (mut sources, _peers) = readable_streams(sockets);
            let (mut registrations, setters): (Vec<_>, Vec<_>) =
                (0..nodes).map(|_| Registration::new()).unzip();
            for (token, source) in sources.iter_mut().enumerate() {
                poll.registrator()
                    .register_with(source, Token(token), Interests::READABLE, Trigger::Level)
                    .unwrap();
            }
            for (number, registration) in registrations.iter_mut().enumerate() {
                let token = Token(sockets + number);
                poll.registrator()
                    .register_with(registration, token, Interests::READABLE, Trigger::Level)
                    .unwrap();
            }
            for setter in &setters {
                setter.set_readiness(Readiness::READABLE).unwrap();
            }
            poll.registrator().close_loop().unwrap();
            let (polls, tokens) = to_the_end(&mut poll, &mut events);
            let case =
                format!("{sockets} sockets, {nodes} nodes, {capacity} places, {looks} looks");
            assert_eq!(tokens, (0..9).collect(), "{case}");
            assert!(
                polls <= 9 * TURNS,
                "{case}: {polls} polls for 9 registrations"
            );
        }
    }
}

/// Nothing is left behind that is ready for both directions, though a kqueue
/// reports these apart, and two of its answers may make one event: then a batch
/// has room left, and the kernel more to say.
#[test]
fn c15_both_directions_of_every_source_are_delivered_first() {
    for trigger in TRIGGERS {
        for capacity in 1..=8 {
            let mut poll = Poll::new().unwrap();
            let mut events = Events::with_capacity(capacity);
            let (mut sources, _peers) = readable_streams(7);
            for (token, source) in sources.iter_mut().enumerate() {
                poll.registrator()
                    .register_with(source, Token(token), both(), trigger)
                    .unwrap();
            }
            poll.registrator().close_loop().unwrap();
            let case = format!("{trigger:?}, capacity {capacity}");
            let (mut readable, mut writable) = (BTreeSet::new(), BTreeSet::new());
            let mut polls = 0;
            while poll.poll(&mut events, Some(LIMIT)).is_ok() {
                polls += 1;
                for event in &events {
                    let token = event.token().0;
                    readable.extend(event.is_readable().then_some(token));
                    writable.extend(event.is_writable().then_some(token));
                }
                assert!(polls <= 7 * TURNS, "{case}: {polls} polls and no end");
            }
            assert_eq!(readable, (0..7).collect(), "{case}");
            assert_eq!(writable, (0..7).collect(), "{case}");
        }
    }
}

/// Threads that wake without end do not keep it open either.
#[test]
fn c15_wakes_do_not_keep_the_loop_open() {
    for capacity in [1, 2, 3] {
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(capacity);
        let wakers: Vec<_> = (0..5)
            .map(|token| Waker::new(poll.registrator(), Token(token)).unwrap())
            .collect();
        poll.registrator().close_loop().unwrap();
        let mut polls = 0;
        let error = loop {
            for waker in &wakers {
                waker.wake().unwrap();
            }
            match poll.poll(&mut events, None) {
                Ok(_) => polls += 1,
                Err(error) => break error,
            }
            assert!(polls <= 6, "{polls} polls for 5 registrations");
        };
        says_closed(&error);
    }
}

/// A closed loop registers nothing any more, and says so in the words of
/// `poll`. What is registered can still be deregistered, before and after the
/// last `poll`, and closing twice is the same as once.
#[test]
fn c15_a_closed_loop_registers_nothing_and_lets_go_of_everything() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(4);
    let registrator = poll.registrator().clone();
    let mut listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let (mut stream, _peer) = connection();
    let (mut registration, _set_readiness) = Registration::new();
    let (mut late, _late_peer) = connection();
    let (mut late_registration, _set) = Registration::new();
    registrator
        .register(&mut listener, Token(1), Interests::READABLE)
        .unwrap();
    registrator
        .register(&mut stream, Token(2), Interests::READABLE)
        .unwrap();
    registrator
        .register(&mut registration, Token(3), Interests::READABLE)
        .unwrap();
    registrator.close_loop().unwrap();
    registrator.close_loop().unwrap();

    let mut refused = || {
        let interests = Interests::READABLE;
        says_closed(
            &registrator
                .register(&mut late, Token(4), interests)
                .unwrap_err(),
        );
        says_closed(
            &registrator
                .register(&mut late_registration, Token(4), interests)
                .unwrap_err(),
        );
        says_closed(&Waker::new(&registrator, Token(4)).unwrap_err());
    };
    refused();
    says_closed(
        &registrator
            .reregister(&mut stream, Token(5), Interests::READABLE)
            .unwrap_err(),
    );
    registrator.deregister(&mut stream).unwrap();
    let (polls, _) = to_the_end(&mut poll, &mut events);
    assert_eq!(polls, 1);
    refused();
    registrator.deregister(&mut listener).unwrap();
    registrator.deregister(&mut registration).unwrap();
    says_closed(&poll.poll(&mut events, None).unwrap_err());
}

/// The queue's own wake-up takes one of the kernel's places, and no event comes
/// of it. A batch that leaves room for that reason alone is not the last.
#[test]
fn c15_a_wake_up_of_the_queues_own_is_not_room_left_over() {
    for capacity in 1..=6 {
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(capacity);
        let (mut streams, _peers) = readable_streams(5);
        // From here on each wake, and each closing, is a wake-up of the kernel's.
        #[cfg(unix)]
        let _ = poll.fd_with_every_wake();
        let waker = Waker::new(poll.registrator(), Token(5)).unwrap();
        waker.wake().unwrap();
        for (token, stream) in streams.iter_mut().enumerate() {
            poll.registrator()
                .register(stream, Token(token), Interests::READABLE)
                .unwrap();
        }
        poll.registrator().close_loop().unwrap();
        let (_, tokens) = to_the_end(&mut poll, &mut events);
        assert_eq!(tokens, (0..6).collect(), "capacity {capacity}");
    }
}

/// Wakes outlive their wakers also here, and take no turn from what is still
/// registered.
#[test]
fn c15_wakes_of_dropped_wakers_take_nobodys_turn() {
    for capacity in 1..=9 {
        for wakes in 1..=6 {
            let mut poll = Poll::new().unwrap();
            let mut events = Events::with_capacity(capacity);
            let (mut streams, _peers) = readable_streams(4);
            for (token, stream) in streams.iter_mut().enumerate() {
                poll.registrator()
                    .register(stream, Token(token), Interests::READABLE)
                    .unwrap();
            }
            for token in 4..4 + wakes {
                let waker = Waker::new(poll.registrator(), Token(token)).unwrap();
                waker.wake().unwrap();
            }
            poll.registrator().close_loop().unwrap();
            let (_, tokens) = to_the_end(&mut poll, &mut events);
            assert_eq!(tokens, (0..4 + wakes).collect(), "capacity {capacity}");
        }
    }
}

/// What has been deregistered or dropped has no turn left.
#[test]
fn c15_what_was_registered_once_does_not_keep_the_loop_open() {
    let mut poll = Poll::new().unwrap();
    let mut one = Events::with_capacity(1);
    let level = |stream: &mut TcpStream, token| {
        let token = Token(token);
        poll.registrator()
            .register_with(stream, token, Interests::READABLE, Trigger::Level)
            .unwrap();
    };
    for _ in 0..10 {
        let (mut stream, _peer) = readable_connection();
        level(&mut stream, 7);
        poll.registrator().deregister(&mut stream).unwrap();
        level(&mut stream, 8);
        drop(stream);
    }
    let (mut streams, _peers) = readable_streams(2);
    for (token, stream) in streams.iter_mut().enumerate() {
        level(stream, token);
    }
    poll.registrator().close_loop().unwrap();
    let (polls, tokens) = to_the_end(&mut poll, &mut one);
    assert_eq!(tokens, (0..2).collect());
    let most = 2 * TURNS;
    assert!(polls <= most, "{polls} polls for 2 registrations");
}

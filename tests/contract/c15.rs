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

/// How often one round may report a source. A kqueue reports each direction
/// separately.
const TURNS: usize = if KQUEUE { 2 } else { 1 };

/// No system call returns this error, and its sentence says that the loop is
/// closed.
fn says_closed(error: &io::Error) {
    assert_eq!(error.raw_os_error(), None, "{error}");
    assert!(error.to_string().contains("loop is closed"), "{error}");
}

/// Polls a closed loop until it refuses. Returns how many polls succeeded, and the
/// tokens of their events.
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

/// Streams that have a byte to read, with their peers.
fn readable_streams(count: usize) -> (Vec<TcpStream>, Vec<std::net::TcpStream>) {
    (0..count).map(|_| readable_connection()).unzip()
}

/// Any thread may call `close_loop`. It ends a `poll` without a timeout; that
/// `poll` returns no event. Each later `poll` returns an error that no system call
/// can return. The test closes from another thread, then polls with several
/// timeouts.
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
    // The other thread closed the loop before the wait began, or during it.
    assert_eq!(first.unwrap(), 0);
    for timeout in [None, Some(LIMIT), Some(Duration::ZERO)] {
        says_closed(&poll.poll(&mut events, timeout).unwrap_err());
    }
}

/// `poll` notices the closing at every moment. In the test a node is listed again
/// and again without anything to report. Each round closes the loop after a
/// different number of times.
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

/// A byte written to the first end can be read at the second end at once.
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

/// `poll` notices the closing also when it has events to return. In the test
/// another thread makes a source ready and closes the loop right after that.
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
                    // The poller now waits for ever. This byte ends the wait, and
                    // the test fails.
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
        // On a completion port the byte may become a packet only later.
        assert!(count > 0 || IOCP);
        ended.send(()).unwrap();
    }
    drop(hand_over);
    closer.join().unwrap();
}

/// What is ready when the loop is closed is still reported. `poll` asks without
/// waiting, whatever its timeout, until a batch leaves room. The test makes seven
/// sources ready, closes the loop, and gets all seven.
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
    // Readiness may change while the loop ends.
    set_readiness.set_readiness(Readiness::READABLE).unwrap();
    let (polls, tokens) = to_the_end(&mut poll, &mut events);
    assert_eq!(tokens, (0..7).collect());
    assert!(polls <= 7, "{polls} polls for 7 registrations");
}

/// Sources that stay ready fill every batch, and no batch ever leaves room. The
/// loop still ends: after at most as many polls as there are registrations, and
/// after each source has been reported. The test mixes nine sockets and nodes, with
/// many capacities.
#[test]
fn c15_sources_that_stay_ready_do_not_keep_the_loop_open() {
    for (sockets, nodes) in [(0, 9), (9, 0), (6, 3), (3, 6), (1, 8), (8, 1)] {
        // With an odd capacity the list and the kernel take turns. A poll before
        // the test changes whose turn it is.
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

/// The loop reports both directions of each source before it ends. A kqueue reports
/// them separately, and two answers may become one event. Then the batch has room
/// left although the kernel has more answers, and the loop must not end there. The
/// test registers seven sources for both directions.
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

/// Wakes without end do not keep the loop open. The test wakes five wakers before
/// each `poll`, and counts the polls.
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

/// A closed loop refuses every registration, with the error that `poll` returns. A
/// program may still deregister, before and after the last `poll`, and may close
/// the loop again. The test does all of these.
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

/// The queue's own wake-up takes one of the kernel's places and gives no event. The
/// batch then has room left, but it is not the last. The test closes the loop with
/// such a wake-up pending and expects all events.
#[test]
fn c15_a_wake_up_of_the_queues_own_is_not_room_left_over() {
    for capacity in 1..=6 {
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(capacity);
        let (mut streams, _peers) = readable_streams(5);
        // From now on each wake and each closing is a wake-up in the kernel.
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

/// A wake outlives its waker in a closed loop too. It is reported, and takes no
/// turn from a registered source. The test drops up to six wakers after their
/// wakes.
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

/// A source that was deregistered or dropped has no turn any more. The test
/// registers and removes twenty times, and then counts the polls for two sources.
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

//! Clause 3: level.

use std::collections::BTreeMap;
use std::io::{Read, Write};
#[cfg(unix)]
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

#[cfg(unix)]
use evq::unix::SourceFd;
use evq::{Event, Events, Interests, Poll, Readiness, Registration, Source, Token, Trigger, Waker};

use crate::bench::{KINDS, Subject, benches};
#[cfg(unix)]
use crate::bench::{pipe, socket_pair};
use crate::common::{LIMIT, both, connection, look, readable, readable_connection, wait_for};

/// Level: while a source stays ready, each `poll` reports it again, whether the
/// program has read or not. A program may then read as little at a time as it
/// likes, but each wait gives it an event. The test expects an event from each
/// `poll` until it drains the source.
#[test]
fn c03_level_is_reported_until_the_source_is_drained() {
    for mut bench in benches() {
        bench.register(Trigger::Level);
        for _ in 0..2 {
            bench.subject.feed();
            bench.event("made ready");
            for _ in 0..3 {
                let found = look(&mut bench.poll, &mut bench.events);
                assert_eq!(found.len(), 1, "{}, still ready", bench.kind);
            }
            bench.subject.drain();
            bench.silence("drained");
        }
    }
}

/// After a partial read the source is still ready, and level reports it again, down
/// to the last byte. The test reads one byte at a time. (Under edge no event comes
/// here: `c02_a_partial_read_leaves_edge_silent_and_the_rest_readable`.)
#[test]
fn c03_level_reports_what_a_partial_read_leaves() {
    let (mut ours, mut peer) = connection();
    in_small_bites(
        &mut ours,
        |bytes| peer.write_all(bytes),
        |one| (&*one).read(&mut [0]),
    );
}

/// The same for descriptors.
#[cfg(unix)]
#[test]
fn c03_level_reports_what_a_partial_read_of_a_descriptor_leaves() {
    let (ours, mut peer) = socket_pair();
    let mut ours = SourceFd::new(ours);
    in_small_bites(
        &mut ours,
        |bytes| peer.write_all(bytes),
        |one| one.get_ref().read(&mut [0]),
    );

    let (read, mut write) = pipe();
    let mut read = SourceFd::new(read);
    in_small_bites(
        &mut read,
        |bytes| write.write_all(bytes),
        |one| one.get_ref().read(&mut [0]),
    );
}

fn in_small_bites<S: Source>(
    source: &mut S,
    write: impl FnOnce(&[u8]) -> std::io::Result<()>,
    read_one: impl Fn(&S) -> std::io::Result<usize>,
) {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    poll.registrator()
        .register_with(source, Token(1), Interests::READABLE, Trigger::Level)
        .unwrap();
    write(b"four").unwrap();
    for bite in 0..4 {
        let what = format!("byte {bite}");
        wait_for(&mut poll, &mut events, &what, readable(Token(1)));
        assert_eq!(read_one(source).unwrap(), 1);
    }
    assert_eq!(look(&mut poll, &mut events), []);
}

/// Several sources stay ready, and the batch has room for fewer. Each source still
/// gets its turn. Otherwise the first source would starve the others if nobody
/// drained it. The test polls twice as often as there are sources, and expects each
/// token.
#[test]
fn c03_every_ready_source_gets_its_turn() {
    for capacity in [1, 2, 3] {
        for (kind, make) in KINDS {
            let mut subjects: Vec<_> = (0..5).map(|_| make()).collect();
            take_turns(kind, &mut subjects, capacity);
        }
        let mut one_of_each: Vec<_> = KINDS.iter().map(|(_, make)| make()).collect();
        take_turns("all kinds together", &mut one_of_each, capacity);
    }
}

fn take_turns(kind: &str, subjects: &mut [Box<dyn Subject>], capacity: usize) {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(capacity);
    for (index, subject) in subjects.iter_mut().enumerate() {
        let interests = subject.interests();
        poll.registrator()
            .register_with(subject.source(), Token(index), interests, Trigger::Level)
            .unwrap();
        subject.feed();
    }
    // Once we have seen each source, all of them are ready.
    let mut seen = BTreeMap::new();
    while seen.len() < subjects.len() {
        let event = wait_for(&mut poll, &mut events, kind, |_| true);
        for event in &events {
            *seen.entry(event.token()).or_insert(0) += 1;
        }
        assert!(
            seen[&event.token()] < 1000,
            "{kind}, {capacity} at a time: of {} only {seen:?}",
            subjects.len()
        );
    }
    // The kernel and the list each get half of the places. With one place they take
    // turns, so a round takes at most twice as many polls as there are sources.
    for round in 0..3 {
        let mut seen = BTreeMap::new();
        for _ in 0..2 * subjects.len() {
            poll.poll(&mut events, Some(crate::common::LIMIT)).unwrap();
            for event in &events {
                *seen.entry(event.token()).or_insert(0) += 1;
            }
        }
        assert_eq!(
            seen.len(),
            subjects.len(),
            "{kind}, {capacity} at a time, round {round}: {seen:?}"
        );
    }
}

/// A registration changes from edge to level, and the source stays as it was. From
/// then on each `poll` reports it. The test guards against a trap of kqueue: EV_ADD
/// on an existing knote keeps the old trigger.
#[test]
fn c03_edge_changed_to_level_is_level() {
    for mut bench in benches() {
        bench.register(Trigger::Edge);
        bench.subject.feed();
        bench.event("made ready");
        bench.silence("edge");
        bench.reregister(Trigger::Level);
        for _ in 0..3 {
            bench.event("level from now on");
        }
        bench.subject.drain();
        bench.silence("drained");
    }

    let (mut ours, mut peer) = connection();
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let registrator = poll.registrator().clone();
    registrator
        .register(&mut ours, Token(1), Interests::READABLE)
        .unwrap();
    peer.write_all(b"two").unwrap();
    wait_for(&mut poll, &mut events, "the bytes", readable(Token(1)));
    registrator
        .reregister_with(&mut ours, Token(1), Interests::READABLE, Trigger::Level)
        .unwrap();
    for byte in b"two" {
        wait_for(&mut poll, &mut events, "a byte", readable(Token(1)));
        let mut one = [0];
        assert_eq!(ours.read(&mut one).unwrap(), 1);
        assert_eq!(one[0], *byte);
    }
}

/// An outer queue watches an inner one. The inner queue is readable as long as its
/// own `poll` would find something. That includes a level-triggered source whose
/// event has already been delivered, by the kernel or by the ready list.
#[cfg(unix)]
#[test]
fn c03_a_watched_queue_stays_readable_while_a_level_source_is_ready() {
    for watched_at_once in [true, false] {
        for mut bench in benches() {
            let mut outer = Poll::new().unwrap();
            let mut events = Events::with_capacity(8);
            let what = format!("the queue of {}", bench.kind);
            if watched_at_once {
                // From now on the queue's descriptor shows each event.
                bench.poll.fd_with_every_wake();
            }
            bench.register(Trigger::Level);
            bench.subject.feed();
            bench.event("delivered before its queue is registered");

            let inner = bench.poll.try_clone_to_owned_fd().unwrap();
            let mut source = SourceFd::new(inner.as_fd());
            outer
                .registrator()
                .register_with(&mut source, Token(1), Interests::READABLE, Trigger::Level)
                .unwrap();
            for _ in 0..3 {
                wait_for(&mut outer, &mut events, &what, readable(Token(1)));
                bench.event("delivered by the inner queue");
            }
            bench.subject.drain();
            bench.silence("drained");
            assert_eq!(look(&mut outer, &mut events), [], "{what}");
        }
    }
}

/// A level-triggered source is in a batch at most once. In the test another thread
/// wakes the poller again and again while `poll` asks the kernel.
#[test]
fn c03_a_level_source_is_in_a_batch_once() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let (mut stream, mut peer) = connection();
    poll.registrator()
        .register_with(&mut stream, Token(1), Interests::READABLE, Trigger::Level)
        .unwrap();
    peer.write_all(b"!").unwrap();
    let waker = Waker::new(poll.registrator(), Token(2)).unwrap();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                waker.wake().unwrap();
                thread::yield_now();
            }
        });
        let mut most = 0;
        for _ in 0..if cfg!(miri) { 50 } else { 20_000 } {
            poll.poll(&mut events, None).unwrap();
            let of_the_stream = |event: &&Event| event.token() == Token(1);
            most = most.max(events.iter().filter(of_the_stream).count());
        }
        over.store(true, Ordering::Relaxed);
        assert_eq!(most, 1);
    });
}

/// A source is in a batch at most once, whatever its trigger and whoever makes it
/// ready. In the test a thread sets a `Registration` again and again while `poll`
/// takes it from the list.
#[test]
fn c03_a_source_that_a_busy_thread_sets_is_in_a_batch_once() {
    for trigger in [Trigger::Edge, Trigger::Level] {
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(8);
        let (mut registration, set_readiness) = Registration::new();
        poll.registrator()
            .register_with(&mut registration, Token(1), Interests::READABLE, trigger)
            .unwrap();
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    set_readiness.set_readiness(Readiness::READABLE).unwrap();
                }
            });
            let mut most = 0;
            for _ in 0..if cfg!(miri) { 50 } else { 20_000 } {
                poll.poll(&mut events, None).unwrap();
                most = most.max(events.len());
            }
            over.store(true, Ordering::Relaxed);
            assert_eq!(most, 1, "{trigger:?}");
        });
    }
}

/// `poll` reports reading and writing of one source as one event. A kqueue reports
/// them separately, and may have another source's answer between them. The test
/// registers nine streams for both directions and looks for a token that comes
/// twice in a batch.
#[test]
fn c03_both_directions_of_a_source_are_one_event() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(64);
    let (mut streams, _peers): (Vec<_>, Vec<_>) = (0..9).map(|_| readable_connection()).unzip();
    for trigger in [Trigger::Edge, Trigger::Level] {
        for (number, stream) in streams.iter_mut().enumerate() {
            poll.registrator()
                .register_with(stream, Token(number), both(), trigger)
                .unwrap();
        }
        let mut readable = [false; 9];
        while readable.contains(&false) {
            poll.poll(&mut events, Some(LIMIT)).unwrap();
            assert!(!events.is_empty(), "{trigger:?}: {readable:?}");
            let mut seen = [false; 9];
            for event in &events {
                let Token(number) = event.token();
                assert!(
                    !seen[number],
                    "{trigger:?}: the token is twice in {events:?}"
                );
                seen[number] = true;
                readable[number] |= event.is_readable();
            }
        }
        for stream in &mut streams {
            poll.registrator().deregister(stream).unwrap();
        }
    }
}

//! Clause 13: batches smaller than what is ready. Ten thousand connections at
//! once are in `tests/c13_ten_thousand.rs`.

use std::collections::BTreeMap;
use std::io::Write;

use evq::net::TcpStream;
use evq::{Events, Interests, Poll, Readiness, Registration, SetReadiness, Token, Trigger, Waker};

#[cfg(unix)]
use crate::common::until_arrived;
use crate::common::{LIMIT, both, connection, look, readable_connection};

/// Streams that have a byte to read, with the tokens 0, 1, ..; and their peers.
fn register_streams(
    poll: &Poll,
    count: usize,
    trigger: Trigger,
) -> Vec<(TcpStream, std::net::TcpStream)> {
    (0..count)
        .map(|token| {
            let (mut stream, peer) = readable_connection();
            poll.registrator()
                .register_with(&mut stream, Token(token), Interests::READABLE, trigger)
                .unwrap();
            (stream, peer)
        })
        .collect()
}

/// Readable nodes of the ready list, with the tokens `first`, `first` + 1, ..
fn register_nodes(
    poll: &Poll,
    count: usize,
    first: usize,
    trigger: Trigger,
) -> Vec<(Registration, SetReadiness)> {
    (0..count)
        .map(|number| {
            let (mut registration, set_readiness) = Registration::new();
            set_readiness.set_readiness(Readiness::READABLE).unwrap();
            poll.registrator()
                .register_with(
                    &mut registration,
                    Token(first + number),
                    Interests::READABLE,
                    trigger,
                )
                .unwrap();
            (registration, set_readiness)
        })
        .collect()
}

/// How often each token came in `polls` polls, none of which may be empty.
fn count(poll: &mut Poll, events: &mut Events, polls: usize) -> BTreeMap<usize, usize> {
    let mut counts = BTreeMap::new();
    for number in 0..polls {
        let found = look(poll, events);
        assert!(!found.is_empty(), "poll {number} of {polls} found nothing");
        for event in found {
            *counts.entry(event.token().0).or_default() += 1;
        }
    }
    counts
}

/// Twenty sources are ready and there is room for one event at a time: twenty
/// polls report each source once. What did not fit the first time was kept.
#[test]
fn c13_room_for_one_event_loses_no_kernel_event() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(1);
    let _streams = register_streams(&poll, 20, Trigger::Edge);
    let counts = count(&mut poll, &mut events, 20);
    assert_eq!(counts, (0..20).map(|token| (token, 1)).collect());
    assert!(look(&mut poll, &mut events).is_empty());
}

/// The same for readiness that no kernel reports.
#[test]
fn c13_room_for_one_event_loses_no_listed_node() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(1);
    let _nodes = register_nodes(&poll, 20, 0, Trigger::Edge);
    let counts = count(&mut poll, &mut events, 20);
    assert_eq!(counts, (0..20).map(|token| (token, 1)).collect());
    assert!(look(&mut poll, &mut events).is_empty());
}

/// And for both at once, with every room from 1 to more than there is.
#[test]
fn c13_no_room_is_too_small_for_both_kinds_at_once() {
    for capacity in 1..=25 {
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(capacity);
        let _streams = register_streams(&poll, 10, Trigger::Edge);
        let _nodes = register_nodes(&poll, 12, 10, Trigger::Edge);
        let mut seen = Vec::new();
        while let found @ [_, ..] = &look(&mut poll, &mut events)[..] {
            assert!(found.len() <= capacity);
            seen.extend(found.iter().map(|event| event.token().0));
            assert!(seen.len() <= 22, "capacity {capacity}: {seen:?}");
        }
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..22), "capacity {capacity}");
    }
}

/// A capacity of 0 means 1: a `poll` without room could never say anything.
#[test]
fn c13_no_room_means_room_for_one() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(0);
    assert_eq!(events.capacity(), 1);
    let _streams = register_streams(&poll, 2, Trigger::Edge);
    let counts = count(&mut poll, &mut events, 2);
    assert_eq!(counts, [(0, 1), (1, 1)].into());
}

/// Sockets that are always ready and a node that is always listed share one
/// place by turns. Neither may starve the other, whichever of them is asked first.
#[test]
fn c13_kernel_and_list_do_not_starve_each_other() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(1);
    let _streams = register_streams(&poll, 1, Trigger::Level);
    let _nodes = register_nodes(&poll, 1, 1, Trigger::Level);
    let counts = count(&mut poll, &mut events, 100);
    assert_eq!(counts, [(0, 50), (1, 50)].into());
}

/// The same where threads, or `poll`'s own caller, wake before each `poll`,
/// for rooms that can and that cannot be halved.
#[test]
fn c13_a_storm_of_wakes_starves_no_source() {
    for capacity in [1, 2, 3, 8] {
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(capacity);
        let _streams = register_streams(&poll, 10, Trigger::Level);
        let wakers: Vec<Waker> = (10..20)
            .map(|token| Waker::new(poll.registrator(), Token(token)).unwrap())
            .collect();
        let mut counts = BTreeMap::<usize, usize>::new();
        for _ in 0..400 {
            for waker in &wakers {
                waker.wake().unwrap();
            }
            for event in look(&mut poll, &mut events) {
                *counts.entry(event.token().0).or_default() += 1;
            }
        }
        // 20 sources, each of which is owed a fair share of the room.
        let fair = 400 * capacity / 20;
        for token in 0..20 {
            let count = counts.get(&token).copied().unwrap_or(0);
            assert!(count >= fair / 2, "capacity {capacity}: {counts:?}");
        }
    }
}

/// A batch smaller than what is ready loses nothing and starves nothing: thirty
/// sources that stay ready are reported in turns of four, each about as often
/// as the others.
#[test]
fn c13_a_small_batch_gives_every_source_its_turn() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(4);
    let _streams = register_streams(&poll, 30, Trigger::Level);
    let counts = count(&mut poll, &mut events, 300);
    assert_eq!(counts.len(), 30);
    for (token, count) in &counts {
        assert!(*count >= 20, "{token} of 30 came {count} times in 1200");
    }
}

/// Reading and writing of one source may come as one event or as two. With
/// room for one, both directions are reported all the same.
#[test]
fn c13_room_for_one_event_loses_no_direction() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(1);
    let (mut stream, mut peer) = connection();
    peer.write_all(b"!").unwrap();
    poll.registrator()
        .register(&mut stream, Token(1), both())
        .unwrap();
    let mut directions = (false, false);
    while directions != (true, true) {
        poll.poll(&mut events, Some(LIMIT)).unwrap();
        assert!(!events.is_empty(), "still waiting after {directions:?}");
        for event in &events {
            directions.0 |= event.is_readable();
            directions.1 |= event.is_writable();
        }
    }
}

/// A wake-up of the queue's own may be all that there was room for. Then the
/// answer is not that nothing is ready.
#[cfg(unix)]
#[test]
fn c13_a_look_is_not_empty_for_a_wake_up_of_the_queues_own() {
    for _ in 0..20 {
        let mut poll = Poll::new().unwrap();
        let mut one = Events::with_capacity(1);
        let _ = poll.fd_with_every_wake();
        let waker = Waker::new(poll.registrator(), Token(2)).unwrap();
        waker.wake().unwrap();
        let (mut stream, mut peer) = connection();
        poll.registrator()
            .register(&mut stream, Token(1), Interests::READABLE)
            .unwrap();
        peer.write_all(b"!").unwrap();
        until_arrived(&stream);
        let mut found: Vec<_> = (0..2).flat_map(|_| look(&mut poll, &mut one)).collect();
        found.sort_by_key(|event| event.token());
        assert_eq!(found.len(), 2, "{found:?}");
    }
}

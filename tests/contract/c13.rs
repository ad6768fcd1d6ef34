//! Clause 13: batches that are smaller than what is ready.
//! `tests/c13_ten_thousand.rs` has ten thousand connections at once.

use std::collections::BTreeMap;
use std::io::Write;

use evq::net::TcpStream;
use evq::{Events, Interests, Poll, Readiness, Registration, SetReadiness, Token, Trigger, Waker};

#[cfg(unix)]
use crate::common::until_arrived;
use crate::common::{LIMIT, both, connection, look, readable_connection};

/// Registers streams that have a byte to read, with the tokens 0, 1 and so on.
/// Returns them with their peers.
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

/// Registers readable nodes of the ready list, with the tokens `first`, `first` + 1
/// and so on.
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

/// Polls so many times and counts each token. No poll may come back empty.
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

/// Twenty sources are ready, and there is room for one event. The test polls twenty
/// times and gets each source once: what had no room waits for the next `poll`.
#[test]
fn c13_room_for_one_event_loses_no_kernel_event() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(1);
    let _streams = register_streams(&poll, 20, Trigger::Edge);
    let counts = count(&mut poll, &mut events, 20);
    assert_eq!(counts, (0..20).map(|token| (token, 1)).collect());
    assert!(look(&mut poll, &mut events).is_empty());
}

/// The same for nodes of the ready list, whose readiness no kernel reports.
#[test]
fn c13_room_for_one_event_loses_no_listed_node() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(1);
    let _nodes = register_nodes(&poll, 20, 0, Trigger::Edge);
    let counts = count(&mut poll, &mut events, 20);
    assert_eq!(counts, (0..20).map(|token| (token, 1)).collect());
    assert!(look(&mut poll, &mut events).is_empty());
}

/// The same for streams and nodes together. The test tries every capacity from 1 to
/// more than there are sources.
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

/// A capacity of 0 means 1, because a `poll` without room could report nothing. The
/// test gets two sources in two polls.
#[test]
fn c13_no_room_means_room_for_one() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(0);
    assert_eq!(events.capacity(), 1);
    let _streams = register_streams(&poll, 2, Trigger::Edge);
    let counts = count(&mut poll, &mut events, 2);
    assert_eq!(counts, [(0, 1), (1, 1)].into());
}

/// A socket and a node are always ready and share room for one event. The kernel
/// and the list take turns, so neither starves the other. The test polls a hundred
/// times and gets each fifty times.
#[test]
fn c13_kernel_and_list_do_not_starve_each_other() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(1);
    let _streams = register_streams(&poll, 1, Trigger::Level);
    let _nodes = register_nodes(&poll, 1, 1, Trigger::Level);
    let counts = count(&mut poll, &mut events, 100);
    assert_eq!(counts, [(0, 50), (1, 50)].into());
}

/// The same when ten wakers wake before each `poll`. The test tries capacities that
/// can be halved and others that cannot.
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
        // Twenty sources share the room, and this would be a fair share for each.
        let fair = 400 * capacity / 20;
        for token in 0..20 {
            let count = counts.get(&token).copied().unwrap_or(0);
            assert!(count >= fair / 2, "capacity {capacity}: {counts:?}");
        }
    }
}

/// A small batch starves nobody. Thirty sources stay ready, and the test polls 300
/// times with room for four. Each source comes about as often as the others.
#[test]
fn c13_a_small_batch_gives_every_source_its_turn() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(4);
    let _streams = register_streams(&poll, 30, Trigger::Level);
    let counts = count(&mut poll, &mut events, 300);
    assert_eq!(counts.len(), 30);
    for (token, count) in &counts {
        assert!(
            *count >= 20,
            "source {token} of 30 came {count} times in 1200"
        );
    }
}

/// A system may report reading and writing of one source together or separately.
/// The test has room for one event, and polls until both directions have come.
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

/// The queue's own wake-up may take the only place of a batch. `poll` then asks
/// again: it does not return an empty batch while a source is ready. The test has a
/// waker and a stream but room for one event, and gets both in two polls.
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

use super::*;
use evq::{Events, Interests, Poll, Readiness, Registration, Token, Trigger, Waker};
use std::time::Duration;

/// Polls without waiting, and compares the number of events with the prediction.
fn expect(poll: &mut Poll, number: usize, why: &str) {
    let mut events = Events::with_capacity(8);
    let found = poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
    assert_eq!(
        EVENTS[number],
        found,
        "prediction {} of 7 differs from the run: {why}",
        number + 1
    );
}

#[test]
fn a_waker_and_its_clone() {
    let mut poll = Poll::new().unwrap();
    let waker = Waker::new(poll.registrator(), Token(1)).unwrap();
    let clone = waker.clone();
    waker.wake().unwrap();
    clone.wake().unwrap();
    let why = "clones share one node, and a node stands in the list at most once";
    expect(&mut poll, 0, why);
}

#[test]
fn two_wakers() {
    let mut poll = Poll::new().unwrap();
    let wakers = [(); 2].map(|()| Waker::new(poll.registrator(), Token(1)).unwrap());
    for waker in &wakers {
        waker.wake().unwrap();
    }
    let why = "each waker has its own node, even if two wakers have the same token";
    expect(&mut poll, 1, why);
}

#[test]
fn a_registration() {
    let mut poll = Poll::new().unwrap();
    let registrator = poll.registrator().clone();
    let (mut source, set) = Registration::new();
    let readable = || set.set_readiness(Readiness::READABLE).unwrap();
    registrator
        .register(&mut source, Token(1), Interests::READABLE)
        .unwrap();

    readable();
    readable();
    let why = "a node stands in the list at most once";
    expect(&mut poll, 2, why);
    let why = "poll reports an edge once, and nobody has set the readiness again";
    expect(&mut poll, 3, why);

    readable();
    set.set_readiness(Readiness::EMPTY).unwrap();
    let why =
        "poll reports a node for what it is when it is taken out, not for what it was when listed";
    expect(&mut poll, 4, why);

    readable();
    registrator.deregister(&mut source).unwrap();
    registrator
        .register(&mut source, Token(2), Interests::READABLE)
        .unwrap();
    let why =
        "the old registration's node delivers nothing; registering reports what is ready already";
    expect(&mut poll, 5, why);

    readable();
    registrator
        .reregister_with(&mut source, Token(2), Interests::READABLE, Trigger::Level)
        .unwrap();
    let mut events = Events::with_capacity(8);
    poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
    let why = "a level-triggered node that is still ready is listed again for the next poll";
    expect(&mut poll, 6, why);
}

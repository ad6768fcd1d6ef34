//! Clause 4: oneshot.

use std::io::Write;

use evq::{Events, Interests, Poll, Readiness, Registration, Source, Token, Trigger};

#[cfg(unix)]
use crate::bench::socket_pair;
use crate::bench::{TRIGGERS, benches, read_all};
use crate::common::{both, connection, look, wait_for};
#[cfg(unix)]
use evq::unix::SourceFd;

/// Oneshot: `poll` reports each requested direction at most once, until
/// `reregister` arms the source again. So only one of several threads works on the
/// source at a time. The test expects one event for each `reregister`, and none
/// without it.
#[test]
fn c04_oneshot_is_reported_once_until_reregistered() {
    for mut bench in benches() {
        bench.register(Trigger::Oneshot);
        for _ in 0..3 {
            bench.subject.feed();
            bench.event("made ready");
            bench.silence("reported once, still ready");
            bench.subject.drain();
            bench.subject.feed();
            bench.silence("ready again, but not armed");
            bench.reregister(Trigger::Oneshot);
            bench.event("armed again, ready");
            bench.subject.drain();
            bench.silence("drained, not armed");
            bench.reregister(Trigger::Oneshot);
            bench.silence("armed, not ready");
        }
    }
}

/// After its event, `reregister` may change a oneshot source to any trigger. The
/// test changes it to edge, level and oneshot, and expects each to behave as usual.
#[test]
fn c04_a_spent_oneshot_can_be_changed_to_any_trigger() {
    for trigger in TRIGGERS {
        for mut bench in benches() {
            bench.register(Trigger::Oneshot);
            bench.subject.feed();
            bench.event("made ready");
            bench.reregister(trigger);
            bench.event("changed");
            if trigger == Trigger::Level {
                bench.event("level repeats");
                bench.subject.drain();
            }
            bench.silence("nothing new");
        }
    }
}

/// `poll` reports each direction at most once. What happens to the other direction
/// differs. epoll disables the whole descriptor after one report. kqueue has one
/// knote for each direction, so the other one stays armed. `reregister` arms both.
/// The test allows both behaviours, and no direction twice.
#[test]
fn c04_each_direction_is_reported_at_most_once() {
    let (mut ours, mut peer) = connection();
    once_each_way(&mut ours, || peer.write_all(b"!").unwrap());

    #[cfg(unix)]
    {
        let (ours, mut peer) = socket_pair();
        once_each_way(&mut SourceFd::new(ours), || peer.write_all(b"!").unwrap());
    }

    let (mut registration, set_readiness) = Registration::new();
    set_readiness.set_readiness(Readiness::WRITABLE).unwrap();
    once_each_way(&mut registration, || {
        let now = Readiness::WRITABLE | Readiness::READABLE;
        set_readiness.set_readiness(now).unwrap();
    });
}

/// The source must be writable at first. `feed` makes it readable as well.
fn once_each_way(source: &mut dyn Source, feed: impl FnOnce()) {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let registrator = poll.registrator().clone();
    registrator
        .register_with(source, Token(1), both(), Trigger::Oneshot)
        .unwrap();
    let (mut readable, mut writable) = (0, 0);
    wait_for(&mut poll, &mut events, "room", |event| event.is_writable());
    let mut count = |events: &Events| {
        for event in events {
            readable += usize::from(event.is_readable());
            writable += usize::from(event.is_writable());
        }
    };
    count(&events);
    feed();
    for _ in 0..5 {
        look(&mut poll, &mut events);
        count(&events);
    }
    assert_eq!(writable, 1);
    assert!(readable <= 1, "readable {readable} times");

    registrator
        .reregister_with(source, Token(2), both(), Trigger::Oneshot)
        .unwrap();
    let (mut readable, mut writable) = (false, false);
    while !(readable && writable) {
        wait_for(&mut poll, &mut events, "both directions", |_| true);
        for event in &events {
            assert_eq!(event.token(), Token(2));
            readable |= event.is_readable();
            writable |= event.is_writable();
        }
        if readable != writable {
            // One direction came first, and its report disabled the other.
            registrator
                .reregister_with(source, Token(2), both(), Trigger::Oneshot)
                .unwrap();
        }
    }
}

/// A program may arm one direction after the other. The test asks for writing
/// first, then for reading, and each time only that direction is reported.
#[test]
fn c04_one_direction_can_be_armed_after_the_other() {
    let (mut ours, mut peer) = connection();
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let registrator = poll.registrator().clone();
    registrator
        .register_with(&mut ours, Token(1), Interests::WRITABLE, Trigger::Oneshot)
        .unwrap();
    peer.write_all(b"!").unwrap();
    let event = wait_for(&mut poll, &mut events, "room", |_| true);
    assert!(event.is_writable() && !event.is_readable(), "{event:?}");
    registrator
        .reregister_with(&mut ours, Token(1), Interests::READABLE, Trigger::Oneshot)
        .unwrap();
    let event = wait_for(&mut poll, &mut events, "the byte", |_| true);
    assert!(event.is_readable() && !event.is_writable(), "{event:?}");
    assert_eq!(read_all(&ours), b"!");
    assert_eq!(look(&mut poll, &mut events), []);
}

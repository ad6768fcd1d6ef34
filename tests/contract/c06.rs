//! Clause 6: registering again.

use std::io::{ErrorKind, Read, Write};

use evq::{Events, Interests, Poll, Readiness, Registration, Source, Token, Trigger};

#[cfg(unix)]
use crate::bench::socket_pair;
use crate::bench::{Bench, TRIGGERS, benches};
use crate::common::{both, connection, look, readable_connection, wait_for};
#[cfg(unix)]
use evq::unix::SourceFd;

/// A source can be deregistered and registered again any number of times, with any
/// interests and any trigger, and no byte is lost. Bytes that arrive in between
/// wait in the source. So a program may set a connection aside, or hand it to
/// another loop, at any moment. The test goes from every registration to every
/// other, and reads all bytes in order.
#[test]
fn c06_registering_again_loses_no_bytes() {
    let (mut ours, mut peer) = connection();
    again_and_again(
        &mut ours,
        |byte| peer.write_all(&[byte]).unwrap(),
        |ours, buffer| (&*ours).read(buffer),
    );

    #[cfg(unix)]
    {
        let (ours, mut peer) = socket_pair();
        again_and_again(
            &mut SourceFd::new(ours),
            |byte| peer.write_all(&[byte]).unwrap(),
            |ours, buffer| ours.get_ref().read(buffer),
        );
    }
}

/// Goes from every registration to every other, by `deregister` and `register`. One
/// byte arrives while the source is registered, one while it is not.
fn again_and_again<S: Source>(
    source: &mut S,
    mut write: impl FnMut(u8),
    read: impl Fn(&S, &mut [u8]) -> std::io::Result<usize>,
) {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let registrator = poll.registrator().clone();
    let mut next = 0_u8;
    for (interests, trigger) in registrations() {
        for (then_interests, then_trigger) in registrations() {
            registrator
                .register_with(source, Token(1), interests, trigger)
                .unwrap();
            let sent = [next, next.wrapping_add(1)];
            next = next.wrapping_add(2);
            write(sent[0]);
            registrator.deregister(source).unwrap();
            write(sent[1]);
            registrator
                .register_with(source, Token(2), then_interests, then_trigger)
                .unwrap();
            if then_interests.is_writable() {
                let what = format!("room, {then_interests:?} {then_trigger:?}");
                wait_for(&mut poll, &mut events, &what, |event| event.is_writable());
                // A oneshot may have fired already.
                registrator
                    .reregister_with(source, Token(2), Interests::READABLE, then_trigger)
                    .unwrap();
            }
            let mut received = Vec::new();
            while received.len() < 2 {
                let mut buffer = [0; 3];
                match read(source, &mut buffer) {
                    Ok(n) => received.extend_from_slice(&buffer[..n]),
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::WouldBlock);
                        let what = format!("a byte, {then_interests:?} {then_trigger:?}");
                        wait_for(&mut poll, &mut events, &what, |event| event.is_readable());
                        registrator
                            .reregister_with(source, Token(2), Interests::READABLE, then_trigger)
                            .unwrap();
                    }
                }
            }
            assert_eq!(received, sent);
            registrator.deregister(source).unwrap();
        }
    }
}

fn registrations() -> impl Iterator<Item = (Interests, Trigger)> {
    [Interests::READABLE, Interests::WRITABLE, both()]
        .into_iter()
        .flat_map(|interests| TRIGGERS.map(|trigger| (interests, trigger)))
}

/// `register` and `reregister` report what is ready now, even if it was reported
/// before. So a program need not try a source before it registers it. Afterwards
/// only the new trigger counts. The test registers a ready source with every pair
/// of triggers, and expects one event and then what the new trigger promises.
#[test]
fn c06_register_and_reregister_report_what_is_ready_now() {
    for old in TRIGGERS {
        for new in TRIGGERS {
            for mut bench in benches() {
                bench.register(old);
                bench.subject.feed();
                bench.event("made ready");

                bench.reregister(new);
                bench.event("reregistered");
                as_triggered(&mut bench, new);

                bench.deregister();
                bench.register(old);
                bench.event("registered again");
                as_triggered(&mut bench, old);

                bench.subject.drain();
                bench.reregister(new);
                bench.silence("drained, then reregistered");
                bench.subject.feed();
                bench.event("made ready again");
            }
        }
    }
}

fn as_triggered(bench: &mut Bench, trigger: Trigger) {
    if trigger == Trigger::Level {
        bench.event("level");
        bench.event("level, again");
    } else {
        bench.silence("reported, nothing new");
    }
}

/// A source may be ready before its first registration. The test expects its event.
#[test]
fn c06_what_was_ready_before_it_was_registered_is_reported() {
    for trigger in TRIGGERS {
        for mut bench in benches() {
            bench.subject.feed();
            bench.register(trigger);
            bench.event("registered");
        }
    }
}

/// A thousand registrations leave nothing behind. The test registers and
/// deregisters each source a thousand times and expects silence. One more
/// registration then reports one event.
#[test]
fn c06_a_thousand_registrations_are_as_one() {
    for mut bench in benches() {
        bench.subject.feed();
        for round in 0..1000 {
            let trigger = TRIGGERS[round % 3];
            bench.register(trigger);
            bench.reregister(TRIGGERS[round % 2]);
            bench.deregister();
        }
        bench.silence("deregistered");
        bench.register(Trigger::Edge);
        bench.event("registered");
        bench.silence("edge, once");
    }
}

/// `poll` reports only the directions that the program asked for, and `reregister`
/// changes them. The test asks for each direction in turn.
#[test]
fn c06_reregister_changes_the_interests() {
    let (mut ours, _peer) = readable_connection();
    report_each_way(&mut ours);

    #[cfg(unix)]
    {
        let (ours, mut peer) = socket_pair();
        peer.write_all(b"!").unwrap();
        report_each_way(&mut SourceFd::new(ours));
    }

    let (mut registration, set_readiness) = Registration::new();
    let ready = Readiness::READABLE | Readiness::WRITABLE;
    set_readiness.set_readiness(ready).unwrap();
    report_each_way(&mut registration);
}

/// The source must be ready for both directions.
fn report_each_way(source: &mut dyn Source) {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let registrator = poll.registrator().clone();
    let mut token = Token(1);
    registrator
        .register(source, token, Interests::READABLE)
        .unwrap();
    wait_for(&mut poll, &mut events, "the byte", |_| true);
    for (interests, trigger) in registrations().chain(registrations()) {
        token.0 += 1;
        registrator
            .reregister_with(source, token, interests, trigger)
            .unwrap();
        let found = look(&mut poll, &mut events);
        assert_eq!(found.len(), 1, "{interests:?} {trigger:?}: {found:?}");
        let event = found[0];
        assert_eq!(event.token(), token);
        assert_eq!(event.is_readable(), interests.is_readable(), "{event:?}");
        assert_eq!(event.is_writable(), interests.is_writable(), "{event:?}");
    }
}

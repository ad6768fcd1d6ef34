//! Clause 7: who is registered, and where.

use std::io::{ErrorKind, Write};

use evq::{Events, Interests, Poll, Registration, Token, Trigger};

use crate::bench::{Bench, Subject, TRIGGERS, benches};
#[cfg(unix)]
use crate::common::KQUEUE;
use crate::common::{connection, look, readable, wait_for};
#[cfg(unix)]
use evq::unix::SourceFd;

/// Registering a registered source gives `AlreadyExists`, whatever the queue, and
/// the registration stays as it was. The kernels differ here: epoll refuses, but
/// kqueue silently overwrites. So every source remembers its own registration, and
/// the program's mistake shows on each system. The test registers twice and then
/// expects the first registration's events.
#[test]
fn c07_registering_a_registered_source_is_refused_and_changes_nothing() {
    for trigger in TRIGGERS {
        for mut bench in benches() {
            let mut elsewhere = Poll::new().unwrap();
            bench.register(trigger);
            for queue in [&bench.poll, &elsewhere] {
                let error = queue
                    .registrator()
                    .register(bench.subject.source(), Token(99), Interests::WRITABLE)
                    .unwrap_err();
                assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{}", bench.kind);
            }
            bench.silence("not ready");
            bench.subject.feed();
            bench.event("as registered at first");
            if trigger == Trigger::Level {
                bench.event("as registered at first, and still ready");
            } else {
                bench.silence("as registered at first, already reported");
            }
            assert_eq!(look(&mut elsewhere, &mut Events::with_capacity(8)), []);
        }
    }
}

/// Changing or removing a source that is not registered gives `NotFound`. The test
/// tries before the first registration and again after `deregister`.
#[test]
fn c07_an_unregistered_source_is_not_found() {
    for mut bench in benches() {
        not_found(&mut *bench.subject, &bench.poll, bench.kind);
        bench.register(Trigger::Edge);
        bench.deregister();
        not_found(&mut *bench.subject, &bench.poll, bench.kind);
        bench.subject.feed();
        bench.silence("a refused call registered nothing");
    }
}

fn not_found(subject: &mut dyn Subject, poll: &Poll, kind: &str) {
    neither_changed_nor_removed(subject, poll, kind, ErrorKind::NotFound);
}

/// The source is registered with another queue.
fn not_here(subject: &mut dyn Subject, poll: &Poll, kind: &str) {
    neither_changed_nor_removed(subject, poll, kind, ErrorKind::InvalidInput);
}

fn neither_changed_nor_removed(
    subject: &mut dyn Subject,
    poll: &Poll,
    kind: &str,
    expected: ErrorKind,
) {
    let interests = subject.interests();
    let error = poll
        .registrator()
        .reregister(subject.source(), Token(99), interests)
        .unwrap_err();
    assert_eq!(error.kind(), expected, "{kind}");
    let error = poll.registrator().deregister(subject.source()).unwrap_err();
    assert_eq!(error.kind(), expected, "{kind}");
}

/// While a source is registered with one queue, another queue refuses it. After
/// `deregister` it can go to the other queue. (On Windows a handle belongs to its
/// first queue for good.) The test moves every kind of source, and drops the old
/// queue.
#[test]
fn c07_a_source_moves_to_another_queue_once_deregistered() {
    for trigger in TRIGGERS {
        for mut bench in benches() {
            bench.register(trigger);
            let elsewhere = Poll::new().unwrap();
            not_here(&mut *bench.subject, &elsewhere, bench.kind);
            bench.subject.feed();
            bench.event("the other queue's refusal changed nothing");

            bench.deregister();
            if for_good(&*bench.subject) {
                refused_for_good(bench, elsewhere, trigger);
                continue;
            }
            let mut left = std::mem::replace(&mut bench.poll, elsewhere);
            bench.register(trigger);
            bench.event("ready, in its new queue");
            assert_eq!(look(&mut left, &mut bench.events), [], "{}", bench.kind);
            not_here(&mut *bench.subject, &left, bench.kind);

            // The end of the old queue does not concern the source.
            drop(left);
            bench.reregister(trigger);
            bench.event("reregistered in its new queue");
        }
    }
}

/// Whether the source can never leave its first queue.
fn for_good(subject: &dyn Subject) -> bool {
    #[cfg(windows)]
    return subject.is_the_kernels();
    #[cfg(unix)]
    {
        let _ = subject;
        false
    }
}

/// The other queue refuses the source and says what to do. Its own queue accepts it
/// again.
fn refused_for_good(mut bench: Bench, mut elsewhere: Poll, trigger: Trigger) {
    let interests = bench.subject.interests();
    let error = elsewhere
        .registrator()
        .register_with(bench.subject.source(), Token(99), interests, trigger)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists, "{}", bench.kind);
    assert!(error.to_string().contains("until it is closed"), "{error}");
    not_found(&mut *bench.subject, &elsewhere, bench.kind);
    assert_eq!(look(&mut elsewhere, &mut bench.events), []);
    not_found(&mut *bench.subject, &bench.poll, bench.kind);
    bench.register(trigger);
    bench.event("registered again in its first queue");
    drop(elsewhere);
    bench.reregister(trigger);
    bench.event("reregistered in its first queue");
}

/// A registration that fails leaves nothing behind: the source is not registered,
/// and a later registration works. The test tries a queue whose `Poll` is dropped,
/// then the reserved token, and then registers properly.
#[test]
fn c07_a_failed_registration_leaves_nothing_behind() {
    for mut bench in benches() {
        let gone = Poll::new().unwrap();
        let of_gone = gone.registrator().clone();
        drop(gone);
        let interests = bench.subject.interests();
        of_gone
            .register(bench.subject.source(), Token(1), interests)
            .unwrap_err();
        not_found(&mut *bench.subject, &bench.poll, bench.kind);
        let error = bench
            .poll
            .registrator()
            .register(bench.subject.source(), Token(usize::MAX), interests)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{}", bench.kind);
        not_found(&mut *bench.subject, &bench.poll, bench.kind);

        bench.register(Trigger::Edge);
        bench.subject.feed();
        bench.event("registered after all");
    }
}

/// A refused `reregister` leaves the registration as it was. The test asks for the
/// reserved token, and then expects events with the old token and trigger.
#[test]
fn c07_a_refused_change_changes_nothing() {
    for mut bench in benches() {
        bench.register(Trigger::Level);
        let interests = bench.subject.interests();
        let error = bench
            .poll
            .registrator()
            .reregister(bench.subject.source(), Token(usize::MAX), interests)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{}", bench.kind);
        bench.subject.feed();
        bench.event("as registered at first");
        bench.event("level, as at first");
        bench.deregister();
        bench.silence("deregistered");
    }
}

/// If the kernel refuses one direction, the other direction is not registered
/// either. A kqueue can watch another kqueue for reading, but not for writing. The
/// test asks for both, and expects that nothing is registered. (epoll accepts both,
/// so there is nothing to undo.)
#[cfg(unix)]
#[test]
fn c07_a_refused_registration_is_none_in_part_either() {
    use evq::Waker;

    let inner = Poll::new().unwrap();
    let waker = Waker::new(inner.registrator(), Token(0)).unwrap();
    let mut outer = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let mut source = SourceFd::new(inner.fd_with_every_wake());
    let registrator = outer.registrator().clone();
    let interests = Interests::READABLE | Interests::WRITABLE;
    let registered = registrator.register(&mut source, Token(1), interests);
    assert_eq!(registered.is_err(), KQUEUE, "{registered:?}");
    waker.wake().unwrap();
    assert_eq!(look(&mut outer, &mut events).is_empty(), KQUEUE);
    let error = registrator.deregister(&mut source).err();
    let kind = error.map(|error| error.kind());
    assert_eq!(kind, KQUEUE.then_some(ErrorKind::NotFound));
}

/// If the kernel refuses a `reregister`, the old registration stays and reports
/// what is ready. The test registers a queue for reading and asks kqueue to watch
/// it for writing, which kqueue refuses. (epoll accepts the change.)
#[cfg(unix)]
#[test]
fn c07_a_change_that_the_kernel_refuses_changes_nothing() {
    use evq::Waker;

    let inner = Poll::new().unwrap();
    let waker = Waker::new(inner.registrator(), Token(0)).unwrap();
    let mut outer = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let mut source = SourceFd::new(inner.fd_with_every_wake());
    let registrator = outer.registrator().clone();
    for trigger in TRIGGERS {
        registrator
            .register_with(&mut source, Token(1), Interests::READABLE, trigger)
            .unwrap();
        let changed =
            registrator.reregister_with(&mut source, Token(2), Interests::WRITABLE, Trigger::Level);
        assert_eq!(changed.is_err(), KQUEUE, "{changed:?}");
        if KQUEUE {
            waker.wake().unwrap();
            let event = wait_for(&mut outer, &mut events, "the wake", |_| true);
            assert_eq!(event.token(), Token(1), "{trigger:?}");
        }
        registrator.deregister(&mut source).unwrap();
    }
}

/// epoll cannot watch a regular file, and the error says what to do instead. kqueue
/// can: it reports the file readable up to its end. The test registers a file.
#[cfg(unix)]
#[test]
fn c07_a_regular_file_is_refused_where_it_cannot_be_watched() {
    let mut file = SourceFd::new(std::fs::File::open(file!()).unwrap());
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let registered = poll
        .registrator()
        .register(&mut file, Token(1), Interests::READABLE);
    if !KQUEUE {
        let error = registered.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("regular file"), "{error}");
        let error = poll.registrator().deregister(&mut file).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    } else {
        registered.unwrap();
        wait_for(&mut poll, &mut events, "the file", |event| {
            event.is_readable()
        });
    }
}

/// A program makes two `SourceFd`s of one descriptor. epoll refuses the second, and
/// dropping it does not affect the first: the test expects the first one's event.
/// (kqueue silently gives the second the place of the first: do not do that.)
#[cfg(all(any(target_os = "linux", target_os = "android"), not(evq_libkqueue)))]
#[test]
fn c07_a_second_source_of_one_descriptor_is_refused_by_epoll() {
    let (ours, mut peer) = crate::bench::socket_pair();
    let mut first = SourceFd::new(&ours);
    let mut second = SourceFd::new(&ours);
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let registrator = poll.registrator().clone();
    registrator
        .register(&mut first, Token(1), Interests::READABLE)
        .unwrap();
    let error = registrator
        .register(&mut second, Token(2), Interests::READABLE)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    let error = registrator.deregister(&mut second).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    drop(second);
    peer.write_all(b"!").unwrap();
    let event = wait_for(&mut poll, &mut events, "the byte", |_| true);
    assert_eq!(event.token(), Token(1));
}

/// The system gives a closed descriptor's number to the next file. If a duplicate
/// kept the closed source watched, the kernel would refuse the new file with the
/// same number. The test closes and opens descriptors until a number comes again,
/// and registers it.
#[cfg(unix)]
#[test]
fn c07_a_descriptor_number_can_be_registered_again() {
    use std::os::fd::AsRawFd;

    let poll = Poll::new().unwrap();
    let (mut stream, _peer) = connection();
    // Another test may take the number first: then we try again.
    for _ in 0..10_000 {
        let number = stream.as_raw_fd();
        let duplicate = stream.try_clone().unwrap();
        poll.registrator()
            .register(&mut stream, Token(1), Interests::READABLE)
            .unwrap();
        drop(stream);
        // The same open file, with the lowest free number.
        let mut successor = duplicate.try_clone().unwrap();
        let same = successor.as_raw_fd() == number;
        poll.registrator()
            .register(&mut successor, Token(2), Interests::READABLE)
            .unwrap();
        if same {
            return;
        }
        poll.registrator().deregister(&mut successor).unwrap();
        stream = successor;
    }
    panic!("the number never came back");
}

/// On Unix a duplicate is a source of its own, with its own registration in the
/// same queue or in another. The test registers three duplicates and expects an
/// event for each. (On Windows duplicates share one registration.)
#[cfg(unix)]
#[test]
fn c07_a_duplicate_is_registered_by_itself() {
    let mut poll = Poll::new().unwrap();
    let mut elsewhere = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let (mut first, mut peer) = connection();
    let mut second = first.try_clone().unwrap();
    let mut third = first.try_clone().unwrap();
    let registrator = poll.registrator().clone();
    let (interests, level) = (Interests::READABLE, Trigger::Level);
    registrator
        .register_with(&mut first, Token(1), interests, level)
        .unwrap();
    registrator
        .register_with(&mut second, Token(2), interests, level)
        .unwrap();
    elsewhere
        .registrator()
        .register_with(&mut third, Token(3), interests, level)
        .unwrap();
    peer.write_all(b"!").unwrap();
    for token in [Token(1), Token(2)] {
        wait_for(&mut poll, &mut events, "the byte", readable(token));
    }
    wait_for(&mut elsewhere, &mut events, "the byte", readable(Token(3)));

    drop(first);
    let found = look(&mut poll, &mut events);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].token(), Token(2));
    registrator.deregister(&mut second).unwrap();
    assert_eq!(look(&mut poll, &mut events), []);
    wait_for(&mut elsewhere, &mut events, "the byte", readable(Token(3)));
}

/// On Windows duplicates share the socket's state and its one registration. The
/// test registers the first duplicate, reads with both, changes the registration
/// with the second and drops the first. The registration ends with the last
/// duplicate.
#[cfg(windows)]
#[test]
fn c07_a_duplicate_shares_the_registration() {
    use std::io::Read;

    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let (mut first, mut peer) = connection();
    let mut second = first.try_clone().unwrap();
    let registrator = poll.registrator().clone();
    let (interests, level) = (Interests::READABLE, Trigger::Level);
    registrator
        .register_with(&mut first, Token(1), interests, level)
        .unwrap();
    let error = registrator
        .register_with(&mut second, Token(2), interests, level)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    peer.write_all(b"both").unwrap();
    wait_for(&mut poll, &mut events, "the bytes", readable(Token(1)));
    // The duplicates take turns, and read one stream in order.
    let mut byte = [0];
    for expected in b"both" {
        first.read_exact(&mut byte).unwrap();
        assert_eq!(byte[0], *expected);
        std::mem::swap(&mut first, &mut second);
    }
    registrator
        .reregister_with(&mut second, Token(3), interests, level)
        .unwrap();
    drop(first);
    peer.write_all(b"!").unwrap();
    wait_for(&mut poll, &mut events, "the next", readable(Token(3)));
    assert_eq!(second.read(&mut [0; 2]).unwrap(), 1);
    drop(second);
    assert_eq!(look(&mut poll, &mut events), []);
}

/// A program may drop a `Registration` and keep its `SetReadiness`. In the test
/// `set_readiness` then succeeds, and nothing is reported.
#[test]
fn c07_a_setter_outlives_its_registration() {
    use evq::Readiness;

    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let (mut registration, set_readiness) = Registration::new();
    poll.registrator()
        .register(&mut registration, Token(1), Interests::READABLE)
        .unwrap();
    drop(registration);
    set_readiness.set_readiness(Readiness::READABLE).unwrap();
    assert_eq!(set_readiness.readiness(), Readiness::READABLE);
    assert_eq!(look(&mut poll, &mut events), []);
}

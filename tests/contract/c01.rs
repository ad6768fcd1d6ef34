//! Clause 1: what becomes ready is reported.

use std::io::Write;
use std::sync::mpsc;
use std::thread;

use evq::{Events, Interests, Poll, Readiness, Registration, Registrator, Token, Waker};

use crate::bench::{
    Bench, KINDS, Subject, TRIGGERS, benches, poll_without_limit, read_all, reports,
};
use crate::common::{connection, wait_for};

/// When a source becomes ready, `poll` reports it with its token before it blocks
/// again. One event too many does little harm: the program reads, and gets
/// `WouldBlock`. One event too few would leave a connection waiting for ever. The
/// test makes a source of every kind ready and expects its event.
#[test]
fn c01_what_became_ready_is_reported_before_poll_blocks() {
    for trigger in TRIGGERS {
        for mut bench in benches() {
            bench.register(trigger);
            bench.silence("not ready yet");
            bench.subject.feed();
            bench.event("made ready");
        }
    }
}

/// Several sources are ready at the same time, and `poll` reports all of them. The
/// kernel reports some, the ready list the others. The test registers every kind in
/// one queue, makes all of them ready and expects one event for each.
#[test]
fn c01_all_kinds_together_are_reported() {
    for trigger in TRIGGERS {
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(2 * KINDS.len());
        let mut subjects: Vec<_> = KINDS.iter().map(|(_, make)| make()).collect();
        for (index, subject) in subjects.iter_mut().enumerate() {
            let interests = subject.interests();
            poll.registrator()
                .register_with(subject.source(), Token(index), interests, trigger)
                .unwrap();
            subject.feed();
        }
        let mut missing: Vec<usize> = (0..subjects.len()).collect();
        while !missing.is_empty() {
            wait_for(&mut poll, &mut events, &format!("{missing:?}"), |event| {
                missing.contains(&event.token().0)
            });
            for event in &events {
                let index = event.token().0;
                assert!(reports(event, subjects[index].interests()), "{event:?}");
                missing.retain(|&other| other != index);
            }
        }
    }
}

/// A thread may register a source while another thread blocks in `poll`, and that
/// `poll` reports it. No thread has to wake the poller first. The test registers a
/// source that becomes ready afterwards, and a source that is ready already.
#[test]
fn c01_a_source_registered_while_poll_blocks_is_reported() {
    for trigger in TRIGGERS {
        for bench in benches() {
            while_blocked(bench, |registrator, subject, token| {
                let interests = subject.interests();
                registrator
                    .register_with(subject.source(), token, interests, trigger)
                    .unwrap();
                subject.feed();
            });
        }
        // Here the source is ready before it is registered.
        for bench in benches() {
            while_blocked(bench, |registrator, subject, token| {
                subject.feed();
                let interests = subject.interests();
                registrator
                    .register_with(subject.source(), token, interests, trigger)
                    .unwrap();
            });
        }
    }
}

/// A source is registered, and then becomes ready while `poll` blocks. The test
/// expects the wait to end with its event.
#[test]
fn c01_what_becomes_ready_while_poll_blocks_is_reported() {
    for trigger in TRIGGERS {
        for mut bench in benches() {
            bench.register(trigger);
            while_blocked(bench, |_, subject, _| subject.feed());
        }
    }
}

/// A socket and a node of the ready list become ready at the same moment, while
/// `poll` blocks. Neither hides the other. The test polls again without a timeout
/// until both have been reported.
#[test]
fn c01_what_becomes_ready_together_while_poll_blocks_is_reported() {
    let (registered, watched) = (Token(1), Token(2));
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let (mut registration, set_readiness) = Registration::new();
    let (mut read, mut write) = connection();
    let registrator = poll.registrator().clone();
    registrator
        .register(&mut registration, registered, Interests::READABLE)
        .unwrap();
    registrator
        .register(&mut read, watched, Interests::READABLE)
        .unwrap();
    let poller = Poller::this_thread();
    thread::scope(|scope| {
        let (go, rounds) = mpsc::channel();
        scope.spawn(move || {
            for () in rounds {
                poller.until_it_sleeps();
                set_readiness.set_readiness(Readiness::READABLE).unwrap();
                write.write_all(b"!").unwrap();
            }
        });
        for round in 0..300 {
            go.send(()).unwrap();
            let mut missing = vec![registered, watched];
            while !missing.is_empty() {
                let what = format!("{missing:?} of round {round}");
                poll_without_limit(&mut poll, &mut events, &what);
                missing.retain(|token| !events.iter().any(|event| event.token() == *token));
            }
            assert_eq!(read_all(&read), b"!");
        }
    });
}

/// A waker needs no registration. Its wake is reported although the test drops the
/// waker right after `wake`.
#[test]
fn c01_a_wake_is_reported_even_if_the_waker_is_gone() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let waker = Waker::new(poll.registrator(), Token(5)).unwrap();
    waker.wake().unwrap();
    drop(waker);
    let event = wait_for(&mut poll, &mut events, "the wake", |_| true);
    assert_eq!(event.token(), Token(5));
    assert!(event.is_readable());
}

/// Blocks in `poll` and waits for the event. Meanwhile another thread calls `act`.
fn while_blocked(mut bench: Bench, act: impl FnOnce(&Registrator, &mut dyn Subject, Token) + Send) {
    let registrator = bench.poll.registrator().clone();
    let poller = Poller::this_thread();
    let (token, interests) = (bench.token, bench.subject.interests());
    let mut subject = bench.subject;
    thread::scope(|scope| {
        let other = scope.spawn(move || {
            poller.until_it_sleeps();
            act(&registrator, &mut *subject, token);
            // We return the subject: if we dropped it here, that would deregister
            // it before `poll` reports it.
            subject
        });
        poll_without_limit(&mut bench.poll, &mut bench.events, bench.kind);
        let event = bench.events.iter().next().unwrap();
        assert_eq!(event.token(), token, "{}", bench.kind);
        assert!(reports(event, interests), "{}: {event:?}", bench.kind);
        drop(other.join().unwrap());
    });
}

struct Poller {
    #[cfg(target_os = "linux")]
    stat: std::path::PathBuf,
}

impl Poller {
    #[cfg(target_os = "linux")]
    fn this_thread() -> Poller {
        let thread = std::fs::read_link("/proc/thread-self").unwrap();
        Poller {
            stat: std::path::Path::new("/proc").join(thread).join("stat"),
        }
    }

    /// Linux shows a thread's state in /proc: `S` is an interruptible wait.
    #[cfg(target_os = "linux")]
    fn until_it_sleeps(&self) {
        let deadline = std::time::Instant::now() + crate::common::LIMIT;
        loop {
            let stat = std::fs::read_to_string(&self.stat).unwrap();
            let (_, after_name) = stat.rsplit_once(") ").unwrap();
            if after_name.starts_with('S') {
                return;
            }
            assert!(
                std::time::Instant::now() < deadline,
                "the poller does not sleep"
            );
            thread::yield_now();
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn this_thread() -> Poller {
        Poller {}
    }

    /// Other systems do not show it. We give the poller time to fall asleep; the
    /// event must come whether it sleeps or not.
    #[cfg(not(target_os = "linux"))]
    fn until_it_sleeps(&self) {
        for _ in 0..100 {
            thread::yield_now();
        }
    }
}

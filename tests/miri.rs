//! What Miri can run of `SourceFd`. Miri's socket pairs can only be read and
//! written, so this file uses them as files. These tests also run without Miri, on
//! every Unix.
#![cfg(unix)]

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use evq::unix::SourceFd;
use evq::{Events, Interests, Poll, Registration, Token, Waker};

/// Two connected ends.
fn pair() -> (File, File) {
    let (one, other) = UnixStream::pair().unwrap();
    let file = |end: UnixStream| File::from(OwnedFd::from(end));
    (file(one), file(other))
}

fn tokens(poll: &mut Poll, events: &mut Events, timeout: Option<Duration>) -> Vec<usize> {
    poll.poll(events, timeout).unwrap();
    let mut tokens: Vec<_> = events.iter().map(|event| event.token().0).collect();
    tokens.sort();
    tokens
}

#[test]
fn what_is_written_is_reported_once_until_deregistered() {
    let (mut near, mut far) = pair();
    let watched = far.try_clone().unwrap();
    let mut source = SourceFd::new(watched.as_fd());
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let registrator = poll.registrator().clone();
    registrator
        .register(&mut source, Token(3), Interests::READABLE)
        .unwrap();
    near.write_all(b"one").unwrap();
    assert_eq!(tokens(&mut poll, &mut events, None), [3]);
    let mut room = [0; 3];
    far.read_exact(&mut room).unwrap();
    assert_eq!(&room, b"one");
    assert_eq!(tokens(&mut poll, &mut events, Some(Duration::ZERO)), []);

    near.write_all(b"two").unwrap();
    registrator.deregister(&mut source).unwrap();
    assert_eq!(tokens(&mut poll, &mut events, Some(Duration::ZERO)), []);
    registrator
        .register(&mut source, Token(4), Interests::READABLE)
        .unwrap();
    assert_eq!(tokens(&mut poll, &mut events, None), [4]);
}

#[test]
fn another_thread_registers_writes_and_wakes() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let registrator = poll.registrator().clone();
    let waker = Waker::new(&registrator, Token(0)).unwrap();
    let (done, until_done) = mpsc::channel();
    let other = thread::spawn(move || {
        let (mut near, far) = pair();
        let mut source = SourceFd::new(far.as_fd());
        registrator
            .register(&mut source, Token(1), Interests::READABLE)
            .unwrap();
        near.write_all(b"!").unwrap();
        waker.wake().unwrap();
        // If this thread dropped the source now, the event would not be reported.
        until_done.recv().unwrap();
    });
    let mut seen = Vec::new();
    while !(seen.contains(&0) && seen.contains(&1)) {
        seen.extend(tokens(&mut poll, &mut events, None));
    }
    done.send(()).unwrap();
    other.join().unwrap();
}

#[test]
fn everything_can_be_dropped_after_its_queue() {
    let (mut near, far) = pair();
    let mut source = SourceFd::new(far.as_fd());
    let (mut registration, set_readiness) = Registration::new();
    let poll = Poll::new().unwrap();
    let registrator = poll.registrator().clone();
    let waker = Waker::new(&registrator, Token(0)).unwrap();
    registrator
        .register(&mut source, Token(1), Interests::READABLE)
        .unwrap();
    registrator
        .register(&mut registration, Token(2), Interests::READABLE)
        .unwrap();
    waker.wake().unwrap();
    set_readiness
        .set_readiness(evq::Readiness::READABLE)
        .unwrap();
    drop(poll);
    near.write_all(b"!").unwrap();
    let _ = waker.wake();
    let _ = set_readiness.set_readiness(evq::Readiness::READABLE);
    let (_, other_far) = pair();
    let mut late = SourceFd::new(other_far.as_fd());
    assert!(
        registrator
            .register(&mut late, Token(3), Interests::READABLE)
            .is_err()
    );
    drop(registration);
    drop(source);
    drop(registrator);
    drop(waker);
}

//! One queue waits for another. What the inner queue's `poll` would find shows on
//! its descriptor, whether the kernel reports it or the ready list.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::channel;
use std::thread;

use evq::unix::SourceFd;
use evq::{Events, Interests, Poll, Readiness, Registration, Token, Trigger, Waker};

use crate::common::{connection, look, readable, wait_for};

const INNER: Token = Token(100);

const ROUNDS: usize = if cfg!(miri) { 3 } else { 500 };

/// When a source of the inner queue becomes ready, the inner queue is an event of
/// the outer one. The test registers a duplicate of the inner queue's descriptor,
/// by edge and by level. It then tries a socket, a wake and a node of the ready
/// list.
#[test]
fn c01_an_outer_queue_sees_what_the_inner_one_would_find() {
    for trigger in [Trigger::Edge, Trigger::Level] {
        let mut inner = Poll::new().unwrap();
        let mut outer = Poll::new().unwrap();
        let mut events = Events::with_capacity(8);
        let descriptor = inner.try_clone_to_owned_fd().unwrap();
        let mut source = SourceFd::new(descriptor.as_fd());
        outer
            .registrator()
            .register_with(&mut source, INNER, Interests::READABLE, trigger)
            .unwrap();
        assert!(look(&mut outer, &mut events).is_empty());

        // An event from the kernel.
        let (mut far, near) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        let mut socket = SourceFd::new(near.as_fd());
        inner
            .registrator()
            .register(&mut socket, Token(1), Interests::READABLE)
            .unwrap();
        for _ in 0..3 {
            far.write_all(b"!").unwrap();
            wait_for(&mut outer, &mut events, "the socket", readable(INNER));
            wait_for(&mut inner, &mut events, "the socket", readable(Token(1)));
            (&near).read_exact(&mut [0]).unwrap();
            look(&mut inner, &mut events);
        }

        let waker = Waker::new(inner.registrator(), Token(2)).unwrap();
        for _ in 0..3 {
            let waker = waker.clone();
            let thread = thread::spawn(move || waker.wake().unwrap());
            wait_for(&mut outer, &mut events, "the wake", readable(INNER));
            thread.join().unwrap();
            wait_for(&mut inner, &mut events, "the wake", readable(Token(2)));
            look(&mut inner, &mut events);
        }

        let (mut registration, set_readiness) = Registration::new();
        inner
            .registrator()
            .register(&mut registration, Token(3), Interests::READABLE)
            .unwrap();
        look(&mut inner, &mut events);
        for _ in 0..3 {
            set_readiness.set_readiness(Readiness::READABLE).unwrap();
            wait_for(&mut outer, &mut events, "the node", readable(INNER));
            wait_for(&mut inner, &mut events, "the node", readable(Token(3)));
        }
    }
}

/// A wake was listed before anybody asked for the queue's descriptor. The outer
/// queue must report it too.
#[test]
fn c01_an_outer_queue_sees_what_was_listed_before() {
    let mut inner = Poll::new().unwrap();
    let mut outer = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let waker = Waker::new(inner.registrator(), Token(2)).unwrap();
    waker.wake().unwrap();
    let mut source = SourceFd::new(inner.fd_with_every_wake());
    outer
        .registrator()
        .register(&mut source, INNER, Interests::READABLE)
        .unwrap();
    wait_for(&mut outer, &mut events, "the wake", readable(INNER));
    drop(source);
    assert_eq!(look(&mut inner, &mut events).len(), 1);
}

/// `poll` may leave nodes on the list: there was no room, or they stay ready. The
/// outer queue keeps reporting the inner one then. For this the outer queue must
/// use level. Under edge it owes the next event only after the inner queue has
/// found nothing, and a kqueue gives none before that. The test polls with room for
/// one, and then with a level-triggered node.
#[test]
fn c01_an_outer_queue_sees_what_the_inner_one_left_over() {
    let mut inner = Poll::new().unwrap();
    let mut outer = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let mut one = Events::with_capacity(1);
    let descriptor = inner.try_clone_to_owned_fd().unwrap();
    let mut source = SourceFd::new(descriptor.as_fd());
    outer
        .registrator()
        .register_with(&mut source, INNER, Interests::READABLE, Trigger::Level)
        .unwrap();
    let wakers: Vec<_> = (0..5)
        .map(|token| Waker::new(inner.registrator(), Token(token)).unwrap())
        .collect();
    for waker in &wakers {
        waker.wake().unwrap();
    }
    for _ in 0..5 {
        wait_for(&mut outer, &mut events, "the rest", readable(INNER));
        assert_eq!(look(&mut inner, &mut one).len(), 1);
    }

    let (mut registration, set_readiness) = Registration::new();
    set_readiness.set_readiness(Readiness::READABLE).unwrap();
    inner
        .registrator()
        .register_with(
            &mut registration,
            Token(7),
            Interests::READABLE,
            Trigger::Level,
        )
        .unwrap();
    for _ in 0..5 {
        wait_for(&mut outer, &mut events, "the level node", readable(INNER));
        wait_for(
            &mut inner,
            &mut events,
            "the level node",
            readable(Token(7)),
        );
    }
}

/// An outer queue has sources of its own as well. The test expects an event of its
/// stream, and none of the inner queue.
#[test]
fn c01_an_outer_queue_has_sources_of_its_own() {
    let inner = Poll::new().unwrap();
    let mut outer = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let mut source = SourceFd::new(inner.fd_with_every_wake());
    let (mut stream, mut peer) = connection();
    outer
        .registrator()
        .register(&mut source, INNER, Interests::READABLE)
        .unwrap();
    outer
        .registrator()
        .register(&mut stream, Token(1), Interests::READABLE)
        .unwrap();
    peer.write_all(b"!").unwrap();
    wait_for(&mut outer, &mut events, "the stream", readable(Token(1)));
    assert!(events.iter().all(|event| event.token() != INNER));
}

/// If a program takes readiness back, nothing is ready, and nobody is woken. The
/// test sets an empty readiness: the outer queue reports nothing.
#[test]
fn c01_an_outer_queue_is_not_told_that_nothing_is_ready() {
    let mut inner = Poll::new().unwrap();
    let mut outer = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let (mut registration, set_readiness) = Registration::new();
    inner
        .registrator()
        .register(&mut registration, Token(1), Interests::READABLE)
        .unwrap();
    let fd = inner.try_clone_to_owned_fd().unwrap();
    let mut source = SourceFd::new(fd.as_fd());
    outer
        .registrator()
        .register(&mut source, INNER, Interests::READABLE)
        .unwrap();
    // Under edge, both must be drained before the next event is owed.
    look(&mut outer, &mut events);
    look(&mut inner, &mut events);
    set_readiness.set_readiness(Readiness::EMPTY).unwrap();
    assert_eq!(look(&mut outer, &mut events), []);
    set_readiness.set_readiness(Readiness::READABLE).unwrap();
    wait_for(&mut outer, &mut events, "the news", readable(INNER));
}

/// While the inner queue sleeps, a wake and a socket may end its wait together. If
/// that `poll` leaves the wake on the list, the outer queue still reports it.
#[test]
fn c01_an_outer_queue_sees_what_came_while_the_inner_one_slept() {
    let mut inner = Poll::new().unwrap();
    let mut outer = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let descriptor = inner.try_clone_to_owned_fd().unwrap();
    let mut source = SourceFd::new(descriptor.as_fd());
    outer
        .registrator()
        .register_with(&mut source, INNER, Interests::READABLE, Trigger::Level)
        .unwrap();
    let (mut stream, mut peer) = connection();
    inner
        .registrator()
        .register(&mut stream, Token(1), Interests::READABLE)
        .unwrap();
    let waker = Waker::new(inner.registrator(), Token(2)).unwrap();
    thread::scope(|scope| {
        let (begin, begun) = channel();
        let (finish, finished) = channel();
        scope.spawn(move || {
            for () in begun {
                waker.wake().unwrap();
                peer.write_all(b"!").unwrap();
                finish.send(()).unwrap();
            }
        });
        for _ in 0..ROUNDS {
            begin.send(()).unwrap();
            inner.poll(&mut events, None).unwrap();
            let mut woken = events.iter().any(|event| event.token() == Token(2));
            finished.recv().unwrap();
            while !woken {
                wait_for(&mut outer, &mut events, "the wake", readable(INNER));
                let found = look(&mut inner, &mut events);
                woken = found.iter().any(|event| event.token() == Token(2));
            }
            look(&mut inner, &mut events);
        }
    });
}

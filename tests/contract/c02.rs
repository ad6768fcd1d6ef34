//! Clause 2: edge.

use std::io::{self, ErrorKind, Read, Write};

use evq::net::TcpStream;
use evq::{Events, Interests, Poll, Readiness, Registration, Token, Trigger};

use crate::bench::{benches, fill, read_all};
#[cfg(unix)]
use crate::bench::{pipe, socket_pair};
use crate::common::{connection, look, readable, wait_for};
#[cfg(unix)]
use evq::unix::SourceFd;

/// Edge, the default: after an event, the next is owed only once an operation
/// has returned `WouldBlock`. So do all there is to do, and then wait. A program
/// that stops earlier, with a byte still there, may wait for ever: what is left
/// is no news, and epoll and kqueue are silent about it.
#[test]
fn c02_edge_is_silent_until_drained_and_then_reports_what_is_new() {
    for mut bench in benches() {
        bench.register(Trigger::Edge);
        bench.subject.feed();
        bench.event("made ready");
        bench.silence("not drained: no news");
        bench.subject.drain();
        bench.silence("drained, and nothing new");
        for _ in 0..3 {
            bench.subject.feed();
            bench.event("drained, then made ready again");
            bench.subject.drain();
        }
    }
}

/// Edge is what `register` and `reregister` mean when no trigger is named.
#[test]
fn c02_edge_is_the_default() {
    for mut bench in benches() {
        let interests = bench.subject.interests();
        let registrator = bench.poll.registrator().clone();
        registrator
            .register(bench.subject.source(), bench.token, interests)
            .unwrap();
        bench.subject.feed();
        bench.event("registered without a trigger");
        bench.silence("edge by default");
        registrator
            .reregister(bench.subject.source(), bench.token, interests)
            .unwrap();
        bench.event("reregistered without a trigger");
        bench.silence("edge by default, again");
    }
}

/// A read of part of what is there is not a drain: the rest is reported neither
/// at once nor later, though it can be read.
#[test]
fn c02_a_partial_read_leaves_edge_silent_and_the_rest_readable() {
    let (mut ours, mut peer) = connection();
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    poll.registrator()
        .register(&mut ours, Token(1), Interests::READABLE)
        .unwrap();
    peer.write_all(b"abc").unwrap();
    wait_for(&mut poll, &mut events, "the bytes", readable(Token(1)));
    assert_eq!(ours.read(&mut [0]).unwrap(), 1);
    assert_eq!(look(&mut poll, &mut events), []);
    assert_eq!(read_all(&ours), b"bc");
}

/// A program's own source has an edge whenever its readiness is set, though to
/// what it was before: it is the program that knows what is news.
#[test]
fn c02_setting_the_same_readiness_again_is_an_edge() {
    let (mut registration, set_readiness) = Registration::new();
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    poll.registrator()
        .register(&mut registration, Token(1), Interests::READABLE)
        .unwrap();
    for _ in 0..3 {
        set_readiness.set_readiness(Readiness::READABLE).unwrap();
        let found = look(&mut poll, &mut events);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(look(&mut poll, &mut events), []);
    }
}

/// A TCP stream that takes no more is reported once its peer has read.
#[test]
fn c02_a_full_tcp_stream_is_writable_again_once_the_peer_reads() {
    let (mut ours, peer) = connection();
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    poll.registrator()
        .register(&mut ours, Token(1), Interests::WRITABLE)
        .unwrap();
    peer.set_nonblocking(true).unwrap();
    for _ in 0..3 {
        wait_for(&mut poll, &mut events, "room", |event| event.is_writable());
        fill(&ours);
        read_all(&peer);
    }
}

/// Both ends of a stream in one loop, each working only when told to, until
/// `WouldBlock`: if an edge were lost anywhere, the transfer would stand still.
#[test]
fn c02_drain_then_wait_moves_every_byte() {
    let (mut sender, peer) = connection();
    let mut receiver = TcpStream::from_std(peer).unwrap();
    let mut poll = Poll::new().unwrap();
    let registrator = poll.registrator().clone();
    registrator
        .register(&mut sender, SENDER, Interests::WRITABLE)
        .unwrap();
    registrator
        .register(&mut receiver, RECEIVER, Interests::READABLE)
        .unwrap();
    transfer(&mut poll, &sender, &receiver);
}

/// The same between descriptors.
#[cfg(unix)]
#[test]
fn c02_drain_then_wait_moves_every_byte_between_descriptors() {
    let mut poll = Poll::new().unwrap();
    let registrator = poll.registrator().clone();
    let (sender, receiver) = socket_pair();
    let (mut sender, mut receiver) = (SourceFd::new(sender), SourceFd::new(receiver));
    registrator
        .register(&mut sender, SENDER, Interests::WRITABLE)
        .unwrap();
    registrator
        .register(&mut receiver, RECEIVER, Interests::READABLE)
        .unwrap();
    transfer(&mut poll, sender.get_ref(), receiver.get_ref());

    let (receiver, sender) = pipe();
    let (mut sender, mut receiver) = (SourceFd::new(sender), SourceFd::new(receiver));
    registrator
        .register(&mut sender, SENDER, Interests::WRITABLE)
        .unwrap();
    registrator
        .register(&mut receiver, RECEIVER, Interests::READABLE)
        .unwrap();
    transfer(&mut poll, sender.get_ref(), receiver.get_ref());
}

const SENDER: Token = Token(1);
const RECEIVER: Token = Token(2);

/// Moves two mebibytes, and looks at each byte.
fn transfer(poll: &mut Poll, mut sender: impl Write, mut receiver: impl Read) {
    const ALL: usize = 2 << 20;
    let (mut sent, mut received) = (0, 0);
    let mut events = Events::with_capacity(2);
    let mut buffer = [0; 10_007];
    while received < ALL {
        wait_for(poll, &mut events, "the transfer to go on", |_| true);
        if events.iter().any(|event| event.token() == SENDER) {
            while sent < ALL {
                let chunk: Vec<u8> = (sent..ALL.min(sent + buffer.len())).map(nth).collect();
                match unless_blocked(sender.write(&chunk)) {
                    Some(n) => sent += n,
                    None => break,
                }
            }
        }
        if events.iter().any(|event| event.token() == RECEIVER) {
            while let Some(n) = unless_blocked(receiver.read(&mut buffer)) {
                let expected = (received..received + n).map(nth);
                assert!(buffer[..n].iter().copied().eq(expected), "at {received}");
                received += n;
            }
        }
    }
    assert_eq!((sent, received), (ALL, ALL));
}

/// The byte at this place of the stream; 251 is no divisor of any buffer's size.
fn nth(place: usize) -> u8 {
    (place % 251) as u8
}

fn unless_blocked(result: io::Result<usize>) -> Option<usize> {
    match result {
        Ok(n) => Some(n),
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        Err(error) => panic!("{error}"),
    }
}

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

/// Edge, the default: after an event, the queue reports the next one only once an
/// operation has returned `WouldBlock`. So read or write until `WouldBlock`, and
/// then wait. A program that stops earlier may wait for ever, because epoll and
/// kqueue do not report the rest again. The test expects silence until the source
/// is drained, and an event when it becomes ready after that.
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

/// `register` and `reregister` have no parameter for the trigger. The test shows
/// that both mean edge.
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

/// A partial read does not drain a source. Under edge no event comes for the rest,
/// although the program can read it. The test reads one of three bytes, and expects
/// silence.
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

/// `set_readiness` on a program's own source is always an edge, even if it sets the
/// same value again. Only the program knows what is new. The test sets one value
/// three times and expects three events.
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

/// A full TCP stream becomes writable when its peer reads. The test fills a stream,
/// lets the peer read, and expects the event.
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

/// One loop has both ends of a stream. Each end reads or writes until `WouldBlock`,
/// and then waits for its event. If one edge were lost, the transfer would stop.
/// The test moves two mebibytes.
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

/// The same for the two ends of a socket pair and of a pipe.
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

/// Moves two mebibytes and checks each byte.
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

/// The byte at this place of the stream. 251 divides no buffer's size, so a missing
/// buffer shows.
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

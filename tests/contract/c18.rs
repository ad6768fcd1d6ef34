//! Clause 18: tokens.

use std::io::{self, Write};
use std::net;

use evq::net::TcpListener;
use evq::{
    Events, Interests, Poll, Readiness, Registration, Registrator, Source, Token, Trigger, Waker,
};

use crate::common::{connection, readable, wait_for};

/// Calls `visit` with a ready source of each kind. The other end lives as long.
fn every_kind(mut visit: impl FnMut(&str, &mut dyn Source)) {
    let mut listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let _client = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    visit("TcpListener", &mut listener);

    let (mut stream, mut peer) = connection();
    peer.write_all(b"!").unwrap();
    visit("TcpStream", &mut stream);

    #[cfg(unix)]
    {
        use std::os::fd::AsFd;

        let (mut far, near) = std::os::unix::net::UnixStream::pair().unwrap();
        far.write_all(b"!").unwrap();
        visit("SourceFd", &mut evq::unix::SourceFd::new(near.as_fd()));
    }

    let (mut registration, set_readiness) = Registration::new();
    set_readiness.set_readiness(Readiness::READABLE).unwrap();
    visit("Registration", &mut registration);
}

const USABLE: [usize; 6] = [
    0,
    1,
    usize::MAX / 2,
    usize::MAX / 2 + 1,
    usize::MAX - 2,
    usize::MAX - 1,
];

/// The queue returns each token as it got it. 0 and `usize::MAX - 1` are tokens
/// like any other. The test registers every kind of source with six tokens.
#[test]
fn c18_every_token_but_one_is_usable() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    every_kind(|_, source| {
        for token in USABLE.map(Token) {
            poll.registrator()
                .register(source, token, Interests::READABLE)
                .unwrap();
            wait_for(&mut poll, &mut events, "the token", readable(token));
            poll.registrator().deregister(source).unwrap();
        }
        poll.registrator()
            .register(source, Token(7), Interests::READABLE)
            .unwrap();
        for token in USABLE.map(Token) {
            poll.registrator()
                .reregister(source, token, Interests::READABLE)
                .unwrap();
            wait_for(&mut poll, &mut events, "the new token", readable(token));
        }
    });
    for token in USABLE.map(Token) {
        let waker = Waker::new(poll.registrator(), token).unwrap();
        waker.wake().unwrap();
        wait_for(&mut poll, &mut events, "the waker's", readable(token));
    }
}

/// `Token(usize::MAX)` marks the queue's own wake-up. `register`, `reregister` and
/// `Waker::new` refuse it in words, and nothing changes. The test expects a
/// registered source to keep its old token.
#[test]
fn c18_the_queues_own_token_is_refused() {
    fn refused(result: io::Result<()>, what: &str) {
        let error = result.expect_err(what);
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{what}");
        assert!(error.to_string().contains("usize::MAX"), "{what}: {error}");
    }
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let own = Token(usize::MAX);
    every_kind(|kind, source| {
        let registrator: &Registrator = poll.registrator();
        for trigger in [Trigger::Edge, Trigger::Level, Trigger::Oneshot] {
            refused(
                registrator.register_with(source, own, Interests::READABLE, trigger),
                kind,
            );
        }
        registrator
            .register_with(source, Token(8), Interests::READABLE, Trigger::Level)
            .unwrap();
        for trigger in [Trigger::Edge, Trigger::Level, Trigger::Oneshot] {
            refused(
                registrator.reregister_with(source, own, Interests::WRITABLE, trigger),
                kind,
            );
        }
        for _ in 0..2 {
            wait_for(&mut poll, &mut events, kind, readable(Token(8)));
            assert!(events.iter().all(|event| event.token() == Token(8)));
        }
    });
    refused(Waker::new(poll.registrator(), own).map(drop), "Waker");
}

/// Two sources may have the same token. The test gives one token to several
/// sources, and it comes for each of them.
#[test]
fn c18_sources_may_share_a_token() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(16);
    let shared = Token(5);
    let waker = Waker::new(poll.registrator(), shared).unwrap();
    let (mut one, mut one_peer) = connection();
    let (mut two, mut two_peer) = connection();
    let (mut registration, set_readiness) = Registration::new();
    let registrator = poll.registrator();
    let sources: [&mut dyn Source; 3] = [&mut one, &mut two, &mut registration];
    for source in sources {
        registrator
            .register(source, shared, Interests::READABLE)
            .unwrap();
    }
    // One source at a time is ready, so each event has one possible cause.
    one_peer.write_all(b"!").unwrap();
    wait_for(&mut poll, &mut events, "one", readable(shared));
    two_peer.write_all(b"!").unwrap();
    wait_for(&mut poll, &mut events, "two", readable(shared));
    waker.wake().unwrap();
    wait_for(&mut poll, &mut events, "the waker", readable(shared));
    set_readiness.set_readiness(Readiness::READABLE).unwrap();
    wait_for(&mut poll, &mut events, "the node", readable(shared));
}

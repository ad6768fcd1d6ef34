//! Clause 9: `connect`.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd as Borrowed};
#[cfg(windows)]
use std::os::windows::io::{AsSocket, BorrowedSocket as Borrowed};
use std::time::{Duration, Instant};

use evq::inside::socket_ffi;
use evq::net::{TcpListener, TcpStream};
use evq::{Events, Interests, Poll, Token, Trigger};

use crate::bench::TRIGGERS;
use crate::common::{both, look, wait_for};
use crate::nobody::{connect_to_nobody, nobody};

fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn borrowed(listener: &TcpListener) -> Borrowed<'_> {
    #[cfg(unix)]
    return listener.as_fd();
    #[cfg(windows)]
    return listener.as_socket();
}

/// `connect` never blocks: it starts the connection and returns. When the
/// connection is made, that is a writable event, and `take_error` then returns
/// `None`. Before that event there is no connection to write to. The test connects,
/// waits for the event, and sends a byte.
#[test]
fn c09_a_connection_that_is_made_is_a_writable_event() {
    for trigger in TRIGGERS {
        for interests in [Interests::WRITABLE, both()] {
            let listener = std::net::TcpListener::bind(any_port()).unwrap();
            let mut poll = Poll::new().unwrap();
            let mut events = Events::with_capacity(8);
            let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            poll.registrator()
                .register_with(&mut stream, Token(1), interests, trigger)
                .unwrap();
            let event = wait_for(&mut poll, &mut events, "the connection", |event| {
                event.is_writable()
            });
            assert_eq!(event.token(), Token(1));
            assert!(!event.is_error() && !event.is_write_closed(), "{event:?}");
            assert!(stream.take_error().unwrap().is_none());
            assert_eq!(stream.peer_addr().unwrap(), listener.local_addr().unwrap());

            let (mut accepted, from) = listener.accept().unwrap();
            assert_eq!(from, stream.local_addr().unwrap());
            stream.write_all(b"!").unwrap();
            assert_eq!(accepted.read(&mut [0; 2]).unwrap(), 1);
        }
    }
}

/// One loop can have both ends of a connection. The test connects and accepts in
/// one thread, and sees both events.
#[test]
fn c09_one_loop_connects_and_accepts() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let registrator = poll.registrator().clone();
    let mut listener = TcpListener::bind(any_port()).unwrap();
    registrator
        .register(&mut listener, Token(0), Interests::READABLE)
        .unwrap();
    let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    registrator
        .register(&mut stream, Token(1), Interests::WRITABLE)
        .unwrap();
    let (mut accepted, mut connected) = (None, false);
    while accepted.is_none() || !connected {
        wait_for(&mut poll, &mut events, "both ends", |_| true);
        for event in &events {
            match event.token() {
                Token(0) => accepted = Some(listener.accept().unwrap()),
                _ => connected |= event.is_writable(),
            }
        }
    }
    let (accepted, from) = accepted.unwrap();
    assert_eq!(from, stream.local_addr().unwrap());
    assert_eq!(accepted.peer_addr().unwrap(), from);
    assert!(stream.take_error().unwrap().is_none());
}

/// A failed connection is a writable event too. `take_error` returns the error,
/// once. The test connects to a port that refuses.
#[test]
fn c09_a_refused_connection_is_a_writable_event_with_its_error() {
    for trigger in TRIGGERS {
        for interests in [Interests::WRITABLE, both()] {
            let (_port, addr) = nobody();
            let Some(mut stream) = refused_later(addr) else {
                continue;
            };
            let mut poll = Poll::new().unwrap();
            let mut events = Events::with_capacity(8);
            poll.registrator()
                .register_with(&mut stream, Token(1), interests, trigger)
                .unwrap();
            let event = wait_for(&mut poll, &mut events, "the refusal", |event| {
                event.is_writable()
            });
            assert!(event.is_error(), "{event:?}");
            let error = stream.take_error().unwrap().expect("the refusal");
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            assert!(
                stream.take_error().unwrap().is_none(),
                "take_error returned the error twice"
            );
            assert!(stream.peer_addr().is_err());
        }
    }
}

/// If the program does not take the error, its next call returns it. The test
/// reads.
#[test]
fn c09_a_refusal_is_what_the_next_call_returns() {
    let (_port, addr) = nobody();
    let Some(mut stream) = refused_later(addr) else {
        return;
    };
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    poll.registrator()
        .register(&mut stream, Token(1), Interests::WRITABLE)
        .unwrap();
    wait_for(&mut poll, &mut events, "the refusal", |event| {
        event.is_writable()
    });
    let error = stream.read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert!(stream.take_error().unwrap().is_none());
}

/// Starts a connection to nobody. On loopback a BSD may know of the refusal before
/// `connect` returns; then `connect` itself returns the error. Linux never does
/// that.
fn refused_later(addr: SocketAddr) -> Option<TcpStream> {
    match connect_to_nobody(addr) {
        Ok(stream) => Some(stream),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            assert_ne!(std::env::consts::OS, "linux", "refused at once");
            None
        }
    }
}

/// On Windows the connection begins with the first registration, because only a
/// port can report its outcome. Until then the peer sees nothing, and reads and
/// writes return `WouldBlock`. The test makes three streams, drops one, and
/// registers two: the listener gets those two, in the order of their registrations.
#[cfg(windows)]
#[test]
fn c09_a_connection_begins_with_its_registration() {
    let listener = std::net::TcpListener::bind(any_port()).unwrap();
    let addr = listener.local_addr().unwrap();
    drop(TcpStream::connect(addr).unwrap());
    let mut first = TcpStream::connect(addr).unwrap();
    let mut second = TcpStream::connect(addr).unwrap();
    for mut stream in [&first, &second] {
        let error = stream.write(b"?").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        let error = stream.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    }
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    for stream in [&mut second, &mut first] {
        poll.registrator()
            .register(stream, Token(1), Interests::WRITABLE)
            .unwrap();
        wait_for(&mut poll, &mut events, "the connection", |event| {
            event.is_writable()
        });
        assert!(stream.take_error().unwrap().is_none());
        let (_, from) = listener.accept().unwrap();
        assert_eq!(from, stream.local_addr().unwrap());
    }
    listener.set_nonblocking(true).unwrap();
    let nobody_else = listener.accept().unwrap_err();
    assert_eq!(nobody_else.kind(), ErrorKind::WouldBlock);
}

/// If the program does not take the error, a later registration reports it again.
/// The test deregisters, registers again, and expects the event.
#[test]
fn c09_a_refusal_outlives_the_registration() {
    let (_port, addr) = nobody();
    let Some(mut stream) = refused_later(addr) else {
        return;
    };
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    for token in [Token(1), Token(2)] {
        poll.registrator()
            .register(&mut stream, token, Interests::WRITABLE)
            .unwrap();
        wait_for(&mut poll, &mut events, "the refusal", |event| {
            event.token() == token && event.is_writable()
        });
        poll.registrator().deregister(&mut stream).unwrap();
    }
    let error = stream.take_error().unwrap().expect("the refusal");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

/// The outcome may be older than the registration. The test starts two connections
/// before it makes a queue: both outcomes, a success and a refusal, are reported.
#[cfg(unix)]
#[test]
fn c09_an_outcome_before_the_registration_is_reported() {
    let listener = std::net::TcpListener::bind(any_port()).unwrap();
    let (_port, addr) = nobody();
    let mut connected = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (_accepted, _) = listener.accept().unwrap();
    let refused = refused_later(addr);
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let mut other = Poll::new().unwrap();
    poll.registrator()
        .register(&mut connected, Token(1), Interests::WRITABLE)
        .unwrap();
    wait_for(&mut poll, &mut events, "the connection", |event| {
        event.is_writable()
    });
    assert!(connected.take_error().unwrap().is_none());
    if let Some(mut refused) = refused {
        // A second queue reports it as well.
        for queue in [&mut poll, &mut other] {
            queue
                .registrator()
                .register(&mut refused, Token(2), Interests::WRITABLE)
                .unwrap();
            wait_for(queue, &mut events, "the refusal", |event| {
                event.token() == Token(2) && event.is_writable()
            });
            queue.registrator().deregister(&mut refused).unwrap();
        }
        let error = refused.take_error().unwrap().expect("the refusal");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    }
}

/// A busy listener lets clients wait, and a blocking `connect` would wait for
/// minutes. Ours returns at once. The test fills a listener's queue, then gives it
/// room: the remaining connections are reported only then.
#[test]
fn c09_connect_does_not_wait_for_a_busy_listener() {
    let listener = TcpListener::bind(any_port()).unwrap();
    let addr = listener.local_addr().unwrap();
    // Room for one or two clients.
    socket_ffi::listen(borrowed(&listener), 1).unwrap();
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(16);
    let registrator = poll.registrator().clone();

    let mut streams = Vec::new();
    let mut finished = 0;
    for index in 0..8 {
        let before = Instant::now();
        let mut stream = TcpStream::connect(addr).unwrap();
        // A system tries for at least a minute before it gives up such a
        // connection. Even a busy machine returns sooner from a call that does not
        // wait.
        assert!(before.elapsed() < Duration::from_secs(15));
        let interests = Interests::WRITABLE;
        registrator
            .register_with(&mut stream, Token(index), interests, Trigger::Oneshot)
            .unwrap();
        streams.push(stream);
        if index < 2 {
            wait_for(&mut poll, &mut events, "the first connections", |event| {
                event.token() == Token(index)
            });
            finished += 1;
        }
    }
    finished += look(&mut poll, &mut events).len();
    if cfg!(target_os = "linux") {
        assert!(finished < 8, "the listener was not busy");
    }

    // Now the listener has room. The system accepts the others when it tries again.
    socket_ffi::listen(borrowed(&listener), 128).unwrap();
    while finished < 8 {
        wait_for(&mut poll, &mut events, "the other connections", |_| true);
        finished += events.iter().count();
    }
    for stream in &streams {
        match stream.take_error().unwrap() {
            None => assert_eq!(stream.peer_addr().unwrap(), addr),
            // Windows refuses clients instead of letting them wait.
            Some(error) if cfg!(windows) => {
                assert_eq!(error.kind(), ErrorKind::ConnectionRefused)
            }
            Some(error) => panic!("{error}"),
        }
    }
}

//! Our end, the peer or `Poll` is dropped, in every state of a pipe.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use evq::Interests;
use evq::inside::operations_in_flight;
use evq::windows::{Instance, NamedPipe};

use crate::support::{Bench, CLIENT, SERVER, both, name, open, pattern, would_block};

/// The states of a server's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Unregistered,
    Asked,
    Registered,
    Connecting,
    /// The connect's packet has not been dequeued.
    JustConnected,
    Reading,
    /// The read's packet has not been dequeued.
    JustRead,
    InHand,
    Writing,
    /// The write's packet has not been dequeued.
    JustWritten,
    Both,
    Deregistered,
    Ended,
    Disconnected,
    ConnectingAgain,
}

const STATES: [State; 15] = [
    State::Unregistered,
    State::Asked,
    State::Registered,
    State::Connecting,
    State::JustConnected,
    State::Reading,
    State::JustRead,
    State::InHand,
    State::Writing,
    State::JustWritten,
    State::Both,
    State::Deregistered,
    State::Ended,
    State::Disconnected,
    State::ConnectingAgain,
];

/// Brings a server's end into the state. Returns it with its client, if it has one.
fn bring(bench: &mut Bench, to: State) -> (NamedPipe, Option<File>) {
    let name = name();
    let mut server = NamedPipe::create_with_buffers(&name, Instance::First, 512).unwrap();
    if to == State::Unregistered {
        return (server, None);
    }
    if to == State::Asked {
        would_block(server.connect());
        return (server, None);
    }
    bench.register(&mut server, SERVER, both());
    if to == State::Registered {
        return (server, None);
    }
    would_block(server.connect());
    if to == State::Connecting {
        return (server, None);
    }
    let mut client = open(&name);
    if to == State::JustConnected {
        return (server, Some(client));
    }
    bench.writable(SERVER);
    match to {
        State::Reading => would_block(server.read(&mut [0])),
        State::JustRead => client.write_all(b"hello").unwrap(),
        State::InHand => {
            client.write_all(b"hello").unwrap();
            bench.readable(SERVER);
            assert_eq!(server.read(&mut [0]).unwrap(), 1);
        }
        State::Writing => assert_eq!(server.write(&[7; 10_000]).unwrap(), 10_000),
        State::JustWritten => assert_eq!(server.write(&[7; 100]).unwrap(), 100),
        State::Both | State::Deregistered => {
            would_block(server.read(&mut [0]));
            assert_eq!(server.write(&[7; 10_000]).unwrap(), 10_000);
            if to == State::Deregistered {
                bench.deregister(&mut server);
            }
        }
        State::Ended => {
            drop(client);
            assert_eq!(bench.read_to_the_end(&server, SERVER), b"");
            return (server, None);
        }
        State::Disconnected | State::ConnectingAgain => {
            assert_eq!(server.write(&[7; 10_000]).unwrap(), 10_000);
            server.disconnect().unwrap();
            if to == State::ConnectingAgain {
                would_block(server.connect());
            }
        }
        _ => unreachable!("{to:?}"),
    }
    (server, Some(client))
}

fn writes(state: State) -> bool {
    [State::Writing, State::Both, State::Deregistered].contains(&state)
}

#[test]
fn a_pipe_goes_before_its_poll_at_every_state() {
    for state in STATES {
        let mut bench = Bench::new();
        let (server, client) = bring(&mut bench, state);
        drop(server);
        if writes(state) {
            let mut all = Vec::new();
            let client = client.unwrap();
            let reader = thread::spawn(move || {
                let error = (&client).read_to_end(&mut all);
                (error.map(drop), all)
            });
            bench.until_nothing_is_lent();
            let (result, all) = reader.join().unwrap();
            result.unwrap();
            assert_eq!(all, [7; 10_000], "{state:?}");
        } else {
            bench.until_nothing_is_lent();
        }
        bench.silence("the pipe was dropped");
    }
}

#[test]
fn a_pipe_goes_after_its_poll_at_every_state() {
    for state in STATES {
        let mut bench = Bench::new();
        let (server, client) = bring(&mut bench, state);
        let registrator = bench.poll.registrator().clone();
        drop(bench);
        let _ = (&server).read(&mut [0]);
        let _ = (&server).write(&[0]);
        let _ = server.connect();
        drop(client);
        let began = Instant::now();
        drop(server);
        assert_eq!(operations_in_flight(&registrator), 0, "{state:?}");
        assert!(began.elapsed() < Duration::from_millis(900), "{state:?}");
    }
}

/// Once nobody polls, the last write of a dropped pipe gets one second.
#[test]
fn a_write_that_nobody_reads_is_given_up_a_second_after_poll_has_gone() {
    for pipe_first in [true, false] {
        let mut bench = Bench::new();
        let (server, mut client) = bring(&mut bench, State::Writing);
        let registrator = bench.poll.registrator().clone();
        let began = Instant::now();
        if pipe_first {
            drop(server);
            drop(bench);
        } else {
            drop(bench);
            drop(server);
        }
        assert_eq!(operations_in_flight(&registrator), 0);
        assert!(began.elapsed() >= Duration::from_millis(900));
        let client = client.as_mut().unwrap();
        let mut all = Vec::new();
        client.read_to_end(&mut all).unwrap();
        assert!(all.len() < 10_000);
    }
}

#[test]
fn a_write_that_somebody_reads_is_waited_for_when_poll_goes() {
    let mut bench = Bench::new();
    let (mut server, mut client) = bench.server();
    let bytes = pattern(100_000);
    assert_eq!(server.write(&bytes).unwrap(), bytes.len());
    let reader = thread::spawn(move || {
        let mut all = Vec::new();
        client.read_to_end(&mut all).unwrap();
        all
    });
    drop(server);
    drop(bench);
    assert!(reader.join().unwrap() == bytes);
}

#[test]
fn what_was_written_is_read_though_the_writer_has_gone() {
    for len in [100, 100_000] {
        let mut bench = Bench::new();
        let (server, client) = bench.pair(4096);
        bench.write_all(&client, CLIENT, &pattern(len));
        drop(client);
        assert!(bench.read_to_the_end(&server, SERVER) == pattern(len));
        drop(server);
        bench.until_nothing_is_lent();
    }
}

#[test]
fn a_peer_that_goes_is_noticed_at_every_state() {
    for state in STATES {
        let mut bench = Bench::new();
        let (mut server, client) = bring(&mut bench, state);
        let Some(client) = client else { continue };
        drop(client);
        match state {
            State::Disconnected | State::ConnectingAgain => {}
            State::Deregistered => bench.register(&mut server, SERVER, both()),
            _ => {}
        }
        if let State::Disconnected = state {
            let error = server.read(&mut [0]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotConnected);
            continue;
        }
        if let State::ConnectingAgain = state {
            bench.silence("no client has come");
            continue;
        }
        let read = bench.read_to_the_end(&server, SERVER);
        match state {
            State::JustRead => assert_eq!(read, b"hello"),
            State::InHand => assert_eq!(read, b"ello"),
            _ => assert_eq!(read, b"", "{state:?}"),
        }
        // A write that was in flight has failed, and the next `write` returns its
        // error. If there was none, the next `write` fails itself.
        let error = loop {
            match server.write(&[0; 10]) {
                Ok(_) => panic!("{state:?}: a write without a reader succeeded"),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    bench.writable(SERVER);
                }
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::BrokenPipe, "{state:?}: {error}");
        drop(server);
        bench.until_nothing_is_lent();
    }
}

#[test]
fn a_failed_write_is_kept_for_the_next_or_for_take_error() {
    for taken in [true, false] {
        let mut bench = Bench::new();
        let (mut server, client) = bring(&mut bench, State::Writing);
        let registrator = bench.poll.registrator().clone();
        // No read is in flight that could fail first.
        registrator
            .reregister(&mut server, SERVER, Interests::WRITABLE)
            .unwrap();
        drop(client);
        let event = bench.writable(SERVER);
        assert!(event.is_error(), "{event:?}");
        let error = if taken {
            server
                .take_error()
                .unwrap()
                .expect("the write should have failed")
        } else {
            server.write(b"!").unwrap_err()
        };
        assert_eq!(error.kind(), ErrorKind::BrokenPipe, "{error}");
        assert!(server.take_error().unwrap().is_none());
        assert!(server.write(b"!").is_err());
        assert!(
            server.take_error().unwrap().is_none(),
            "the error was returned twice"
        );
    }
}

#[test]
fn no_event_comes_after_deregistering() {
    let mut bench = Bench::new();
    let (mut server, mut client) = bench.server();
    client.write_all(b"hello").unwrap();
    assert_eq!(server.write(b"hello").unwrap(), 5);
    bench.deregister(&mut server);
    bench.silence("the pipe is not registered");
    bench.register(&mut server, SERVER, both());
    bench.readable(SERVER);
    assert_eq!(bench.read_exactly(&server, SERVER, 5), b"hello");
}

//! Clause 8: the end of a stream, and errors.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;

use evq::net::TcpStream;
use evq::{Event, Events, Interests, Poll, Readiness, Registration, Source, Token, Trigger};

use crate::bench::TRIGGERS;
#[cfg(unix)]
use crate::bench::{fill, pipe, socket_pair};
#[cfg(unix)]
use crate::common::KQUEUE;
use crate::common::{IOCP, both, connection, look, until, wait_for};
#[cfg(unix)]
use evq::unix::SourceFd;

/// The peer has closed its writing half. Then the source is readable, and `read`
/// returns 0 after the last byte, not before. `is_read_closed` tells of the end in
/// advance; it is a hint that epoll and kqueue give and IOCP may not. Our own
/// direction still works: a program that takes a closed half for a hang-up loses
/// its own answer. The test reads the last words, then writes an answer, which
/// arrives.
#[test]
fn c08_a_closed_half_is_read_to_its_last_byte_and_written_to() {
    for trigger in TRIGGERS {
        let (mut ours, mut peer) = connection();
        let mut poll = Poll::new().unwrap();
        let registrator = poll.registrator().clone();
        registrator
            .register_with(&mut ours, Token(1), Interests::READABLE, trigger)
            .unwrap();
        peer.write_all(b"last words").unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        let (words, at_end) = read_to_end(&mut poll, &mut ours, trigger, |ours, buffer| {
            (&*ours).read(buffer)
        });
        assert_eq!(words, b"last words");
        assert!(!at_end.is_write_closed(), "{trigger:?}: {at_end:?}");
        assert!(!at_end.is_error(), "{trigger:?}: {at_end:?}");

        // Everything has arrived now, so one event reports it, with the hint.
        let mut events = Events::with_capacity(8);
        registrator
            .reregister_with(&mut ours, Token(1), both(), trigger)
            .unwrap();
        let found = look(&mut poll, &mut events);
        assert!(found[0].is_readable() && found[0].is_writable());
        assert!(found[0].is_read_closed() || IOCP, "{found:?}");
        assert!(!found[0].is_write_closed(), "{found:?}");

        ours.write_all(b"an answer").unwrap();
        let mut answer = [0; 9];
        peer.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"an answer");
        assert!(ours.take_error().unwrap().is_none());
    }
}

/// The same for a socket pair.
#[cfg(unix)]
#[test]
fn c08_a_closed_half_of_a_socket_pair_is_read_to_its_last_byte() {
    for trigger in TRIGGERS {
        let (ours, mut peer) = socket_pair();
        let mut ours = SourceFd::new(ours);
        let mut poll = Poll::new().unwrap();
        poll.registrator()
            .register_with(&mut ours, Token(1), Interests::READABLE, trigger)
            .unwrap();
        peer.write_all(b"last words").unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        let (words, at_end) = read_to_end(&mut poll, &mut ours, trigger, |ours, buffer| {
            ours.get_ref().read(buffer)
        });
        assert_eq!(words, b"last words");
        assert!(at_end.is_read_closed(), "{at_end:?}");
        assert!(!at_end.is_write_closed(), "{at_end:?}");
        ours.get_ref().write_all(b"an answer").unwrap();
        assert_eq!(peer.read(&mut [0; 16]).unwrap(), 9);
    }
}

/// The peer has closed the connection in good order. The test still reads every
/// byte that it sent. (That the peer does not read our answer shows at our next
/// write, or at the one after it.)
#[test]
fn c08_a_closed_peer_is_read_to_its_last_byte() {
    for trigger in TRIGGERS {
        let (mut ours, mut peer) = connection();
        let mut poll = Poll::new().unwrap();
        poll.registrator()
            .register_with(&mut ours, Token(1), both(), trigger)
            .unwrap();
        peer.write_all(b"last words").unwrap();
        drop(peer);
        let (words, _) = read_to_end(&mut poll, &mut ours, trigger, |ours, buffer| {
            (&*ours).read(buffer)
        });
        assert_eq!(words, b"last words");
    }
}

/// The same for a socket pair.
#[cfg(unix)]
#[test]
fn c08_a_closed_peer_of_a_socket_pair_is_read_to_its_last_byte() {
    for trigger in TRIGGERS {
        let (ours, mut peer) = socket_pair();
        let mut ours = SourceFd::new(ours);
        let mut poll = Poll::new().unwrap();
        poll.registrator()
            .register_with(&mut ours, Token(1), Interests::READABLE, trigger)
            .unwrap();
        peer.write_all(b"last words").unwrap();
        drop(peer);
        let (words, at_end) = read_to_end(&mut poll, &mut ours, trigger, |ours, buffer| {
            ours.get_ref().read(buffer)
        });
        assert_eq!(words, b"last words");
        assert!(at_end.is_read_closed(), "{at_end:?}");
        let error = ours.get_ref().write(b"?").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    }
}

/// A pipe whose writer is gone is readable, and ends after its last byte. epoll
/// reports EPOLLHUP alone, which must not become an event without any readiness.
/// The test drops the writer of an empty pipe and of one with bytes, and reads to
/// the end.
#[cfg(unix)]
#[test]
fn c08_a_pipe_without_a_writer_is_read_to_its_last_byte() {
    for trigger in TRIGGERS {
        for words in [b"".as_slice(), b"last words"] {
            let (read, mut write) = pipe();
            let mut read = SourceFd::new(read);
            let mut poll = Poll::new().unwrap();
            poll.registrator()
                .register_with(&mut read, Token(1), Interests::READABLE, trigger)
                .unwrap();
            write.write_all(words).unwrap();
            drop(write);
            let (all, at_end) = read_to_end(&mut poll, &mut read, trigger, |read, buffer| {
                read.get_ref().read(buffer)
            });
            assert_eq!(all, words);
            assert!(at_end.is_read_closed(), "{at_end:?}");
        }
    }
}

/// A pipe whose reader is gone is writable and write-closed, because a write fails
/// instead of blocking. epoll reports EPOLLERR alone. If that were an error and
/// nothing else, a writer would wait for room for ever. The test drops the reader
/// of an empty pipe and of a full one.
#[cfg(unix)]
#[test]
fn c08_a_pipe_without_a_reader_is_write_closed() {
    for trigger in TRIGGERS {
        for full in [false, true] {
            let (read, write) = pipe();
            let mut write = SourceFd::new(write);
            if full {
                fill(write.get_ref());
            }
            let mut poll = Poll::new().unwrap();
            let mut events = Events::with_capacity(8);
            poll.registrator()
                .register_with(&mut write, Token(1), Interests::WRITABLE, trigger)
                .unwrap();
            let before = look(&mut poll, &mut events);
            assert_eq!(before.len(), usize::from(!full), "{before:?}");
            assert!(before.iter().all(|event| !event.is_write_closed()));
            // Under oneshot, that event was the only one.
            poll.registrator()
                .reregister_with(&mut write, Token(1), Interests::WRITABLE, trigger)
                .unwrap();
            drop(read);
            let event = wait_for(&mut poll, &mut events, "the reader's end", |event| {
                event.is_write_closed()
            });
            assert!(event.is_writable(), "{event:?}");
            assert!(!event.is_read_closed(), "{event:?}");
            let error = write.get_ref().write(b"?").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        }
    }
}

/// An end of a pipe is reported although the other end closed before `register`.
/// The test drops each end first and registers then. But the BSDs refuse to watch a
/// pipe's writing end without a reader: there `register` returns the error of a
/// write, unless the source is watched for reading too.
#[cfg(unix)]
#[test]
fn c08_a_pipe_that_ended_before_it_was_registered_is_reported() {
    for trigger in TRIGGERS {
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(8);
        let registrator = poll.registrator().clone();

        for interests in [Interests::READABLE, both()] {
            let (read, write) = pipe();
            drop(write);
            let mut read = SourceFd::new(read);
            registrator
                .register_with(&mut read, Token(1), interests, trigger)
                .unwrap();
            let event = wait_for(&mut poll, &mut events, "the writer's end", |event| {
                event.is_readable()
            });
            assert!(event.is_read_closed(), "{event:?}");
            assert_eq!(read.get_ref().read(&mut [0]).unwrap(), 0);
            // Succeeds although the kernel may have refused one direction.
            registrator.deregister(&mut read).unwrap();
        }

        let (read, write) = pipe();
        drop(read);
        let mut write = SourceFd::new(write);
        let registered =
            registrator.register_with(&mut write, Token(2), Interests::WRITABLE, trigger);
        match registered {
            Ok(()) => {
                let event = wait_for(&mut poll, &mut events, "the reader's end", |_| true);
                assert!(event.is_writable() && event.is_write_closed(), "{event:?}");
            }
            Err(error) if KQUEUE => assert_eq!(error.kind(), ErrorKind::BrokenPipe),
            Err(error) => panic!("{error}"),
        }
        let error = write.get_ref().write(b"?").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    }
}

/// The end of a stream is an edge of its own. The test drains a stream, and the
/// event for the end comes although all earlier events have been reported.
#[test]
fn c08_the_end_is_an_edge_of_its_own() {
    let (mut ours, mut peer) = connection();
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    poll.registrator()
        .register(&mut ours, Token(1), Interests::READABLE)
        .unwrap();
    peer.write_all(b"!").unwrap();
    wait_for(&mut poll, &mut events, "the byte", |event| {
        event.is_readable()
    });
    assert_eq!(ours.read(&mut [0; 8]).unwrap(), 1);
    let error = ours.read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    peer.shutdown(Shutdown::Write).unwrap();
    wait_for(&mut poll, &mut events, "the end", |event| {
        event.is_readable()
    });
    assert_eq!(ours.read(&mut [0; 8]).unwrap(), 0);
    assert_eq!(ours.read(&mut [0; 8]).unwrap(), 0);
}

/// A reset is an event with `is_error`, and `take_error` returns the error once.
/// The test lets the peer reset a connection that is watched in each way. (On
/// Windows a stream that is watched for writing alone has no operation in flight
/// that could fail: there the next write returns the error.)
#[test]
fn c08_a_reset_is_an_error_that_take_error_has() {
    for trigger in TRIGGERS {
        for interests in [Interests::READABLE, Interests::WRITABLE, both()] {
            let (mut ours, peer) = connection();
            let mut poll = Poll::new().unwrap();
            let mut events = Events::with_capacity(8);
            poll.registrator()
                .register_with(&mut ours, Token(1), interests, trigger)
                .unwrap();
            reset(&ours, peer);
            if IOCP && !interests.is_readable() {
                let mut told = None;
                until(|| {
                    told = ours.write(b"?").err();
                    told.is_some()
                });
                let kind = told.unwrap().kind();
                let kinds = [ErrorKind::ConnectionReset, ErrorKind::ConnectionAborted];
                assert!(kinds.contains(&kind), "{kind}");
                continue;
            }
            let registrator = poll.registrator().clone();
            wait_for(&mut poll, &mut events, "the reset", |event| {
                if trigger == Trigger::Oneshot {
                    // Room to write came first, and under oneshot that event was
                    // the only one.
                    registrator
                        .reregister_with(&mut ours, Token(1), interests, trigger)
                        .unwrap();
                }
                event.is_error()
            });
            let error = ours.take_error().unwrap().expect("the reset");
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            assert!(
                ours.take_error().unwrap().is_none(),
                "take_error returned the error twice"
            );
        }
    }
}

/// If the program does not take the error, its next call returns it. The test
/// reads.
#[test]
fn c08_a_reset_is_what_the_next_call_returns() {
    let (mut ours, peer) = connection();
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    poll.registrator()
        .register(&mut ours, Token(1), Interests::READABLE)
        .unwrap();
    reset(&ours, peer);
    wait_for(&mut poll, &mut events, "the reset", |event| {
        event.is_error()
    });
    let error = ours.read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(ours.take_error().unwrap().is_none());
}

/// A program's own source reports what the program has set, as far as the interests
/// ask for it. Errors are always reported. The test sets everything and tries each
/// choice of interests.
#[test]
fn c08_a_registration_reports_the_ends_that_were_set() {
    let all = Readiness::READABLE
        | Readiness::WRITABLE
        | Readiness::READ_CLOSED
        | Readiness::WRITE_CLOSED
        | Readiness::ERROR;
    for trigger in TRIGGERS {
        for interests in [Interests::READABLE, Interests::WRITABLE, both()] {
            let (mut registration, set_readiness) = Registration::new();
            let mut poll = Poll::new().unwrap();
            let mut events = Events::with_capacity(8);
            poll.registrator()
                .register_with(&mut registration, Token(1), interests, trigger)
                .unwrap();
            set_readiness.set_readiness(all).unwrap();
            let event = wait_for(&mut poll, &mut events, "what was set", |_| true);
            assert_eq!(event.is_readable(), interests.is_readable());
            assert_eq!(event.is_read_closed(), interests.is_readable());
            assert_eq!(event.is_writable(), interests.is_writable());
            assert_eq!(event.is_write_closed(), interests.is_writable());
            assert!(event.is_error());
        }
    }
}

/// Reads to the end, but only after a readable event. Returns the bytes and the event
/// at which the end was found.
fn read_to_end<S: Source>(
    poll: &mut Poll,
    source: &mut S,
    trigger: Trigger,
    mut read: impl FnMut(&S, &mut [u8]) -> std::io::Result<usize>,
) -> (Vec<u8>, Event) {
    let mut events = Events::with_capacity(8);
    let mut all = Vec::new();
    loop {
        // Under oneshot, room to write may come first and disable the other
        // direction.
        let event = wait_for(poll, &mut events, "the end of the stream", |event| {
            event.is_readable() || trigger == Trigger::Oneshot
        });
        while event.is_readable() {
            let mut buffer = [0; 4];
            match read(source, &mut buffer) {
                Ok(0) => return (all, event),
                Ok(n) => all.extend_from_slice(&buffer[..n]),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    break;
                }
            }
        }
        if trigger == Trigger::Oneshot {
            poll.registrator()
                .reregister_with(source, Token(1), Interests::READABLE, trigger)
                .unwrap();
        }
    }
}

/// Drops the peer while it has unread bytes. That resets the connection.
fn reset(ours: &TcpStream, peer: std::net::TcpStream) {
    let mut ours = ours;
    ours.write_all(b"unread").unwrap();
    assert!(peer.peek(&mut [0]).unwrap() > 0);
    drop(peer);
    if !cfg!(any(target_os = "linux", target_os = "android", windows)) {
        // Linux and Windows reset at once. Other systems end the stream first, and
        // reset when more bytes arrive.
        let _ = ours.write(b"more");
    }
}

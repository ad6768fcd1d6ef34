//! Clause 5: silence after `deregister`.

use std::io::{Read, Write};
#[cfg(unix)]
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use evq::net::TcpListener;
#[cfg(unix)]
use evq::unix::SourceFd;
use evq::{Events, Interests, Poll, Readiness, Registration, Token, Trigger};

use crate::bench::{TRIGGERS, benches};
#[cfg(unix)]
use crate::bench::{pipe, socket_pair};
use crate::common::{IOCP, connection, duplicate, look, until, wait_for};

/// After `deregister` returns, no later `poll` reports that registration. This
/// holds even if the kernel or the ready list had already queued an event. So a
/// program may reuse the token at once; a late event would reach the wrong source.
/// The test deregisters each kind of source with an event queued, and expects
/// silence.
#[test]
fn c05_after_deregister_nothing_is_delivered_even_if_it_was_queued() {
    for trigger in TRIGGERS {
        for mut bench in benches() {
            for _ in 0..2 {
                bench.register(trigger);
                bench.subject.feed();
                bench.until_queued();
                bench.deregister();
                bench.silence("deregistered with an event queued");
                bench.subject.feed();
                bench.silence("made ready after it was deregistered");
                bench.subject.drain();
            }
        }
    }
}

/// The kernel keeps a level-triggered source in its queue after a report. The test
/// deregisters such a source and expects no more events.
#[test]
fn c05_level_ends_with_deregister() {
    for mut bench in benches() {
        bench.register(Trigger::Level);
        bench.subject.feed();
        bench.event("made ready");
        bench.event("still ready");
        bench.deregister();
        bench.silence("deregistered");
    }
}

/// Dropping a source deregisters it. The test drops a source with an event queued,
/// and expects silence.
#[test]
fn c05_dropping_a_source_deregisters_it() {
    for trigger in TRIGGERS {
        for mut bench in benches() {
            bench.register(trigger);
            bench.subject.feed();
            bench.until_queued();
            let mut poll = bench.poll;
            drop(bench.subject);
            for _ in 0..3 {
                let found = look(&mut poll, &mut bench.events);
                assert_eq!(found, [], "{} was dropped", bench.kind);
            }
        }
    }
}

/// The kernel watches an open file, not a descriptor's number. If a duplicate keeps
/// the file open, closing the registered descriptor leaves the file watched, and
/// its events belong to no source. So dropping a source deregisters it first, then
/// closes it. The test keeps a duplicate, drops the source, and expects silence.
#[test]
fn c05_a_duplicate_does_not_keep_a_registration_alive() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let registrator = poll.registrator().clone();

    let (mut stream, mut peer) = connection();
    registrator
        .register_with(&mut stream, Token(1), Interests::READABLE, Trigger::Level)
        .unwrap();
    let duplicate = duplicate(&stream);
    drop(stream);
    // The operations that were in flight are not reported either.
    assert_eq!(look(&mut poll, &mut events), []);
    peer.write_all(b"!").unwrap();
    until(|| duplicate.peek(&mut [0]).is_ok());
    assert_eq!(look(&mut poll, &mut events), []);
    assert_eq!((&duplicate).read(&mut [0; 2]).unwrap(), 1);

    let mut listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let addr = listener.local_addr().unwrap();
    registrator
        .register_with(&mut listener, Token(4), Interests::READABLE, Trigger::Level)
        .unwrap();
    let duplicate = duplicate_of_listener(&listener);
    drop(listener);
    assert_eq!(look(&mut poll, &mut events), []);
    let client = std::net::TcpStream::connect(addr).unwrap();
    let mut accepted = None;
    until(|| {
        accepted = duplicate.accept().ok();
        accepted.is_some()
    });
    assert_eq!(accepted.unwrap().1, client.local_addr().unwrap());
    assert_eq!(look(&mut poll, &mut events), []);
}

/// A second handle of the listener's socket. The listener does not know it.
fn duplicate_of_listener(listener: &TcpListener) -> std::net::TcpListener {
    #[cfg(unix)]
    let duplicate = listener.as_fd().try_clone_to_owned();
    #[cfg(windows)]
    let duplicate = std::os::windows::io::AsSocket::as_socket(listener).try_clone_to_owned();
    duplicate.unwrap().into()
}

/// The same for a duplicate of a socket pair's descriptor and of a pipe's.
#[cfg(unix)]
#[test]
fn c05_a_duplicate_descriptor_does_not_keep_a_registration_alive() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let registrator = poll.registrator().clone();

    let (ours, mut peer) = socket_pair();
    let duplicate = ours.try_clone().unwrap();
    let fd = OwnedFd::from(ours);
    let mut source = SourceFd::new(fd.as_fd());
    registrator
        .register_with(&mut source, Token(2), Interests::READABLE, Trigger::Level)
        .unwrap();
    drop(source);
    drop(fd);
    peer.write_all(b"!").unwrap();
    assert_eq!(look(&mut poll, &mut events), []);
    assert_eq!((&duplicate).read(&mut [0; 2]).unwrap(), 1);

    let (read, mut write) = pipe();
    let duplicate = read.try_clone().unwrap();
    let mut source = SourceFd::new(read);
    registrator
        .register_with(&mut source, Token(3), Interests::READABLE, Trigger::Level)
        .unwrap();
    drop(source);
    write.write_all(b"!").unwrap();
    assert_eq!(look(&mut poll, &mut events), []);
    assert_eq!((&duplicate).read(&mut [0; 2]).unwrap(), 1);
}

/// `into_std` hands a stream to the standard library, and deregisters it. The test
/// expects no event afterwards. (On Windows a stream that is watched for reading is
/// refused: the kernel has its buffer, or the stream holds bytes that have
/// arrived.)
#[test]
fn c05_into_std_deregisters() {
    for interests in [Interests::WRITABLE, Interests::READABLE] {
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(8);
        let (mut stream, mut peer) = connection();
        poll.registrator()
            .register_with(&mut stream, Token(1), interests, Trigger::Level)
            .unwrap();
        peer.write_all(b"!").unwrap();
        wait_for(&mut poll, &mut events, "an event", |_| true);
        let handed_over = stream.into_std();
        assert_eq!(look(&mut poll, &mut events), []);
        if IOCP && interests.is_readable() {
            let error = handed_over.unwrap_err();
            assert_eq!(error.raw_os_error(), None, "{error}");
            continue;
        }
        let mut stream = handed_over.unwrap();
        until(|| stream.peek(&mut [0]).is_ok());
        assert_eq!(stream.read(&mut [0; 2]).unwrap(), 1);
    }
}

/// A delivered batch does not change any more. If the program removes a source
/// while it handles one event, a later event of the same batch may still name that
/// source. The next `poll` does not. In the test the first handler removes all
/// other sources; their events are still in the batch, and not in the next one.
#[test]
fn c05_a_source_removed_by_an_earlier_event_is_in_this_batch_and_in_no_other() {
    let mut benches: Vec<_> = benches().collect();
    let mut poll = Poll::new().unwrap();
    let registrator = poll.registrator().clone();
    let mut events = Events::with_capacity(benches.len());
    for (index, bench) in benches.iter_mut().enumerate() {
        let interests = bench.subject.interests();
        let source = bench.subject.source();
        registrator
            .register_with(source, Token(index), interests, Trigger::Level)
            .unwrap();
        bench.subject.feed();
    }
    // Level: once all sources are ready, one batch has them all.
    while events.iter().count() < benches.len() {
        wait_for(&mut poll, &mut events, "all sources", |_| true);
    }
    let mut handled = None;
    for event in &events {
        match handled {
            None => {
                handled = Some(event.token());
                for (index, bench) in benches.iter_mut().enumerate() {
                    if Token(index) != event.token() {
                        registrator.deregister(bench.subject.source()).unwrap();
                    }
                }
            }
            Some(first) => assert_ne!(event.token(), first),
        }
    }
    let found = look(&mut poll, &mut events);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(Some(found[0].token()), handled);
}

/// A source is deregistered while its event waits in a list, and is registered
/// again with the same or another queue. The old event is not reported for the new
/// registration. The test tries both queues.
#[test]
fn c05_what_an_earlier_registration_left_is_not_the_present_ones() {
    let mut here = Poll::new().unwrap();
    let mut there = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let (mut registration, set_readiness) = Registration::new();

    here.registrator()
        .register(&mut registration, Token(1), Interests::READABLE)
        .unwrap();
    set_readiness.set_readiness(Readiness::READABLE).unwrap();
    here.registrator().deregister(&mut registration).unwrap();
    set_readiness.set_readiness(Readiness::EMPTY).unwrap();
    here.registrator()
        .register(&mut registration, Token(2), Interests::READABLE)
        .unwrap();
    assert_eq!(look(&mut here, &mut events), []);

    set_readiness.set_readiness(Readiness::READABLE).unwrap();
    here.registrator().deregister(&mut registration).unwrap();
    there
        .registrator()
        .register(&mut registration, Token(3), Interests::READABLE)
        .unwrap();
    assert_eq!(look(&mut here, &mut events), []);
    let found = look(&mut there, &mut events);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].token(), Token(3));
    assert_eq!(look(&mut there, &mut events), []);
}

/// Clause 5 holds also while another thread makes the source ready. In the test two
/// threads do so all the time, while a third registers, deregisters and polls.
#[test]
fn c05_deregister_is_final_while_another_thread_makes_it_ready() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let registrator = poll.registrator().clone();
    let (mut registration, set_readiness) = Registration::new();
    let (mut stream, mut peer) = connection();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        // Ends the threads, even if an assertion fails.
        let _guard = Done(&done);
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                set_readiness.set_readiness(Readiness::READABLE).unwrap();
                thread::yield_now();
            }
        });
        scope.spawn(|| {
            peer.set_nonblocking(true).unwrap();
            while !done.load(Ordering::Relaxed) {
                // A full stream will do: it stays ready.
                let _ = peer.write(b"!");
                thread::yield_now();
            }
        });
        for round in 0..500 {
            let trigger = TRIGGERS[round % 3];
            let (ours, theirs) = (Token(2 * round), Token(2 * round + 1));
            registrator
                .register_with(&mut registration, ours, Interests::READABLE, trigger)
                .unwrap();
            registrator
                .register_with(&mut stream, theirs, Interests::READABLE, trigger)
                .unwrap();
            if round % 2 == 0 {
                look(&mut poll, &mut events);
            }
            registrator.deregister(&mut registration).unwrap();
            registrator.deregister(&mut stream).unwrap();
            assert_eq!(look(&mut poll, &mut events), [], "round {round}");
        }
    });
}

struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

//! Clause 14, as far as it concerns bytes. `tests/c14_drops.rs` drops everything in
//! every order, in a process of its own.

use std::io::{ErrorKind, Read, Write};
use std::thread;

use evq::net::TcpStream;
use evq::{Interests, Poll, Token, Waker};

use crate::bench::fill;
use crate::common::{both, connection, look, wait_for};

/// The peer receives every byte that `write` has accepted, and then the end,
/// although the stream is dropped right after the write. On Windows that last write
/// may still be in flight, with a copy of the bytes. It lingers: dropping the
/// stream cancels its reads, but not this write. The test fills a stream, drops it,
/// and counts what the peer reads.
#[test]
fn c14_a_dropped_stream_still_delivers_what_it_took() {
    for registered in [false, true] {
        for poll_first in [false, true] {
            let (mut ours, peer) = connection();
            let mut poll = Poll::new().unwrap();
            if registered {
                poll.registrator()
                    .register(&mut ours, Token(1), both())
                    .unwrap();
            }
            let written = fill(&ours) + fill(&ours);
            let waker = Waker::new(poll.registrator(), Token(2)).unwrap();
            let reader = thread::spawn(move || {
                let read = read_to_end(peer);
                let _ = waker.wake();
                read
            });
            if poll_first {
                // On Windows the drops wait for the last write, at most a second.
                drop(poll);
                drop(ours);
            } else {
                drop(ours);
                let mut events = evq::Events::with_capacity(4);
                wait_for(&mut poll, &mut events, "the reader", |event| {
                    event.token() == Token(2)
                });
                assert_eq!(look(&mut poll, &mut events), []);
            }
            let (read, end) = reader.join().unwrap();
            assert_eq!(read, written, "registered: {registered}");
            end.unwrap();
        }
    }
}

/// A stream may be dropped while it is full, and no accepted byte is lost. The test
/// writes as fast as it can, adds up what the writes returned, and drops the
/// stream. The peer reads as many bytes.
#[test]
fn c14_a_stream_dropped_in_the_midst_of_writing_loses_nothing() {
    let mut poll = Poll::new().unwrap();
    let mut events = evq::Events::with_capacity(4);
    for round in 0..20_usize {
        let (mut ours, peer) = connection();
        let interests = [Interests::WRITABLE, both()][round % 2];
        poll.registrator()
            .register(&mut ours, Token(1), interests)
            .unwrap();
        let reader = thread::spawn(move || read_to_end(peer));
        let mut written = 0;
        loop {
            match (&ours).write(&[7; 50_000]) {
                Ok(count) => {
                    written += count;
                    if count < 50_000 && written >= round * 300_000 {
                        // There was no room for more. On Windows the accepted bytes
                        // are a copy, which is in flight.
                        break;
                    }
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    wait_for(&mut poll, &mut events, "room", |event| event.is_writable());
                }
            }
        }
        drop(ours);
        while !reader.is_finished() {
            let short = std::time::Duration::from_millis(10);
            poll.poll(&mut events, Some(short)).unwrap();
        }
        let (read, end) = reader.join().unwrap();
        assert_eq!(read, written);
        end.unwrap();
    }
}

/// Reads to the end. Returns the number of bytes, and the error if there was one.
fn read_to_end(mut peer: std::net::TcpStream) -> (usize, std::io::Result<()>) {
    let mut room = [0; 65_536];
    let mut all = 0;
    loop {
        match peer.read(&mut room) {
            Ok(0) => return (all, Ok(())),
            Ok(count) => all += count,
            Err(error) => return (all, Err(error)),
        }
    }
}

/// One queue has both ends of a connection, and both are dropped with bytes on
/// their way. The test expects no event afterwards.
#[test]
fn c14_both_ends_can_be_dropped_with_bytes_on_their_way() {
    let mut poll = Poll::new().unwrap();
    let mut events = evq::Events::with_capacity(4);
    for round in 0..50 {
        let (mut ours, peer) = connection();
        let mut peer = TcpStream::from_std(peer).unwrap();
        for (number, stream) in [&mut ours, &mut peer].into_iter().enumerate() {
            poll.registrator()
                .register(stream, Token(number), both())
                .unwrap();
        }
        (&ours).write_all(b"on its way").unwrap();
        if round % 3 == 0 {
            look(&mut poll, &mut events);
        }
        drop(ours);
        if round % 2 == 0 {
            look(&mut poll, &mut events);
        }
        drop(peer);
        assert_eq!(look(&mut poll, &mut events), []);
    }
}

use super::*;
use Answer::{Failed, Read, Wrote};
use State::{Closed, Open, PeerEnded};

#[test]
fn bytes_are_counted() {
    assert_eq!(after(Open { unsent: 0 }, Read(5)), Open { unsent: 5 });
    assert_eq!(after(Open { unsent: 5 }, Read(3)), Open { unsent: 8 });
    assert_eq!(after(Open { unsent: 8 }, Wrote(2)), Open { unsent: 6 });
    assert_eq!(after(Open { unsent: 6 }, Wrote(6)), Open { unsent: 0 });
}

#[test]
fn a_full_buffer_is_not_read_into() {
    assert_eq!(
        calls(Open { unsent: 0 }),
        (true, false),
        "empty: nothing to write"
    );
    assert_eq!(
        calls(Open { unsent: 1 }),
        (true, true),
        "the server keeps one byte and has room for more, so it should read and write"
    );
    assert_eq!(
        calls(Open { unsent: ROOM }),
        (false, true),
        "full: the server must stop reading, and this backpressure makes the peer wait"
    );
}

#[test]
fn the_end_of_the_peer_is_not_the_end() {
    for unsent in 1..=ROOM {
        assert_eq!(
            after(Open { unsent }, Read(0)),
            PeerEnded { unsent },
            "the peer sends no more, but it still reads: it is half closed, and waits for {unsent} bytes"
        );
        assert_eq!(
            calls(PeerEnded { unsent }),
            (false, true),
            "after the peer's end the server must not read, or the end is read again and again"
        );
    }
    assert_eq!(
        after(Open { unsent: 0 }, Read(0)),
        Closed,
        "the peer has ended and no byte is unsent, so the connection is over"
    );
}

#[test]
fn our_side_is_closed_after_the_last_byte() {
    assert_eq!(
        after(PeerEnded { unsent: 7 }, Wrote(3)),
        PeerEnded { unsent: 4 }
    );
    assert_eq!(
        after(PeerEnded { unsent: 4 }, Wrote(4)),
        Closed,
        "all bytes have gone back, and the peer waits until the server closes"
    );
}

#[test]
fn a_failure_ends_it_at_once() {
    for state in [
        Open { unsent: 0 },
        Open { unsent: 9 },
        PeerEnded { unsent: 9 },
    ] {
        assert_eq!(after(state, Failed), Closed, "from {state:?}");
    }
    assert_eq!(calls(Closed), (false, false), "closed: make no call");
}

#[test]
fn whatever_is_answered_no_byte_is_lost() {
    // A small generator chooses the sizes and the order of reads and writes.
    for seed in 1..200u32 {
        let (mut random, mut state) = (seed, Open { unsent: 0 });
        let (mut read, mut written) = (0, 0);
        for _ in 0..10_000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let pick = (random >> 16) as usize;
            let held = match state {
                Open { unsent } | PeerEnded { unsent } => unsent,
                Closed => break,
            };
            let may = calls(state);
            assert!(
                may.0 || may.1,
                "{state:?}: no call is allowed, so no event will come"
            );
            let answer = if may.0 && (pick % 2 == 0 || !may.1) {
                let most = ROOM.checked_sub(held).filter(|room| *room > 0);
                let most = most.expect("a read into a full buffer: there is no backpressure");
                let count = if pick % 50 == 0 {
                    0
                } else {
                    pick / 2 % most + 1
                };
                read += count;
                Read(count)
            } else {
                assert!(held > 0, "{state:?}: a write of no bytes");
                let count = pick / 2 % held + 1;
                written += count;
                Wrote(count)
            };
            state = after(state, answer);
        }
        assert_eq!(state, Closed, "the connection never closes");
        assert_eq!(
            written, read,
            "closed with unsent bytes: until all are written, it is half closed"
        );
    }
}

//! What comes in: bytes, datagrams, clients.
//!
//! Chapter 13. A program cannot ask a completion port whether there is something to
//! read. It lends memory to the kernel, and the memory comes back filled. This file
//! has the states between lending and reading, for every kind of source. It makes no
//! system call, so it compiles, and is tested, on every system.

use std::io::{self, ErrorKind};
use std::mem;
use std::ops::Range;

use crate::event::Readiness;
use crate::iocp::ffi::errors::*;

/// How an operation went: the number of bytes, or why it failed.
pub type Outcome = io::Result<usize>;

// ANCHOR: incoming
/// Where the next bytes are, or the next datagram, or the next client.
///
/// `L` is what a read lends to the kernel: a buffer, or the socket that the next
/// client gets.
#[derive(Debug)]
pub enum Incoming<L> {
    /// Nothing is in flight or in hand. If there are bytes, the system has them.
    Idle,
    /// The kernel has the memory and fills it.
    InFlight(L),
    /// The kernel has the memory. What comes back is thrown away.
    Unwanted {
        /// What the kernel has.
        lent: L,
        /// Whether reads say that the stream has ended.
        ended: bool,
    },
    /// The memory is back. The program has not taken these bytes of it yet.
    InHand(L, Range<usize>),
    /// A read of no bytes is back: the socket has something to read.
    Notified,
    /// The system had too little memory for a read. The next call tries again.
    Refused,
    /// The stream has ended.
    Ended,
    /// A read has failed. No call has returned the error yet.
    Failed(io::Error),
}
// ANCHOR_END: incoming

impl<L> Incoming<L> {
    // ANCHOR: came_back
    /// The state after a read is over. `meaning` says what the outcome means to
    /// this kind of source. It is called only if the read is still wanted, was not
    /// cancelled, and did not lack memory.
    pub fn came_back(
        self,
        outcome: Outcome,
        meaning: impl FnOnce(L, Outcome) -> Incoming<L>,
    ) -> Incoming<L> {
        match (self, outcome) {
            (Incoming::InFlight(_), Err(error)) if is_cancelled(&error) => Incoming::Idle,
            (Incoming::InFlight(_), Err(error)) if is_transient(&error) => Incoming::Refused,
            (Incoming::InFlight(lent), outcome) => meaning(lent, outcome),
            (Incoming::Unwanted { ended: true, .. }, _) => Incoming::Ended,
            _ => Incoming::Idle,
        }
    }
    // ANCHOR_END: came_back

    // ANCHOR: took
    /// Forgets what has come, and what is still in flight. `ended`: from now on
    /// reads say that the stream has ended.
    pub fn discard(&mut self, ended: bool) {
        *self = match mem::replace(self, Incoming::Idle) {
            Incoming::InFlight(lent) | Incoming::Unwanted { lent, .. } => {
                Incoming::Unwanted { lent, ended }
            }
            _ if ended => Incoming::Ended,
            _ => Incoming::Idle,
        };
    }

    /// The program has taken this many of the bytes in hand.
    pub fn took(&mut self, bytes: usize) {
        if let Incoming::InHand(_, left) = self {
            left.start += bytes;
            if left.start == left.end {
                *self = Incoming::Idle;
            }
        }
    }

    /// Takes everything that is in hand.
    pub fn take(&mut self) -> Option<L> {
        let before = mem::replace(self, Incoming::Idle);
        let Incoming::InHand(lent, _) = before else {
            *self = before;
            return None;
        };
        Some(lent)
    }

    /// The error that no call has returned yet. `ends`: the stream ends after it.
    pub fn take_error(&mut self, ends: bool) -> Option<io::Error> {
        let before = mem::replace(self, Incoming::Idle);
        let Incoming::Failed(error) = before else {
            *self = before;
            return None;
        };
        self.discard(ends);
        Some(error)
    }
    // ANCHOR_END: took

    // ANCHOR: asked
    /// The program has read from the socket itself, with this result. If the state
    /// is `Idle` afterwards, the source starts a new read. Its packet tells when
    /// there is more.
    ///
    /// Level-triggered, each result needs that: only a new read finds out whether
    /// something is left. Too little memory is a refusal, and not the end.
    pub fn asked(&mut self, received: &Outcome, level: bool) {
        let refused = received
            .as_ref()
            .is_err_and(|error| error.kind() == ErrorKind::WouldBlock || is_transient(error));
        match (received, &self) {
            (Ok(1..), _) if !level => {}
            (Ok(0) | Err(_), _) if !refused => self.discard(true),
            (_, Incoming::Notified) => *self = Incoming::Idle,
            _ => {}
        }
    }
    // ANCHOR_END: asked

    // ANCHOR: readiness
    /// Whether the kernel has memory of this source for reading.
    pub fn is_in_flight(&self) -> bool {
        matches!(self, Incoming::InFlight(_) | Incoming::Unwanted { .. })
    }

    /// What a read would find. After `Refused` the program has to read: that read
    /// tries to get memory again.
    pub fn readiness(&self) -> Readiness {
        match self {
            Incoming::Idle | Incoming::InFlight(_) | Incoming::Unwanted { ended: false, .. } => {
                Readiness::EMPTY
            }
            Incoming::InHand(..) | Incoming::Notified | Incoming::Refused => Readiness::READABLE,
            Incoming::Ended | Incoming::Unwanted { ended: true, .. } => {
                Readiness::READABLE | Readiness::READ_CLOSED
            }
            Incoming::Failed(_) => Readiness::READABLE | Readiness::ERROR,
        }
    }
    // ANCHOR_END: readiness
}

// ANCHOR: transient
/// Whether an operation was cancelled: by other code that has the handle, or, before
/// Windows Vista, because its thread exited. A source that is still wanted starts again.
pub fn is_cancelled(error: &io::Error) -> bool {
    error.raw_os_error() == Some(ERROR_OPERATION_ABORTED)
}

/// Whether a call failed because the system was short of memory at that moment.
pub fn is_transient(error: &io::Error) -> bool {
    let short = [
        WSAENOBUFS,
        WSAEWOULDBLOCK,
        ERROR_NO_SYSTEM_RESOURCES,
        ERROR_WORKING_SET_QUOTA,
        ERROR_NOT_ENOUGH_QUOTA,
    ];
    error
        .raw_os_error()
        .is_some_and(|code| short.contains(&code))
}
// ANCHOR_END: transient

#[cfg(test)]
mod tests {
    use super::*;

    type Incoming = super::Incoming<[u8; 4]>;

    fn code(code: i32) -> io::Error {
        io::Error::from_raw_os_error(code)
    }

    /// A read of a source that keeps both bytes and errors until they are taken.
    fn back(outcome: Outcome) -> Incoming {
        let incoming = Incoming::InFlight([0; 4]);
        assert!(incoming.is_in_flight() && incoming.readiness().is_empty());
        incoming.came_back(outcome, |lent, outcome| match outcome {
            Ok(bytes) => Incoming::InHand(lent, 0..bytes),
            Err(error) => Incoming::Failed(error),
        })
    }

    #[test]
    fn bytes_are_in_hand_until_the_last_is_taken() {
        let mut incoming = back(Ok(3));
        assert_eq!(incoming.readiness(), Readiness::READABLE);
        incoming.took(2);
        assert!(matches!(&incoming, Incoming::InHand(_, left) if *left == (2..3)));
        incoming.took(1);
        assert!(matches!(incoming, Incoming::Idle));
    }

    #[test]
    fn an_empty_datagram_is_in_hand_like_any_other() {
        let mut incoming = back(Ok(0));
        assert_eq!(incoming.readiness(), Readiness::READABLE);
        assert_eq!(incoming.take(), Some([0; 4]));
        assert_eq!(incoming.take(), None);
        assert!(matches!(incoming, Incoming::Idle));
    }

    #[test]
    fn a_failure_is_kept_until_a_call_returns_it() {
        let mut incoming = back(Err(code(WSAECONNRESET)));
        let kept = Readiness::READABLE | Readiness::ERROR;
        assert_eq!(incoming.readiness(), kept);
        let error = incoming.take_error(false).unwrap();
        assert_eq!(error.raw_os_error(), Some(WSAECONNRESET));
        assert!(incoming.take_error(false).is_none());
        assert!(matches!(incoming, Incoming::Idle));
        let mut stream = back(Err(code(WSAECONNRESET)));
        assert!(stream.take_error(true).is_some());
        assert!(matches!(stream, Incoming::Ended));
    }

    #[test]
    fn a_read_that_others_cancelled_is_started_again() {
        let incoming = back(Err(code(ERROR_OPERATION_ABORTED)));
        assert!(matches!(incoming, Incoming::Idle));
    }

    #[test]
    fn too_little_memory_is_no_failure_and_no_end_and_is_told() {
        for error in [
            WSAENOBUFS,
            WSAEWOULDBLOCK,
            ERROR_NO_SYSTEM_RESOURCES,
            ERROR_WORKING_SET_QUOTA,
            ERROR_NOT_ENOUGH_QUOTA,
        ] {
            let incoming = back(Err(code(error)));
            assert!(matches!(incoming, Incoming::Refused), "{error}");
            assert_eq!(incoming.readiness(), Readiness::READABLE);
        }
    }

    #[test]
    fn what_is_unwanted_is_thrown_away_when_it_comes_back() {
        for ended in [false, true] {
            let closed = |incoming: &Incoming| {
                let readiness = incoming.readiness();
                assert_eq!(readiness.contains(Readiness::READ_CLOSED), ended);
            };
            let mut incoming = Incoming::InFlight([0; 4]);
            incoming.discard(ended);
            assert!(incoming.is_in_flight());
            closed(&incoming);
            let incoming = incoming.came_back(Ok(3), |_, _| panic!("nobody wants it"));
            assert!(!incoming.is_in_flight());
            closed(&incoming);

            let mut incoming = back(Ok(3));
            incoming.discard(ended);
            closed(&incoming);
        }
    }

    /// The same holds for a read from the socket itself: the program may try again.
    #[test]
    fn too_little_memory_for_a_direct_read_is_not_the_end() {
        for error in [WSAENOBUFS, ERROR_NO_SYSTEM_RESOURCES] {
            let mut notified = Incoming::Notified;
            notified.asked(&Err(code(error)), false);
            assert!(matches!(notified, Incoming::Idle), "{error}: a new notice");
            let mut refused = Incoming::Refused;
            refused.asked(&Err(code(error)), false);
            assert!(matches!(refused, Incoming::Refused), "{error}");
        }
    }

    #[test]
    fn a_socket_that_refuses_a_read_needs_a_new_notice() {
        let refusal = || Err(ErrorKind::WouldBlock.into());
        for (received, level, idle) in [
            (refusal(), false, true),
            (Ok(5), false, false),
            (Ok(5), true, true),
        ] {
            let mut notified = Incoming::Notified;
            notified.asked(&received, level);
            assert_eq!(matches!(notified, Incoming::Idle), idle, "{received:?}");
            // One is in flight: another would be one too many.
            let mut waiting = Incoming::InFlight([0; 4]);
            waiting.asked(&received, level);
            assert!(matches!(waiting, Incoming::InFlight(_)));
        }
        for end in [Ok(0), Err(code(WSAECONNRESET))] {
            let mut notified = Incoming::Notified;
            notified.asked(&end, true);
            assert!(matches!(notified, Incoming::Ended));
        }
    }
}

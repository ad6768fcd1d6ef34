//! What goes out: connecting and writing.
//!
//! Chapter 14. A source that is connecting cannot write, so both share one
//! operation and one state. This file has the steps of that state, for every kind
//! of source. It makes no system call, so it compiles, and is tested, on every system.

use std::io::{self, ErrorKind};
use std::mem;
use std::ops::Range;

use super::buffer_pool::Buffer;
use super::incoming::{Outcome, is_cancelled};
use crate::event::Readiness;

/// The most that one write hands to the system, in bytes. The system may lock all
/// of it in memory.
pub const LARGEST_WRITE: usize = 128 * 1024;

// ANCHOR: outgoing
/// How far a source has come with connecting and writing.
#[derive(Debug)]
pub enum Outgoing {
    /// No peer, and no connection under way.
    Apart,
    /// The program wants a connection. The first registration starts it.
    Asked,
    /// A connect is in flight.
    Connecting,
    /// Connected. The system takes what it has room for.
    Open,
    /// The system had no room. These bytes of a copy are to be lent.
    Copied(Buffer, Range<usize>),
    /// The kernel has the copy. These bytes of it are not written yet.
    InFlight(Buffer, Range<usize>),
    /// The connection was given up while an operation was in flight.
    Unwanted {
        /// What the kernel has.
        lent: Option<Buffer>,
        /// Whether the program wants the next connection already.
        asked: bool,
    },
    /// No call has returned this error yet.
    Failed {
        /// Why the last operation failed.
        error: io::Error,
        /// Whether there was a connection: then its bytes can still be read.
        connected: bool,
    },
}
// ANCHOR_END: outgoing

impl Outgoing {
    // ANCHOR: connected
    /// An operation is over: the connection is made, this many bytes are written,
    /// or it failed.
    pub fn came_back(&mut self, outcome: Outcome) {
        *self = match (mem::replace(self, Outgoing::Open), outcome) {
            (Outgoing::Connecting, Ok(_)) => Outgoing::Open,
            (Outgoing::Connecting, Err(error)) if is_cancelled(&error) => Outgoing::Asked,
            (Outgoing::Connecting, Err(error)) => Outgoing::Failed {
                error,
                connected: false,
            },
            // ANCHOR_END: connected
            // ANCHOR: written
            (Outgoing::InFlight(copy, left), Ok(bytes)) => {
                let left = left.start + bytes..left.end;
                match bytes {
                    _ if left.is_empty() => Outgoing::Open,
                    // Otherwise the same bytes would be lent for ever.
                    0 => Outgoing::Failed {
                        error: ErrorKind::WriteZero.into(),
                        connected: true,
                    },
                    _ => Outgoing::Copied(copy, left),
                }
            }
            // Even if it was cancelled: nobody knows how much was written.
            (Outgoing::InFlight(..), Err(error)) => Outgoing::Failed {
                error,
                connected: true,
            },
            // ANCHOR_END: written
            // ANCHOR: given_up
            (Outgoing::Unwanted { asked: true, .. }, _) => Outgoing::Asked,
            (Outgoing::Unwanted { asked: false, .. }, _) => Outgoing::Apart,
            (other, _) => other,
        };
    }

    /// Gives up the connection. What an operation in flight brings back is thrown away.
    pub fn discard(&mut self) {
        let lent = match mem::replace(self, Outgoing::Apart) {
            Outgoing::InFlight(copy, _) => Some(copy),
            Outgoing::Unwanted { lent, .. } => lent,
            Outgoing::Connecting => None,
            _ => return,
        };
        *self = Outgoing::Unwanted { lent, asked: false };
    }
    /// Whether the source has an operation to start. If so, it counts as in flight
    /// from here on.
    pub fn start(&mut self) -> bool {
        let (after, starts) = match mem::replace(self, Outgoing::Apart) {
            Outgoing::Asked => (Outgoing::Connecting, true),
            Outgoing::Copied(copy, left) => (Outgoing::InFlight(copy, left), true),
            before => (before, false),
        };
        *self = after;
        starts
    }
    // ANCHOR_END: given_up

    // ANCHOR: check
    /// The error that no call has returned yet.
    pub fn take_error(&mut self) -> Option<io::Error> {
        let (after, error) = match mem::replace(self, Outgoing::Apart) {
            Outgoing::Failed {
                error,
                connected: true,
            } => (Outgoing::Open, Some(error)),
            Outgoing::Failed { error, .. } => (Outgoing::Apart, Some(error)),
            before => (before, None),
        };
        *self = after;
        error
    }

    /// Whether a write may try now.
    pub fn check(&mut self) -> io::Result<()> {
        match self.take_error() {
            Some(error) => Err(error),
            None if matches!(self, Outgoing::Open) => Ok(()),
            None if self.is_apart() => Err(io::Error::new(ErrorKind::NotConnected, APART)),
            None => Err(ErrorKind::WouldBlock.into()),
        }
    }
    // ANCHOR_END: check

    // ANCHOR: readiness
    /// Whether there is no peer, and no connection under way.
    pub fn is_apart(&self) -> bool {
        matches!(
            self,
            Outgoing::Apart | Outgoing::Unwanted { asked: false, .. }
        )
    }
    /// Whether the kernel has memory of this source for connecting or writing.
    pub fn is_in_flight(&self) -> bool {
        matches!(
            self,
            Outgoing::Connecting | Outgoing::InFlight(..) | Outgoing::Unwanted { .. }
        )
    }

    /// Whether there is a connection, or was one. Then there may be something to
    /// read, even if no write succeeds any more.
    pub fn is_connected(&self) -> bool {
        match self {
            Outgoing::Open | Outgoing::Copied(..) | Outgoing::InFlight(..) => true,
            Outgoing::Failed { connected, .. } => *connected,
            _ => false,
        }
    }

    /// Whether a write would take bytes or return an error.
    pub fn readiness(&self) -> Readiness {
        match self {
            Outgoing::Open => Readiness::WRITABLE,
            Outgoing::Failed { .. } => Readiness::WRITABLE | Readiness::ERROR,
            _ => Readiness::EMPTY,
        }
    }
    // ANCHOR_END: readiness
}

/// The error of a write that has no peer.
pub const APART: &str = "nobody is at the other end: connect first";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iocp::ffi::errors::*;

    fn writing(len: usize) -> Outgoing {
        let mut outgoing = Outgoing::Copied(Buffer::take(len), 0..len);
        assert!(!outgoing.is_in_flight() && outgoing.start());
        assert!(outgoing.is_in_flight() && !outgoing.start());
        assert!(outgoing.readiness().is_empty());
        outgoing
    }

    #[test]
    fn a_connection_that_is_asked_for_is_started_once_and_then_open() {
        let mut outgoing = Outgoing::Asked;
        assert!(outgoing.start() && !outgoing.start());
        assert!(outgoing.readiness().is_empty() && !outgoing.is_connected());
        outgoing.came_back(Ok(0));
        assert_eq!(outgoing.readiness(), Readiness::WRITABLE);
        assert!(outgoing.is_connected() && !outgoing.start());
    }

    #[test]
    fn a_connect_that_others_cancelled_is_started_again() {
        let cancelled = || io::Error::from_raw_os_error(ERROR_OPERATION_ABORTED);
        let mut outgoing = Outgoing::Connecting;
        outgoing.came_back(Err(cancelled()));
        assert!(outgoing.start());
        let mut outgoing = writing(10);
        outgoing.came_back(Err(cancelled()));
        assert!(
            outgoing.take_error().is_some(),
            "some may have been written"
        );
    }

    #[test]
    fn a_refused_connection_is_writable_and_an_error_and_then_apart() {
        let mut outgoing = Outgoing::Connecting;
        outgoing.came_back(Err(ErrorKind::ConnectionRefused.into()));
        assert_eq!(outgoing.readiness(), Readiness::WRITABLE | Readiness::ERROR);
        assert!(!outgoing.is_connected());
        assert!(outgoing.take_error().is_some() && outgoing.take_error().is_none());
        assert!(outgoing.readiness().is_empty() && !outgoing.is_connected());
    }

    #[test]
    fn what_was_written_in_part_is_lent_again() {
        let mut outgoing = writing(10);
        outgoing.came_back(Ok(4));
        assert!(outgoing.start());
        assert!(matches!(&outgoing, Outgoing::InFlight(_, left) if *left == (4..10)));
        outgoing.came_back(Ok(6));
        assert!(matches!(outgoing, Outgoing::Open));
    }

    #[test]
    fn a_write_of_nothing_is_not_repeated_for_ever() {
        let mut outgoing = writing(10);
        outgoing.came_back(Ok(0));
        assert!(!outgoing.start());
        let error = outgoing.take_error().unwrap();
        assert_eq!(error.kind(), ErrorKind::WriteZero);
        // But an empty datagram is written, whole.
        let mut empty = Outgoing::InFlight(Buffer::take(10), 0..0);
        empty.came_back(Ok(0));
        assert!(matches!(empty, Outgoing::Open));
    }

    #[test]
    fn a_failed_write_is_kept_and_reading_goes_on() {
        let mut outgoing = writing(10);
        outgoing.came_back(Err(ErrorKind::ConnectionReset.into()));
        assert_eq!(outgoing.readiness(), Readiness::WRITABLE | Readiness::ERROR);
        assert!(outgoing.is_connected());
        assert!(outgoing.take_error().is_some());
        assert_eq!(outgoing.readiness(), Readiness::WRITABLE);
    }

    #[test]
    fn what_a_given_up_connection_has_in_flight_comes_back_before_the_next() {
        for mut outgoing in [writing(10), Outgoing::Connecting] {
            outgoing.discard();
            assert!(outgoing.is_in_flight() && !outgoing.is_connected());
            let Outgoing::Unwanted { asked, .. } = &mut outgoing else {
                panic!("{outgoing:?}");
            };
            *asked = true;
            assert!(!outgoing.start(), "the memory is with the kernel");
            outgoing.came_back(Err(ErrorKind::NotConnected.into()));
            assert!(outgoing.start(), "the next connection");
        }
        let mut open = Outgoing::Open;
        open.check().unwrap();
        open.discard();
        assert!(matches!(open, Outgoing::Apart));
        assert_eq!(open.check().unwrap_err().kind(), ErrorKind::NotConnected);
    }
}

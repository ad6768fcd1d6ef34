//! Where the bytes are that come in over TCP.
//!
//! Chapter 13. With IOCP one does not ask whether there is something to read:
//! one lends a buffer, and it comes back filled. These are the steps between
//! lending and reading, without a system call, so they compile, and are tested,
//! on every system.

use std::io::{self, ErrorKind, IoSliceMut};

use crate::event::Readiness;
use crate::iocp::ffi::errors::*;

// ANCHOR: reading
/// Where a stream's next bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// In the socket, if anywhere: nothing is lent, and nothing in hand.
    Idle,
    /// So much of the buffer is lent to the kernel, which fills it.
    ///
    /// A receive of nothing lends 0 bytes. It comes back when there is
    /// something, and leaves that in the socket.
    Lent(usize),
    /// In the buffer, from here to there.
    InHand {
        /// The first byte that has not been read.
        from: usize,
        /// Where the bytes end that have come.
        to: usize,
    },
    /// In the socket: a receive of nothing has come back.
    Waiting,
    /// The stream has ended.
    Ended,
    /// No more come, for this error; no call has returned it yet.
    Failed(i32),
}
// ANCHOR_END: reading

impl Reading {
    // ANCHOR: came_back
    /// What was lent has come back with so many bytes, or an error's code.
    pub fn came_back(self, outcome: Result<usize, i32>) -> Reading {
        match (self, outcome) {
            // A source that goes cancels, and asks no more. Else it is no failure
            // of the stream's: the thread has ended that had lent the buffer.
            (Reading::Lent(_), Err(ERROR_OPERATION_ABORTED)) => Reading::Idle,
            (Reading::Lent(_), Err(code)) => Reading::Failed(code),
            // Nothing was asked for, so nothing is no end.
            (Reading::Lent(0), Ok(_)) => Reading::Waiting,
            (Reading::Lent(_), Ok(0)) => Reading::Ended,
            (Reading::Lent(lent), Ok(bytes)) => Reading::InHand {
                from: 0,
                to: bytes.min(lent),
            },
            // Reading was shut down while the buffer was away.
            (other, _) => other,
        }
    }
    // ANCHOR_END: came_back

    // ANCHOR: took
    /// So many of the bytes in hand have been read.
    pub fn took(self, bytes: usize) -> Reading {
        match self {
            Reading::InHand { from, to } if from + bytes < to => Reading::InHand {
                from: from + bytes,
                to,
            },
            Reading::InHand { .. } => Reading::Idle,
            other => other,
        }
    }
    // ANCHOR_END: took

    // ANCHOR: asked
    /// The socket itself was asked, and gave this. Idle: it is to be watched again.
    ///
    /// With `level`, though it may have more: only a new receive of nothing knows
    /// of what is left.
    pub fn asked(self, received: &io::Result<usize>, level: bool) -> Reading {
        match received {
            Ok(0) => Reading::Ended,
            Err(error) if error.kind() != ErrorKind::WouldBlock => Reading::Ended,
            Ok(_) if !level => self,
            _ if self == Reading::Waiting => Reading::Idle,
            _ => self,
        }
    }
    // ANCHOR_END: asked

    // ANCHOR: readiness
    /// Whether a read would not block, and more about that.
    pub fn readiness(self) -> Readiness {
        match self {
            Reading::Idle | Reading::Lent(_) => Readiness::EMPTY,
            Reading::InHand { .. } | Reading::Waiting => Readiness::READABLE,
            Reading::Ended => Readiness::READABLE | Readiness::READ_CLOSED,
            Reading::Failed(_) => Readiness::READABLE | Readiness::READ_CLOSED | Readiness::ERROR,
        }
    }
    // ANCHOR_END: readiness
}

// ANCHOR: hand_out
/// Copies as much as fits into the buffers, one after the other, and returns how
/// much that was.
pub fn hand_out(mut from: &[u8], into: &mut [IoSliceMut<'_>]) -> usize {
    let all = from.len();
    for buffer in into {
        let (now, later) = from.split_at(from.len().min(buffer.len()));
        buffer[..now.len()].copy_from_slice(now);
        from = later;
    }
    all - from.len()
}
// ANCHOR_END: hand_out

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_back_is_in_hand_as_far_as_it_was_filled() {
        let in_hand = Reading::Lent(4096).came_back(Ok(5));
        assert_eq!(in_hand, Reading::InHand { from: 0, to: 5 });
        assert_eq!(in_hand.took(2), Reading::InHand { from: 2, to: 5 });
        assert_eq!(in_hand.took(2).took(3), Reading::Idle);
    }

    #[test]
    fn no_bytes_are_the_end_only_of_a_buffer_that_had_room() {
        assert_eq!(Reading::Lent(4096).came_back(Ok(0)), Reading::Ended);
        assert_eq!(Reading::Lent(0).came_back(Ok(0)), Reading::Waiting);
    }

    #[test]
    fn a_failure_is_kept_until_it_has_been_returned() {
        assert_eq!(
            Reading::Lent(4096).came_back(Err(WSAECONNRESET)),
            Reading::Failed(WSAECONNRESET)
        );
        assert!(
            Reading::Failed(WSAECONNRESET)
                .readiness()
                .contains(Readiness::READABLE | Readiness::ERROR)
        );
    }

    #[test]
    fn what_comes_back_after_the_end_was_declared_changes_nothing() {
        assert_eq!(Reading::Ended.came_back(Ok(5)), Reading::Ended);
        assert_eq!(
            Reading::Ended.came_back(Err(ERROR_OPERATION_ABORTED)),
            Reading::Ended
        );
    }

    #[test]
    fn what_was_cancelled_by_nobody_of_ours_is_lent_again() {
        assert_eq!(
            Reading::Lent(4096).came_back(Err(ERROR_OPERATION_ABORTED)),
            Reading::Idle
        );
        assert_eq!(
            Reading::Lent(0).came_back(Err(ERROR_OPERATION_ABORTED)),
            Reading::Idle
        );
    }

    #[test]
    fn a_socket_that_was_asked_is_watched_again_once_it_refuses() {
        let refusal = Err(ErrorKind::WouldBlock.into());
        assert_eq!(Reading::Waiting.asked(&refusal, false), Reading::Idle);
        assert_eq!(Reading::Waiting.asked(&Ok(5), false), Reading::Waiting);
        assert_eq!(Reading::Waiting.asked(&Ok(5), true), Reading::Idle);
        assert_eq!(Reading::Lent(0).asked(&Ok(5), true), Reading::Lent(0));
        assert_eq!(Reading::Lent(0).asked(&refusal, true), Reading::Lent(0));
        assert_eq!(Reading::Waiting.asked(&Ok(0), true), Reading::Ended);
        let reset = Err(ErrorKind::ConnectionReset.into());
        assert_eq!(Reading::Waiting.asked(&reset, true), Reading::Ended);
    }

    #[test]
    fn nothing_can_be_read_while_it_is_lent() {
        assert!(Reading::Idle.readiness().is_empty());
        assert!(Reading::Lent(0).readiness().is_empty());
        assert!(Reading::Lent(4096).readiness().is_empty());
    }
}

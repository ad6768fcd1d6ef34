//! How far a TCP stream has come with connecting and writing.
//!
//! Chapter 14. The steps, without a system call: they compile, and are tested,
//! on every system.

use std::io::IoSlice;

use crate::event::Readiness;
use crate::iocp::ffi::errors::*;

// ANCHOR: writing
/// What can be written, or why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// Nothing yet: the connection begins with the first registration.
    Unconnected,
    /// Nothing yet: the connection is being made.
    Connecting,
    /// Whatever the socket takes.
    Open,
    /// Nothing until the socket has taken what it could not take at once: a
    /// copy, lent to the kernel.
    Lent {
        /// The first byte of the buffer that is not sent.
        from: usize,
        /// Where the bytes to be sent end.
        to: usize,
    },
    /// No more, for this error; no call has returned it yet.
    Failed {
        /// The error's code.
        code: i32,
        /// There never was a connection.
        refused: bool,
    },
}
// ANCHOR_END: writing

impl Writing {
    // ANCHOR: came_back
    /// The connection is made, or what was lent comes back with so many bytes
    /// sent, or either with an error's code. Still `Lent`: the rest is to be
    /// lent again.
    pub fn came_back(self, outcome: Result<usize, i32>) -> Writing {
        match (self, outcome) {
            (Writing::Connecting, Ok(_)) => Writing::Open,
            (Writing::Connecting, Err(code)) => Writing::Failed {
                code,
                refused: true,
            },
            (Writing::Lent { .. }, Err(code)) => Writing::Failed {
                code,
                refused: false,
            },
            // Or it would be lent for ever.
            (Writing::Lent { .. }, Ok(0)) => Writing::Failed {
                code: WSAECONNABORTED,
                refused: false,
            },
            (Writing::Lent { from, to }, Ok(bytes)) if from + bytes < to => Writing::Lent {
                from: from + bytes,
                to,
            },
            (Writing::Lent { .. }, Ok(_)) => Writing::Open,
            (other, _) => other,
        }
    }
    // ANCHOR_END: came_back

    // ANCHOR: readiness
    /// Whether there is a connection, or was one: what has come may be read, even
    /// if no more can be written.
    pub fn is_connected(self) -> bool {
        match self {
            Writing::Unconnected | Writing::Connecting => false,
            Writing::Open | Writing::Lent { .. } => true,
            Writing::Failed { refused, .. } => !refused,
        }
    }

    /// Whether a write would not block, and more about that.
    pub fn readiness(self) -> Readiness {
        let failed = Readiness::WRITABLE | Readiness::WRITE_CLOSED | Readiness::ERROR;
        match self {
            Writing::Unconnected | Writing::Connecting | Writing::Lent { .. } => Readiness::EMPTY,
            Writing::Open => Readiness::WRITABLE,
            Writing::Failed { refused: false, .. } => failed,
            Writing::Failed { refused: true, .. } => {
                failed | Readiness::READABLE | Readiness::READ_CLOSED
            }
        }
    }
}
// ANCHOR_END: readiness

// ANCHOR: gather
/// Copies as much of the buffers as there is room for, and returns how much that
/// was.
pub fn gather(from: &[IoSlice<'_>], mut into: &mut [u8]) -> usize {
    let all = into.len();
    for buffer in from {
        let n = buffer.len().min(into.len());
        let (now, later) = into.split_at_mut(n);
        now.copy_from_slice(&buffer[..n]);
        into = later;
    }
    all - into.len()
}
// ANCHOR_END: gather

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_can_be_written_to_once_it_is_made() {
        assert!(Writing::Connecting.readiness().is_empty());
        let open = Writing::Connecting.came_back(Ok(0));
        assert_eq!(open.readiness(), Readiness::WRITABLE);
    }

    #[test]
    fn a_refused_connection_is_writable_and_an_error() {
        let refused = Writing::Connecting.came_back(Err(WSAECONNREFUSED));
        let expected = Writing::Failed {
            code: WSAECONNREFUSED,
            refused: true,
        };
        assert_eq!(refused, expected);
        assert!(!refused.is_connected());
        assert!(
            refused
                .readiness()
                .contains(Readiness::WRITABLE | Readiness::ERROR)
        );
    }

    #[test]
    fn what_was_sent_in_part_is_lent_again() {
        let lent = Writing::Lent { from: 0, to: 10 };
        let rest = lent.came_back(Ok(4));
        assert_eq!(rest, Writing::Lent { from: 4, to: 10 });
        assert!(rest.readiness().is_empty());
        assert_eq!(rest.came_back(Ok(6)), Writing::Open);
    }

    #[test]
    fn a_failed_write_is_kept_until_it_has_been_returned() {
        let failed = Writing::Lent { from: 0, to: 10 }.came_back(Err(WSAECONNRESET));
        let kept = Readiness::WRITABLE | Readiness::ERROR;
        assert!(failed.readiness().contains(kept));
        assert!(failed.is_connected(), "reading goes on");
    }
}

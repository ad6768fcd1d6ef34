//! Where the next datagram is, and whether one can be sent.
//!
//! Chapter 16. The steps, without a system call: they compile, and are tested,
//! on every system.

use std::net::SocketAddr;

use crate::event::Readiness;
use crate::iocp::ffi::errors::*;

// ANCHOR: receiving
/// Where a socket's next datagram is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receiving {
    /// In the socket, if anywhere: nothing is lent, and nothing in hand.
    Idle,
    /// A buffer is lent to the kernel, for the next that comes.
    Lent,
    /// In the buffer.
    InHand {
        /// Its length, which may be 0.
        len: usize,
        /// Its sender.
        from: SocketAddr,
    },
    /// No call has returned this error yet.
    Failed(i32),
}

impl Receiving {
    /// The socket was asked, and came up with a datagram, or an error's code. Still `Idle`: it is to be asked again.
    pub fn came(outcome: Result<(usize, SocketAddr), i32>) -> Receiving {
        match outcome {
            Ok((len, from)) => Receiving::InHand { len, from },
            // What became of one that we have sent. It has taken the place of
            // none that was to come, and a server must survive its clients.
            Err(code) if is_of_an_earlier(code) => Receiving::Idle,
            Err(code) => Receiving::Failed(code),
        }
    }

    /// The same of what was lent. That it was cancelled is no failure of the
    /// socket's: the thread has ended that had lent the buffer.
    pub fn came_back(outcome: Result<(usize, SocketAddr), i32>) -> Receiving {
        match outcome {
            Err(ERROR_OPERATION_ABORTED) => Receiving::Idle,
            outcome => Receiving::came(outcome),
        }
    }

    /// Whether a receiving call would not block, and more about that.
    pub fn readiness(self) -> Readiness {
        match self {
            Receiving::Idle | Receiving::Lent => Readiness::EMPTY,
            Receiving::InHand { .. } => Readiness::READABLE,
            Receiving::Failed(_) => Readiness::READABLE | Readiness::ERROR,
        }
    }
}
// ANCHOR_END: receiving

/// Whether a datagram can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    /// If the socket takes it.
    Open,
    /// Not until the socket has taken the one before: a copy, lent to the kernel.
    Lent,
    /// The one before was not sent, for this error; no call has returned it yet.
    Failed(i32),
}

impl Sending {
    /// What was lent has come back, sent or not.
    pub fn came_back(outcome: Result<usize, i32>) -> Sending {
        match outcome {
            Ok(_) => Sending::Open,
            Err(code) if is_of_an_earlier(code) => Sending::Open,
            Err(code) => Sending::Failed(code),
        }
    }

    /// Whether a sending call would not block, and more about that.
    pub fn readiness(self) -> Readiness {
        match self {
            Sending::Open => Readiness::WRITABLE,
            Sending::Lent => Readiness::EMPTY,
            Sending::Failed(_) => Readiness::WRITABLE | Readiness::ERROR,
        }
    }
}

/// Whether an error is that an earlier datagram found nobody, or has passed too
/// many routers: as a packet has it, ERROR_PORT_UNREACHABLE, and as calls do,
/// WSAENETRESET, WSAECONNRESET, and Wine's WSAECONNREFUSED.
pub fn is_of_an_earlier(code: i32) -> bool {
    matches!(
        code,
        ERROR_PORT_UNREACHABLE | WSAENETRESET | WSAECONNRESET | WSAECONNREFUSED
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from() -> SocketAddr {
        "192.0.2.1:7".parse().unwrap()
    }

    #[test]
    fn an_empty_datagram_is_in_hand_like_any_other() {
        for len in [0, 1, 65_507] {
            let came = Receiving::came(Ok((len, from())));
            assert_eq!(came, Receiving::InHand { len, from: from() });
            assert_eq!(came.readiness(), Readiness::READABLE);
        }
    }

    #[test]
    fn that_nobody_was_there_is_no_error_of_the_sockets() {
        for code in [
            ERROR_PORT_UNREACHABLE,
            WSAENETRESET,
            WSAECONNRESET,
            WSAECONNREFUSED,
        ] {
            assert_eq!(Receiving::came(Err(code)), Receiving::Idle);
            assert_eq!(Receiving::came_back(Err(code)), Receiving::Idle);
            assert_eq!(Sending::came_back(Err(code)), Sending::Open);
        }
    }

    #[test]
    fn what_was_cancelled_by_nobody_of_ours_is_lent_again() {
        assert_eq!(
            Receiving::came_back(Err(ERROR_OPERATION_ABORTED)),
            Receiving::Idle
        );
    }

    #[test]
    fn another_error_is_kept_and_ends_nothing() {
        let failed = Receiving::came(Err(WSAENOTCONN));
        assert_eq!(failed, Receiving::Failed(WSAENOTCONN));
        let readiness = failed.readiness();
        assert!(readiness.contains(Readiness::READABLE | Readiness::ERROR));
        assert!(!readiness.contains(Readiness::READ_CLOSED));
        let failed = Sending::came_back(Err(WSAENOTCONN));
        assert_eq!(failed, Sending::Failed(WSAENOTCONN));
        let readiness = failed.readiness();
        assert!(readiness.contains(Readiness::WRITABLE | Readiness::ERROR));
        assert!(!readiness.contains(Readiness::WRITE_CLOSED));
    }

    #[test]
    fn what_is_lent_is_nobodys() {
        assert!(Receiving::Idle.readiness().is_empty());
        assert!(Receiving::Lent.readiness().is_empty());
        assert!(Sending::Lent.readiness().is_empty());
        assert_eq!(Sending::came_back(Ok(5)).readiness(), Readiness::WRITABLE);
    }
}

//! Exercise 13.2: nothing lent, nothing missed.

/// Where a stream's next bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// In the socket, if anywhere: nothing is in flight, and nothing in hand.
    Idle,
    /// The kernel has so many bytes of the buffer, and fills them. Of 0 bytes, it
    /// only tells that there is something.
    InFlight(usize),
    /// In the buffer, from here to there.
    InHand {
        from: usize,
        to: usize,
    },
    /// In the socket: a receive of nothing has come back.
    Notified,
    Ended,
    Failed(i32),
}

impl Reading {
    /// What was in flight has come back with so many bytes, or an error's code.
    pub fn came_back(self, outcome: Result<usize, i32>) -> Reading {
        match (self, outcome) {
            (Reading::InFlight(_), Err(code)) => Reading::Failed(code),
            (Reading::InFlight(0), Ok(_)) => Reading::Notified,
            (Reading::InFlight(_), Ok(0)) => Reading::Ended,
            (Reading::InFlight(_), Ok(to)) => Reading::InHand { from: 0, to },
            (other, _) => other,
        }
    }
}

/// What the socket gave when it was asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Received {
    /// So many bytes; 0 are the end.
    Bytes(usize),
    WouldBlock,
}

/// What a stream that lends no bytes is from now on. Before, it was one of these:
///
/// - `InFlight(0)`: a receive of nothing is in flight, and its packet will say that there is something;
/// - `Notified`: that packet has come, and the event was delivered.
///
/// `Idle` has a new receive of nothing begun, which completes at once if something is there. `level`
/// is how the stream is registered: what is left after a read has to be reported again.
// ANCHOR: answer
pub fn asked(reading: Reading, received: Received, level: bool) -> Reading {
    match (reading, received) {
        (_, Received::Bytes(0)) => Reading::Ended,
        (Reading::Notified, Received::WouldBlock) => Reading::Idle,
        // How much is left, only a new receive of nothing can tell.
        (Reading::Notified, Received::Bytes(_)) if level => Reading::Idle,
        _ => reading,
    }
}
// ANCHOR_END: answer

#[cfg(test)]
#[path = "../checks/ex13_2_nothing.rs"]
mod checks;

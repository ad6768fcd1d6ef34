// Fails with: only the refusal needs a new one
//! Exercise 13.2: nothing lent, nothing missed.

/// Where a stream's next bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// In the socket, if they are there: nothing is in flight or in hand.
    Idle,
    /// The kernel has this many bytes of the buffer, and fills them. With 0 bytes, it
    /// only tells that there is something.
    InFlight(usize),
    /// In the buffer, from here to there.
    InHand {
        from: usize,
        to: usize,
    },
    /// In the socket: a receive of nothing is back.
    Notified,
    Ended,
    Failed(i32),
}

impl Reading {
    /// The buffer in flight is back, with this many bytes or an error's code.
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

/// What a read from the socket returned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Received {
    /// This many bytes. 0 bytes are the end.
    Bytes(usize),
    WouldBlock,
}

pub fn asked(reading: Reading, received: Received, level: bool) -> Reading {
    match (reading, received) {
        (_, Received::Bytes(0)) => Reading::Ended,
        (Reading::Notified, Received::WouldBlock) => Reading::Idle,
        // Only a new receive of nothing finds out whether something is left.
        (Reading::Notified, Received::Bytes(_)) => {
            let _ = level;
            Reading::Idle
        }
        _ => reading,
    }
}

#[cfg(test)]
#[path = "../../checks/ex13_2_nothing.rs"]
mod checks;

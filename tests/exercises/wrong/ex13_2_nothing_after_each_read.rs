// Fails with: only the refusal needs a new one
//! Exercise 13.2: nothing lent, nothing missed.

use evq::inside::reading::Reading;

/// What the socket gave when it was asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Received {
    /// So many bytes; 0 are the end.
    Bytes(usize),
    WouldBlock,
}

pub fn asked(reading: Reading, received: Received, level: bool) -> Reading {
    match (reading, received) {
        (_, Received::Bytes(0)) => Reading::Ended,
        (Reading::Waiting, Received::WouldBlock) => Reading::Idle,
        // How much is left, only a new receive of nothing can tell.
        (Reading::Waiting, Received::Bytes(_)) => {
            let _ = level;
            Reading::Idle
        }
        _ => reading,
    }
}

#[cfg(test)]
#[path = "../../checks/ex13_2_nothing.rs"]
mod checks;

//! Exercise 13.2: nothing lent, nothing missed.

use evq::inside::reading::Reading;

/// What the socket gave when it was asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Received {
    /// So many bytes; 0 are the end.
    Bytes(usize),
    WouldBlock,
}

/// What a stream that lends no bytes is from now on. Before, it was one of these:
///
/// - `Lent(0)`: a receive of nothing is in flight, and its packet will say that there is something;
/// - `Waiting`: that packet has come, and the event was delivered.
///
/// `Idle` has a new receive of nothing begun, which completes at once if something is there. `level`
/// is how the stream is registered: what is left after a read has to be reported again.
// ANCHOR: answer
pub fn asked(reading: Reading, received: Received, level: bool) -> Reading {
    match (reading, received) {
        (_, Received::Bytes(0)) => Reading::Ended,
        (Reading::Waiting, Received::WouldBlock) => Reading::Idle,
        // How much is left, only a new receive of nothing can tell.
        (Reading::Waiting, Received::Bytes(_)) if level => Reading::Idle,
        _ => reading,
    }
}
// ANCHOR_END: answer

#[cfg(test)]
#[path = "../checks/ex13_2_nothing.rs"]
mod checks;

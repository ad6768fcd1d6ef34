// Fails with: backpressure
//! Exercise 12.2: half closed.

/// The bytes that the server holds at most.
pub const ROOM: usize = 16;

/// One connection of an echo server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Both may send; so many bytes are read and not yet written.
    Open { unsent: usize },
    /// The peer has sent its last byte; so many are still to be written, at least one.
    PeerEnded { unsent: usize },
    /// Over: the server has closed its side as well.
    Closed,
}

/// What a call has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// A read; 0 is the end.
    Read(usize),
    /// A write.
    Wrote(usize),
    /// Either, with an error that is not `WouldBlock`.
    Failed,
}

pub fn calls(state: State) -> (bool, bool) {
    match state {
        State::Open { unsent } => (true, unsent > 0),
        State::PeerEnded { .. } => (false, true),
        State::Closed => (false, false),
    }
}

/// The state after an answer. Only what `calls` allows is ever answered.
pub fn after(state: State, answer: Answer) -> State {
    match (state, answer) {
        (State::Closed, _) | (_, Answer::Failed) => State::Closed,
        (State::Open { unsent: 0 }, Answer::Read(0)) => State::Closed,
        (State::Open { unsent }, Answer::Read(0)) => State::PeerEnded { unsent },
        (State::Open { unsent }, Answer::Read(count)) => State::Open {
            unsent: unsent + count,
        },
        (State::Open { unsent }, Answer::Wrote(count)) => State::Open {
            unsent: unsent - count,
        },
        (State::PeerEnded { unsent }, Answer::Wrote(count)) if count == unsent => State::Closed,
        (State::PeerEnded { unsent }, Answer::Wrote(count)) => State::PeerEnded {
            unsent: unsent - count,
        },
        (State::PeerEnded { .. }, Answer::Read(_)) => state,
    }
}

#[cfg(test)]
#[path = "../../checks/ex12_2_half_closed.rs"]
mod checks;

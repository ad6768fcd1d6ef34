//! Exercise 12.2: half closed.

/// The most bytes that the server keeps for the connection.
pub const ROOM: usize = 16;

/// One connection of an echo server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Both sides are open. `unsent` bytes were read and are not written yet.
    Open { unsent: usize },
    /// The peer has ended its side. `unsent` bytes, at least one, are not written yet.
    PeerEnded { unsent: usize },
    /// The server has closed its side too.
    Closed,
}

/// What a call has returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// A read has returned this number of bytes. 0 is the end.
    Read(usize),
    /// A write has taken this number of bytes.
    Wrote(usize),
    /// A read or a write has failed, and not with `WouldBlock`.
    Failed,
}

// ANCHOR: answer
/// Which calls the server should make in this state: (read, write).
pub fn calls(state: State) -> (bool, bool) {
    match state {
        State::Open { unsent } => (unsent < ROOM, unsent > 0),
        State::PeerEnded { .. } => (false, true),
        State::Closed => (false, false),
    }
}

/// The state after an answer. The answer is always one to a call that `calls` allows.
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
// ANCHOR_END: answer

#[cfg(test)]
#[path = "../checks/ex12_2_half_closed.rs"]
mod checks;

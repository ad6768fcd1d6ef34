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

/// Which calls the server may make in this state: (read, write).
pub fn calls(state: State) -> (bool, bool) {
    let _ = state;
    todo!("say when to read, and when to write")
}

/// The state after an answer. Only what `calls` allows is ever answered.
pub fn after(state: State, answer: Answer) -> State {
    let _ = (state, answer);
    todo!("say where each answer leads")
}

#[cfg(test)]
#[path = "../checks/ex12_2_half_closed.rs"]
mod checks;

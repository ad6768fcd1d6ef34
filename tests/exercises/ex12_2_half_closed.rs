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

/// Which calls the server should make in this state: (read, write).
pub fn calls(state: State) -> (bool, bool) {
    let _ = state;
    todo!("say when to read, and when to write")
}

/// The state after an answer. The answer is always one to a call that `calls` allows.
pub fn after(state: State, answer: Answer) -> State {
    let _ = (state, answer);
    todo!("say where each answer leads")
}

#[cfg(test)]
#[path = "../checks/ex12_2_half_closed.rs"]
mod checks;

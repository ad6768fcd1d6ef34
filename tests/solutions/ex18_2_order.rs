//! Exercise 18.2: announced in the right order.

use std::io::{self, ErrorKind};
use std::mem;
use std::sync::Mutex;

use evq::{Readiness, SetReadiness};

/// Who has the buffer: the kernel, or we. Our buffer holds a text.
pub enum State {
    Lent,
    Done(String),
}

/// What a source and its operation share.
pub struct Shared {
    pub state: Mutex<State>,
    pub set_readiness: SetReadiness,
}

/// The thread that polls calls this once for each operation that is over. Another thread may call
/// `take` at the same time.
// ANCHOR: answer
pub fn done(shared: &Shared, text: String) {
    let mut state = shared.state.lock().unwrap();
    *state = State::Done(text);
    let _ = shared.set_readiness.set_readiness(Readiness::READABLE);
}

/// Takes the text of an operation that is over, and calls `lend` to start the next operation. Fails
/// with `WouldBlock` while the kernel has the buffer.
///
/// The next operation may be over, and its `done` called, before `lend` returns.
pub fn take(shared: &Shared, lend: impl FnOnce()) -> io::Result<String> {
    let mut state = shared.state.lock().unwrap();
    let State::Done(text) = mem::replace(&mut *state, State::Lent) else {
        return Err(ErrorKind::WouldBlock.into());
    };
    let _ = shared.set_readiness.set_readiness(Readiness::EMPTY);
    drop(state);
    lend();
    Ok(text)
}
// ANCHOR_END: answer

#[cfg(test)]
#[path = "../checks/ex18_2_order.rs"]
mod checks;

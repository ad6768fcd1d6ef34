//! Exercise 18.2: announced in the right order.

use std::io::{self, ErrorKind};
use std::mem;
use std::sync::Mutex;

use evq::{Readiness, SetReadiness};

/// Where the buffer of a source is: with the kernel, or here, with a text.
pub enum State {
    Lent,
    Done(String),
}

/// What a source and its operation both know.
pub struct Shared {
    pub state: Mutex<State>,
    pub set_readiness: SetReadiness,
}

/// Called once for each operation, when it is over, by the thread that polls. Another thread may call
/// `take` at the same time.
// ANCHOR: answer
pub fn done(shared: &Shared, text: String) {
    *shared.state.lock().unwrap() = State::Done(text);
    let _ = shared.set_readiness.set_readiness(Readiness::READABLE);
}

/// Takes the text of the operation that is over, and calls `lend` to start the next one. `WouldBlock`
/// while the kernel has the buffer.
///
/// The next operation may be over, and its `done` called, before `lend` has returned.
pub fn take(shared: &Shared, lend: impl FnOnce()) -> io::Result<String> {
    let before = mem::replace(&mut *shared.state.lock().unwrap(), State::Lent);
    let State::Done(text) = before else {
        return Err(ErrorKind::WouldBlock.into());
    };
    let _ = shared.set_readiness.set_readiness(Readiness::EMPTY);
    lend();
    Ok(text)
}
// ANCHOR_END: answer

#[cfg(test)]
#[path = "../checks/ex18_2_order.rs"]
mod checks;

//! Exercise 8.2: a wait that a signal interrupts.

use std::io;
use std::time::Duration;

/// A kernel's wait and a clock.
pub trait System {
    /// The time that the clock shows.
    fn now(&self) -> Duration;

    /// Waits once. Returns the number of events, or 0 if the time is over. If a signal came first,
    /// returns an error of kind `Interrupted`.
    fn wait(&mut self, timeout: Duration) -> io::Result<usize>;
}

// ANCHOR: answer
/// Waits for events until `timeout` is over, whatever signals come.
pub fn wait_for(system: &mut impl System, timeout: Duration) -> io::Result<usize> {
    let deadline = system.now().saturating_add(timeout);
    loop {
        let left = deadline.saturating_sub(system.now());
        match system.wait(left) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
// ANCHOR_END: answer

#[cfg(test)]
#[path = "../checks/ex08_2_deadline.rs"]
mod checks;

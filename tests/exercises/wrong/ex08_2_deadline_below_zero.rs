// Fails with: a difference must not be negative
//! Exercise 8.2: a wait that a signal interrupts.

use std::io;
use std::time::Duration;

/// A kernel's wait and a clock.
pub trait System {
    /// What the clock shows.
    fn now(&self) -> Duration;

    /// Waits once. Returns the number of events, 0 when the time is over, or an error, which is
    /// of kind `Interrupted` when a signal came first.
    fn wait(&mut self, timeout: Duration) -> io::Result<usize>;
}

/// Waits for events for the whole of `timeout`, whatever signals come.
pub fn wait_for(system: &mut impl System, timeout: Duration) -> io::Result<usize> {
    let began = system.now();
    loop {
        let left = timeout - (system.now() - began);
        match system.wait(left) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
#[path = "../../checks/ex08_2_deadline.rs"]
mod checks;

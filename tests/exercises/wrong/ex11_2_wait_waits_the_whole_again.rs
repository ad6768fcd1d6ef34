// Fails with: made the wait longer
//! Exercise 11.2: what ends a wait on a port.

use std::time::Duration;

/// A clock, a port, and a ready list.
pub trait Queue {
    /// What the clock shows.
    fn now(&self) -> Duration;

    /// Announces that the poller sleeps, or that it no longer does. Whoever lists an event while it
    /// sleeps posts a packet to wake it.
    fn announce(&mut self, sleeps: bool);

    /// Waits for packets, at most for so long. Of each it returns where its pointer leads to, or
    /// `None` if that is null.
    fn dequeue(&mut self, timeout: Duration) -> Vec<Option<usize>>;

    /// Calls the function behind a packet, which lists an event, or does not.
    fn deliver(&mut self, packet: usize) -> Option<usize>;
}

/// Waits for events, for the whole of `timeout` if none come.
pub fn poll(queue: &mut impl Queue, timeout: Duration) -> Vec<usize> {
    let end = queue.now().saturating_add(timeout);
    loop {
        queue.announce(true);
        let packets = queue.dequeue(timeout);
        queue.announce(false);
        let mut events = Vec::new();
        for packet in packets.into_iter().flatten() {
            events.extend(queue.deliver(packet));
        }
        if !events.is_empty() || queue.now() >= end {
            return events;
        }
    }
}

#[cfg(test)]
#[path = "../../checks/ex11_2_wait.rs"]
mod checks;

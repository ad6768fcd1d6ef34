//! Exercise 11.2: what ends a wait on a port.

use std::time::Duration;

/// A clock, a port, and a ready list.
pub trait Queue {
    /// The time that the clock shows.
    fn now(&self) -> Duration;

    /// Announces that the poller sleeps, or that it is awake. A function that lists an event while
    /// the poller is announced asleep posts a packet to wake it.
    fn announce(&mut self, sleeps: bool);

    /// Waits for packets until the timeout is over. Returns each packet's pointer as a number, or
    /// `None` for a null pointer.
    fn dequeue(&mut self, timeout: Duration) -> Vec<Option<usize>>;

    /// Calls the function behind a packet. Returns the event that the function lists, if any.
    fn deliver(&mut self, packet: usize) -> Option<usize>;
}

// ANCHOR: answer
/// Waits for events. If none comes, it waits until the timeout is over.
pub fn poll(queue: &mut impl Queue, timeout: Duration) -> Vec<usize> {
    let end = queue.now().saturating_add(timeout);
    loop {
        queue.announce(true);
        let packets = queue.dequeue(end.saturating_sub(queue.now()));
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
// ANCHOR_END: answer

#[cfg(test)]
#[path = "../checks/ex11_2_wait.rs"]
mod checks;

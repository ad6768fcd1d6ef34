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

/// Waits for events. If none comes, it waits until the timeout is over.
///
/// It compiles, and has three faults: it follows null pointers, packets without an event end it,
/// and it wakes itself. Repair it.
pub fn poll(queue: &mut impl Queue, timeout: Duration) -> Vec<usize> {
    queue.announce(true);
    let mut events = Vec::new();
    for packet in queue.dequeue(timeout) {
        events.extend(queue.deliver(packet.unwrap_or(0)));
    }
    queue.announce(false);
    events
}

#[cfg(test)]
#[path = "../checks/ex11_2_wait.rs"]
mod checks;

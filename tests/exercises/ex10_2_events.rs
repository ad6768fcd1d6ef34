//! Exercise 10.2: how many events?

/// Replace each 9: how many events does the line's `poll` deliver? Each `poll` has room for eight
/// events and does not wait. A source is edge-triggered unless its line says otherwise. From the
/// third line on, all lines use the same Registration.
pub const EVENTS: [usize; 7] = [
    9, // A waker and its clone each wake once. Then poll.
    9, // Two wakers with the same token each wake once. Then poll.
    9, // A registered Registration is set READABLE twice. Then poll.
    9, // Then poll once more.
    9, // It is set READABLE, then EMPTY. Then poll.
    9, // It is set READABLE, deregistered, registered with another token. Then poll.
    9, // It is set READABLE, reregistered with Trigger::Level. Then poll twice: the second.
];

#[cfg(test)]
#[path = "../checks/ex10_2_events.rs"]
mod checks;

//! Exercise 10.2: how many events?

// ANCHOR: answer
/// How many events the line's `poll` delivers. Each `poll` has room for eight
/// events and does not wait. A source is edge-triggered unless its line says otherwise. From the
/// third line on, all lines use the same Registration.
pub const EVENTS: [usize; 7] = [
    1, // A waker and its clone each wake once. Then poll.
    2, // Two wakers with the same token each wake once. Then poll.
    1, // A registered Registration is set READABLE twice. Then poll.
    0, // Then poll once more.
    0, // It is set READABLE, then EMPTY. Then poll.
    1, // It is set READABLE, deregistered, registered with another token. Then poll.
    1, // It is set READABLE, reregistered with Trigger::Level. Then poll twice: the second.
];
// ANCHOR_END: answer

#[cfg(test)]
#[path = "../checks/ex10_2_events.rs"]
mod checks;

// Fails with: what it is when it is taken out
//! Exercise 10.2: how many events?

/// Your prediction, in place of each 9: how many events that `poll` delivers. It does not wait,
/// and has room for eight. The sources are edge-triggered unless it says otherwise; the lines
/// from the third on speak of one Registration.
pub const EVENTS: [usize; 7] = [
    1, // A waker and its clone each wake once, then poll.
    2, // Two wakers with one token each wake once, then poll.
    1, // A registered Registration is set READABLE twice, then poll.
    0, // poll once more.
    1, // It is set READABLE, then EMPTY, then poll.
    1, // Set READABLE, deregistered, registered with another token; then poll.
    1, // Set READABLE, reregistered with Trigger::Level; poll, then poll again: the second one.
];

#[cfg(test)]
#[path = "../../checks/ex10_2_events.rs"]
mod checks;

// Fails with: an empty datagram, not an end
//! Exercise 16.1, answered wrongly: an empty datagram is taken for the end.

/// What the receiving calls return, in order: their numbers of bytes, and `None` for `WouldBlock`.
pub type Returned = &'static [Option<usize>];

/// `one` and `four` have been sent; `recv` is called three times, with a buffer of 100 bytes.
pub const TWO_SENT: Returned = &[Some(3), Some(4), None];

/// A datagram of 10 bytes and one of 3; `recv` three times, with a buffer of 4 bytes.
pub const TOO_LONG: Returned = &[Some(4), Some(3), None];

/// An empty datagram, then one of 3 bytes; `recv` three times, with a buffer of 4 bytes.
pub const EMPTY: Returned = &[Some(0), Some(0), Some(0)];

/// A datagram of 10 bytes: `peek` with a buffer of 2 bytes, then `recv` twice, with one of 4.
pub const PEEKED: Returned = &[Some(2), Some(4), None];

/// A datagram of 3 bytes: `recv` with a buffer of 0 bytes, then with one of 4.
pub const NO_ROOM: Returned = &[Some(0), None];

/// The socket is connected to its peer; then a stranger sends two bytes, and the peer one; `recv`
/// three times, with a buffer of 4 bytes.
pub const CONNECTED: Returned = &[Some(1), None, None];

#[cfg(test)]
#[path = "../../checks/ex16_1_arrives.rs"]
mod checks;

//! Exercise 16.1: what arrives?

/// What the receiving calls return, in order. `Some` has the number of bytes; `None` is `WouldBlock`.
pub type Returned = &'static [Option<usize>];

// ANCHOR: answer
/// The datagrams `one` and `four` were sent. Three calls of `recv`, each with a buffer of 100 bytes.
pub const TWO_SENT: Returned = &[Some(3), Some(4), None];

/// A datagram of 10 bytes, then one of 3 bytes. Three calls of `recv`, each with a buffer of 4 bytes.
pub const TOO_LONG: Returned = &[Some(4), Some(3), None];

/// An empty datagram, then one of 3 bytes. Three calls of `recv`, each with a buffer of 4 bytes.
pub const EMPTY: Returned = &[Some(0), Some(3), None];

/// A datagram of 10 bytes. One `peek` with a buffer of 2 bytes, then two calls of `recv` with 4 bytes.
pub const PEEKED: Returned = &[Some(2), Some(4), None];

/// A datagram of 3 bytes. One `recv` with a buffer of 0 bytes, then one with a buffer of 4 bytes.
pub const NO_ROOM: Returned = &[Some(0), None];

/// The socket is connected to its peer. Then a stranger sends two bytes, and the peer sends one byte.
/// Three calls of `recv`, each with a buffer of 4 bytes.
pub const CONNECTED: Returned = &[Some(1), None, None];
// ANCHOR_END: answer

#[cfg(test)]
#[path = "../checks/ex16_1_arrives.rs"]
mod checks;

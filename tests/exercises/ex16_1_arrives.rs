//! Exercise 16.1: what arrives?

/// What the receiving calls return, in order. `Some` has the number of bytes; `None` is `WouldBlock`.
pub type Returned = &'static [Option<usize>];

/// The datagrams `one` and `four` were sent. Three calls of `recv`, each with a buffer of 100 bytes.
pub const TWO_SENT: Returned = &[];

/// A datagram of 10 bytes, then one of 3 bytes. Three calls of `recv`, each with a buffer of 4 bytes.
pub const TOO_LONG: Returned = &[];

/// An empty datagram, then one of 3 bytes. Three calls of `recv`, each with a buffer of 4 bytes.
pub const EMPTY: Returned = &[];

/// A datagram of 10 bytes. One `peek` with a buffer of 2 bytes, then two calls of `recv` with 4 bytes.
pub const PEEKED: Returned = &[];

/// A datagram of 3 bytes. One `recv` with a buffer of 0 bytes, then one with a buffer of 4 bytes.
pub const NO_ROOM: Returned = &[];

/// The socket is connected to its peer. Then a stranger sends two bytes, and the peer sends one byte.
/// Three calls of `recv`, each with a buffer of 4 bytes.
pub const CONNECTED: Returned = &[];

#[cfg(test)]
#[path = "../checks/ex16_1_arrives.rs"]
mod checks;

//! What a program asks for, and what it is told. Nothing here does any I/O.
//!
//! Chapter 6. These types are plain data, the same on every system. A selector
//! translates the kernel's structs into them, so a program never sees a struct
//! of the kernel's.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

// ANCHOR: token
/// The number by which a program recognizes a source in its events.
///
/// The program chooses it: an index, a key, a file descriptor. The queue gives it
/// back unchanged. Two sources may share a token. `usize::MAX` is refused, because
/// the queue keeps that value for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub usize);

impl From<Token> for usize {
    fn from(token: Token) -> usize {
        token.0
    }
}

impl Token {
    /// Marks the queue's own wake-up among the kernel's answers.
    pub(crate) const QUEUE: Token = Token(usize::MAX);
}
// ANCHOR_END: token

/// Whether a source is watched for reading, for writing or for both. No value means
/// neither.
///
/// ```
/// use evq::Interests;
///
/// let both = Interests::READABLE | Interests::WRITABLE;
/// assert!(both.is_readable() && both.is_writable());
/// ```
// ANCHOR: interests
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interests(u8);

impl Interests {
    /// Reports bytes to read, a connection to accept, or the end of the stream.
    pub const READABLE: Interests = Interests(1);
    /// Reports room to write, or a connection that has been made or refused.
    pub const WRITABLE: Interests = Interests(2);

    /// Combines two interests as `|` does. A constant can call it.
    ///
    /// ```
    /// use evq::Interests;
    ///
    /// const BOTH: Interests = Interests::READABLE.union(Interests::WRITABLE);
    /// assert_eq!(BOTH, Interests::READABLE | Interests::WRITABLE);
    /// ```
    pub const fn union(self, other: Interests) -> Interests {
        Interests(self.0 | other.0)
    }

    /// Whether reading is watched.
    pub const fn is_readable(self) -> bool {
        self.0 & Interests::READABLE.0 != 0
    }

    /// Whether writing is watched.
    pub const fn is_writable(self) -> bool {
        self.0 & Interests::WRITABLE.0 != 0
    }
}
// ANCHOR_END: interests

// ANCHOR: combine
impl BitOr for Interests {
    type Output = Interests;

    fn bitor(self, other: Interests) -> Interests {
        self.union(other)
    }
}

impl BitOrAssign for Interests {
    fn bitor_assign(&mut self, other: Interests) {
        *self = *self | other;
    }
}

impl fmt::Debug for Interests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        names(
            f,
            &[
                ("READABLE", self.is_readable()),
                ("WRITABLE", self.is_writable()),
            ],
        )
    }
}
// ANCHOR_END: combine

// ANCHOR: trigger
/// When a source that stays ready is reported again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// Once for each change. After an event, use the source until a read, a write
    /// or an accept returns `WouldBlock`. Until then, evq promises no further event.
    Edge,
    /// At every `poll`, for as long as the source is ready.
    Level,
    /// At most once for each watched direction, until the source is reregistered.
    /// A report of one direction may silence the other.
    Oneshot,
}

/// What a program wants to know of a source. [`Registrator::register_with`] makes it
/// and passes it to [`Source::register`].
///
/// [`Registrator::register_with`]: crate::Registrator::register_with
/// [`Source::register`]: crate::Source::register
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch {
    /// The token that each event of the source carries.
    pub token: Token,
    /// The directions that are watched.
    pub interests: Interests,
    /// When a source that stays ready is reported again.
    pub trigger: Trigger,
}

impl Watch {
    pub(crate) fn new(token: Token, interests: Interests, trigger: Trigger) -> Watch {
        Watch {
            token,
            interests,
            trigger,
        }
    }
}
// ANCHOR_END: trigger

/// The states that a source is in. An [`Event`] reports them.
///
/// A program needs this type only if it sets the readiness of a source itself, with
/// [`SetReadiness`](crate::SetReadiness).
///
/// ```
/// use evq::Readiness;
///
/// let ready = Readiness::READABLE | Readiness::READ_CLOSED;
/// assert!(ready.contains(Readiness::READABLE));
/// assert!(!ready.contains(Readiness::READABLE | Readiness::WRITABLE));
/// ```
// ANCHOR: readiness
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Readiness(u8);

impl Readiness {
    /// None of the states.
    pub const EMPTY: Readiness = Readiness(0);
    /// A read or an accept would not block.
    pub const READABLE: Readiness = Readiness(1);
    /// A write would not block.
    pub const WRITABLE: Readiness = Readiness(2);
    /// The peer will send no more than what has arrived.
    pub const READ_CLOSED: Readiness = Readiness(4);
    /// Nobody will read what is written.
    pub const WRITE_CLOSED: Readiness = Readiness(8);
    /// An error is pending.
    pub const ERROR: Readiness = Readiness(16);

    /// Whether no state is set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether every state of `other` is set.
    pub const fn contains(self, other: Readiness) -> bool {
        self.0 & other.0 == other.0
    }

    pub(crate) const fn bits(self) -> u8 {
        self.0
    }

    pub(crate) const fn from_bits(bits: u8) -> Readiness {
        Readiness(bits)
    }
    // ANCHOR_END: readiness

    // ANCHOR: of_interest
    /// Keeps the states that a source with these interests is told of: each watched
    /// direction, ready or closed. An error is always kept.
    pub(crate) fn of_interest(self, interests: Interests) -> Readiness {
        let mut mask = Readiness::ERROR;
        if interests.is_readable() {
            mask |= Readiness::READABLE | Readiness::READ_CLOSED;
        }
        if interests.is_writable() {
            mask |= Readiness::WRITABLE | Readiness::WRITE_CLOSED;
        }
        Readiness(self.0 & mask.0)
    }
    // ANCHOR_END: of_interest
}

// ANCHOR: names
impl BitOr for Readiness {
    type Output = Readiness;

    fn bitor(self, other: Readiness) -> Readiness {
        Readiness(self.0 | other.0)
    }
}

impl BitOrAssign for Readiness {
    fn bitor_assign(&mut self, other: Readiness) {
        self.0 |= other.0;
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        names(
            f,
            &[
                ("READABLE", self.contains(Readiness::READABLE)),
                ("WRITABLE", self.contains(Readiness::WRITABLE)),
                ("READ_CLOSED", self.contains(Readiness::READ_CLOSED)),
                ("WRITE_CLOSED", self.contains(Readiness::WRITE_CLOSED)),
                ("ERROR", self.contains(Readiness::ERROR)),
            ],
        )
    }
}

/// Writes the names of the set bits as a Rust expression: `READABLE | WRITABLE`.
fn names(f: &mut fmt::Formatter<'_>, bits: &[(&str, bool)]) -> fmt::Result {
    let mut between = "";
    for (name, _) in bits.iter().filter(|(_, set)| *set) {
        write!(f, "{between}{name}")?;
        between = " | ";
    }
    if between.is_empty() {
        f.write_str("EMPTY")?;
    }
    Ok(())
}
// ANCHOR_END: names

// ANCHOR: event
/// What [`Poll::poll`](crate::Poll::poll) reports of one source.
///
/// An event is a hint to try. It may be spurious. It may also be stale: the program
/// may have closed the source while it handled an earlier event of the same batch.
/// Only a read, a write or an accept gives a certain answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Event {
    token: Token,
    readiness: Readiness,
}
// ANCHOR_END: event

// ANCHOR: event_asks
impl Event {
    pub(crate) fn new(token: Token, readiness: Readiness) -> Event {
        Event { token, readiness }
    }

    /// The token that the source was registered with.
    pub fn token(&self) -> Token {
        self.token
    }

    /// A read or an accept should not block: there is data, the end of the
    /// stream, or an error to collect.
    pub fn is_readable(&self) -> bool {
        self.readiness.contains(Readiness::READABLE)
    }

    /// A write should not block. A socket that was connecting has connected, or has
    /// failed to connect.
    pub fn is_writable(&self) -> bool {
        self.readiness.contains(Readiness::WRITABLE)
    }
    // ANCHOR_END: event_asks

    // ANCHOR: closed
    /// The peer will send no more. Bytes may still wait to be read.
    ///
    /// # Platform notes
    ///
    /// epoll and kqueue give this hint. Windows may not give it. Only a read that
    /// returns zero bytes is certain.
    pub fn is_read_closed(&self) -> bool {
        self.readiness.contains(Readiness::READ_CLOSED)
    }

    /// Nobody will read what is written. This is a hint: only a write that fails is
    /// certain.
    pub fn is_write_closed(&self) -> bool {
        self.readiness.contains(Readiness::WRITE_CLOSED)
    }

    /// An error is pending. The source's `take_error` or its next call returns it.
    pub fn is_error(&self) -> bool {
        self.readiness.contains(Readiness::ERROR)
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Event({}: {:?})", self.token.0, self.readiness)
    }
}
// ANCHOR_END: closed

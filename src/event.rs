//! What a program waits for, and what it is told: the ground floor, without any I/O.
//!
//! Chapter 6. Everything here is plain data and the same on every system. A
//! selector translates the kernel's own structs into these; nothing of the
//! kernel's shows through.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

// ANCHOR: token
/// The number by which a program recognizes a source in its events.
///
/// The queue hands it back unread: an index, a key, a file descriptor, whatever
/// the program likes. Two sources may share one. Every value but `usize::MAX`
/// is usable; that one is the queue's own.
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

/// The directions in which a source is watched. There is no empty one.
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
    /// Something to read or to accept, or the end of the stream.
    pub const READABLE: Interests = Interests(1);
    /// Room to write, or a connection that has been made or refused.
    pub const WRITABLE: Interests = Interests(2);

    /// Both: what `|` gives, for constants.
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
    /// Once per change: after an event, the next is owed only once a read,
    /// write or accept has returned `WouldBlock`. Drain, then wait.
    Edge,
    /// At each `poll`, for as long as the source is ready.
    Level,
    /// Each requested direction at most once until the source is
    /// reregistered; reporting one may silence the other.
    Oneshot,
}

/// What is wanted of a source: what [`Registrator::register_with`] hands to
/// [`Source::register`].
///
/// [`Registrator::register_with`]: crate::Registrator::register_with
/// [`Source::register`]: crate::Source::register
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch {
    /// The token that the events bear.
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

/// A set of states that a source may be in: what an [`Event`] reports.
///
/// A program meets it where it makes readiness itself, with
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
    /// In none of the states.
    pub const EMPTY: Readiness = Readiness(0);
    /// A read or an accept would not block.
    pub const READABLE: Readiness = Readiness(1);
    /// A write would not block.
    pub const WRITABLE: Readiness = Readiness(2);
    /// The peer sends nothing after what has already arrived.
    pub const READ_CLOSED: Readiness = Readiness(4);
    /// What is written reaches nobody.
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
    /// The part that is reported to a source with these interests: whether each
    /// watched direction is ready or closed. Errors are always reported.
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

/// Writes the names of the bits that are set, as one would write them in Rust.
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
/// One source's news, as [`Poll::poll`](crate::Poll::poll) delivers it.
///
/// An event is a hint to try. It may be spurious. It may also be stale: while the
/// program handled an earlier event of the same batch, it may have closed this
/// one's source. Only a read, a write or an accept is certain.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Event {
    token: Token,
    readiness: Readiness,
}

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

    /// A write should not block. For a socket that was connecting: the
    /// connection has been made, or it has failed.
    pub fn is_writable(&self) -> bool {
        self.readiness.contains(Readiness::WRITABLE)
    }
    // ANCHOR_END: event

    // ANCHOR: closed
    /// The peer will send no more. Bytes may still wait to be read.
    ///
    /// # Platform notes
    ///
    /// A hint: epoll and kqueue give it, Windows may not. Only a read of zero bytes is
    /// certain.
    pub fn is_read_closed(&self) -> bool {
        self.readiness.contains(Readiness::READ_CLOSED)
    }

    /// Nobody will read what is written. A hint: only a failing write is certain.
    pub fn is_write_closed(&self) -> bool {
        self.readiness.contains(Readiness::WRITE_CLOSED)
    }

    /// An error is pending: the source's `take_error`, or its next call, says which.
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

//! A batch of events.
//!
//! Chapter 6. The kernel writes its answers where the program will read them as
//! events. Each is translated when it is looked at, and not copied before.

use std::fmt;

use crate::event::Event;
use crate::sys::{self, Answer};

// ANCHOR: events
/// Room for one batch of events, made once and filled by each `poll`.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// use evq::{Events, Poll};
/// use std::time::Duration;
///
/// let mut poll = Poll::new()?;
/// let mut events = Events::with_capacity(64);
/// poll.poll(&mut events, Some(Duration::ZERO))?;
/// for event in &events {
///     println!("{:?} can be read: {}", event.token(), event.is_readable());
/// }
/// # Ok(())
/// # }
/// ```
pub struct Events {
    /// In the kernel's own form, also those that are from the ready list.
    answers: Vec<Answer>,
}

impl Events {
    /// Room for `capacity` events; 0 means 1, and more than 65,536 means 65,536.
    ///
    /// What does not fit is not lost: it comes with the next `poll`.
    pub fn with_capacity(capacity: usize) -> Events {
        Events {
            answers: Vec::with_capacity(capacity.clamp(1, 65_536)),
        }
    }
    // ANCHOR_END: events

    // ANCHOR: batch
    /// The number of events that one `poll` delivers at most.
    pub fn capacity(&self) -> usize {
        self.answers.capacity()
    }

    /// The events of the last `poll`, in the order in which they were found.
    #[inline]
    pub fn iter(&self) -> Iter<'_> {
        Iter(self.answers.iter())
    }

    /// Whether the last `poll` delivered nothing.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// Forgets the events. `poll` does so itself before it fills them.
    #[inline]
    pub fn clear(&mut self) {
        self.answers.clear();
    }

    /// For a selector to add to, as far as there is room.
    #[inline]
    pub(crate) fn answers(&mut self) -> &mut Vec<Answer> {
        &mut self.answers
    }

    /// How many events still fit.
    pub(crate) fn room(&self) -> usize {
        self.capacity() - self.len()
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.answers.len()
    }

    /// Adds an event. There must be room.
    pub(crate) fn push(&mut self, event: Event) {
        self.answers.push(sys::answer(event));
    }
}
// ANCHOR_END: batch

// ANCHOR: iter
/// What [`Events::iter`] returns.
#[derive(Debug, Clone)]
pub struct Iter<'a>(std::slice::Iter<'a, Answer>);

impl Iterator for Iter<'_> {
    type Item = Event;

    #[inline]
    fn next(&mut self) -> Option<Event> {
        self.0.next().map(sys::event)
    }
}

impl<'a> IntoIterator for &'a Events {
    type Item = Event;
    type IntoIter = Iter<'a>;

    #[inline]
    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}
// ANCHOR_END: iter

//! A batch of events.
//!
//! Chapter 6. The selector adds what the kernel reports, and the ready list adds
//! what no kernel reports. Both add the same type, `Event`.

use std::fmt;
use std::slice;

use crate::event::Event;

/// Room for one batch of events. Make it once: each `poll` fills it anew.
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
// ANCHOR: events
pub struct Events {
    events: Vec<Event>,
    /// Places that the selector must leave free for the ready list.
    kept: usize,
}

impl Events {
    /// Makes room for `capacity` events. 0 means 1, and more than 65,536 means 65,536.
    ///
    /// If more sources are ready, the next `poll` reports them.
    pub fn with_capacity(capacity: usize) -> Events {
        Events {
            events: Vec::with_capacity(capacity.clamp(1, 65_536)),
            kept: 0,
        }
    }
    // ANCHOR_END: events

    // ANCHOR: batch
    /// The number of events that one `poll` delivers at most.
    pub fn capacity(&self) -> usize {
        self.events.capacity()
    }

    /// The number of events that the last `poll` delivered.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether the last `poll` delivered nothing.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The events of the last `poll`.
    pub fn iter(&self) -> slice::Iter<'_, Event> {
        self.events.iter()
    }

    /// Forgets the events. `poll` does this, too, before it adds new ones.
    pub fn clear(&mut self) {
        self.events.clear();
    }

    /// Keeps this many places free for the ready list.
    pub(crate) fn keep(&mut self, places: usize) {
        self.kept = places;
    }

    /// How many events the selector may add now.
    pub(crate) fn room(&self) -> usize {
        self.capacity() - self.len() - self.kept
    }

    /// Adds an event. There must be room.
    pub(crate) fn push(&mut self, event: Event) {
        self.events.push(event);
    }
}
// ANCHOR_END: batch

// ANCHOR: iter
impl<'a> IntoIterator for &'a Events {
    type Item = &'a Event;
    type IntoIter = slice::Iter<'a, Event>;

    fn into_iter(self) -> slice::Iter<'a, Event> {
        self.iter()
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}
// ANCHOR_END: iter

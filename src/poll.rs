//! The loop.
//!
//! Chapter 6, and chapter 10 for the ready list's share. A `poll` asks two
//! places, the kernel and the ready list, and gives each its half of the room.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::events::Events;
use crate::queue::{Queue, closed_error};
use crate::ready::Node;
use crate::registrator::Registrator;
use crate::sys;

/// Waits for whatever is registered.
///
/// ```
/// use evq::net::TcpListener;
/// use evq::{Events, Interests, Poll, Token};
///
/// # fn main() -> std::io::Result<()> {
/// let mut poll = Poll::new()?;
/// let mut events = Events::with_capacity(64);
/// let mut listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
/// poll.registrator().register(&mut listener, Token(0), Interests::READABLE)?;
///
/// let _client = std::net::TcpStream::connect(listener.local_addr()?)?;
/// poll.poll(&mut events, None)?;
/// assert_eq!(events.iter().next().unwrap().token(), Token(0));
/// let (_connection, _from) = listener.accept()?;
/// # Ok(())
/// # }
/// ```
// ANCHOR: poll
pub struct Poll {
    registrator: Registrator,
    /// Level-triggered nodes that were delivered: listed again before the next wait.
    again: Vec<Arc<Node>>,
    /// Whose turn it is to have the odd place in `Events`: 1 if the list's.
    turn: usize,
    closing: Closing,
}
// ANCHOR_END: poll

// ANCHOR: closing
/// How far `close_loop` has come.
enum Closing {
    No,
    /// At most as many batches more as there were sources that might be ready.
    Left(usize),
    Done,
}
// ANCHOR_END: closing

// ANCHOR: debug
impl fmt::Debug for Poll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poll")
            .field("registrator", &self.registrator)
            .finish_non_exhaustive()
    }
}
// ANCHOR_END: debug

// ANCHOR: new
impl Poll {
    /// Makes a queue.
    ///
    /// # Errors
    ///
    /// What the system says, such as that the process has no descriptors left.
    pub fn new() -> io::Result<Poll> {
        Ok(Poll {
            registrator: Registrator {
                queue: Arc::new(Queue::new()?),
            },
            again: Vec::new(),
            turn: 0,
            closing: Closing::No,
        })
    }

    /// The handle that registers. Clone it for other threads.
    pub fn registrator(&self) -> &Registrator {
        &self.registrator
    }
    // ANCHOR_END: new

    // ANCHOR: poll_once
    /// Waits until a source is ready, the timeout has passed or the loop is
    /// closed, and returns the number of events.
    ///
    /// `None` waits for ever, zero asks once. The wait is never cut short: not
    /// by a signal, and not by a wake-up of the queue's own.
    ///
    /// # Errors
    ///
    /// After [`close_loop`](Registrator::close_loop), once everything ready has
    /// been delivered, an error whose `raw_os_error` is `None`. Any other is
    /// the system's.
    ///
    /// # Platform notes
    ///
    /// Linux before 5.11 and Android round timeouts up to whole milliseconds.
    #[inline(always)] // Into the program's own loop, of which this is the larger part.
    pub fn poll(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<usize> {
        let queue = &*self.registrator.queue;
        // The commonest wait: only the kernel has something to say, and a port's
        // packets say it by the list. Who watches from outside would miss what
        // this way leaves listed.
        let kernel_alone =
            cfg!(unix) && timeout.is_none() && !queue.is_watched() && queue.ready.sleep();
        events.clear();
        if kernel_alone {
            // An error shows again in `wait`.
            let _ = queue.selector.select(events.answers(), None);
            queue.ready.get_up();
        }
        if events.is_empty() {
            self.wait(events, Deadline::after(timeout))?;
        }
        Ok(events.len())
    }
    // ANCHOR_END: poll_once

    // ANCHOR: wait
    /// Every other wait.
    #[cold]
    fn wait(&mut self, events: &mut Events, deadline: Deadline) -> io::Result<()> {
        let queue = &*self.registrator.queue;
        if let Closing::Done = self.closing {
            return Err(closed_error());
        }
        if let Closing::Left(_) = self.closing {
            // Nodes come first now, and once: the turns that are left are the
            // kernel's, or room for one event would not suffice for both.
            self.again.clear();
            self.turn = 1;
        } else {
            queue.ready.list_again(&mut self.again);
            self.turn ^= 1;
        }
        let share = (events.capacity() + self.turn) / 2;
        // ANCHOR_END: wait
        // ANCHOR: loop
        loop {
            queue.ready.drain(events, share, &mut self.again);
            // Not before the drain, which takes note of all that has come until
            // then: also of the closing, for which nobody wakes us twice.
            let closed = queue.is_ending();
            let listed = events.len() + queue.ready.len();
            let timeout = if listed == 0 && !closed && deadline.waits() && queue.ready.sleep() {
                deadline.left()
            } else {
                Some(Duration::ZERO)
            };
            let mut was_all = false;
            if events.room() > 0 {
                let selected = queue.selector.select(events.answers(), timeout);
                queue.ready.awake();
                #[cfg(windows)] // Not before: packets list what is ready.
                queue.selector.deliver();
                let all = events.capacity();
                queue.ready.drain(events, all, &mut self.again);
                match selected {
                    Ok(all) => was_all = all,
                    // A signal: the wait goes on.
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    // What the list gave is delivered first.
                    Err(_) if !events.is_empty() => {}
                    Err(error) => {
                        // What `awake` took note of is still to be seen to.
                        queue.keep_awake();
                        return Err(error);
                    }
                }
            }
            if events.is_empty() && !was_all {
                // Only a signal, or only the queue's own wake-up in the one place.
                continue;
            }
            if closed {
                let sources = queue.in_kernel.load(Ordering::Relaxed) * sys::TURNS + listed;
                self.closing.step(sources, was_all && events.room() > 0);
            }
            if !events.is_empty() || closed || deadline.has_passed() {
                if queue.is_closed() || !self.again.is_empty() || queue.ready.len() > 0 {
                    queue.keep_awake();
                }
                return Ok(());
            }
        }
    }
    // ANCHOR_END: loop
}

// ANCHOR: close
impl Closing {
    /// One batch nearer to the end: it is reached with the first that has room
    /// left, and where level-triggered sources fill every batch, once each has
    /// had its turn.
    fn step(&mut self, sources: usize, was_all: bool) {
        let left = match self {
            Closing::No => sources,
            Closing::Left(left) => *left,
            Closing::Done => return,
        };
        *self = if left <= 1 || was_all {
            Closing::Done
        } else {
            Closing::Left(left - 1)
        };
    }
}
// ANCHOR_END: close

// ANCHOR: drop
impl Drop for Poll {
    fn drop(&mut self) {
        self.registrator.queue.abandon();
    }
}
// ANCHOR_END: drop

// ANCHOR: deadline
/// When a wait is over.
enum Deadline {
    Never,
    At(Instant),
    /// Ask once. Needs no clock.
    Now,
}

impl Deadline {
    fn after(timeout: Option<Duration>) -> Deadline {
        match timeout {
            Some(Duration::ZERO) => Deadline::Now,
            // A moment that no clock can tell never comes.
            Some(timeout) => Instant::now()
                .checked_add(timeout)
                .map_or(Deadline::Never, Deadline::At),
            None => Deadline::Never,
        }
    }

    /// Whether there is a wait at all.
    fn waits(&self) -> bool {
        !matches!(self, Deadline::Now)
    }

    /// The time left, but at most a day, for epoll counts milliseconds in an
    /// int, up to 24.8 days. The loop asks again.
    fn left(&self) -> Option<Duration> {
        match self {
            Deadline::Never => None,
            Deadline::At(at) => {
                let left = at.saturating_duration_since(Instant::now());
                Some(left.min(Duration::from_secs(24 * 60 * 60)))
            }
            Deadline::Now => Some(Duration::ZERO),
        }
    }

    fn has_passed(&self) -> bool {
        match self {
            Deadline::Never => false,
            Deadline::At(at) => *at <= Instant::now(),
            Deadline::Now => true,
        }
    }
}
// ANCHOR_END: deadline

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_wait_is_asked_for_a_day_at_a_time() {
        let day = Duration::from_secs(24 * 60 * 60);
        assert_eq!(Deadline::after(Some(30 * day)).left(), Some(day));
        assert!(Deadline::after(Some(day / 2)).left().unwrap() <= day / 2);
        assert_eq!(Deadline::after(Some(Duration::MAX)).left(), None);
        assert_eq!(
            Deadline::after(Some(Duration::ZERO)).left(),
            Some(Duration::ZERO)
        );
        assert_eq!(Deadline::after(None).left(), None);
    }
}

//! The loop.
//!
//! Chapter 6, and chapter 10 for the ready list's share. A `poll` asks two
//! places, the kernel and the ready list, and gives each its half of the room.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::event::Events;
use crate::queue::{Queue, closed_error};
use crate::ready::Node;
use crate::registrator::Registrator;
use crate::sys;

// ANCHOR: poll
/// Waits for whatever is registered.
///
/// ```
/// use evq::net::{TcpListener, TcpStream};
/// use evq::{Events, Interests, Poll, Token};
///
/// # fn main() -> std::io::Result<()> {
/// let mut poll = Poll::new()?;
/// let mut events = Events::with_capacity(64);
/// let mut listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
/// poll.registrator().register(&mut listener, Token(0), Interests::READABLE)?;
///
/// let _client = TcpStream::connect(listener.local_addr()?)?;
/// poll.poll(&mut events, None)?;
/// assert_eq!(events.iter().next().unwrap().token(), Token(0));
/// let (_connection, _from) = listener.accept()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Poll {
    registrator: Registrator,
    /// The kernel's answers, kept so that no `poll` allocates.
    batch: sys::Batch,
    /// Level-triggered nodes that were delivered: listed again before the next wait.
    again: Vec<Arc<Node>>,
    /// Whose turn it is to have the odd place in `Events`: 1 if the list's.
    turn: usize,
    closing: Closing,
}

/// How far `close_loop` has come.
#[derive(Debug)]
enum Closing {
    No,
    /// At most as many batches more as there were registrations.
    Left(usize),
    Done,
}
// ANCHOR_END: poll

impl Poll {
    // ANCHOR: new
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
            batch: sys::Batch::new(),
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

    // ANCHOR: wait
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
    pub fn poll(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<usize> {
        events.clear();
        let deadline = Deadline::after(timeout);
        let queue = &*self.registrator.queue;
        if let Closing::Done = self.closing {
            return Err(closed_error());
        }
        for node in self.again.drain(..) {
            queue.ready.list(&node);
        }
        let share = (events.capacity() + self.turn) / 2;
        self.turn ^= 1;
        loop {
            let closed = queue.is_closed();
            queue.ready.drain(events, share, &mut self.again);
            let timeout = if closed || !events.is_empty() || queue.ready.len() > 0 {
                Some(Duration::ZERO)
            } else if queue.ready.sleep() {
                deadline.left()
            } else {
                Some(Duration::ZERO)
            };
            if events.room() > 0 {
                let selected = queue.selector.select(&mut self.batch, events, timeout);
                queue.ready.awake();
                match selected {
                    // A signal: the wait goes on.
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    // What the list gave is delivered first.
                    Err(error) if events.is_empty() => return Err(error),
                    _ => {}
                }
                queue
                    .ready
                    .drain(events, events.capacity(), &mut self.again);
            }
            if closed {
                self.closing.step(queue, events);
            }
            if closed || !events.is_empty() || deadline.has_passed() {
                queue.show_list();
                return Ok(events.len());
            }
        }
    }
    // ANCHOR_END: wait
}

// ANCHOR: close
impl Closing {
    /// One batch nearer to the end: it is reached with the first that has room
    /// left, and where level-triggered sources fill every batch, once each has
    /// had its turn.
    fn step(&mut self, queue: &Queue, events: &Events) {
        let left = match self {
            Closing::No => {
                let registered = queue.registered.load(Ordering::Relaxed);
                registered.max(queue.ready.len() + 1)
            }
            Closing::Left(left) => *left,
            Closing::Done => return,
        };
        *self = if left == 1 || events.room() > 0 {
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

    /// The time left, but at most a day: some kernels mistake a longer wait for
    /// none or for an endless one. The loop asks again.
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

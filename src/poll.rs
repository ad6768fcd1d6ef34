//! The loop.
//!
//! Chapters 6 and 10. A `poll` asks first the kernel, then the ready list. Each has a
//! right to half of the room.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::events::Events;
use crate::queue::{Queue, closed_error};
use crate::registrator::Registrator;
use crate::sys;

/// Waits for all registered sources at once.
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
#[derive(Debug)]
pub struct Poll {
    registrator: Registrator,
    /// Who gets the odd place in `Events`: 1 is the ready list, 0 is the kernel.
    turn: usize,
    /// The first `poll` that finds the loop closed sets it.
    closing: Option<Closing>,
}
// ANCHOR_END: poll

// ANCHOR: closing
/// What a closed loop still delivers.
#[derive(Debug)]
struct Closing {
    /// Nodes with this ticket, or a later one, deliver nothing.
    end: u64,
    /// How many polls may still deliver events.
    polls: usize,
}
// ANCHOR_END: closing

// ANCHOR: new
impl Poll {
    /// Makes a queue.
    ///
    /// # Errors
    ///
    /// - EMFILE or ENFILE: the process or the system has no descriptors left. Not on
    ///   Windows.
    /// - `StorageFull`: the user watches as many files as Linux allows
    ///   (`/proc/sys/fs/epoll/max_user_watches`).
    /// - `OutOfMemory`: the kernel has no memory left.
    pub fn new() -> io::Result<Poll> {
        Ok(Poll {
            registrator: Registrator {
                queue: Arc::new(Queue::new()?),
            },
            turn: 0,
            closing: None,
        })
    }

    /// The handle that registers. Clone it for other threads.
    pub fn registrator(&self) -> &Registrator {
        &self.registrator
    }
    // ANCHOR_END: new

    /// Waits until a source is ready, the timeout has passed or the loop is
    /// closed. Returns the number of events.
    ///
    /// `None` waits for ever. Zero asks once. The wait never ends early: a signal or
    /// a wake-up of the queue's own does not end it.
    ///
    /// # Errors
    ///
    /// - `Other`, with no `raw_os_error`: [`close_loop`](Registrator::close_loop) was
    ///   called, and `poll` has delivered everything that was ready.
    /// - The kernel's own error, from the wait. No system documents one that a
    ///   working queue can get.
    ///
    /// # Platform notes
    ///
    /// A timeout may end late by one tick of the system's clock: about 15.6 ms on
    /// Windows, and 10 ms on a BSD whose clock has 100 ticks a second. Linux before
    /// 5.11 and Android round timeouts up to whole milliseconds.
    ///
    /// After `fork`, parent and child share one epoll instance: a change by the child
    /// also changes what the parent sees. A child does not inherit a kqueue.
    // ANCHOR: wait
    pub fn poll(&mut self, events: &mut Events, timeout: Option<Duration>) -> io::Result<usize> {
        let deadline = deadline_of(timeout);
        let mut left = timeout.map(|timeout| timeout.min(DAY));
        events.clear();
        loop {
            let queue = &*self.registrator.queue;
            // A later `close` makes `sleep` refuse, or ends the wait.
            if queue.is_closed() {
                return self.finish(events);
            }
            let listed = queue.ready.listed(u64::MAX);
            if listed > 0 {
                // At most half. The list and the kernel take an odd place alternately.
                self.turn ^= 1;
                events.keep(listed.min((events.capacity() + self.turn) / 2));
            }
            let sleeps = listed == 0 && left != AT_ONCE && queue.ready.sleep();
            let wait = if sleeps { left } else { AT_ONCE };
            let was_all = look(queue, events, wait, u64::MAX)?;
            if events.is_empty() && left != AT_ONCE {
                left = time_left(deadline);
            }
            if !events.is_empty() || was_all && left == AT_ONCE {
                #[cfg(unix)]
                queue.show_outside();
                return Ok(events.len());
            }
        }
    }
    // ANCHOR_END: wait

    // ANCHOR: finish
    /// The last batches of a closed loop. It never waits. A batch is the last one if it
    /// has room left and the kernel has no more.
    #[cold]
    fn finish(&mut self, events: &mut Events) -> io::Result<usize> {
        let queue = &*self.registrator.queue;
        let closing = self.closing.get_or_insert_with(|| Closing::new(queue));
        while closing.polls > 0 {
            // Each node comes once. Then all polls that are left are the kernel's.
            let listed = queue.ready.listed(closing.end);
            events.keep(listed.min(events.capacity().div_ceil(2)));
            let was_all = look(queue, events, AT_ONCE, closing.end)?;
            if was_all && events.room() > 0 {
                closing.polls = 0;
            } else if !events.is_empty() {
                closing.polls -= 1;
            } else {
                // The queue's own wake-up took the only place.
                continue;
            }
            #[cfg(unix)]
            queue.show_outside();
            return Ok(events.len());
        }
        Err(closed_error())
    }
    // ANCHOR_END: finish
}

// ANCHOR: look
/// Asks the kernel for events, then drains the list once. The kernel gets only the
/// room that is not kept for the list. `true`: the kernel has no more.
#[inline(always)] // This saves two calls for each wait.
fn look(queue: &Queue, events: &mut Events, wait: Option<Duration>, end: u64) -> io::Result<bool> {
    let asked = match events.room() {
        0 => Ok(false),
        _ => queue.selector.select(events, wait, || queue.ready.awake()),
    };
    events.keep(0);
    queue.ready.drain(events, end);
    match asked {
        // A signal has ended the wait: `poll` waits again.
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(false),
        // The program gets its events first. An error that lasts comes again.
        Err(_) if !events.is_empty() => Ok(false),
        asked => asked,
    }
}
// ANCHOR_END: look

// ANCHOR: close
impl Closing {
    /// A poll for each node that is listed now, and for each answer that the kernel
    /// may have. Even with room for one event, that delivers all that is ready now.
    fn new(queue: &Queue) -> Closing {
        #[cfg(windows)] // Packets may list more nodes: take them first.
        queue.selector.deliver_all();
        let in_kernel = queue.in_kernel.load(Ordering::Relaxed) * sys::ANSWERS;
        Closing {
            end: queue.ready.next_ticket(),
            polls: (queue.ready.listed(u64::MAX) + in_kernel).max(1),
        }
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
/// The timeout of a wait that only asks.
const AT_ONCE: Option<Duration> = Some(Duration::ZERO);
/// The longest wait that we ask for. epoll counts milliseconds in an int, which
/// holds 24.8 days.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The moment when a timeout is over. `AT_ONCE` has none: it needs no clock. If the
/// clock cannot express the moment, `poll` waits for ever.
fn deadline_of(timeout: Option<Duration>) -> Option<Instant> {
    match timeout {
        None | AT_ONCE => None,
        Some(timeout) => Instant::now().checked_add(timeout),
    }
}

/// The time that is left, at most a day. After a day, `poll` asks again.
#[cold]
fn time_left(deadline: Option<Instant>) -> Option<Duration> {
    deadline.map(|at| at.saturating_duration_since(Instant::now()).min(DAY))
}
// ANCHOR_END: deadline

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_wait_is_asked_for_a_day_at_a_time() {
        let left = |timeout| time_left(deadline_of(timeout));
        assert_eq!(left(Some(30 * DAY)), Some(DAY));
        assert!(left(Some(DAY / 2)).unwrap() <= DAY / 2);
        assert_eq!(left(Some(Duration::MAX)), None);
        assert_eq!(left(None), None);
        assert_eq!(deadline_of(AT_ONCE), None);
        assert_eq!(time_left(Some(Instant::now())), AT_ONCE);
    }
}

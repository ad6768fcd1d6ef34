//! Ends a wait from another thread.
//!
//! Chapter 10. A waker is a node that is always readable. `wake` pushes it to the
//! ready list.

use std::io;
use std::sync::Arc;

use crate::event::{Interests, Readiness, Token, Trigger, Watch};
use crate::queue::Queue;
use crate::ready::Node;
use crate::registrator::{Registrator, check};

// ANCHOR: waker
/// Makes `poll` return with an event, from any thread.
///
/// ```
/// use evq::{Events, Poll, Token, Waker};
///
/// # fn main() -> std::io::Result<()> {
/// let mut poll = Poll::new()?;
/// let mut events = Events::with_capacity(8);
/// let waker = Waker::new(poll.registrator(), Token(9))?;
///
/// std::thread::spawn(move || waker.wake());
/// poll.poll(&mut events, None)?;
/// assert_eq!(events.iter().next().unwrap().token(), Token(9));
/// # Ok(())
/// # }
/// ```
///
/// A clone is cheap. It wakes the same `Poll`, with the same token.
#[derive(Debug, Clone)]
pub struct Waker {
    queue: Arc<Queue>,
    node: Arc<Node>,
}
// ANCHOR_END: waker

// ANCHOR: new
impl Waker {
    /// Makes a waker whose events have this token. A waker needs no `deregister`.
    ///
    /// # Errors
    ///
    /// - `InvalidInput`: the token is `usize::MAX`, which is the queue's own.
    /// - `Other`, with no `raw_os_error`: the loop is closed.
    pub fn new(registrator: &Registrator, token: Token) -> io::Result<Waker> {
        let watch = Watch::new(token, Interests::READABLE, Trigger::Edge);
        check(registrator, watch)?;
        Ok(Waker {
            queue: Arc::clone(&registrator.queue),
            node: Node::new(watch, Readiness::READABLE),
        })
    }
    // ANCHOR_END: new

    /// Ends the current `poll`, or else the next one, with a readable event.
    ///
    /// Several wakes before one `poll` may come as one event. A wake makes a system
    /// call only if the poller sleeps. It is not lost if you drop the waker at once.
    ///
    /// # Errors
    ///
    /// - `Other`, with no `raw_os_error`: the [`Poll`](crate::Poll) has been dropped.
    /// - The system call's own error: the poller sleeps, and the call that wakes it
    ///   has failed. The next `wake` makes the call again.
    // ANCHOR: wake
    pub fn wake(&self) -> io::Result<()> {
        self.queue.push(&self.node)
    }
}
// ANCHOR_END: wake

//! Ending a wait from another thread.
//!
//! Chapter 10. A waker is a node of the ready list that is always ready; to
//! wake is to list it.

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
/// Cheap to clone: clones wake the same poll with the same token.
#[derive(Debug, Clone)]
pub struct Waker {
    queue: Arc<Queue>,
    node: Arc<Node>,
}
// ANCHOR_END: waker

// ANCHOR: new
impl Waker {
    /// Makes a waker whose events bear `token`. There is nothing to deregister.
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

    // ANCHOR: wake
    /// Makes the `poll` that is going on, or the next one, return with a
    /// readable event. Wakes before one `poll` may come as one event.
    ///
    /// A wake is not lost when the waker is dropped right after it. It makes a
    /// system call only if the poller sleeps.
    ///
    /// # Errors
    ///
    /// - `Other`, with no `raw_os_error`: the [`Poll`](crate::Poll) has been dropped.
    /// - The poller sleeps, and the system call that wakes it has failed, with that
    ///   call's error. The next `wake` tries again.
    pub fn wake(&self) -> io::Result<()> {
        self.queue.push(&self.node)
    }
}
// ANCHOR_END: wake

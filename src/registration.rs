//! Sources whose readiness a program makes itself.
//!
//! Chapter 10. A pair, as mio 0.6 had it: the `Registration` is the source that
//! is registered, the `SetReadiness` says from any thread what it is ready for.

use std::io;
use std::sync::{Arc, Mutex};

use crate::event::{Readiness, Watch};
use crate::queue::Queue;
use crate::ready::{Node, lock};
use crate::registrator::{Registered, Registrator, Source, check};

// ANCHOR: pair
/// A source that is ready when its [`SetReadiness`] says so.
///
/// ```
/// use evq::{Events, Interests, Poll, Readiness, Registration, Token};
///
/// # fn main() -> std::io::Result<()> {
/// let mut poll = Poll::new()?;
/// let mut events = Events::with_capacity(8);
/// let (mut registration, set_readiness) = Registration::new();
/// poll.registrator().register(&mut registration, Token(7), Interests::READABLE)?;
///
/// std::thread::spawn(move || set_readiness.set_readiness(Readiness::READABLE));
/// poll.poll(&mut events, None)?;
/// assert!(events.iter().any(|event| event.token() == Token(7) && event.is_readable()));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Registration {
    shared: Arc<Mutex<Shared>>,
    registered: Registered,
}

/// Says what a [`Registration`] is ready for. Cheap to clone and to send.
#[derive(Debug, Clone)]
pub struct SetReadiness {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    readiness: Readiness,
    /// Where a change is announced, while there is a registration.
    home: Option<(Arc<Queue>, Arc<Node>)>,
}
// ANCHOR_END: pair

// ANCHOR: new
impl Registration {
    /// Makes a pair that belongs together, ready for nothing: the source, which a
    /// program registers, and its setter, which any thread may hold.
    #[allow(clippy::new_ret_no_self)]
    pub fn new() -> (Registration, SetReadiness) {
        let shared = Arc::new(Mutex::new(Shared {
            readiness: Readiness::EMPTY,
            home: None,
        }));
        let set_readiness = SetReadiness {
            shared: Arc::clone(&shared),
        };
        let registration = Registration {
            shared,
            registered: Registered::default(),
        };
        (registration, set_readiness)
    }
}
// ANCHOR_END: new

// ANCHOR: readiness
impl SetReadiness {
    /// The readiness that was last set.
    pub fn readiness(&self) -> Readiness {
        lock(&self.shared).readiness
    }
    // ANCHOR_END: readiness

    // ANCHOR: set
    /// Sets what the source is ready for, in place of what it was.
    ///
    /// Each call with anything but [`Readiness::EMPTY`] is an edge, even if the
    /// readiness was the same before. A level-triggered source is reported until this
    /// is called with a readiness that no longer meets its interests.
    ///
    /// # Errors
    ///
    /// - `Other`, with no `raw_os_error`: the source is registered, and its
    ///   [`Poll`](crate::Poll) has been dropped.
    /// - The poller sleeps, and the system call that wakes it has failed, with that
    ///   call's error. The next call tries again.
    ///
    /// The readiness is set all the same.
    pub fn set_readiness(&self, readiness: Readiness) -> io::Result<()> {
        let mut shared = lock(&self.shared);
        shared.readiness = readiness;
        if let Some((queue, node)) = &shared.home {
            node.set(readiness);
            if !readiness.is_empty() {
                return queue.push(node);
            }
        }
        Ok(())
    }
    // ANCHOR_END: set
}

// ANCHOR: register
impl Source for Registration {
    fn register(&mut self, registrator: &Registrator, watch: Watch) -> io::Result<()> {
        self.registered.check_new(registrator, watch)?;
        let (queue, mut shared) = (&registrator.queue, lock(&self.shared));
        let node = Node::new(watch, shared.readiness);
        shared.home = Some((Arc::clone(queue), Arc::clone(&node)));
        if let Err(error) = queue.push(&node) {
            // What was refused must not be delivered.
            shared.leave();
            return Err(error);
        }
        self.registered.set(registrator, watch);
        Ok(())
    }

    fn reregister(&mut self, registrator: &Registrator, watch: Watch) -> io::Result<()> {
        check(registrator, watch)?;
        self.registered.check_own(registrator)?;
        let shared = lock(&self.shared);
        if let Some((queue, node)) = &shared.home {
            let old = node.watch(Some(watch));
            if let Err(error) = queue.push(node) {
                node.watch(old);
                return Err(error);
            }
        }
        self.registered.set(registrator, watch);
        Ok(())
    }
    // ANCHOR_END: register

    // ANCHOR: deregister
    fn deregister(&mut self, registrator: &Registrator) -> io::Result<()> {
        self.registered.check_own(registrator)?;
        self.registered.take();
        lock(&self.shared).leave();
        Ok(())
    }
}

impl Shared {
    fn leave(&mut self) {
        if let Some((queue, node)) = self.home.take() {
            queue.ready.remove(&node);
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        lock(&self.shared).leave();
    }
}
// ANCHOR_END: deregister

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Interests, Token};

    /// However long nobody polls: the list is no longer than what is registered.
    #[test]
    fn what_is_deregistered_is_listed_no_longer() {
        let registrator = Registrator {
            queue: Arc::new(Queue::new().unwrap()),
        };
        let (mut registration, set_readiness) = Registration::new();
        set_readiness.set_readiness(Readiness::READABLE).unwrap();
        for _ in 0..3 {
            let (token, interests) = (Token(1), Interests::READABLE);
            registrator
                .register(&mut registration, token, interests)
                .unwrap();
            assert_eq!(registrator.queue.ready.listed(u64::MAX), 1);
            registrator.deregister(&mut registration).unwrap();
            assert_eq!(registrator.queue.ready.listed(u64::MAX), 0);
        }
        registrator
            .register(&mut registration, Token(1), Interests::READABLE)
            .unwrap();
        drop(registration);
        assert_eq!(registrator.queue.ready.listed(u64::MAX), 0);
    }
}

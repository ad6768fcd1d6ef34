//! Sources that a program makes ready itself.
//!
//! Chapter 10. The pair has mio 0.6's names. A program registers the
//! `Registration`. Any thread sets its readiness with the `SetReadiness`.

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
    /// Where to push a change. `None` while the source is not registered.
    home: Option<(Arc<Queue>, Arc<Node>)>,
}
// ANCHOR_END: pair

// ANCHOR: new
impl Registration {
    /// Makes a source that is ready for nothing yet, and its setter. Any thread may
    /// hold the setter.
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

    /// Replaces what the source is ready for.
    ///
    /// Each call with anything but [`Readiness::EMPTY`] is an edge, even if the
    /// readiness was the same before. `poll` reports a level-triggered source until
    /// you set a readiness that does not match its interests.
    ///
    /// # Errors
    ///
    /// - `Other`, with no `raw_os_error`: the source is registered, and its
    ///   [`Poll`](crate::Poll) has been dropped.
    /// - The system call's own error: the poller sleeps, and the call that wakes it
    ///   has failed. The next `set_readiness` makes the call again.
    ///
    /// The readiness is set even if this returns an error.
    // ANCHOR: set
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
            // A source whose registration failed must deliver nothing.
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

    /// Nobody polls here, and still the list does not keep ended registrations.
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

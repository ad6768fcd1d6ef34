//! Adding, changing and removing sources.
//!
//! Chapter 6. The kernels disagree on what happens when a source is added twice
//! or removed too often, so every source remembers its own registration, in a
//! `Registered`, and the answer is the same on every system.

use std::io;
use std::sync::Arc;

use crate::event::{Interests, Token, Trigger, Watch};
use crate::queue::{Queue, closed_error};

/// Something that can be registered.
///
/// The sockets of [`net`](crate::net) are sources, and so are
/// [`Registration`](crate::Registration) and, on Unix, `unix::SourceFd`. A
/// program's type implements this by handing each call on to the sources it is
/// made of:
///
/// ```
/// use evq::net::TcpStream;
/// use evq::{Interests, Registrator, Source, Token, Trigger};
/// use std::io;
///
/// struct Connection {
///     stream: TcpStream,
///     unsent: Vec<u8>,
/// }
///
/// impl Source for Connection {
///     fn register(
///         &mut self, registrator: &Registrator, token: Token, interests: Interests, trigger: Trigger,
///     ) -> io::Result<()> {
///         self.stream.register(registrator, token, interests, trigger)
///     }
///
///     fn reregister(
///         &mut self, registrator: &Registrator, token: Token, interests: Interests, trigger: Trigger,
///     ) -> io::Result<()> {
///         self.stream.reregister(registrator, token, interests, trigger)
///     }
///
///     fn deregister(&mut self, registrator: &Registrator) -> io::Result<()> {
///         self.stream.deregister(registrator)
///     }
/// }
/// ```
// ANCHOR: source
pub trait Source {
    /// Called by [`Registrator::register_with`].
    fn register(
        &mut self,
        registrator: &Registrator,
        token: Token,
        interests: Interests,
        trigger: Trigger,
    ) -> io::Result<()>;

    /// Called by [`Registrator::reregister_with`].
    fn reregister(
        &mut self,
        registrator: &Registrator,
        token: Token,
        interests: Interests,
        trigger: Trigger,
    ) -> io::Result<()>;

    /// Called by [`Registrator::deregister`].
    fn deregister(&mut self, registrator: &Registrator) -> io::Result<()>;
}
// ANCHOR_END: source

// ANCHOR: as_source
/// What leaves all three calls to one source inside, as every socket does.
pub(crate) trait AsSource {
    fn as_source(&mut self) -> &mut dyn Source;
}

// Whoever forgets an `impl Source` is not sent to a trait of ours.
#[diagnostic::do_not_recommend]
impl<S: AsSource> Source for S {
    fn register(
        &mut self,
        registrator: &Registrator,
        token: Token,
        interests: Interests,
        trigger: Trigger,
    ) -> io::Result<()> {
        self.as_source()
            .register(registrator, token, interests, trigger)
    }

    fn reregister(
        &mut self,
        registrator: &Registrator,
        token: Token,
        interests: Interests,
        trigger: Trigger,
    ) -> io::Result<()> {
        self.as_source()
            .reregister(registrator, token, interests, trigger)
    }

    fn deregister(&mut self, registrator: &Registrator) -> io::Result<()> {
        self.as_source().deregister(registrator)
    }
}
// ANCHOR_END: as_source

/// The handle that adds, changes and removes sources.
///
/// It can be cloned and sent: another thread may register while `poll` blocks,
/// or end the loop.
///
/// ```
/// use evq::{Events, Poll};
///
/// # fn main() -> std::io::Result<()> {
/// let mut poll = Poll::new()?;
/// let mut events = Events::with_capacity(8);
/// let registrator = poll.registrator().clone();
/// std::thread::spawn(move || registrator.close_loop());
///
/// let end = loop {
///     if let Err(error) = poll.poll(&mut events, None) {
///         break error;
///     }
/// };
/// assert_eq!(end.raw_os_error(), None);
/// # Ok(())
/// # }
/// ```
// ANCHOR: registrator
#[derive(Debug, Clone)]
pub struct Registrator {
    pub(crate) queue: Arc<Queue>,
}

impl Registrator {
    /// Starts to watch a source, edge-triggered. What is ready now is reported.
    ///
    /// # Errors
    ///
    /// - `AlreadyExists`: the source is registered, here or with another queue.
    /// - `InvalidInput`: the token is `usize::MAX`, which is the queue's own.
    /// - `Other`, with no `raw_os_error`: the loop is closed.
    /// - What the system says, such as that its limits are exhausted.
    pub fn register<S: Source + ?Sized>(
        &self,
        source: &mut S,
        token: Token,
        interests: Interests,
    ) -> io::Result<()> {
        self.register_with(source, token, interests, Trigger::Edge)
    }

    /// [`register`](Registrator::register) with a trigger of choice.
    pub fn register_with<S: Source + ?Sized>(
        &self,
        source: &mut S,
        token: Token,
        interests: Interests,
        trigger: Trigger,
    ) -> io::Result<()> {
        source.register(self, token, interests, trigger)
    }
    // ANCHOR_END: registrator

    // ANCHOR: reregister
    /// Watches a registered source otherwise, edge-triggered; arms a oneshot
    /// again. What is ready now is reported.
    ///
    /// # Errors
    ///
    /// `NotFound` if the source is not registered with this queue; else those
    /// of [`register`](Registrator::register).
    pub fn reregister<S: Source + ?Sized>(
        &self,
        source: &mut S,
        token: Token,
        interests: Interests,
    ) -> io::Result<()> {
        self.reregister_with(source, token, interests, Trigger::Edge)
    }

    /// [`reregister`](Registrator::reregister) with a trigger of choice.
    pub fn reregister_with<S: Source + ?Sized>(
        &self,
        source: &mut S,
        token: Token,
        interests: Interests,
        trigger: Trigger,
    ) -> io::Result<()> {
        source.reregister(self, token, interests, trigger)
    }

    /// Stops watching a source. No later `poll` delivers this registration, even
    /// where the kernel had queued it. Dropping a source does the same.
    ///
    /// # Errors
    ///
    /// `NotFound` if the source is not registered with this queue.
    pub fn deregister<S: Source + ?Sized>(&self, source: &mut S) -> io::Result<()> {
        source.deregister(self)
    }

    /// Ends the loop, from any thread.
    ///
    /// [`Poll::poll`](crate::Poll::poll) no longer waits; it delivers what is
    /// ready, and then returns an error whose `raw_os_error` is `None`. From
    /// now on `register` and `reregister` are refused the same way.
    ///
    /// # Errors
    ///
    /// What the system says, if the poller sleeps and cannot be woken.
    pub fn close_loop(&self) -> io::Result<()> {
        self.queue.close()
    }
    // ANCHOR_END: reregister
}

// ANCHOR: registered
/// What a source remembers of its own registration.
#[derive(Debug, Default)]
pub(crate) struct Registered(Option<(Arc<Queue>, Watch)>);

impl Registered {
    /// Registers; `add` is what the source itself has to do.
    pub(crate) fn add(
        &mut self,
        registrator: &Registrator,
        watch: Watch,
        add: impl FnOnce(&Arc<Queue>) -> io::Result<()>,
    ) -> io::Result<()> {
        check(registrator, watch)?;
        if self.0.is_some() {
            return Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "the source is registered already: reregister it, or deregister it first",
            ));
        }
        add(&registrator.queue)?;
        self.0 = Some((Arc::clone(&registrator.queue), watch));
        Ok(())
    }
    // ANCHOR_END: registered

    // ANCHOR: change
    /// Changes a registration; `change` gets what it was.
    pub(crate) fn change(
        &mut self,
        registrator: &Registrator,
        watch: Watch,
        change: impl FnOnce(&Arc<Queue>, Watch) -> io::Result<()>,
    ) -> io::Result<()> {
        check(registrator, watch)?;
        let (queue, old) = self.with(registrator)?;
        change(queue, *old)?;
        *old = watch;
        Ok(())
    }

    /// Deregisters; `remove` gets what it was.
    pub(crate) fn remove(
        &mut self,
        registrator: &Registrator,
        remove: impl FnOnce(&Arc<Queue>, Watch) -> io::Result<()>,
    ) -> io::Result<()> {
        self.with(registrator)?;
        self.drop_with(remove)
    }

    /// Deregisters whichever queue it is registered with, if any.
    pub(crate) fn drop_with(
        &mut self,
        remove: impl FnOnce(&Arc<Queue>, Watch) -> io::Result<()>,
    ) -> io::Result<()> {
        let Some((queue, watch)) = self.0.take() else {
            return Ok(());
        };
        remove(&queue, watch)
    }
    // ANCHOR_END: change

    // ANCHOR: with
    fn with(&mut self, registrator: &Registrator) -> io::Result<(&Arc<Queue>, &mut Watch)> {
        match &mut self.0 {
            Some((queue, watch)) if Arc::ptr_eq(queue, &registrator.queue) => Ok((queue, watch)),
            Some(_) => Err(io::Error::new(
                io::ErrorKind::NotFound,
                "the source is registered with another queue: use that one's registrator",
            )),
            None => Err(io::Error::new(
                io::ErrorKind::NotFound,
                "the source is not registered: register it first",
            )),
        }
    }
}

pub(crate) fn check(registrator: &Registrator, watch: Watch) -> io::Result<()> {
    if watch.token == Token::QUEUE {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "Token(usize::MAX) is the queue's own: use any other",
        ));
    }
    if registrator.queue.is_closed() {
        return Err(closed_error());
    }
    Ok(())
}
// ANCHOR_END: with

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(token: usize) -> Watch {
        Watch {
            token: Token(token),
            interests: Interests::READABLE,
            trigger: Trigger::Edge,
        }
    }

    /// A kqueue's change list goes from what was to what shall be.
    #[test]
    fn each_change_is_told_what_the_last_one_left() {
        let registrator = Registrator {
            queue: Arc::new(Queue::new().unwrap()),
        };
        let mut registered = Registered::default();
        registered.add(&registrator, watch(1), |_| Ok(())).unwrap();
        let change = |registered: &mut Registered, new, expected, result: io::Result<()>| {
            registered.change(&registrator, watch(new), |_, old| {
                assert_eq!(old, watch(expected));
                result
            })
        };
        change(&mut registered, 2, 1, Ok(())).unwrap();
        change(&mut registered, 3, 2, Err(io::ErrorKind::NotFound.into())).unwrap_err();
        change(&mut registered, 4, 2, Ok(())).unwrap();
        let remove = |_: &Arc<Queue>, old| {
            assert_eq!(old, watch(4));
            Err(io::ErrorKind::NotFound.into())
        };
        registered.remove(&registrator, remove).unwrap_err();
        // What the system says of it changes nothing: it is deregistered.
        registered.add(&registrator, watch(5), |_| Ok(())).unwrap();
    }

    #[test]
    fn what_is_refused_is_not_registered() {
        let registrator = Registrator {
            queue: Arc::new(Queue::new().unwrap()),
        };
        let mut registered = Registered::default();
        let refuse = |_: &Arc<Queue>| Err(io::ErrorKind::Unsupported.into());
        registered.add(&registrator, watch(1), refuse).unwrap_err();
        let error = registered.remove(&registrator, |_, _| Ok(())).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        registered
            .drop_with(|_, _| panic!("there is nothing to remove"))
            .unwrap();
    }
}

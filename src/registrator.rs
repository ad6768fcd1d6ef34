//! Adding, changing and removing sources.
//!
//! Chapter 6. The kernels give different answers when a source is added twice or
//! removed twice. So every source remembers its own registration in a `Registered`,
//! and a program gets the same answer on every system.

use std::io;
use std::sync::Arc;

use crate::event::{Interests, Token, Trigger, Watch};
use crate::queue::{Queue, closed_error};

/// Something that can be registered.
///
/// The sockets of [`net`](crate::net) are sources, and so are
/// [`Registration`](crate::Registration) and, on Unix, `unix::SourceFd`. Your own
/// type can be a source, too. It passes each call on to the source inside it:
///
/// ```
/// use evq::net::TcpStream;
/// use evq::{Registrator, Source, Watch};
/// use std::io;
///
/// struct Connection {
///     stream: TcpStream,
///     unsent: Vec<u8>,
/// }
///
/// impl Source for Connection {
///     fn register(&mut self, registrator: &Registrator, watch: Watch) -> io::Result<()> {
///         self.stream.register(registrator, watch)
///     }
///
///     fn reregister(&mut self, registrator: &Registrator, watch: Watch) -> io::Result<()> {
///         self.stream.reregister(registrator, watch)
///     }
///
///     fn deregister(&mut self, registrator: &Registrator) -> io::Result<()> {
///         self.stream.deregister(registrator)
///     }
/// }
/// ```
// ANCHOR: source
pub trait Source {
    /// [`Registrator::register_with`] calls this. If it fails, nothing is registered.
    fn register(&mut self, registrator: &Registrator, watch: Watch) -> io::Result<()>;

    /// [`Registrator::reregister_with`] calls this. If it fails, nothing has changed.
    fn reregister(&mut self, registrator: &Registrator, watch: Watch) -> io::Result<()>;

    /// [`Registrator::deregister`] calls this.
    fn deregister(&mut self, registrator: &Registrator) -> io::Result<()>;
}
// ANCHOR_END: source

// ANCHOR: forward_source
/// Makes a type a source. It passes each call on to a field.
macro_rules! forward_source {
    ([$($bounds:tt)*] $source:ty, $($field:ident).+) => {
        impl<$($bounds)*> $crate::Source for $source {
            fn register(&mut self, registrator: &$crate::Registrator, watch: $crate::Watch) -> std::io::Result<()> {
                self.$($field).+.register(registrator, watch)
            }

            fn reregister(&mut self, registrator: &$crate::Registrator, watch: $crate::Watch) -> std::io::Result<()> {
                self.$($field).+.reregister(registrator, watch)
            }

            fn deregister(&mut self, registrator: &$crate::Registrator) -> std::io::Result<()> {
                self.$($field).+.deregister(registrator)
            }
        }
    };
}
pub(crate) use forward_source;
// ANCHOR_END: forward_source

/// The handle that adds, changes and removes sources.
///
/// Clone it for other threads. They may register sources while `poll` waits, and they
/// may end the loop.
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
// ANCHOR_END: registrator

// ANCHOR: register
impl Registrator {
    /// Starts to watch a source, edge-triggered. If the source is ready now, the next
    /// `poll` reports it.
    ///
    /// # Errors
    ///
    /// - `AlreadyExists`: the source is registered already, with this queue or with
    ///   another. On Windows also: its handle is tied to another queue's port, until the
    ///   handle is closed.
    /// - `InvalidInput`: the token is `usize::MAX`, which the queue keeps for itself.
    /// - `Other`, with no `raw_os_error`: the loop is closed.
    /// - `StorageFull`: the user watches as many files as Linux allows
    ///   (`/proc/sys/fs/epoll/max_user_watches`).
    /// - `OutOfMemory`: the kernel has no memory left.
    ///
    /// A `unix::SourceFd` has errors of its own: its page lists them.
    pub fn register<S: Source + ?Sized>(
        &self,
        source: &mut S,
        token: Token,
        interests: Interests,
    ) -> io::Result<()> {
        self.register_with(source, token, interests, Trigger::Edge)
    }

    /// Does what [`register`](Registrator::register) does, with the trigger you choose.
    ///
    /// # Errors
    ///
    /// Those of `register`.
    pub fn register_with<S: Source + ?Sized>(
        &self,
        source: &mut S,
        token: Token,
        interests: Interests,
        trigger: Trigger,
    ) -> io::Result<()> {
        source.register(self, Watch::new(token, interests, trigger))
    }
    // ANCHOR_END: register

    // ANCHOR: reregister
    /// Changes the token and the interests of a registered source, and makes it
    /// edge-triggered. If the source is ready now, the next `poll` reports it.
    ///
    /// If this fails, the registration has not changed.
    ///
    /// # Errors
    ///
    /// - `NotFound`: the source is not registered.
    /// - `InvalidInput`: the source is registered with another queue, or the token is
    ///   `usize::MAX`.
    /// - `Other`, with no `raw_os_error`: the loop is closed.
    /// - `OutOfMemory`: the kernel has no memory left.
    pub fn reregister<S: Source + ?Sized>(
        &self,
        source: &mut S,
        token: Token,
        interests: Interests,
    ) -> io::Result<()> {
        self.reregister_with(source, token, interests, Trigger::Edge)
    }

    /// Does what [`reregister`](Registrator::reregister) does, with the trigger you
    /// choose. A oneshot source is reported again after this.
    ///
    /// # Errors
    ///
    /// Those of `reregister`.
    pub fn reregister_with<S: Source + ?Sized>(
        &self,
        source: &mut S,
        token: Token,
        interests: Interests,
        trigger: Trigger,
    ) -> io::Result<()> {
        source.reregister(self, Watch::new(token, interests, trigger))
    }
    // ANCHOR_END: reregister

    // ANCHOR: deregister
    /// Stops watching a source. No later `poll` reports this registration, even if the
    /// kernel had already queued an event for it. Dropping a source does the same.
    ///
    /// # Errors
    ///
    /// - `NotFound`: the source is not registered.
    /// - `InvalidInput`: the source is registered with another queue.
    pub fn deregister<S: Source + ?Sized>(&self, source: &mut S) -> io::Result<()> {
        source.deregister(self)
    }

    /// Ends the loop, from any thread.
    ///
    /// From now on [`Poll::poll`](crate::Poll::poll) does not wait. It reports what is
    /// ready. After that it returns an error whose `raw_os_error` is `None`. `register`
    /// and `reregister` return such an error at once.
    ///
    /// # Errors
    ///
    /// If the system call that wakes a sleeping `poll` fails, `close_loop` returns that
    /// call's error. The loop is closed, but `poll` notices only when it wakes for
    /// another reason. Call `close_loop` again.
    pub fn close_loop(&self) -> io::Result<()> {
        self.queue.close()
    }
    // ANCHOR_END: deregister
}

// ANCHOR: registered
/// What a source remembers about its own registration.
#[derive(Debug, Default)]
pub(crate) struct Registered(Option<(Arc<Queue>, Watch)>);

impl Registered {
    /// Refuses to register a source that is registered already.
    pub(crate) fn check_new(&self, registrator: &Registrator, watch: Watch) -> io::Result<()> {
        check(registrator, watch)?;
        match self.0 {
            Some(_) => Err(io::Error::new(
                io::ErrorKind::AlreadyExists,
                "the source is registered already: reregister it, or deregister it first",
            )),
            None => Ok(()),
        }
    }
    // ANCHOR_END: registered

    // ANCHOR: check_own
    /// Returns the registration that the caller is about to change or remove. It must
    /// be one with this registrator's queue.
    pub(crate) fn check_own(&self, registrator: &Registrator) -> io::Result<Watch> {
        match &self.0 {
            Some((queue, watch)) if Arc::ptr_eq(queue, &registrator.queue) => Ok(*watch),
            Some(_) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the source is registered with another queue: use that queue's registrator",
            )),
            None => Err(io::Error::new(
                io::ErrorKind::NotFound,
                "the source is not registered: register it first",
            )),
        }
    }

    /// The registration, if there is one.
    #[cfg(windows)]
    pub(crate) fn watch(&self) -> Option<Watch> {
        self.0.as_ref().map(|(_, watch)| *watch)
    }

    /// Remembers a registration that has succeeded.
    pub(crate) fn set(&mut self, registrator: &Registrator, watch: Watch) {
        self.0 = Some((Arc::clone(&registrator.queue), watch));
    }

    /// Forgets the registration, and returns it.
    pub(crate) fn take(&mut self) -> Option<(Arc<Queue>, Watch)> {
        self.0.take()
    }
}
// ANCHOR_END: check_own

// ANCHOR: check
/// Checks what every registration and every waker must fulfil.
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
// ANCHOR_END: check

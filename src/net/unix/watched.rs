//! A descriptor and its registration: what every Unix source is made of.
//!
//! Chapter 12. The kernel's queue holds an open file, not a number: with a
//! duplicate around, closing our descriptor would leave the registration alive,
//! and its events would bear the token of nobody. So a source deregisters
//! before it closes.

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::Ordering;

use crate::event::{Interests, Token, Trigger, Watch};
use crate::queue::Queue;
use crate::registrator::{Registered, Registrator, Source};

// ANCHOR: watched
/// A descriptor, owned or borrowed, that is deregistered before it goes.
#[derive(Debug)]
pub(crate) struct Watched<F: AsFd> {
    fd: F,
    registered: Registered,
}
// ANCHOR_END: watched

impl<F: AsFd> Watched<F> {
    pub(crate) fn new(fd: F) -> Watched<F> {
        Watched {
            fd,
            registered: Registered::default(),
        }
    }

    #[inline]
    pub(crate) fn fd(&self) -> &F {
        &self.fd
    }

    // ANCHOR: into_fd
    /// Deregisters, and hands the descriptor back.
    pub(crate) fn into_fd(self) -> F {
        let mut whole = ManuallyDrop::new(self);
        whole.leave();
        // SAFETY: `whole` is never used or dropped after this, so the
        // descriptor has one owner; its registration is `None` and needs no drop.
        unsafe { std::ptr::read(&whole.fd) }
    }
    // ANCHOR_END: into_fd

    // ANCHOR: leave
    fn leave(&mut self) {
        let fd = self.fd.as_fd();
        // Refused only if the kernel has forgotten the descriptor by itself.
        let _ = self
            .registered
            .drop_with(|queue, old| remove(queue, fd, old));
    }
}

fn remove(queue: &Queue, fd: BorrowedFd<'_>, old: Watch) -> io::Result<()> {
    queue.in_kernel.fetch_sub(1, Ordering::Relaxed);
    queue.selector.deregister(fd, old)
}
// ANCHOR_END: leave

impl<F: AsFd> Source for Watched<F> {
    // ANCHOR: register
    fn register(
        &mut self,
        registrator: &Registrator,
        token: Token,
        interests: Interests,
        trigger: Trigger,
    ) -> io::Result<()> {
        let (fd, watch) = (self.fd.as_fd(), Watch::new(token, interests, trigger));
        self.registered.add(registrator, watch, |queue| {
            queue.selector.register(fd, watch)?;
            queue.in_kernel.fetch_add(1, Ordering::Relaxed);
            Ok(())
        })
    }
    // ANCHOR_END: register

    fn reregister(
        &mut self,
        registrator: &Registrator,
        token: Token,
        interests: Interests,
        trigger: Trigger,
    ) -> io::Result<()> {
        let (fd, watch) = (self.fd.as_fd(), Watch::new(token, interests, trigger));
        self.registered.change(registrator, watch, |queue, old| {
            queue.selector.reregister(fd, old, watch)
        })
    }

    fn deregister(&mut self, registrator: &Registrator) -> io::Result<()> {
        let fd = self.fd.as_fd();
        self.registered
            .remove(registrator, |queue, old| remove(queue, fd, old))
    }
}

// ANCHOR: drop
impl<F: AsFd> Drop for Watched<F> {
    fn drop(&mut self) {
        self.leave();
    }
}
// ANCHOR_END: drop

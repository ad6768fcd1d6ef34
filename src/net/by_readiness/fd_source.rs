//! A descriptor and its registration: what every Unix source is made of.
//!
//! Chapter 12. The kernel's queue watches an open file, not a descriptor. If a
//! duplicate is open when we close ours, the registration lives on, and its events
//! have the token of a source that is gone. So a source deregisters before it closes.

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::Ordering;

use crate::event::Watch;
use crate::registrator::{Registered, Registrator, Source, check};

// ANCHOR: fd_source
/// A descriptor, owned or borrowed, with its registration.
#[derive(Debug)]
pub(crate) struct FdSource<F: AsFd> {
    fd: F,
    registered: Registered,
}
// ANCHOR_END: fd_source

impl<F: AsFd> FdSource<F> {
    pub(crate) fn new(fd: F) -> FdSource<F> {
        FdSource {
            fd,
            registered: Registered::default(),
        }
    }

    #[inline]
    pub(crate) fn fd(&self) -> &F {
        &self.fd
    }

    // ANCHOR: into_fd
    /// Deregisters the descriptor and returns it.
    pub(crate) fn into_fd(self) -> F {
        let mut whole = ManuallyDrop::new(self);
        let _ = whole.leave();
        // SAFETY: `whole` is neither used nor dropped after this, so the descriptor
        // has one owner. The registration is `None`, which needs no drop.
        unsafe { std::ptr::read(&whole.fd) }
    }
    // ANCHOR_END: into_fd

    // ANCHOR: leave
    /// Removes the registration, if there is one.
    fn leave(&mut self) -> io::Result<()> {
        match self.registered.take() {
            Some((queue, _)) => {
                queue.in_kernel.fetch_sub(1, Ordering::Relaxed);
                queue.selector.deregister(self.fd.as_fd())
            }
            None => Ok(()),
        }
    }
    // ANCHOR_END: leave
}

// ANCHOR: source
impl<F: AsFd> Source for FdSource<F> {
    fn register(&mut self, registrator: &Registrator, watch: Watch) -> io::Result<()> {
        self.registered.check_new(registrator, watch)?;
        let queue = &registrator.queue;
        queue.selector.register(self.fd.as_fd(), watch)?;
        queue.in_kernel.fetch_add(1, Ordering::Relaxed);
        self.registered.set(registrator, watch);
        Ok(())
    }

    fn reregister(&mut self, registrator: &Registrator, watch: Watch) -> io::Result<()> {
        check(registrator, watch)?;
        let old = self.registered.check_own(registrator)?;
        let (selector, fd) = (&registrator.queue.selector, self.fd.as_fd());
        if let Err(error) = selector.reregister(fd, watch) {
            // A kqueue has deleted the old registration: add it again. epoll still has
            // its entry, and refuses this one.
            let _ = selector.register(fd, old);
            return Err(error);
        }
        self.registered.set(registrator, watch);
        Ok(())
    }

    fn deregister(&mut self, registrator: &Registrator) -> io::Result<()> {
        self.registered.check_own(registrator)?;
        self.leave()
    }
}
// ANCHOR_END: source

// ANCHOR: drop
impl<F: AsFd> Drop for FdSource<F> {
    fn drop(&mut self) {
        // Fails only if the kernel has already removed the registration.
        let _ = self.leave();
    }
}
// ANCHOR_END: drop

/// Gives a socket to the standard library.
pub(crate) fn into_std<S: From<OwnedFd>>(source: FdSource<OwnedFd>) -> io::Result<S> {
    Ok(source.into_fd().into())
}

//! What everything that belongs together shares.
//!
//! Chapter 6. `Poll`, every `Registrator`, every registered source and every
//! waker hold the same `Arc<Queue>`. The last of them to be dropped closes the
//! kernel's queue, and nobody keeps a bare descriptor that could outlive it.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::ready::{Node, ReadyList};
use crate::sys::Selector;

// ANCHOR: queue
/// One selector and one ready list.
pub(crate) struct Queue {
    pub(crate) selector: Selector,
    pub(crate) ready: ReadyList,
    /// Registrations are refused: `close_loop` was called, or `Poll` dropped.
    closed: AtomicBool,
    /// `Poll` was dropped: nobody drains the list.
    abandoned: AtomicBool,
    /// How many sources the kernel watches: always 0 on Windows.
    pub(crate) in_kernel: AtomicUsize,
    /// Somebody else waits on the queue's descriptor, so every push must show there.
    watched: AtomicBool,
}
// ANCHOR_END: queue

// ANCHOR: debug
/// Every source that is printed prints its queue: without the list, which may
/// be long, and must not stay locked meanwhile.
impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("closed", &self.closed)
            .finish_non_exhaustive()
    }
}
// ANCHOR_END: debug

// ANCHOR: new
impl Queue {
    pub(crate) fn new() -> io::Result<Queue> {
        Ok(Queue {
            selector: Selector::new()?,
            ready: ReadyList::new(),
            closed: AtomicBool::new(false),
            abandoned: AtomicBool::new(false),
            in_kernel: AtomicUsize::new(0),
            watched: AtomicBool::new(false),
        })
    }
    // ANCHOR_END: new

    // ANCHOR: push
    /// Lists a node, and wakes the poller if it sleeps.
    pub(crate) fn push(&self, node: &Arc<Node>) -> io::Result<()> {
        if self.is_abandoned() {
            return Err(closed_error());
        }
        let asleep = self.ready.push(node);
        // Once the loop is closed, its descriptor is readable without this wake.
        self.wake_if(asleep || self.is_watched() && !self.is_closed())?;
        if self.is_abandoned() {
            // `Poll` went in between, and may have cleared the list too early.
            self.ready.clear();
        }
        Ok(())
    }

    fn wake_if(&self, needed: bool) -> io::Result<()> {
        if needed {
            return self.selector.wake().inspect_err(|_| self.ready.not_woken());
        }
        Ok(())
    }
    // ANCHOR_END: push

    // ANCHOR: closing
    /// Refuses registrations from now on, and has the poller notice.
    pub(crate) fn close(&self) -> io::Result<()> {
        self.closed.store(true, Ordering::Release);
        let asleep = self.ready.notify();
        self.wake_if(asleep || self.is_watched())
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// `Poll` is being dropped. What outlives it stays sound, and is refused.
    pub(crate) fn abandon(&self) {
        self.closed.store(true, Ordering::Release);
        self.abandoned.store(true, Ordering::Release);
        self.ready.clear();
        #[cfg(windows)]
        self.selector.reap();
    }

    /// Whether nobody polls any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }
    // ANCHOR_END: closing

    // ANCHOR: watched
    /// From now on the queue's descriptor is readable whenever `poll` would find
    /// something: a listed node, or that the loop is closed.
    #[cfg(unix)]
    pub(crate) fn watch_from_outside(&self) {
        self.watched.store(true, Ordering::Release);
        self.ready.order();
        self.show_outside();
    }

    /// Called by the poller when it leaves something behind.
    #[cfg(unix)]
    pub(crate) fn show_outside(&self) {
        if self.is_watched() && (!self.ready.is_empty() || self.is_closed()) {
            // If this fails, an outer queue is not told; no node is lost.
            let _ = self.selector.wake();
        }
    }

    fn is_watched(&self) -> bool {
        self.watched.load(Ordering::Acquire)
    }
    // ANCHOR_END: watched
}

// ANCHOR: closed_error
/// No system call returns this error: its `raw_os_error` is `None`.
pub(crate) fn closed_error() -> io::Error {
    io::Error::other("the event loop is closed: nothing more is registered or delivered")
}
// ANCHOR_END: closed_error

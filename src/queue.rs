//! The queue that a `Poll` shares with its registrators, sources and wakers.
//!
//! Chapter 6. `Poll`, every `Registrator`, every registered source and every waker
//! hold an `Arc` of the same `Queue`. When the last of them is dropped, the kernel's
//! queue is closed. Nobody holds a bare descriptor, which could outlive the queue.

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
    /// `close_loop` was called, or `Poll` was dropped. Registrations are refused.
    closed: AtomicBool,
    /// `Poll` was dropped. Nobody drains the ready list.
    abandoned: AtomicBool,
    /// How many sources the kernel watches. Always 0 on Windows.
    pub(crate) in_kernel: AtomicUsize,
    /// Another queue watches this queue's descriptor. Every push must make it readable.
    watched: AtomicBool,
}
// ANCHOR_END: queue

// ANCHOR: debug
/// Printing a source prints its queue. The ready list is left out: it may be long,
/// and it would stay locked until all of it is printed.
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
    /// Adds a node to the ready list, and wakes the poller if it sleeps.
    pub(crate) fn push(&self, node: &Arc<Node>) -> io::Result<()> {
        if self.is_abandoned() {
            return Err(closed_error());
        }
        let asleep = self.ready.push(node);
        // The descriptor of a closed loop is readable without this wake.
        self.wake_if(asleep || self.is_watched() && !self.is_closed())?;
        if self.is_abandoned() {
            // `Poll` was dropped meanwhile, and may have cleared the list before this push.
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

    // ANCHOR: close
    /// Refuses registrations from now on, and wakes the poller if it sleeps.
    pub(crate) fn close(&self) -> io::Result<()> {
        self.closed.store(true, Ordering::Release);
        let asleep = self.ready.notify();
        self.wake_if(asleep || self.is_watched())
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
    // ANCHOR_END: close

    // ANCHOR: abandon
    /// `Poll` calls this when it is dropped. Registrators, sources and wakers may
    /// outlive it: from now on the queue refuses them.
    pub(crate) fn abandon(&self) {
        self.closed.store(true, Ordering::Release);
        self.abandoned.store(true, Ordering::Release);
        self.ready.clear();
        #[cfg(windows)]
        self.selector.reap();
    }

    /// Whether `Poll` was dropped.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Acquire)
    }
    // ANCHOR_END: abandon

    // ANCHOR: watched
    /// From now on the queue's descriptor is readable whenever `poll` would not wait:
    /// a node is listed, or the loop is closed.
    #[cfg(unix)]
    pub(crate) fn watch_from_outside(&self) {
        self.watched.store(true, Ordering::Release);
        self.ready.order();
        self.show_outside();
    }

    /// The poller calls this before it returns, because it may leave a node in the list.
    #[cfg(unix)]
    pub(crate) fn show_outside(&self) {
        if self.is_watched() && (!self.ready.is_empty() || self.is_closed()) {
            // If the wake fails, the outer queue is not told. No node is lost.
            let _ = self.selector.wake();
        }
    }

    fn is_watched(&self) -> bool {
        self.watched.load(Ordering::Acquire)
    }
    // ANCHOR_END: watched
}

// ANCHOR: closed_error
/// The error of a closed loop. No system call returned it: its `raw_os_error` is `None`.
pub(crate) fn closed_error() -> io::Error {
    io::Error::other("the event loop is closed: nothing more is registered or delivered")
}
// ANCHOR_END: closed_error

//! Operations whose source was dropped.
//!
//! Chapter 11. Such an operation is an *orphan*. The kernel has its memory until its
//! packet is dequeued. The source cancels its orphans, except a last write: that one
//! *lingers*, which means that it may finish first. While there is a `Poll`, `poll`
//! dequeues the packets of orphans. Once `Poll` is dropped, each thread that drops a
//! source dequeues them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

// ANCHOR: limit
/// How long last writes may linger after `Poll` was dropped: all of them together,
/// not each.
pub const LINGER: Duration = Duration::from_secs(1);

/// The operations of a source that was dropped while one was in flight.
pub(crate) trait Orphan: Send + Sync {
    /// Cancels the last write.
    fn give_up(&self);
}
// ANCHOR_END: limit

// ANCHOR: orphans
/// The orphans of a queue, in the order in which their sources were dropped.
#[derive(Default)]
pub(crate) struct Orphans {
    list: Mutex<VecDeque<Arc<dyn Orphan>>>,
    /// When last writes are given up. Set once `Poll` is dropped.
    limit: OnceLock<Instant>,
}

impl Orphans {
    /// Afterwards the caller asks whether `Poll` was dropped. If so, it must `reap`.
    /// The thread that drops `Poll` says so first and reads this list second. So at
    /// least one of the two threads sees what the other has done.
    pub(crate) fn adopt(&self, orphan: Arc<dyn Orphan>) {
        lock(&self.list).push_back(orphan);
    }
    // ANCHOR_END: orphans

    // ANCHOR: release
    /// The last packet of an orphan has been delivered. The search is short, because
    /// packets mostly come in the order of the list.
    pub(crate) fn release(&self, orphan: *const ()) {
        let mut list = lock(&self.list);
        let at = list
            .iter()
            .position(|other| Arc::as_ptr(other).cast() == orphan);
        if let Some(at) = at {
            list.remove(at);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.list).is_empty()
    }

    /// Set by the first caller: dropping `Poll` calls `reap`.
    pub(crate) fn limit(&self) -> Instant {
        *self.limit.get_or_init(|| Instant::now() + LINGER)
    }

    /// Cancels every last write that is still in flight.
    pub(crate) fn give_up(&self) {
        let orphans = lock(&self.list).clone();
        orphans.iter().for_each(|orphan| orphan.give_up());
    }
}
// ANCHOR_END: release

/// No code panics while it holds such a lock, so what a poisoned lock protects is
/// sound.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

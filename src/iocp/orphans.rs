//! Operations whose source was dropped.
//!
//! Chapter 11. The memory of such an operation stays with the kernel until its
//! packet is dequeued. Most orphans have been cancelled. One that is a last write
//! *lingers*: it may finish first. While there is a `Poll`, `poll` dequeues their
//! packets. Once `Poll` is dropped, each thread that drops a source does.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

// ANCHOR: orphans
/// How long last writes may take, counted from when `Poll` was dropped: all of
/// them together, not each.
pub const LINGER: Duration = Duration::from_secs(1);

/// A source that was dropped with operations in flight.
pub(crate) trait Orphan: Send + Sync {
    /// Cancels its last write.
    fn give_up(&self);
}

/// The orphans of a queue, in the order in which they were dropped.
#[derive(Default)]
pub(crate) struct Orphans {
    list: Mutex<VecDeque<Arc<dyn Orphan>>>,
    /// When those that linger are given up. Set once `Poll` is dropped.
    limit: OnceLock<Instant>,
}

// ANCHOR_END: orphans

// ANCHOR: adopt
impl Orphans {
    /// Takes in a source that was dropped. The caller then looks whether `Poll` was
    /// dropped, too, and must reap if it was. `Poll`'s end says that it was, and
    /// then looks at this list: one of the two sees what the other has done.
    pub(crate) fn adopt(&self, orphan: Arc<dyn Orphan>) {
        lock(&self.list).push_back(orphan);
    }

    /// The last packet of an orphan has been delivered. Packets mostly come in the
    /// order of the list.
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

    /// When last writes are given up.
    pub(crate) fn limit(&self) -> Instant {
        *self.limit.get_or_init(|| Instant::now() + LINGER)
    }

    /// Cancels the last writes that are still in flight.
    pub(crate) fn give_up(&self) {
        let orphans = lock(&self.list).clone();
        orphans.iter().for_each(|orphan| orphan.give_up());
    }
}
// ANCHOR_END: adopt

/// Nothing panics while such a lock is held, so a poisoned one is a sound one.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! The ready list: readiness that no kernel reports.
//!
//! Chapter 10. Wakes, a program's own sources and, on Windows, finished
//! operations all reach `poll` through this one list, filled by any thread and
//! drained by the one that polls. It also decides who pays for waking: a push
//! costs a system call only when the poller sleeps. No system call is made in
//! this file; `queue.rs` does that on its word.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::event::{Event, Readiness, Trigger, Watch};
use crate::events::Events;

// ANCHOR: node
/// One registration of a source whose readiness is not the kernel's.
///
/// Each registration has a node of its own, so that what an earlier one left in
/// a list is told by its empty `watch`, and dropped.
#[derive(Debug)]
pub(crate) struct Node {
    /// Whether it stands in the list, or is just about to: at most once.
    queued: AtomicBool,
    readiness: AtomicU8,
    /// `None` once deregistered, or reported under `Oneshot`.
    watch: Mutex<Option<Watch>>,
}

impl Node {
    pub(crate) fn new(watch: Watch, readiness: Readiness) -> Arc<Node> {
        Arc::new(Node {
            queued: AtomicBool::new(false),
            readiness: AtomicU8::new(readiness.bits()),
            watch: Mutex::new(Some(watch)),
        })
    }

    /// What it is from now on. To be pushed afterwards.
    pub(crate) fn set(&self, readiness: Readiness) {
        self.readiness.store(readiness.bits(), Ordering::Release);
    }

    /// Watched otherwise, or not at all.
    pub(crate) fn watch(&self, watch: Option<Watch>) {
        *lock(&self.watch) = watch;
    }

    // ANCHOR_END: node

    // ANCHOR: due
    /// The event that is due, and its trigger: a level-triggered node is to be
    /// listed again.
    fn due(&self) -> Option<(Event, Trigger)> {
        let mut slot = lock(&self.watch);
        let watch = (*slot)?;
        let readiness = Readiness::from_bits(self.readiness.load(Ordering::Acquire));
        let readiness = readiness.of_interest(watch.interests);
        if readiness.is_empty() {
            return None;
        }
        if watch.trigger == Trigger::Oneshot {
            *slot = None;
        }
        Some((Event::new(watch.token, readiness), watch.trigger))
    }
    // ANCHOR_END: due
}

// ANCHOR: list
/// The nodes that have something to say, and whether the poller sleeps.
pub(crate) struct ReadyList {
    nodes: Mutex<VecDeque<Arc<Node>>>,
    /// The length of `nodes`, to be asked without the lock.
    len: AtomicUsize,
    poller: AtomicU8,
}

/// The poller is awake, and nothing has happened since it last looked.
const EMPTY: u8 = 0b00;
/// The poller sleeps, or is about to: whoever pushes must wake it.
const ASLEEP: u8 = 0b01;
/// Something has been pushed: the poller, if awake, will look before it sleeps.
const NOTIFIED: u8 = 0b10;
/// Something has been pushed, and the poller could not be woken: whoever pushes
/// next must try again.
const UNHEARD: u8 = 0b11;

impl ReadyList {
    pub(crate) const fn new() -> ReadyList {
        ReadyList {
            nodes: Mutex::new(VecDeque::new()),
            len: AtomicUsize::new(0),
            poller: AtomicU8::new(EMPTY),
        }
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }
    // ANCHOR_END: list

    // ANCHOR: push
    /// Lists a node, unless it is listed already. `true`: the poller sleeps,
    /// and the caller must wake it.
    #[must_use]
    pub(crate) fn push(&self, node: &Arc<Node>) -> bool {
        self.list(node);
        self.notify()
    }

    /// Lists a node for the poller's next look, without a word to it.
    fn list(&self, node: &Arc<Node>) {
        if !node.queued.swap(true, Ordering::AcqRel) {
            let mut nodes = lock(&self.nodes);
            nodes.push_back(Arc::clone(node));
            self.len.store(nodes.len(), Ordering::Release);
        }
    }

    // ANCHOR_END: push

    // ANCHOR: remove
    /// Takes a node out again, if it stands in the list.
    pub(crate) fn remove(&self, node: &Arc<Node>) {
        if node.queued.load(Ordering::Acquire) {
            let mut nodes = lock(&self.nodes);
            nodes.retain(|other| !Arc::ptr_eq(other, node));
            self.len.store(nodes.len(), Ordering::Release);
        }
    }

    /// Forgets all nodes.
    pub(crate) fn clear(&self) {
        let mut nodes = lock(&self.nodes);
        nodes.clear();
        self.len.store(0, Ordering::Release);
    }
    // ANCHOR_END: remove

    // ANCHOR: sleep
    /// After a push: whether the poller sleeps, and nobody has woken it yet.
    #[must_use]
    pub(crate) fn notify(&self) -> bool {
        let before = self.poller.swap(NOTIFIED, Ordering::AcqRel);
        before == ASLEEP || before == UNHEARD
    }

    /// Announces that the poller is about to sleep. `false`: it must not, for
    /// something has been pushed since it last looked.
    #[must_use]
    #[inline]
    pub(crate) fn sleep(&self) -> bool {
        self.poller
            .compare_exchange(EMPTY, ASLEEP, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// Withdraws the announcement. What has been pushed meanwhile still keeps
    /// the poller from sleeping.
    #[inline]
    pub(crate) fn get_up(&self) {
        self.poller.fetch_and(!ASLEEP, Ordering::AcqRel);
    }

    /// Gets up to look: what has been pushed is now in sight.
    pub(crate) fn awake(&self) {
        self.poller.swap(EMPTY, Ordering::AcqRel);
    }
    // ANCHOR_END: sleep

    // ANCHOR: not_woken
    /// Whoever was to wake the poller could not.
    pub(crate) fn not_woken(&self) {
        let _ =
            self.poller
                .compare_exchange(NOTIFIED, UNHEARD, Ordering::AcqRel, Ordering::Relaxed);
    }
    // ANCHOR_END: not_woken

    // ANCHOR: is_notified
    /// Whether something has been pushed, or left behind, since the poller last
    /// looked. An exchange, so that whoever pushes later sees what the caller
    /// did before.
    #[cfg(any(unix, test))]
    pub(crate) fn is_notified(&self) -> bool {
        self.poller.fetch_or(0, Ordering::AcqRel) >= NOTIFIED
    }
    // ANCHOR_END: is_notified

    // ANCHOR: drain
    /// Moves what is due into `events`, until they number `most` or every node
    /// that was listed at the start has been looked at. Level-triggered nodes
    /// go to `again` as well: the caller lists them before its next wait.
    pub(crate) fn drain(&self, events: &mut Events, most: usize, again: &mut Vec<Arc<Node>>) {
        let mut left = self.len();
        if left == 0 {
            return;
        }
        // What is pushed from here on is a reason to look again.
        self.awake();
        while left > 0 && events.len() < most {
            let Some(node) = self.pop() else { return };
            left -= 1;
            if let Some((event, trigger)) = node.due() {
                events.push(event);
                if trigger == Trigger::Level {
                    again.push(node);
                }
            }
        }
    }

    fn pop(&self) -> Option<Arc<Node>> {
        let mut nodes = lock(&self.nodes);
        let node = nodes.pop_front()?;
        self.len.store(nodes.len(), Ordering::Release);
        // Before its readiness is read: whoever sets it later, lists it again.
        node.queued.swap(false, Ordering::AcqRel);
        Some(node)
    }
    // ANCHOR_END: drain

    // ANCHOR: again
    /// Lists the level-triggered nodes of the last `poll` for the next one.
    pub(crate) fn list_again(&self, nodes: &mut Vec<Arc<Node>>) {
        for node in nodes.drain(..) {
            self.list(&node);
        }
    }
    // ANCHOR_END: again
}

// ANCHOR: lock
/// Nothing panics while these locks are held, so a poisoned one is a sound one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
// ANCHOR_END: lock

#[cfg(test)]
mod tests {
    use std::sync::Condvar;
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::event::{Interests, Token};

    const THREADS: usize = 8;
    /// Of each thread. Miri is slow.
    const PUSHES: usize = if cfg!(miri) { 20 } else { 40_000 };

    fn node(token: usize) -> Arc<Node> {
        let watch = Watch {
            token: Token(token),
            interests: Interests::READABLE,
            trigger: Trigger::Edge,
        };
        Node::new(watch, Readiness::READABLE)
    }

    /// How many of `pushes` by each of eight threads find the poller asleep.
    fn calls_for(list: &ReadyList, pushes: usize) -> usize {
        let calls = AtomicUsize::new(0);
        thread::scope(|scope| {
            for token in 0..THREADS {
                let calls = &calls;
                scope.spawn(move || {
                    let node = node(token);
                    let asleep = (0..pushes).filter(|_| list.push(&node)).count();
                    calls.fetch_add(asleep, Ordering::Relaxed);
                });
            }
        });
        calls.into_inner()
    }

    #[test]
    fn pushes_to_a_busy_poller_make_no_call() {
        assert_eq!(calls_for(&ReadyList::new(), PUSHES), 0);
    }

    #[test]
    fn of_many_pushes_to_a_sleeping_poller_one_makes_the_call() {
        let list = ReadyList::new();
        for _ in 0..if cfg!(miri) { 2 } else { 50 } {
            assert!(list.sleep());
            assert_eq!(calls_for(&list, 20), 1);
            assert!(list.is_notified());
            list.awake();
        }
    }

    #[test]
    fn a_poller_that_was_notified_does_not_go_to_sleep() {
        let list = ReadyList::new();
        assert!(!list.push(&node(1)));
        assert!(!list.sleep());
        list.awake();
        assert!(list.sleep());
    }

    #[test]
    fn a_poller_that_gets_up_is_not_woken_and_forgets_no_push() {
        let list = ReadyList::new();
        assert!(list.sleep());
        list.get_up();
        assert!(list.sleep(), "nothing was pushed");
        assert!(list.push(&node(1)));
        list.get_up();
        assert!(!list.push(&node(2)), "the poller is up");
        assert!(!list.sleep());
        list.awake();
        assert!(list.sleep());
        assert!(list.push(&node(3)));
        list.not_woken();
        list.get_up();
        assert!(!list.push(&node(4)), "the poller is up");
        assert!(!list.sleep());
    }

    #[test]
    fn after_a_call_that_failed_the_next_push_makes_another() {
        let list = ReadyList::new();
        assert!(list.sleep());
        assert!(list.push(&node(1)));
        list.not_woken();
        assert!(list.push(&node(2)));
        assert!(!list.push(&node(3)));
    }

    /// `Poll` and the threads that wake it, with a condition variable in the
    /// kernel's place: cheap enough to fall asleep a hundred thousand times.
    /// Each thread waits for its last push to be seen, now and then if there
    /// are many, always if it is alone, with nobody to make up for a lost one.
    fn push_and_sleep(threads: usize, pushes: usize) {
        let list = ReadyList::new();
        let (woken, bell) = (Mutex::new(false), Condvar::new());
        let (sent, seen): ([AtomicUsize; THREADS], [AtomicUsize; THREADS]) = Default::default();
        let wake = |node: &Arc<Node>| {
            if list.push(node) {
                *lock(&woken) = true;
                bell.notify_one();
            }
        };
        thread::scope(|scope| {
            for token in 0..threads {
                let (sent, seen) = (&sent[token], &seen[token]);
                scope.spawn(move || {
                    let node = node(token);
                    for number in 1..=pushes {
                        sent.store(number, Ordering::Release);
                        wake(&node);
                        let wait = threads == 1 || number % (16 + token) == 0;
                        while wait && seen.load(Ordering::Acquire) < number {
                            thread::yield_now();
                        }
                        (0..number % 64).for_each(|_| std::hint::spin_loop());
                    }
                });
            }
            let mut events = Events::with_capacity(3);
            let mut again = Vec::new();
            while (0..threads).any(|token| seen[token].load(Ordering::Relaxed) < pushes) {
                events.clear();
                list.drain(&mut events, 3, &mut again);
                for event in &events {
                    let Token(token) = event.token();
                    seen[token].store(sent[token].load(Ordering::Acquire), Ordering::Release);
                }
                if events.is_empty() && list.len() == 0 && list.sleep() {
                    let limit = Duration::from_secs(20);
                    let (mut woken, out) = bell
                        .wait_timeout_while(lock(&woken), limit, |woken| !*woken)
                        .unwrap_or_else(PoisonError::into_inner);
                    if out.timed_out() {
                        // Ends the threads that wait.
                        seen.iter()
                            .for_each(|seen| seen.store(pushes, Ordering::Release));
                        panic!("a push was lost");
                    }
                    *woken = false;
                }
                list.awake();
            }
        });
    }

    #[test]
    fn no_push_of_eight_threads_is_lost() {
        push_and_sleep(THREADS, PUSHES);
    }

    #[test]
    fn no_push_of_one_thread_is_lost() {
        push_and_sleep(1, PUSHES);
    }
}

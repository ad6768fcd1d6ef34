//! The ready list: readiness that no kernel reports.
//!
//! Chapter 10. Wakes, a program's own sources and, on Windows, finished
//! operations all reach `poll` through this list. Any thread fills the list. The
//! thread that polls drains it. The list also decides who pays for waking: a push
//! costs a system call only if the poller sleeps. This file makes no system call:
//! `queue.rs` makes it when the list says so.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::event::{Event, Readiness, Trigger, Watch};
use crate::events::Events;

// ANCHOR: node
/// One registration of a source that no kernel reports.
#[derive(Debug)]
pub(crate) struct Node {
    /// Whether the list has the node, or is about to get it.
    queued: AtomicBool,
    readiness: AtomicU8,
    /// `None` after `deregister`, and after the report under `Oneshot`.
    watch: Mutex<Option<Watch>>,
}
// ANCHOR_END: node

// ANCHOR: node_new
impl Node {
    pub(crate) fn new(watch: Watch, readiness: Readiness) -> Arc<Node> {
        Arc::new(Node {
            queued: AtomicBool::new(false),
            readiness: AtomicU8::new(readiness.bits()),
            watch: Mutex::new(Some(watch)),
        })
    }

    /// Sets what the source is ready for. The caller pushes the node afterwards.
    pub(crate) fn set(&self, readiness: Readiness) {
        self.readiness.store(readiness.bits(), Ordering::Release);
    }

    /// Changes the registration, and returns the old one. The caller pushes the node
    /// afterwards.
    pub(crate) fn watch(&self, watch: Option<Watch>) -> Option<Watch> {
        std::mem::replace(&mut *lock(&self.watch), watch)
    }
    // ANCHOR_END: node_new

    // ANCHOR: due
    /// The event that the program must get now, if there is one, and its trigger.
    fn due(&self, watch: Option<Watch>) -> Option<(Event, Trigger)> {
        let Watch {
            token,
            interests,
            trigger,
        } = watch?;
        let readiness = Readiness::from_bits(self.readiness.load(Ordering::Acquire));
        let readiness = readiness.of_interest(interests);
        (!readiness.is_empty()).then(|| (Event::new(token, readiness), trigger))
    }
    // ANCHOR_END: due

    // ANCHOR: stays
    /// Whether a listed node stays listed: it does if an event is due.
    fn stays(&self) -> bool {
        self.is_due() || {
            // A thread that changes the node after this swap lists it again.
            self.queued.swap(false, Ordering::AcqRel);
            self.is_due() && !self.queued.swap(true, Ordering::AcqRel)
        }
    }

    fn is_due(&self) -> bool {
        let watch = *lock(&self.watch);
        self.due(watch).is_some()
    }
    // ANCHOR_END: stays

    // ANCHOR: take
    /// Takes the event that is due. After it, a oneshot node has no other.
    fn take(&self) -> Option<(Event, Trigger)> {
        let mut watch = lock(&self.watch);
        let due = self.due(*watch);
        if let Some((_, Trigger::Oneshot)) = due {
            *watch = None;
        }
        due
    }
    // ANCHOR_END: take
}

// ANCHOR: list
/// The nodes that the poller must look at, and whether the poller sleeps.
pub(crate) struct ReadyList {
    listed: Mutex<Listed>,
    /// How many nodes are listed. Threads read it without the lock.
    len: AtomicUsize,
    poller: AtomicU8,
}

/// The nodes, each with its ticket. Tickets count up from 0.
struct Listed {
    nodes: VecDeque<(u64, Arc<Node>)>,
    next_ticket: u64,
    /// How many nodes of ended registrations may still be listed.
    ended: usize,
}
// ANCHOR_END: list

// ANCHOR: states
/// The poller is awake. Nothing has been pushed since its last look.
const EMPTY: u8 = 0;
/// The poller sleeps, or is about to sleep. The next push must wake it.
const ASLEEP: u8 = 1;
/// Something has been pushed. The poller looks before it sleeps.
const NOTIFIED: u8 = 2;
// ANCHOR_END: states

// ANCHOR: new
impl ReadyList {
    pub(crate) const fn new() -> ReadyList {
        ReadyList {
            listed: Mutex::new(Listed {
                nodes: VecDeque::new(),
                next_ticket: 0,
                ended: 0,
            }),
            len: AtomicUsize::new(0),
            poller: AtomicU8::new(EMPTY),
        }
    }

    /// Calls `change` while the list is locked, and keeps `len` up to date.
    fn change<T>(&self, change: impl FnOnce(&mut Listed) -> T) -> T {
        let mut listed = lock(&self.listed);
        let result = change(&mut listed);
        self.len.store(listed.nodes.len(), Ordering::Release);
        result
    }
    // ANCHOR_END: new

    // ANCHOR: push
    /// Lists a node that is not listed yet. `true`: the poller sleeps, and the
    /// caller must wake it.
    #[must_use]
    pub(crate) fn push(&self, node: &Arc<Node>) -> bool {
        self.list(node);
        self.notify()
    }

    /// Lists a node for the poller's next look. Wakes nobody.
    fn list(&self, node: &Arc<Node>) {
        if !node.queued.swap(true, Ordering::AcqRel) {
            self.change(|listed| {
                let ticket = listed.next_ticket;
                listed.nodes.push_back((ticket, Arc::clone(node)));
                listed.next_ticket += 1;
            });
        }
    }
    // ANCHOR_END: push

    // ANCHOR: remove
    /// Ends a node's registration: the node delivers nothing from now on.
    ///
    /// The node may stay in the list. When such nodes may be half of the list, this
    /// drops all of them.
    pub(crate) fn remove(&self, node: &Node) {
        node.watch(None);
        if node.queued.load(Ordering::Acquire) {
            self.change(|listed| {
                listed.ended += 1;
                if 2 * listed.ended >= listed.nodes.len() {
                    listed.nodes.retain(|(_, node)| node.stays());
                    listed.ended = 0;
                }
            });
        }
    }
    // ANCHOR_END: remove

    // ANCHOR: clear
    /// Drops all nodes.
    pub(crate) fn clear(&self) {
        self.change(|listed| listed.nodes.clear());
    }
    // ANCHOR_END: clear

    // ANCHOR: sleep
    /// Called after a push. `true`: the poller sleeps, and the caller must wake it.
    #[must_use]
    pub(crate) fn notify(&self) -> bool {
        self.poller.swap(NOTIFIED, Ordering::AcqRel) == ASLEEP
    }

    /// The poller wants to sleep. `false`: it must look first, because something has
    /// been pushed since its last look.
    #[must_use]
    pub(crate) fn sleep(&self) -> bool {
        self.poller
            .compare_exchange(EMPTY, ASLEEP, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// The poller no longer sleeps. It must look at the list after this call.
    pub(crate) fn awake(&self) {
        self.poller.swap(EMPTY, Ordering::AcqRel);
    }
    // ANCHOR_END: sleep

    // ANCHOR: not_woken
    /// The call that wakes the poller has failed. The next push makes it again.
    pub(crate) fn not_woken(&self) {
        let _ = self
            .poller
            .compare_exchange(NOTIFIED, ASLEEP, Ordering::AcqRel, Ordering::Relaxed);
    }
    // ANCHOR_END: not_woken

    // ANCHOR: is_empty
    /// Reads the length without the lock.
    pub(crate) fn is_empty(&self) -> bool {
        self.len.load(Ordering::Acquire) == 0
    }

    /// Takes a place in the order of all pushes. `is_empty` then sees every earlier
    /// push. Every later push sees what the caller wrote before.
    #[cfg(unix)]
    pub(crate) fn order(&self) {
        self.poller.fetch_or(0, Ordering::AcqRel);
    }

    /// The ticket that the next node gets.
    pub(crate) fn next_ticket(&self) -> u64 {
        lock(&self.listed).next_ticket
    }
    // ANCHOR_END: is_empty

    // ANCHOR: listed
    /// How many nodes are listed with tickets below `end`. Drops the nodes at the
    /// front that are not due, because they must not keep the poller awake.
    #[inline]
    pub(crate) fn listed(&self, end: u64) -> usize {
        if self.is_empty() { 0 } else { self.count(end) }
    }

    fn count(&self, end: u64) -> usize {
        self.change(|listed| {
            while listed.nodes.front().is_some_and(|(_, node)| !node.stays()) {
                listed.nodes.pop_front();
            }
            listed.nodes.partition_point(|(ticket, _)| *ticket < end)
        })
    }
    // ANCHOR_END: listed

    // ANCHOR: drain
    /// Moves the events that are due into `events`, until there is no more room.
    /// Takes only nodes that are listed when it begins, with tickets below `end`.
    #[inline]
    pub(crate) fn drain(&self, events: &mut Events, end: u64) {
        if !self.is_empty() {
            self.take(events, end);
        }
    }

    fn take(&self, events: &mut Events, end: u64) {
        // From this call on, only a later push makes `sleep` refuse.
        self.awake();
        let end = end.min(self.next_ticket());
        while events.room() > 0 {
            let Some(node) = self.pop(end) else { return };
            if let Some((event, trigger)) = node.take() {
                events.push(event);
                if trigger == Trigger::Level {
                    self.list(&node);
                }
            }
        }
    }
    // ANCHOR_END: drain

    // ANCHOR: pop
    fn pop(&self, end: u64) -> Option<Arc<Node>> {
        self.change(|listed| {
            listed.nodes.front().filter(|(ticket, _)| *ticket < end)?;
            let (_, node) = listed.nodes.pop_front()?;
            // A thread that changes the node after this swap lists it again.
            node.queued.swap(false, Ordering::AcqRel);
            Some(node)
        })
    }
    // ANCHOR_END: pop
}

// ANCHOR: lock
/// No code panics while it holds one of these locks, so a poisoned one is sound.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
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

    fn watch(token: usize, trigger: Trigger) -> Watch {
        Watch::new(Token(token), Interests::READABLE, trigger)
    }

    fn node(token: usize) -> Arc<Node> {
        Node::new(watch(token, Trigger::Edge), Readiness::READABLE)
    }

    /// Eight threads push `pushes` times each. Returns how many find the poller asleep.
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
            assert!(!list.sleep());
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
    fn after_a_call_that_failed_the_next_push_makes_another() {
        let list = ReadyList::new();
        assert!(list.sleep());
        assert!(list.push(&node(1)));
        list.not_woken();
        assert!(list.push(&node(2)));
        assert!(!list.push(&node(3)));
    }

    /// The poller woke for another reason before the failed call was reported.
    #[test]
    fn a_call_that_failed_keeps_no_poller_from_looking() {
        let list = ReadyList::new();
        assert!(list.sleep());
        assert!(list.push(&node(1)));
        list.awake();
        assert!(!list.push(&node(2)));
        list.not_woken();
        assert!(!list.sleep(), "the second push was forgotten");
    }

    fn tokens(list: &ReadyList, room: usize, end: u64) -> Vec<usize> {
        let mut events = Events::with_capacity(room);
        list.drain(&mut events, end);
        events.iter().map(|event| event.token().0).collect()
    }

    #[test]
    fn a_drain_takes_what_was_listed_when_it_began() {
        let list = ReadyList::new();
        let (one, two) = (node(1), node(2));
        one.watch(Some(watch(1, Trigger::Level)));
        let _ = (list.push(&one), list.push(&two));
        assert_eq!(
            tokens(&list, 8, u64::MAX),
            [1, 2],
            "level: listed again behind"
        );
        let end = list.next_ticket();
        let _ = list.push(&two);
        assert_eq!(list.listed(end), 1);
        assert_eq!(tokens(&list, 8, end), [1]);
        assert_eq!(tokens(&list, 1, u64::MAX), [2]);
        assert_eq!(tokens(&list, 1, u64::MAX), [1]);
    }

    #[test]
    fn a_node_that_has_nothing_to_say_is_not_counted() {
        let list = ReadyList::new();
        let (one, two) = (node(1), node(2));
        let _ = (list.push(&one), list.push(&two));
        one.set(Readiness::EMPTY);
        assert_eq!(list.listed(u64::MAX), 1);
        one.set(Readiness::READABLE);
        let _ = list.push(&one);
        assert_eq!(tokens(&list, 8, u64::MAX), [2, 1], "listed anew");
    }

    /// The oneshot node has reported, and is listed again. `remove` drops it together
    /// with the ended node. A later registration must be able to list it.
    #[test]
    fn a_node_that_was_dropped_from_the_list_can_be_listed_again() {
        let list = ReadyList::new();
        let (ended, oneshot) = (node(1), node(2));
        oneshot.watch(Some(watch(2, Trigger::Oneshot)));
        let _ = list.push(&oneshot);
        assert_eq!(tokens(&list, 8, u64::MAX), [2]);
        let _ = (list.push(&oneshot), list.push(&ended));
        list.remove(&ended);
        assert_eq!(list.listed(u64::MAX), 0);
        oneshot.watch(Some(watch(2, Trigger::Oneshot)));
        let _ = list.push(&oneshot);
        assert_eq!(tokens(&list, 8, u64::MAX), [2]);
    }

    /// If the node got a later ticket, a push while the poller counts could move it
    /// behind the end of the last batches. Then no batch would deliver it.
    #[test]
    fn a_node_that_is_due_keeps_its_ticket_when_it_is_pushed_again() {
        let list = ReadyList::new();
        let node = node(1);
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let _ = list.push(&node);
                }
            });
            let lost = (0..if cfg!(miri) { 5 } else { 200 }).find(|_| {
                while list.is_empty() {
                    thread::yield_now();
                }
                let end = list.next_ticket();
                list.listed(end);
                tokens(&list, 1, end) != [1]
            });
            done.store(true, Ordering::Relaxed);
            assert_eq!(lost, None);
        });
    }

    /// If each removal searched the list, this would take 3 * 10^9 steps.
    #[test]
    fn eighty_thousand_removals_take_no_search_each() {
        let list = ReadyList::new();
        let count = if cfg!(miri) { 50 } else { 80_000 };
        let nodes: Vec<_> = (0..count).map(node).collect();
        for node in &nodes {
            let _ = list.push(node);
        }
        let start = std::time::Instant::now();
        for (removed, node) in nodes.iter().rev().enumerate() {
            list.remove(node);
            let left = count - removed - 1;
            assert!(lock(&list.listed).nodes.len() <= 2 * left + 1);
        }
        assert!(start.elapsed() < Duration::from_secs(2));
    }

    /// A poller and the threads that wake it. A condition variable stands in the
    /// kernel's place: the poller can fall asleep a hundred thousand times.
    ///
    /// A thread sometimes waits until the poller has seen its last push. A single
    /// thread always waits, because no other push would make up for a lost one.
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
            while (0..threads).any(|token| seen[token].load(Ordering::Relaxed) < pushes) {
                events.clear();
                list.drain(&mut events, u64::MAX);
                for event in &events {
                    let Token(token) = event.token();
                    seen[token].store(sent[token].load(Ordering::Acquire), Ordering::Release);
                }
                if events.is_empty() && list.listed(u64::MAX) == 0 && list.sleep() {
                    let limit = Duration::from_secs(20);
                    let (mut woken, out) = bell
                        .wait_timeout_while(lock(&woken), limit, |woken| !*woken)
                        .unwrap_or_else(PoisonError::into_inner);
                    if out.timed_out() {
                        // This ends the threads that wait for their pushes.
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

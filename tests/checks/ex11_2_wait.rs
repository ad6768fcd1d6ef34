use super::*;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

const MS: Duration = Duration::from_millis(1);

/// A port whose packets come at given times, and a clock that moves only while `poll` waits.
struct Fake {
    now: Duration,
    sleeps: bool,
    packets: VecDeque<(Duration, Option<usize>)>,
    posted: usize,
    waits: usize,
}

impl Fake {
    fn new(packets: &[(u32, Option<usize>)]) -> Fake {
        Fake {
            now: 50 * MS,
            sleeps: false,
            packets: packets.iter().map(|(ms, p)| ((50 + ms) * MS, *p)).collect(),
            posted: 0,
            waits: 0,
        }
    }
}

impl Queue for Fake {
    fn now(&self) -> Duration {
        self.now
    }

    fn announce(&mut self, sleeps: bool) {
        self.sleeps = sleeps;
    }

    fn dequeue(&mut self, timeout: Duration) -> Vec<Option<usize>> {
        self.waits += 1;
        assert!(self.waits < 100, "100 waits, and still waiting");
        assert!(
            self.sleeps || timeout.is_zero(),
            "the poller sleeps and has not announced it: nobody will wake it"
        );
        let over = self.now.saturating_add(timeout);
        self.now = self
            .packets
            .front()
            .map_or(over, |(at, _)| over.min(*at).max(self.now));
        let mut found = Vec::new();
        while self.packets.front().is_some_and(|(at, _)| *at <= self.now) {
            found.extend(self.packets.pop_front().map(|(_, packet)| packet));
        }
        found
    }

    /// A packet of 100 or more lists its number. The others belong to cancelled operations.
    fn deliver(&mut self, packet: usize) -> Option<usize> {
        assert!(
            packet != 0,
            "a null pointer was followed: that packet was posted to wake the poller, and has no \
             function"
        );
        let event = Some(packet).filter(|packet| *packet >= 100);
        if self.sleeps && event.is_some() {
            self.posted += 1;
            self.packets.push_front((self.now, None));
        }
        event
    }
}

#[test]
fn an_event_ends_the_wait() {
    let mut queue = Fake::new(&[(20, Some(107))]);
    assert_eq!(poll(&mut queue, 200 * MS), [107]);
    assert_eq!(queue.now(), 70 * MS, "the event came after 20 ms");
}

#[test]
fn without_packets() {
    let mut queue = Fake::new(&[]);
    assert_eq!(poll(&mut queue, 200 * MS), []);
    assert_eq!(queue.now(), 250 * MS, "200 ms were asked for");
}

#[test]
fn packets_that_bring_nothing() {
    let mut queue = Fake::new(&[(20, Some(3)), (60, None), (90, Some(4))]);
    assert_eq!(poll(&mut queue, 200 * MS), []);
    let waited = queue.now() - 50 * MS;
    assert!(
        waited >= 200 * MS,
        "a packet without an event ended the wait too early: after {waited:?} of 200 ms"
    );
    assert_eq!(
        waited,
        200 * MS,
        "each packet made the wait longer: after a packet, wait only for the time that is left"
    );
}

#[test]
fn one_wake_among_packets() {
    let mut queue = Fake::new(&[(20, Some(107)), (20, None), (20, Some(108))]);
    assert_eq!(poll(&mut queue, 200 * MS), [107, 108]);
}

#[test]
fn the_poller_does_not_wake_itself() {
    let mut queue = Fake::new(&[(20, Some(107)), (20, Some(108))]);
    poll(&mut queue, 200 * MS);
    assert_eq!(
        queue.posted, 0,
        "a function found the poller announced asleep, and posted a packet to wake it: the poller \
         is awake while it delivers"
    );
}

#[test]
fn the_longest_timeout() {
    let mut queue = Fake::new(&[(20, Some(3)), (30, Some(107))]);
    let events = catch_unwind(AssertUnwindSafe(|| poll(&mut queue, Duration::MAX)));
    assert!(
        events.is_ok(),
        "the timeout is the longest Duration: `now` plus that timeout overflows"
    );
    assert_eq!(
        events.unwrap(),
        [107],
        "a packet without an event ended a wait that should last until an event comes"
    );
}

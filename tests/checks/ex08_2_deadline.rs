use super::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

const MS: Duration = Duration::from_millis(1);

/// A clock that moves only while the program waits, a signal at fixed intervals, and at most one
/// event.
struct Fake {
    now: Duration,
    signals_every: Duration,
    /// How long each signal's handler runs.
    handler: Duration,
    event_at: Duration,
    waits: u32,
}

impl Fake {
    fn new(signals_every: Duration, event_at: Duration) -> Fake {
        Fake {
            now: 50 * MS,
            signals_every,
            handler: Duration::ZERO,
            event_at,
            waits: 0,
        }
    }
}

impl System for Fake {
    fn now(&self) -> Duration {
        self.now
    }

    fn wait(&mut self, timeout: Duration) -> io::Result<usize> {
        self.waits += 1;
        assert!(
            self.waits < 1000,
            "still waiting after 1000 signals: after each signal, wait for the time that is left, \
             not for the whole timeout"
        );
        let over = self.now.saturating_add(timeout);
        let signal = self.now.saturating_add(self.signals_every);
        self.now = over.min(signal).min(self.event_at.max(self.now));
        if self.event_at <= self.now {
            Ok(1)
        } else if over <= signal {
            Ok(0)
        } else {
            self.now += self.handler;
            Err(io::ErrorKind::Interrupted.into())
        }
    }
}

#[test]
fn without_signals() {
    let mut system = Fake::new(Duration::MAX, Duration::MAX);
    assert_eq!(wait_for(&mut system, 200 * MS).unwrap(), 0);
    assert_eq!(system.now(), 250 * MS, "the caller asked for 200 ms");
}

#[test]
fn with_a_signal_every_30_ms() {
    let mut system = Fake::new(30 * MS, Duration::MAX);
    assert_eq!(wait_for(&mut system, 200 * MS).unwrap(), 0);
    let waited = system.now() - 50 * MS;
    assert!(
        waited >= 200 * MS,
        "a signal ended the wait too early: after {waited:?} of 200 ms"
    );
    assert!(
        waited == 200 * MS,
        "each signal made the wait longer: it took {waited:?} instead of 200 ms"
    );
}

#[test]
fn a_handler_that_runs_past_the_end() {
    let mut system = Fake::new(30 * MS, Duration::MAX);
    system.handler = 25 * MS;
    let result = catch_unwind(AssertUnwindSafe(|| wait_for(&mut system, 50 * MS)));
    assert!(
        matches!(result, Ok(Ok(0))),
        "a handler ran 5 ms past the end of the wait: then no time is left, and a difference must \
         not be negative"
    );
}

#[test]
fn an_event_among_signals() {
    let mut system = Fake::new(30 * MS, 140 * MS);
    assert_eq!(
        wait_for(&mut system, 200 * MS).unwrap(),
        1,
        "an event came after 90 ms, but a signal before it ended the wait too early"
    );
}

#[test]
fn the_longest_timeout() {
    let mut system = Fake::new(30 * MS, 500 * MS);
    let result = catch_unwind(AssertUnwindSafe(|| wait_for(&mut system, Duration::MAX)));
    assert!(
        matches!(result, Ok(Ok(1))),
        "any duration is a timeout, even Duration::MAX: a sum must not overflow"
    );
}

#[test]
fn zero_asks_once() {
    let mut system = Fake::new(30 * MS, Duration::MAX);
    assert_eq!(wait_for(&mut system, Duration::ZERO).unwrap(), 0);
    assert_eq!(system.waits, 1, "with a timeout of zero, ask exactly once");
}

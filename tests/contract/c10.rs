//! Clause 10: how long `poll` waits.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use evq::{Events, Poll, Token, Waker};

use crate::common::{LIMIT, TICK};

/// Polls with a timeout that is longer than the test. If `poll` has not returned
/// after 50 ms, another thread wakes it.
fn waits_until_woken(timeout: Option<Duration>) {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(4);
    let waker = Waker::new(poll.registrator(), Token(1)).unwrap();
    let (returned, early) = mpsc::channel();
    let thread = thread::spawn(move || {
        let early = early.recv_timeout(Duration::from_millis(50)).is_ok();
        waker.wake().unwrap();
        early
    });
    let started = Instant::now();
    let result = poll.poll(&mut events, timeout);
    let _ = returned.send(());
    let early = thread.join().unwrap();
    let count = result.unwrap();
    assert!(
        !early,
        "{timeout:?}: poll returned before the wake, with {count} events"
    );
    assert_eq!(events.iter().next().unwrap().token(), Token(1));
    assert!(started.elapsed() < LIMIT);
}

/// Without a timeout `poll` waits as long as it must. In the test another thread
/// wakes it after 50 ms, and it does not return before that.
#[test]
fn c10_no_timeout_waits_until_something_happens() {
    waits_until_woken(None);
}

/// Every `Duration` is a valid timeout. Thirty days in milliseconds do not fit an
/// `int`, and no `Instant` is `Duration::MAX` from now. The first must not become a
/// short wait, and the second must not panic. The test waits with each, until
/// another thread wakes it.
#[test]
fn c10_thirty_days_and_the_longest_duration_are_waited() {
    let days = Duration::from_secs(30 * 24 * 60 * 60);
    for timeout in [days, Duration::from_secs(u64::MAX), Duration::MAX] {
        waits_until_woken(Some(timeout));
    }
}

/// With a timeout of zero `poll` asks the kernel once and returns, with events or
/// without. Zero is not rounded up to a millisecond, as longer timeouts may be. The
/// test takes the fastest of a hundred such polls.
#[test]
fn c10_zero_returns_at_once() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(4);
    let fastest = (0..100)
        .map(|_| {
            let started = Instant::now();
            assert_eq!(poll.poll(&mut events, Some(Duration::ZERO)).unwrap(), 0);
            started.elapsed()
        })
        .min()
        .unwrap();
    assert!(fastest < Duration::from_millis(1), "took {fastest:?}");
}

/// A wait without events is never shorter than its timeout, even if the timeout is
/// not a whole number of milliseconds. So a program that polls until a deadline
/// arrives there in one wait, and does not spin before it. The test measures waits
/// of many lengths.
#[test]
fn c10_a_wait_is_never_early() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(4);
    let lengths = [
        1, 10, 100, 500, 999, 1_000, 1_001, 1_500, 2_000, 2_999, 3_333, 7_777, 10_000, 20_001,
        50_000,
    ];
    for micros in lengths.into_iter().chain((0..20).map(|i| 97 * i + 13)) {
        let timeout = Duration::from_micros(micros);
        let started = Instant::now();
        assert_eq!(poll.poll(&mut events, Some(timeout)).unwrap(), 0);
        let waited = started.elapsed();
        assert!(
            waited >= timeout,
            "asked for {timeout:?}, waited {waited:?}"
        );
        assert!(waited < timeout + LIMIT);
    }
}

/// A wait does not last much longer than its timeout. The test makes 200 waits of
/// two milliseconds. At least one must end within three milliseconds and two of the
/// system's clock ticks.
#[test]
fn c10_a_wait_is_not_prolonged() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(4);
    let timeout = Duration::from_millis(2);
    let latest = Duration::from_millis(3) + 2 * TICK;
    let mut waits = (0..200).map(|_| {
        let started = Instant::now();
        assert_eq!(poll.poll(&mut events, Some(timeout)).unwrap(), 0);
        started.elapsed()
    });
    let on_time = waits.any(|waited| waited < latest);
    assert!(on_time, "each of 200 waits took {latest:?} or longer");
}

/// If the kernel can, `poll` honours a timeout below a millisecond. The timeout
/// must become neither zero, which would spin, nor a millisecond. The test makes
/// 200 waits of 100 microseconds.
#[test]
fn c10_a_hundred_microseconds_are_not_a_millisecond() {
    if !waits_below_a_millisecond() {
        eprintln!(
            "c10_a_hundred_microseconds_are_not_a_millisecond: cannot run here, because {}: \
             shorter waits are rounded up",
            if cfg!(windows) {
                "a completion port counts in milliseconds"
            } else if TICK > Duration::ZERO {
                "this system's waits end in steps of 10 ms"
            } else {
                "this kernel has no epoll_pwait2 (Linux 5.11)"
            }
        );
        return;
    }
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(4);
    let timeout = Duration::from_micros(100);
    let waits: Vec<Duration> = (0..200)
        .map(|_| {
            let started = Instant::now();
            assert_eq!(poll.poll(&mut events, Some(timeout)).unwrap(), 0);
            started.elapsed()
        })
        .collect();
    let (shortest, longest) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
    assert!(*shortest >= timeout, "ended after {shortest:?}");
    assert!(
        *shortest < Duration::from_millis(1),
        "none of 200 waits was below a millisecond: {shortest:?} to {longest:?}"
    );
}

#[cfg(all(any(target_os = "linux", target_os = "android"), not(evq_libkqueue)))]
fn waits_below_a_millisecond() -> bool {
    use evq::inside::ffi;
    use std::os::fd::AsFd;

    let mut room = [std::mem::MaybeUninit::uninit()];
    let epoll = ffi::epoll_create1().unwrap();
    ffi::epoll_pwait2(epoll.as_fd(), &mut room, Duration::ZERO).is_ok()
}

#[cfg(not(all(any(target_os = "linux", target_os = "android"), not(evq_libkqueue))))]
fn waits_below_a_millisecond() -> bool {
    cfg!(unix) && TICK.is_zero()
}

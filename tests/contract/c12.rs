//! Clause 12: wakes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use evq::{Events, Interests, Poll, Readiness, Registration, SetReadiness, Token, Trigger, Waker};

use crate::common::{LIMIT, look, readable, wait_for};

const THREADS: usize = 8;

/// What one thread has announced, and how much of it the poller has seen.
#[derive(Default)]
struct Mailbox {
    sent: AtomicUsize,
    seen: AtomicUsize,
}

type Notify = Box<dyn Fn() + Send>;

/// Each thread announces as fast as it can. Now and then it waits until the poller
/// has seen its last announcement. The thread's place is the token of its `notify`.
/// The poller waits a long time for each wake, so a lost wake shows.
fn threads_announce(poll: &mut Poll, notify: Vec<Notify>) {
    let count = notify.len();
    let mailboxes: Vec<Arc<Mailbox>> = (0..count).map(|_| Arc::default()).collect();
    let over = Waker::new(poll.registrator(), Token(count)).unwrap();
    let stop = Instant::now() + Duration::from_millis(600);
    let threads: Vec<_> = notify
        .into_iter()
        .zip(mailboxes.clone())
        .enumerate()
        .map(|(number, (notify, mailbox))| {
            thread::spawn(move || announce(number, &mailbox, stop, &*notify))
        })
        .collect();
    let monitor = thread::spawn(move || {
        let results: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
        over.wake().unwrap();
        for result in results {
            result.unwrap();
        }
    });
    let mut events = Events::with_capacity(5);
    let mut random = 1_u32;
    let mut is_over = false;
    let mut timeout = LIMIT;
    loop {
        let found = poll.poll(&mut events, Some(timeout)).unwrap();
        for event in &events {
            match mailboxes.get(event.token().0) {
                Some(mailbox) => {
                    let sent = mailbox.sent.load(Ordering::Acquire);
                    mailbox.seen.store(sent, Ordering::Release);
                }
                None => is_over = true,
            }
        }
        assert!(found > 0 || timeout.is_zero(), "the poller was not woken");
        if found == 0 && is_over {
            break;
        }
        random = random.wrapping_mul(0x5851_F42D).wrapping_add(12_345);
        let look = is_over || (random >> 16) % 3 == 0;
        timeout = if look { Duration::ZERO } else { LIMIT };
    }
    monitor.join().unwrap();
    for (number, mailbox) in mailboxes.iter().enumerate() {
        assert_eq!(
            mailbox.seen.load(Ordering::Acquire),
            mailbox.sent.load(Ordering::Acquire),
            "the last announcement of thread {number} was lost"
        );
    }
}

/// Each thread pauses at other intervals, so the poller falls asleep at many
/// different moments.
fn announce(number: usize, mailbox: &Mailbox, stop: Instant, notify: &dyn Fn()) {
    let mut random = number as u32 + 1;
    for sent in 1..=400_000 {
        mailbox.sent.store(sent, Ordering::Release);
        notify();
        random = random.wrapping_mul(0x5851_F42D).wrapping_add(12_345);
        if (random >> 16) % 11 == 0 {
            let limit = Instant::now() + LIMIT;
            while mailbox.seen.load(Ordering::Acquire) < sent {
                assert!(Instant::now() < limit, "announcement {sent} was lost");
                thread::yield_now();
            }
            if Instant::now() > stop {
                break;
            }
        }
    }
}

/// Makes `count` wakers, with the tokens 0, 1, 2 and so on.
fn wakers(poll: &Poll, count: usize) -> Vec<Notify> {
    (0..count)
        .map(|number| {
            let waker = Waker::new(poll.registrator(), Token(number)).unwrap();
            Box::new(move || waker.wake().unwrap()) as Notify
        })
        .collect()
}

/// No wake is lost, however many threads wake and whatever `poll` does meanwhile.
/// After a wake, `poll` returns the waker's event, and whoever sees the event sees
/// what was written before the wake. In the test eight threads count up, and wake.
#[test]
fn c12_wakes_from_eight_threads_are_never_lost() {
    let mut poll = Poll::new().unwrap();
    let wakers = wakers(&poll, THREADS);
    threads_announce(&mut poll, wakers);
}

/// The same with one thread and with two. With so few threads, no other thread's
/// wake can hide a lost one.
#[test]
fn c12_wakes_from_few_threads_are_never_lost() {
    for count in [1, 2] {
        let mut poll = Poll::new().unwrap();
        let wakers = wakers(&poll, count);
        threads_announce(&mut poll, wakers);
    }
}

/// The same for `SetReadiness`, which uses the same list.
#[test]
fn c12_readiness_set_by_eight_threads_is_never_lost() {
    let mut poll = Poll::new().unwrap();
    let (mut registrations, setters): (Vec<Registration>, Vec<SetReadiness>) =
        (0..THREADS).map(|_| Registration::new()).unzip();
    for (number, registration) in registrations.iter_mut().enumerate() {
        poll.registrator()
            .register(registration, Token(number), Interests::READABLE)
            .unwrap();
    }
    let setters = setters.into_iter().map(|setter| {
        Box::new(move || setter.set_readiness(Readiness::READABLE).unwrap()) as Notify
    });
    threads_announce(&mut poll, setters.collect());
}

/// Many wakes of one waker before a `poll` may become one event. The test wakes two
/// thousand times, expects one event, and nothing from the next `poll`.
#[test]
fn c12_wakes_before_one_poll_come_as_one_event() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let waker = Waker::new(poll.registrator(), Token(3)).unwrap();
    let clone = waker.clone();
    for _ in 0..1000 {
        waker.wake().unwrap();
        clone.wake().unwrap();
    }
    let woken = look(&mut poll, &mut events);
    assert_eq!(woken.len(), 1);
    assert!(readable(Token(3))(&woken[0]));
    assert!(look(&mut poll, &mut events).is_empty());
}

/// The same when `poll` sleeps: the wake is one event, and nothing comes after it.
#[test]
fn c12_a_wake_of_a_sleeping_poller_comes_once() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let waker = Waker::new(poll.registrator(), Token(3)).unwrap();
    for _ in 0..100 {
        let waker = waker.clone();
        let thread = thread::spawn(move || waker.wake().unwrap());
        wait_for(&mut poll, &mut events, "the wake", readable(Token(3)));
        thread.join().unwrap();
        assert!(look(&mut poll, &mut events).is_empty());
    }
}

/// A wake counts once `wake` has returned. The test drops the waker right after it,
/// and the event still comes.
#[test]
fn c12_a_wake_outlives_its_waker() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let waker = Waker::new(poll.registrator(), Token(4)).unwrap();
    waker.wake().unwrap();
    drop(waker);
    wait_for(&mut poll, &mut events, "the wake", readable(Token(4)));
}

/// Another thread registers a source while `poll` waits. The same wait reports it.
#[test]
fn c12_what_another_thread_registers_joins_the_wait() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let registrator = poll.registrator().clone();
    let thread = thread::spawn(move || {
        let (mut registration, set_readiness) = Registration::new();
        set_readiness.set_readiness(Readiness::WRITABLE).unwrap();
        registrator
            .register_with(
                &mut registration,
                Token(5),
                Interests::WRITABLE,
                Trigger::Level,
            )
            .unwrap();
        registration
    });
    wait_for(&mut poll, &mut events, "the registration", |event| {
        event.token() == Token(5) && event.is_writable()
    });
    thread.join().unwrap();
}

/// How many `write` system calls this thread has made, if the system counts them.
fn writes_of_this_thread() -> Option<u64> {
    let io = std::fs::read_to_string("/proc/thread-self/io").ok()?;
    let line = io.lines().find_map(|line| line.strip_prefix("syscw: "))?;
    line.parse().ok()
}

fn cannot_count(test: &str) -> bool {
    // A trace writes as well. So does Wine, on a system that has a /proc.
    let others_write = cfg!(any(feature = "trace", windows));
    let cannot = others_write || writes_of_this_thread().is_none();
    if cannot {
        eprintln!(
            "{test}: cannot run here, because only Linux's /proc/thread-self/io counts a thread's \
             system calls, and those of a trace among them; the tests of src/ready.rs count the \
             decisions to make one"
        );
    }
    cannot
}

/// A wake costs a system call only if the poller sleeps. In the test eight threads
/// wake a busy poller a million times, without one `write`.
#[test]
fn c12_a_million_wakes_of_a_busy_poller_make_no_system_call() {
    if cannot_count("c12_a_million_wakes_of_a_busy_poller_make_no_system_call") {
        return;
    }
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    // The poller has slept, and is awake again.
    let slept = poll.poll(&mut events, Some(Duration::from_millis(1)));
    assert_eq!(slept.unwrap(), 0);
    let waker = Waker::new(poll.registrator(), Token(6)).unwrap();
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let waker = waker.clone();
            thread::spawn(move || {
                let before = writes_of_this_thread().unwrap();
                for _ in 0..1_000_000 / THREADS {
                    waker.wake().unwrap();
                }
                writes_of_this_thread().unwrap() - before
            })
        })
        .collect();
    let writes: u64 = threads.into_iter().map(|t| t.join().unwrap()).sum();
    assert_eq!(writes, 0);
    assert_eq!(look(&mut poll, &mut events).len(), 1);
}

/// Of all wakes during one sleep, only the first makes a system call. The test lets
/// eight threads wake a poller, and counts no more `write` calls than polls.
#[test]
fn c12_a_sleeping_poller_is_woken_by_one_system_call() {
    if cannot_count("c12_a_sleeping_poller_is_woken_by_one_system_call") {
        return;
    }
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(THREADS);
    let threads: Vec<_> = (0..THREADS)
        .map(|number| {
            let waker = Waker::new(poll.registrator(), Token(number)).unwrap();
            thread::spawn(move || {
                let before = writes_of_this_thread().unwrap();
                for _ in 0..500 {
                    waker.wake().unwrap();
                    thread::yield_now();
                }
                writes_of_this_thread().unwrap() - before
            })
        })
        .collect();
    let mut polls = 0;
    while threads.iter().any(|thread| !thread.is_finished()) {
        poll.poll(&mut events, Some(Duration::from_millis(50)))
            .unwrap();
        polls += 1;
    }
    let writes: u64 = threads.into_iter().map(|t| t.join().unwrap()).sum();
    assert!(writes <= polls, "{writes} calls for {polls} polls");
}

/// A program that calls `poll` only with a timeout of zero never sleeps, so a wake
/// never costs a system call. The test wakes such a poller 200,000 times, without
/// one `write`.
#[test]
fn c12_a_wake_of_a_poller_that_only_looks_makes_no_system_call() {
    if cannot_count("c12_a_wake_of_a_poller_that_only_looks_makes_no_system_call") {
        return;
    }
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let waker = Waker::new(poll.registrator(), Token(6)).unwrap();
    let thread = thread::spawn(move || {
        let before = writes_of_this_thread().unwrap();
        for _ in 0..200_000 {
            waker.wake().unwrap();
        }
        writes_of_this_thread().unwrap() - before
    });
    while !thread.is_finished() {
        look(&mut poll, &mut events);
    }
    assert_eq!(thread.join().unwrap(), 0);
}

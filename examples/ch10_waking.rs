//! Chapter 10: the ready list, and waking. Two ways to wake a poller that one finds first, one
//! that loses a wake and one that pays for each; then evq's own, with its system calls counted;
//! then what else the list does.

use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use evq::{Events, Interests, Poll, Readiness, Registration, Token, Trigger, Waker};

const WAKES: usize = 10_000;

fn main() -> io::Result<()> {
    println!("-- a flag, and a look at it before each wait");
    flag()?;
    println!("-- a byte into a socket for each wake");
    bytes()?;
    println!("-- evq's waker");
    awake()?;
    asleep()?;
    println!("-- the list");
    alternate()?;
    stale()
}

// ANCHOR: flag
fn flag() -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(8);
    let flag = AtomicBool::new(false);

    let seen = flag.load(Ordering::SeqCst);
    // Between the look and the wait, another thread has its turn.
    thread::scope(|scope| {
        scope.spawn(|| flag.store(true, Ordering::SeqCst));
    });
    println!("flag when the poller looks: {seen}");
    if !seen {
        println!("flag when it goes to sleep: {}", flag.into_inner());
        let (began, limit) = (Instant::now(), Duration::from_millis(100));
        let count = poll.poll(&mut events, Some(limit))?;
        let whole = began.elapsed() >= limit;
        println!("poll: {count} events; slept to the end of its timeout: {whole}");
    }
    Ok(())
}
// ANCHOR_END: flag

// ANCHOR: bytes
struct ByteWaker {
    stream: TcpStream,
    calls: AtomicUsize,
}

impl ByteWaker {
    fn wake(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        // Refused once the socket is full: the poller has enough to wake up for.
        let _ = (&self.stream).write(&[1]);
    }
}

fn bytes() -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(8);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let stream = TcpStream::connect(listener.local_addr()?)?;
    stream.set_nonblocking(true)?;
    let mut receiver = evq::net::TcpStream::from_std(listener.accept()?.0)?;
    poll.registrator()
        .register(&mut receiver, Token(1), Interests::READABLE)?;

    let calls = AtomicUsize::new(0);
    let waker = ByteWaker { stream, calls };
    for _ in 0..WAKES {
        waker.wake();
    }
    let count = poll.poll(&mut events, None)?;
    let calls = waker.calls.into_inner();
    println!("poller awake, {WAKES} wakes: system calls {calls}, events {count}");
    Ok(())
}
// ANCHOR_END: bytes

fn awake() -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(8);
    let waker = Waker::new(poll.registrator(), Token(1))?;

    let before = writes();
    for _ in 0..WAKES {
        waker.wake()?;
    }
    let calls = since(before);
    let count = poll.poll(&mut events, None)?;
    println!("poller awake, {WAKES} wakes: system calls {calls}, events {count}");
    Ok(())
}

/// Returns the number of system calls; it is 0 if the poller did not sleep yet.
fn wake_a_sleeper() -> io::Result<String> {
    let mut poll = Poll::new()?;
    let waker = Waker::new(poll.registrator(), Token(1))?;
    let poller = thread::spawn(move || {
        let mut events = Events::with_capacity(8);
        poll.poll(&mut events, None).map(|_| poll)
    });
    thread::sleep(Duration::from_millis(100)); // mostly long enough to fall asleep

    let before = writes();
    for _ in 0..WAKES {
        waker.wake()?;
    }
    let calls = since(before);
    let _poll = poller.join().expect("the poller does not panic")?;
    Ok(calls)
}

fn asleep() -> io::Result<()> {
    let calls = loop {
        let calls = wake_a_sleeper()?;
        if calls != "0" {
            break calls;
        }
    };
    println!("poller asleep, {WAKES} wakes: system calls {calls}");
    Ok(())
}

/// How often this process has called `write` and the like, as the kernel counts it.
// https://man7.org/linux/man-pages/man5/proc_pid_io.5.html
fn writes() -> Option<u64> {
    if cfg!(not(any(target_os = "linux", target_os = "android"))) {
        return None; // Wine shows Linux's, which counts Wine's own.
    }
    let text = std::fs::read_to_string("/proc/self/io").ok()?;
    let line = text.lines().find(|line| line.starts_with("syscw:"))?;
    line.split(' ').nth(1)?.parse().ok()
}

fn since(before: Option<u64>) -> String {
    match (before, writes()) {
        (Some(before), Some(now)) => (now - before).to_string(),
        _ => "uncounted (`cargo workbook trace 10` prints them)".to_string(),
    }
}

// ANCHOR: alternate
fn alternate() -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut listener = evq::net::TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
    let _client = TcpStream::connect(listener.local_addr()?)?;
    let (mut one, set_one) = Registration::new();
    let (mut two, set_two) = Registration::new();
    let registrator = poll.registrator();
    registrator.register_with(&mut one, Token(1), Interests::READABLE, Trigger::Level)?;
    registrator.register_with(&mut two, Token(2), Interests::READABLE, Trigger::Level)?;
    registrator.register_with(&mut listener, Token(3), Interests::READABLE, Trigger::Level)?;
    set_one.set_readiness(Readiness::READABLE)?;
    set_two.set_readiness(Readiness::READABLE)?;

    // When the client arrives is the system's affair. From then on all three stay ready.
    while poll.poll(&mut Events::with_capacity(8), None)? < 3 {}
    let mut events = Events::with_capacity(1);
    let mut count = [0; 4];
    for _ in 0..12 {
        poll.poll(&mut events, None)?;
        events.iter().for_each(|event| count[event.token().0] += 1);
    }
    let [_, one, two, three] = count;
    println!("12 events, one at a time: {one} of 1, {two} of 2, {three} of 3");
    Ok(())
}
// ANCHOR_END: alternate

// ANCHOR: stale
fn stale() -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(8);
    let (mut source, set) = Registration::new();
    let registrator = poll.registrator().clone();
    registrator.register(&mut source, Token(1), Interests::READABLE)?;
    set.set_readiness(Readiness::READABLE)?;
    registrator.deregister(&mut source)?;
    registrator.register(&mut source, Token(2), Interests::READABLE)?;
    poll.poll(&mut events, None)?;
    let tokens: Vec<_> = events.iter().map(|event| event.token().0).collect();
    println!("listed as 1, registered anew as 2: {tokens:?}");

    set.set_readiness(Readiness::READABLE)?;
    set.set_readiness(Readiness::EMPTY)?;
    let (began, limit) = (Instant::now(), Duration::from_millis(50));
    let count = poll.poll(&mut events, Some(limit))?;
    let whole = began.elapsed() >= limit;
    println!("listed, and ready no more: {count} events; slept to the end: {whole}");
    Ok(())
}
// ANCHOR_END: stale

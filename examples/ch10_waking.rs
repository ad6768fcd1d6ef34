//! Chapter 10: the ready list, and waking. First five stages of a poller and the threads that wake
//! it; each stage repairs a fault of the stage before. Then evq's own waker, with its system calls
//! counted, and two more properties of evq's list.

use std::io::{self, ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use evq::{Events, Interests, Poll, Readiness, Registration, Token, Trigger, Waker};

const WAKES: usize = 10_000;
const LIMIT: Duration = Duration::from_millis(100);

fn main() -> io::Result<()> {
    println!("-- stage 1: a flag");
    flag()?;
    println!("-- stage 2: a byte in a socket");
    bytes()?;
    println!("-- stage 3: two states");
    two_states()?;
    println!("-- stage 4: three states");
    three_states()?;
    println!("-- stage 5: the call that wakes fails once");
    failing_call(false)?;
    failing_call(true)?;
    println!("-- evq's waker");
    awake()?;
    asleep()?;
    println!("-- evq's list");
    alternate()?;
    stale()
}

/// Runs `turn` on another thread, to its end: the example chooses the moment.
fn another_thread<T: Send>(turn: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(turn).join()).expect("the thread does not panic")
}

/// Waits for at most `LIMIT`. Returns the number of events, and whether it waited to the end.
fn wait(poll: &mut Poll) -> io::Result<(usize, bool)> {
    let began = Instant::now();
    let count = poll.poll(&mut Events::with_capacity(8), Some(LIMIT))?;
    Ok((count, began.elapsed() >= LIMIT))
}

// ANCHOR: flag
fn flag() -> io::Result<()> {
    let mut poll = Poll::new()?;
    let flag = AtomicBool::new(false);

    let looked = flag.load(Ordering::SeqCst);
    another_thread(|| flag.store(true, Ordering::SeqCst));
    println!("flag at the look: {looked}; when the poller goes to sleep: {flag:?}");
    if !looked {
        let (count, whole) = wait(&mut poll)?;
        println!("events {count}; slept to the end of its timeout: {whole}");
    }
    Ok(())
}
// ANCHOR_END: flag

/// The poller of stages 2 to 5, and what it shares with the threads that wake it.
struct Stage {
    poll: Poll,
    _receiver: evq::net::TcpStream,
    waker: ByteWaker,
    /// How many nodes are in the list.
    listed: AtomicUsize,
    byte: AtomicU8,
}

impl Stage {
    fn new() -> io::Result<Stage> {
        let poll = Poll::new()?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let socket = TcpStream::connect(listener.local_addr()?)?;
        socket.set_nonblocking(true)?;
        let mut receiver = evq::net::TcpStream::from_std(listener.accept()?.0)?;
        poll.registrator()
            .register(&mut receiver, Token(1), Interests::READABLE)?;
        Ok(Stage {
            poll,
            _receiver: receiver,
            waker: ByteWaker {
                socket,
                calls: AtomicUsize::new(0),
                fails_once: AtomicBool::new(false),
            },
            listed: AtomicUsize::new(0),
            byte: AtomicU8::new(EMPTY),
        })
    }

    fn list(&self) {
        self.listed.fetch_add(1, Ordering::AcqRel);
    }

    /// Takes all nodes out of the list, and returns how many they were.
    fn look(&self) -> usize {
        self.listed.swap(0, Ordering::AcqRel)
    }

    /// How many calls the waker has made since this was last asked.
    fn calls(&self) -> usize {
        self.waker.calls.swap(0, Ordering::Relaxed)
    }
}

// ANCHOR: bytes
struct ByteWaker {
    socket: TcpStream,
    calls: AtomicUsize,
    fails_once: AtomicBool, // for stage 5
}

impl ByteWaker {
    fn wake(&self) -> io::Result<()> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if self.fails_once.swap(false, Ordering::Relaxed) {
            return Err(io::Error::other("the call fails, for stage 5"));
        }
        match (&self.socket).write(&[1]) {
            // The socket is full: its bytes end the next wait.
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            written => written.map(|_| ()),
        }
    }
}
// ANCHOR_END: bytes

fn bytes() -> io::Result<()> {
    let mut stage = Stage::new()?;
    another_thread(|| (0..WAKES).try_for_each(|_| stage.waker.wake()))?;
    let calls = stage.calls();
    let (count, whole) = wait(&mut stage.poll)?;
    println!("poller awake, {WAKES} wakes: system calls {calls}");
    println!("events {count}; slept to the end of its timeout: {whole}");
    Ok(())
}

// ANCHOR: two
const EMPTY: u8 = 0;
const ASLEEP: u8 = 1;

fn push_two(stage: &Stage) -> io::Result<()> {
    stage.list();
    match stage.byte.swap(EMPTY, Ordering::AcqRel) {
        ASLEEP => stage.waker.wake(),
        _ => Ok(()),
    }
}

fn two_states() -> io::Result<()> {
    let mut stage = Stage::new()?;
    let found = stage.look();
    another_thread(|| push_two(&stage))?;
    stage.byte.swap(ASLEEP, Ordering::AcqRel);

    let calls = stage.calls();
    println!("listed at the look: {found}; calls of the push: {calls}");
    let (_, whole) = wait(&mut stage.poll)?;
    let listed = stage.look();
    println!("slept to the end of its timeout: {whole}; listed: {listed}");
    Ok(())
}
// ANCHOR_END: two

// ANCHOR: three
const NOTIFIED: u8 = 2;

fn push(stage: &Stage) -> io::Result<()> {
    stage.list();
    match stage.byte.swap(NOTIFIED, Ordering::AcqRel) {
        ASLEEP => stage.waker.wake(),
        _ => Ok(()),
    }
}

fn awake_and_look(stage: &Stage) -> usize {
    stage.byte.swap(EMPTY, Ordering::AcqRel);
    stage.look()
}

/// Whether the poller may sleep.
fn sleep(stage: &Stage) -> bool {
    change(&stage.byte, EMPTY, ASLEEP)
}
// ANCHOR_END: three

/// Changes the byte from `old` to `new`; `false` if it was not `old`.
fn change(byte: &AtomicU8, old: u8, new: u8) -> bool {
    byte.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed)
        .is_ok()
}

fn three_states() -> io::Result<()> {
    let mut stage = Stage::new()?;
    let push_all = |stage: &Stage| -> io::Result<usize> {
        another_thread(|| (0..WAKES).try_for_each(|_| push(stage)))?;
        Ok(stage.calls())
    };

    let found = awake_and_look(&stage);
    another_thread(|| push(&stage))?;
    let calls = stage.calls();
    println!("listed at the look: {found}; calls of the push: {calls}");
    let may_sleep = sleep(&stage);
    let found = awake_and_look(&stage);
    println!("may sleep: {may_sleep}; listed at the next look: {found}");

    let calls = push_all(&stage)?;
    println!("poller awake, {WAKES} pushes: system calls {calls}");
    awake_and_look(&stage);
    assert!(sleep(&stage));
    let calls = push_all(&stage)?;
    println!("poller asleep, {WAKES} pushes: system calls {calls}");
    let (_, whole) = wait(&mut stage.poll)?;
    println!("slept to the end of its timeout: {whole}");
    Ok(())
}

// ANCHOR: failing
fn not_woken(stage: &Stage) {
    change(&stage.byte, NOTIFIED, ASLEEP);
}

fn failing_call(repaired: bool) -> io::Result<()> {
    let mut stage = Stage::new()?;
    stage.waker.fails_once.store(true, Ordering::Relaxed);
    assert!(sleep(&stage));
    let failed = another_thread(|| {
        [(); 3].map(|()| {
            let failed = push(&stage).is_err();
            if failed && repaired {
                not_woken(&stage);
            }
            failed
        })
    });
    let (_, whole) = wait(&mut stage.poll)?;
    let with = if repaired { "with" } else { "without" };
    println!("{with} not_woken: pushes failed: {failed:?}; slept to the end: {whole}");
    Ok(())
}
// ANCHOR_END: failing

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

/// Returns the number of system calls. It is 0 if the poller did not sleep yet.
fn wake_a_sleeper() -> io::Result<String> {
    let mut poll = Poll::new()?;
    let waker = Waker::new(poll.registrator(), Token(1))?;
    let poller = thread::spawn(move || {
        let mut events = Events::with_capacity(8);
        poll.poll(&mut events, None).map(|_| poll)
    });
    thread::sleep(Duration::from_millis(100)); // mostly enough for the poller to fall asleep

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

/// How often this process has called `write` and its kin: the kernel counts these calls.
// https://man7.org/linux/man-pages/man5/proc_pid_io.5.html
fn writes() -> Option<u64> {
    if cfg!(not(any(target_os = "linux", target_os = "android"))) {
        return None; // Wine shows Linux's file, which counts Wine's own writes too.
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

    // The client may arrive late. From its arrival on, all three sources stay ready.
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

//! Clause 17, in a process of its own, because its allocator counts.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{ErrorKind, Read, Write};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use evq::net::{TcpListener, TcpStream, UdpSocket};
use evq::{Events, Interests, Poll, Readiness, Registration, Token, Trigger, Waker};

/// Counts the allocations of each thread separately, so that the harness's threads
/// do not count.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator with its arguments unchanged.
// The counter is a plain cell that needs no initialization and no drop.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps the same promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the same promises.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps the same promises.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const LIMIT: Option<Duration> = Some(Duration::from_secs(20));

/// Runs a few rounds, in which buffers grow to their size. Then runs many more, and
/// fails if one of them allocates in this thread.
fn allocates_nothing(what: &str, round: impl FnMut()) {
    allocates_nothing_in(1000, what, round);
}

fn allocates_nothing_in(rounds: usize, what: &str, mut round: impl FnMut()) {
    (0..20).for_each(|_| round());
    let before = ALLOCATIONS.get();
    (0..rounds).for_each(|_| round());
    let allocations = ALLOCATIONS.get() - before;
    assert_eq!(allocations, 0, "{what}: {rounds} rounds allocated");
}

/// The tests share the pool of buffers: if one test takes a buffer, another must
/// allocate one. So they run one after the other.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn connection() -> (TcpStream, std::net::TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (ours, _) = listener.accept().unwrap();
    // Small writes follow each other: none may wait for an acknowledgement.
    ours.set_nodelay(true).unwrap();
    peer.set_nodelay(true).unwrap();
    (ours, peer)
}

/// The count of allocations works; otherwise the other tests here would show
/// nothing.
#[test]
fn c17_an_allocation_is_counted() {
    let before = ALLOCATIONS.get();
    let mut list = Vec::<u8>::with_capacity(1);
    list.extend([1, 2, 3]);
    assert!(ALLOCATIONS.get() - before >= 2);
}

/// Once its buffers have grown, a loop allocates nothing, neither in `poll` nor in
/// `read` and `write`. The test counts the allocations of an echo, of waits without
/// events, and of batches that are smaller than what is ready.
#[test]
fn c17_polling_reading_and_writing_allocate_nothing() {
    let _alone = alone();
    for trigger in [Trigger::Edge, Trigger::Level] {
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(64);
        let (mut stream, mut peer) = connection();
        poll.registrator()
            .register_with(&mut stream, Token(1), Interests::READABLE, trigger)
            .unwrap();
        let mut buffer = [0; 64];
        allocates_nothing("echo", || {
            peer.write_all(b"question").unwrap();
            assert_eq!(poll.poll(&mut events, LIMIT).unwrap(), 1);
            assert!(events.iter().all(|event| event.is_readable()));
            let mut count = 0;
            loop {
                match stream.read(&mut buffer) {
                    Ok(read) => count += read,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => panic!("{error}"),
                }
            }
            assert_eq!(stream.write(&buffer[..count]).unwrap(), 8);
            peer.read_exact(&mut buffer[..8]).unwrap();
            assert_eq!(poll.poll(&mut events, Some(Duration::ZERO)).unwrap(), 0);
        });
        // Some systems end waits in steps of 10 ms: a thousand waits would take
        // long there.
        allocates_nothing_in(100, "a wait without events", || {
            let short = Some(Duration::from_micros(1));
            assert_eq!(poll.poll(&mut events, short).unwrap(), 0);
        });
    }
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(3);
    let mut connections: Vec<_> = (0..20).map(|_| connection()).collect();
    for (stream, peer) in &mut connections {
        poll.registrator()
            .register_with(stream, Token(1), Interests::READABLE, Trigger::Level)
            .unwrap();
        peer.write_all(b"!").unwrap();
    }
    while poll.poll(&mut events, LIMIT).unwrap() < 3 {}
    allocates_nothing("small batches", || {
        assert_eq!(poll.poll(&mut events, None).unwrap(), 3);
    });
}

/// Reading allocates nothing, although each read starts the next one. The test tries
/// streams that lend nothing, one byte, the default, and as much as they can.
#[cfg(windows)]
#[test]
fn c17_reading_allocates_nothing_whatever_is_lent() {
    let _alone = alone();
    for lending in [0, 1, 4096, usize::MAX] {
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(64);
        let (mut stream, mut peer) = connection();
        stream.set_lending(lending);
        poll.registrator()
            .register(&mut stream, Token(1), Interests::READABLE)
            .unwrap();
        let mut buffer = [0; 64];
        allocates_nothing_in(100, "reading", || {
            peer.write_all(b"question").unwrap();
            let mut count = 0;
            while count < 8 {
                assert_eq!(poll.poll(&mut events, LIMIT).unwrap(), 1);
                while let Ok(read) = stream.read(&mut buffer) {
                    count += read;
                }
            }
        });
    }
}

/// Datagrams are sent and received without an allocation. The test counts a thousand
/// rounds.
#[test]
fn c17_datagrams_allocate_nothing() {
    let _alone = alone();
    let any = "127.0.0.1:0".parse().unwrap();
    for trigger in [Trigger::Edge, Trigger::Level] {
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(64);
        let mut socket = UdpSocket::bind(any).unwrap();
        let peer = std::net::UdpSocket::bind(any).unwrap();
        peer.set_read_timeout(LIMIT).unwrap();
        let addr = socket.local_addr().unwrap();
        poll.registrator()
            .register_with(&mut socket, Token(1), Interests::READABLE, trigger)
            .unwrap();
        let mut buffer = [0; 64];
        allocates_nothing("datagrams", || {
            for _ in 0..3 {
                assert_eq!(peer.send_to(b"question", addr).unwrap(), 8);
            }
            let mut count = 0;
            while count < 3 {
                assert_eq!(poll.poll(&mut events, LIMIT).unwrap(), 1);
                loop {
                    match socket.recv_from(&mut buffer) {
                        Ok((len, from)) => {
                            assert_eq!(socket.send_to(&buffer[..len], from).unwrap(), 8);
                            count += 1;
                        }
                        Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                        Err(error) => panic!("{error}"),
                    }
                }
            }
            for _ in 0..3 {
                assert_eq!(peer.recv(&mut buffer).unwrap(), 8);
            }
        });
    }
}

/// `reregister` allocates nothing. The test arms a oneshot stream and a oneshot
/// node again, and changes their interests.
#[test]
fn c17_reregistering_allocates_nothing() {
    let _alone = alone();
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(4);
    let (mut stream, mut peer) = connection();
    let (mut registration, set_readiness) = Registration::new();
    set_readiness.set_readiness(Readiness::READABLE).unwrap();
    peer.write_all(b"!").unwrap();
    let registrator = poll.registrator().clone();
    registrator
        .register_with(&mut stream, Token(1), Interests::READABLE, Trigger::Oneshot)
        .unwrap();
    registrator
        .register_with(
            &mut registration,
            Token(2),
            Interests::READABLE,
            Trigger::Oneshot,
        )
        .unwrap();
    allocates_nothing("oneshot", || {
        let mut seen = [false; 3];
        while seen != [false, true, true] {
            assert!(poll.poll(&mut events, LIMIT).unwrap() > 0);
            events.iter().for_each(|event| seen[event.token().0] = true);
        }
        let both = Interests::READABLE | Interests::WRITABLE;
        let (one, two) = (Token(1), Token(2));
        registrator
            .reregister_with(&mut stream, one, both, Trigger::Edge)
            .unwrap();
        registrator
            .reregister_with(&mut stream, one, Interests::READABLE, Trigger::Oneshot)
            .unwrap();
        registrator
            .reregister_with(&mut registration, two, both, Trigger::Oneshot)
            .unwrap();
    });
}

/// `wake` and `set_readiness` allocate nothing, whether the poller is awake or
/// asleep. The test counts in the thread that calls and in the thread that polls.
#[test]
fn c17_waking_allocates_nothing() {
    let _alone = alone();
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(4);
    let waker = Waker::new(poll.registrator(), Token(1)).unwrap();
    let (mut registration, set_readiness) = Registration::new();
    poll.registrator()
        .register_with(
            &mut registration,
            Token(2),
            Interests::READABLE,
            Trigger::Level,
        )
        .unwrap();
    allocates_nothing("awake", || {
        waker.wake().unwrap();
        set_readiness.set_readiness(Readiness::READABLE).unwrap();
        assert_eq!(poll.poll(&mut events, None).unwrap(), 2);
        assert_eq!(poll.poll(&mut events, None).unwrap(), 1);
        set_readiness.set_readiness(Readiness::EMPTY).unwrap();
        assert_eq!(poll.poll(&mut events, Some(Duration::ZERO)).unwrap(), 0);
    });

    // The other thread wakes once for each message that it gets.
    let (ask, asked) = mpsc::sync_channel::<()>(0);
    let thread = thread::spawn(move || {
        let allocations = |rounds: usize| {
            let mut allocations = 0;
            for _ in 0..rounds {
                asked.recv().unwrap();
                // An allocation in `recv` is not the waker's.
                let before = ALLOCATIONS.get();
                waker.wake().unwrap();
                allocations += ALLOCATIONS.get() - before;
            }
            allocations
        };
        allocations(20);
        allocations(1000)
    });
    let mut allocations = 0;
    for round in 0..1020 {
        ask.send(()).unwrap();
        let before = ALLOCATIONS.get();
        assert_eq!(poll.poll(&mut events, LIMIT).unwrap(), 1);
        if round >= 20 {
            allocations += ALLOCATIONS.get() - before;
        }
    }
    assert_eq!(thread.join().unwrap(), 0, "1000 wakes allocated");
    assert_eq!(allocations, 0, "1000 woken polls allocated");
}

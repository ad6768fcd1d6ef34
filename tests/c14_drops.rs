//! Clause 14, each test in a process of its own, because it counts open descriptors
//! or handles. On Windows a thread is a handle too, and the test harness starts and
//! ends threads. A process that runs one test has the same two threads all the
//! time.

#[allow(dead_code, reason = "other tests use the rest")]
#[cfg_attr(unix, path = "contract/process.rs")]
#[cfg_attr(windows, path = "contract/process_windows.rs")]
mod process;

use std::collections::BTreeSet;
use std::env;
use std::io::{self, Write};
use std::process::Command;
use std::sync::{Arc, Barrier, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use evq::net::{TcpListener, TcpStream};
use evq::{Events, Interests, Poll, Readiness, Registration, Registrator, SetReadiness};
use evq::{Token, Trigger, Waker};

use process::what_is_open;

/// Set in a process that runs one test alone.
const OF_ITS_OWN: &str = "EVQ_C14_OF_ITS_OWN";

/// Where a test cannot start a process of its own, the tests run one after the
/// other, because descriptors and handles belong to the whole process.
static ALONE: Mutex<()> = Mutex::new(());

/// Runs the test in a process of its own, unless this is that process.
fn alone(name: &str, test: fn()) {
    if env::var_os(OF_ITS_OWN).is_some() {
        return test();
    }
    let child = Command::new(env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(OF_ITS_OWN, "1")
        .output();
    if process::is_emulated(&child) {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        return test();
    }
    let child = child.unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    eprint!("{}", String::from_utf8_lossy(&child.stderr));
    assert!(
        child.status.success(),
        "the test failed in its own process:\n{said}"
    );
    assert!(said.contains("1 passed"), "there is no test {name}");
}

const LIMIT: Duration = Duration::from_secs(20);

const STREAM: usize = 1;
const TWIN: usize = 2;
const LISTENER: usize = 3;
const WAKER: usize = 4;
const NODE: usize = 5;

/// A listener with a waiting client, and a stream with a byte to read. Each world
/// below has duplicates of both, so its events are always pending. (On Windows a
/// socket belongs to its first queue for good: there each world has its own
/// origin.)
struct Origin {
    listener: TcpListener,
    stream: TcpStream,
    _peers: [std::net::TcpStream; 2],
}

impl Origin {
    fn new() -> Origin {
        let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let mut peer = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        let waiting = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        peer.write_all(b"!").unwrap();
        let mut origin = Origin {
            listener,
            stream,
            _peers: [peer, waiting],
        };
        origin.until_both_are_ready();
        origin
    }

    /// Waits until both are ready, because loopback may deliver late.
    #[cfg(unix)]
    fn until_both_are_ready(&mut self) {
        let poll = Poll::new().unwrap();
        let registrator = poll.registrator().clone();
        let (readable, level) = (Interests::READABLE, Trigger::Level);
        registrator
            .register_with(&mut self.stream, Token(STREAM), readable, level)
            .unwrap();
        registrator
            .register_with(&mut self.listener, Token(LISTENER), readable, level)
            .unwrap();
        let _poll = reported(poll);
        registrator.deregister(&mut self.stream).unwrap();
        registrator.deregister(&mut self.listener).unwrap();
    }

    /// On Windows a socket belongs to its first queue. There `World` waits.
    #[cfg(windows)]
    fn until_both_are_ready(&mut self) {}
}

/// One of each thing that belongs to a queue.
#[derive(Default)]
struct World {
    poll: Option<Poll>,
    registrator: Option<Registrator>,
    stream: Option<TcpStream>,
    twin: Option<TcpStream>,
    listener: Option<TcpListener>,
    waker: Option<Waker>,
    registration: Option<Registration>,
    set_readiness: Option<SetReadiness>,
    _peers: Option<[std::net::TcpStream; 2]>,
}

const THINGS: usize = 8;
/// The test tries one of so many orders. Windows needs a new connection for each,
/// and Wine takes a hundred times as long as Linux.
const STRIDE: usize = if cfg!(windows) { 29 } else { 1 };

impl World {
    fn new(origin: &Origin) -> World {
        let poll = Poll::new().unwrap();
        let registrator = poll.registrator().clone();
        #[cfg(unix)]
        let (mut listener, mut stream, peers) = {
            let listener = origin.listener.try_clone().unwrap();
            (listener, origin.stream.try_clone().unwrap(), None)
        };
        #[cfg(windows)]
        let (mut listener, mut stream, peers) = {
            let own = Origin::new();
            let _ = origin;
            (own.listener, own.stream, Some(own._peers))
        };
        let mut twin = stream.try_clone().unwrap();
        let (mut registration, set_readiness) = Registration::new();
        let readable = Interests::READABLE;
        registrator
            .register_with(&mut stream, Token(STREAM), readable, Trigger::Level)
            .unwrap();
        let twice = registrator.register_with(&mut twin, Token(TWIN), readable, Trigger::Level);
        // On Windows the duplicate shares the stream's registration.
        assert_eq!(twice.is_err(), cfg!(windows));
        registrator
            .register_with(&mut listener, Token(LISTENER), readable, Trigger::Level)
            .unwrap();
        registrator
            .register(&mut registration, Token(NODE), readable)
            .unwrap();
        #[cfg(windows)]
        let poll = reported(poll);
        World {
            _peers: peers,
            waker: Some(Waker::new(&registrator, Token(WAKER)).unwrap()),
            poll: Some(poll),
            registrator: Some(registrator),
            stream: Some(stream),
            twin: Some(twin),
            listener: Some(listener),
            registration: Some(registration),
            set_readiness: Some(set_readiness),
        }
    }

    /// Takes one thing out, and the caller drops it.
    fn take(&mut self, thing: usize) -> Box<dyn Send> {
        match thing {
            0 => Box::new(self.poll.take()),
            1 => Box::new(self.registrator.take()),
            2 => Box::new(self.stream.take()),
            3 => Box::new(self.twin.take()),
            4 => Box::new(self.listener.take()),
            5 => Box::new(self.waker.take()),
            6 => Box::new(self.registration.take()),
            _ => Box::new(self.set_readiness.take()),
        }
    }

    /// Makes everything ready. Once `Poll` is dropped, the remaining parts refuse,
    /// with an error that no system call returns.
    fn stir(&mut self) {
        let refused = |result: io::Result<()>| {
            let error = result.expect_err("a call succeeded after Poll was dropped");
            assert_eq!(error.raw_os_error(), None, "{error}");
            assert!(error.to_string().contains("loop is closed"), "{error}");
        };
        let gone = self.poll.is_none();
        if let Some(waker) = &self.waker {
            let woken = waker.wake();
            if gone { refused(woken) } else { woken.unwrap() }
        }
        if let Some(set_readiness) = &self.set_readiness {
            let set = set_readiness.set_readiness(Readiness::READABLE);
            // Without a registration no queue is told, and there is no error.
            if gone && self.registration.is_some() {
                refused(set)
            } else {
                set.unwrap()
            }
        }
        if let (true, Some(registrator)) = (gone, &self.registrator) {
            let (mut late, _) = Registration::new();
            refused(registrator.register(&mut late, Token(9), Interests::READABLE));
            refused(Waker::new(registrator, Token(9)).map(drop));
            // A loop may be closed twice.
            registrator.close_loop().unwrap();
        }
    }

    /// The tokens that must be reported after `stir` and one drop.
    fn due(&self, woken: bool, set: bool) -> BTreeSet<usize> {
        let (stream, twin) = (self.stream.is_some(), self.twin.is_some());
        let due = [
            (STREAM, stream || (cfg!(windows) && twin)),
            (TWIN, cfg!(unix) && twin),
            (LISTENER, self.listener.is_some()),
            // A wake outlives its waker. A set readiness outlives its setter, but
            // not its registration.
            (WAKER, woken),
            (NODE, set && self.registration.is_some()),
        ];
        due.into_iter()
            .filter_map(|(token, due)| due.then_some(token))
            .collect()
    }
}

/// Polls until stream and listener have been reported. Both are level-triggered, so
/// they stay ready.
fn reported(mut poll: Poll) -> Poll {
    let mut events = Events::with_capacity(16);
    let mut seen = BTreeSet::new();
    while seen.len() < 2 {
        assert!(poll.poll(&mut events, Some(LIMIT)).unwrap() > 0);
        seen.extend(events.iter().map(|event| event.token()));
    }
    poll
}

/// Calls `visit` with every order of `0..THINGS` (Heap's algorithm).
fn every_order(mut visit: impl FnMut(&[usize; THINGS])) {
    let mut order: [usize; THINGS] = std::array::from_fn(|thing| thing);
    let mut counters = [0; THINGS];
    visit(&order);
    let mut at = 1;
    while at < THINGS {
        if counters[at] < at {
            let with = if at % 2 == 0 { 0 } else { counters[at] };
            order.swap(with, at);
            visit(&order);
            counters[at] += 1;
            at = 1;
        } else {
            counters[at] = 0;
            at += 1;
        }
    }
}

/// The count of open descriptors works. The test makes fifty queues and expects a
/// higher count; otherwise the other tests here would show nothing.
#[test]
fn c14_what_is_open_is_counted() {
    alone("c14_what_is_open_is_counted", what_is_open_is_counted);
}

fn what_is_open_is_counted() {
    let before = what_is_open().len();
    let polls: Vec<_> = (0..50).map(|_| Poll::new().unwrap()).collect();
    assert!(what_is_open().len() >= before + 40);
    drop(polls);
    assert!(nothing_more_is_open(before));
}

fn nothing_more_is_open(than: usize) -> bool {
    what_is_open().len() == than
}

/// A program may drop `Poll`, clones of its `Registrator`, sources, their
/// duplicates, wakers and both halves of a `Registration` in any order, with events
/// pending, on any thread. The test tries every order (on Windows one of 29). While
/// there is a `Poll`, it reports exactly what remains. Without it, wakes, readiness
/// and registrations are refused. In the end no descriptor is open.
#[test]
fn c14_everything_can_be_dropped_in_any_order() {
    alone(
        "c14_everything_can_be_dropped_in_any_order",
        everything_can_be_dropped_in_any_order,
    );
}

fn everything_can_be_dropped_in_any_order() {
    let origin = Origin::new();
    let (elsewhere, things) = mpsc::sync_channel::<Box<dyn Send>>(0);
    let (dropped, is_dropped) = mpsc::sync_channel(0);
    let dropper = thread::spawn(move || {
        for thing in things {
            drop(thing);
            dropped.send(()).unwrap();
        }
    });
    let mut events = Events::with_capacity(16);
    let before = what_is_open().len();
    let mut orders = 0_usize;
    every_order(|order| {
        orders += 1;
        if orders.rem_euclid(STRIDE) != 0 {
            return;
        }
        let mut world = World::new(&origin);
        for (place, &thing) in order.iter().enumerate() {
            world.stir();
            let (woken, set) = (world.waker.is_some(), world.set_readiness.is_some());
            let taken = world.take(thing);
            if (orders + place) % 37 == 0 {
                elsewhere.send(taken).unwrap();
                is_dropped.recv_timeout(LIMIT).unwrap();
            } else {
                drop(taken);
            }
            let due = world.due(woken, set);
            if let Some(poll) = &mut world.poll {
                poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
                let found = events.iter().map(|event| event.token().0).collect();
                assert_eq!(due, found, "order {order:?}, place {place}");
            }
        }
        if cfg!(unix) && orders % 1000 == 0 {
            assert!(nothing_more_is_open(before), "order {order:?}");
        }
    });
    assert_eq!(orders, 40_320);
    if STRIDE > 1 {
        eprintln!(
            "c14_everything_can_be_dropped_in_any_order: with one of {STRIDE} orders, because each \
             takes a connection of its own here"
        );
    }
    assert!(nothing_more_is_open(before));
    drop(elsewhere);
    dropper.join().unwrap();
}

/// Each thing is dropped by its own thread, all at the same moment. In the end no
/// descriptor is open.
#[test]
fn c14_everything_can_be_dropped_at_once() {
    alone(
        "c14_everything_can_be_dropped_at_once",
        everything_can_be_dropped_at_once,
    );
}

fn everything_can_be_dropped_at_once() {
    let origin = Origin::new();
    let start = Barrier::new(THINGS);
    let before = what_is_open().len();
    for _ in 0..100 {
        let mut world = World::new(&origin);
        world.stir();
        thread::scope(|scope| {
            for thing in 0..THINGS {
                let thing = world.take(thing);
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    drop(thing);
                });
            }
        });
    }
    // A thread of the scope may still be ending, with its handle open.
    let deadline = Instant::now() + LIMIT;
    while !nothing_more_is_open(before) {
        assert!(Instant::now() < deadline, "descriptors stay open");
        thread::yield_now();
    }
}

/// While `poll` waits, other threads drop sources, and a waker right after its
/// wake. The test expects the wake, and no event of a source that was dropped
/// before.
#[test]
fn c14_sources_can_be_dropped_while_poll_waits() {
    alone(
        "c14_sources_can_be_dropped_while_poll_waits",
        sources_can_be_dropped_while_poll_waits,
    );
}

fn sources_can_be_dropped_while_poll_waits() {
    let origin = Origin::new();
    let before = what_is_open().len();
    let mut events = Events::with_capacity(2);
    for _ in 0..200 {
        let mut world = World::new(&origin);
        let mut poll = world.poll.take().unwrap();
        let over = Waker::new(poll.registrator(), Token(0)).unwrap();
        let rest = Arc::new(Mutex::new(world));
        let threads: Vec<_> = [[2, 5, 7], [3, 4, 6]]
            .into_iter()
            .map(|things| {
                let rest = Arc::clone(&rest);
                thread::spawn(move || {
                    for thing in things {
                        let taken = rest.lock().unwrap().take(thing);
                        drop(taken);
                    }
                })
            })
            .collect();
        let ender = thread::spawn(move || {
            threads.into_iter().for_each(|t| t.join().unwrap());
            over.wake().unwrap();
        });
        let mut is_over = false;
        while !is_over {
            assert!(poll.poll(&mut events, Some(LIMIT)).unwrap() > 0);
            is_over = events.iter().any(|event| event.token() == Token(0));
        }
        ender.join().unwrap();
        // The level-triggered sources were dropped, so nothing is reported again.
        assert_eq!(poll.poll(&mut events, Some(Duration::ZERO)).unwrap(), 0);
    }
    assert!(nothing_more_is_open(before));
}

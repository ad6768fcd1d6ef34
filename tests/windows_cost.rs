//! What a connection costs on Windows. Feature `trace` counts the system calls of a
//! round trip; the allocator counts the memory of a waiting connection.
#![cfg(windows)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::net;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use evq::net::{TcpListener, TcpStream};
use evq::{Events, Interests, Poll, Token};

/// Counts the allocated bytes.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system allocator with its arguments unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller promises what the system allocator demands.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller promises what the system allocator demands.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const LIMIT: Option<Duration> = Some(Duration::from_secs(20));

fn any_port() -> net::SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// `an_echo_makes_one_call_of_each_kind` starts this as a program of its own.
#[cfg(feature = "trace")]
mod traced {
    use std::io::{ErrorKind, Read, Write};
    use std::process::Command;

    use evq::Trigger;

    use super::*;

    const CHILD: &str = "EVQ_TEST_TRACED_ROUNDS";

    #[test]
    fn the_traced_program() {
        let Ok(trigger) = std::env::var(CHILD) else {
            return;
        };
        let trigger = match trigger.as_str() {
            "edge" => Trigger::Edge,
            _ => Trigger::Level,
        };
        let mut poll = Poll::new().unwrap();
        let listener = TcpListener::bind(any_port()).unwrap();
        let mut client = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        poll.registrator()
            .register_with(&mut stream, Token(1), Interests::READABLE, trigger)
            .unwrap();
        echo(&mut poll, &mut stream, &mut client, 10);
        eprintln!("BEGIN");
        echo(&mut poll, &mut stream, &mut client, ROUNDS);
        eprintln!("END");
    }

    const ROUNDS: usize = 100;

    /// The blocking client sends, and `stream` echoes: `rounds` times.
    fn echo(poll: &mut Poll, stream: &mut TcpStream, client: &mut net::TcpStream, rounds: usize) {
        let mut events = Events::with_capacity(8);
        let mut buffer = [0; 1024];
        for round in 0..rounds {
            client.write_all(b"round trip").unwrap();
            let mut echoed = 0;
            while echoed < 10 {
                assert_ne!(poll.poll(&mut events, LIMIT).unwrap(), 0, "round {round}");
                loop {
                    match stream.read(&mut buffer) {
                        Ok(n) => {
                            assert_eq!(stream.write(&buffer[..n]).unwrap(), n);
                            echoed += n;
                        }
                        Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                        Err(error) => panic!("{error}"),
                    }
                }
            }
            client.read_exact(&mut buffer[..10]).unwrap();
        }
    }

    #[test]
    fn an_echo_makes_one_call_of_each_kind() {
        for trigger in ["edge", "level"] {
            let output = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "traced::the_traced_program", "--nocapture"])
                .env(CHILD, trigger)
                .output()
                .unwrap();
            assert!(output.status.success(), "{output:?}");
            let printed = String::from_utf8(output.stderr).unwrap();
            let calls = printed.split_once("BEGIN").unwrap().1;
            let calls = calls.split_once("END").unwrap().0;
            let count = |name: &str| calls.lines().filter(|line| line.starts_with(name)).count();
            for call in ["GetQueuedCompletionStatusEx(", "WSASend(", "WSARecv("] {
                let n = count(call);
                println!("{trigger}: {call}) {n} times in {ROUNDS} rounds");
                assert_eq!(n, ROUNDS, "{trigger}: {call}):\n{calls}");
            }
            let all = calls.lines().filter(|line| line.contains(" = ")).count();
            assert_eq!(
                all,
                3 * ROUNDS,
                "{trigger}: there are other calls:\n{calls}"
            );
        }
    }
}

/// The user memory, in bytes, of one connection that waits for something to read.
///
/// No peer is accepted, so no peer needs a handle. Under Wine on some machines a
/// process gets at most 20,000 handles.
fn idle(connections: usize, lending: usize) -> usize {
    const EACH: usize = 1000;
    let listeners = (0..connections.div_ceil(EACH)).map(|_| TcpListener::bind(any_port()).unwrap());
    let listeners: Vec<_> = listeners.collect();
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(EACH);
    let mut streams = Vec::with_capacity(connections);
    let before = IN_USE.load(Ordering::Relaxed);
    for n in 0..connections {
        let addr = listeners[n / EACH].local_addr().unwrap();
        let mut stream = TcpStream::connect(addr).unwrap_or_else(|error| panic!("{n}: {error}"));
        stream.set_lending(lending);
        let both = Interests::READABLE | Interests::WRITABLE;
        poll.registrator()
            .register(&mut stream, Token(n), both)
            .unwrap();
        streams.push(stream);
    }
    let mut connected = 0;
    while connected < connections {
        assert_ne!(
            poll.poll(&mut events, LIMIT).unwrap(),
            0,
            "{connected} connected"
        );
        connected += events.iter().filter(|event| event.is_writable()).count();
        assert!(!events.iter().any(|event| event.is_error()), "{events:?}");
    }
    let in_flight = evq::inside::operations_in_flight(poll.registrator());
    assert_eq!(in_flight, connections, "each waits for something to read");
    let each = (IN_USE.load(Ordering::Relaxed) - before) / connections;
    println!("{connections} idle connections that lend {lending} bytes each: {each} bytes each");
    each
}

/// One test measures both, because all tests of this program share the counter. By default
/// a connection also holds its lent buffer.
#[test]
fn ten_thousand_idle_connections_that_lend_nothing_hold_two_kilobytes_each_at_most() {
    let nothing = idle(10_000, 0);
    assert!(nothing <= 2048, "{nothing} bytes each");
    let default = idle(1_000, 4096);
    assert!(default <= 2048 + 4096, "{default} bytes each");
    assert!(
        default >= 4096,
        "{default} bytes: the lent buffer is not counted"
    );
}

//! TCP on Windows: faults that completions make possible and readiness does not. A buffer is in
//! flight, or its bytes have come and wait in the stream; an operation is cancelled or orphaned; or
//! the stream changes between lending and asking while an operation runs.

#![cfg(windows)]

#[path = "contract/nobody.rs"]
mod nobody;

use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::{self, Shutdown, SocketAddr};
use std::os::windows::io::{AsRawSocket, BorrowedHandle};
use std::thread;
use std::time::{Duration, Instant};

use evq::net::{TcpListener, TcpStream};
use evq::{Event, Events, Interests, Poll, Token, Trigger, inside};

use nobody::{connect_to_nobody, nobody};

/// A test that waits longer has failed, even on a busy machine.
const LIMIT: Duration = Duration::from_secs(20);
/// How long to wait for an event that must not come.
const MOMENT: Duration = Duration::from_millis(100);
const TRIGGERS: [Trigger; 3] = [Trigger::Edge, Trigger::Level, Trigger::Oneshot];
const READABLE: Interests = Interests::READABLE;

fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// A queue and two connected ends: ours, and the peer's, which is blocking.
struct Bench {
    poll: Poll,
    events: Events,
    stream: TcpStream,
    peer: net::TcpStream,
}

/// Two connected ends: ours, and the peer's, which is blocking.
fn connection() -> (TcpStream, net::TcpStream) {
    let listener = net::TcpListener::bind(any_port()).unwrap();
    let ours = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (peer, _) = listener.accept().unwrap();
    peer.set_read_timeout(Some(LIMIT)).unwrap();
    peer.set_nodelay(true).unwrap();
    (TcpStream::from_std(ours).unwrap(), peer)
}

impl Bench {
    fn new() -> Bench {
        let (stream, peer) = connection();
        Bench {
            poll: Poll::new().unwrap(),
            events: Events::with_capacity(8),
            stream,
            peer,
        }
    }

    fn register(&mut self, interests: Interests, trigger: Trigger) {
        self.poll
            .registrator()
            .register_with(&mut self.stream, Token(1), interests, trigger)
            .unwrap();
    }

    fn reregister(&mut self, interests: Interests, trigger: Trigger) {
        self.poll
            .registrator()
            .reregister_with(&mut self.stream, Token(1), interests, trigger)
            .unwrap();
    }

    fn deregister(&mut self) {
        self.poll
            .registrator()
            .deregister(&mut self.stream)
            .unwrap();
    }

    /// Polls until an event meets the condition, and returns it.
    fn until(&mut self, what: &str, condition: impl Fn(&Event) -> bool) -> Event {
        let end = Instant::now() + LIMIT;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            self.poll.poll(&mut self.events, Some(left)).unwrap();
            if let Some(event) = self.events.iter().find(|event| condition(event)) {
                return *event;
            }
            assert!(Instant::now() < end, "still waiting for {what}");
        }
    }

    fn readable(&mut self, what: &str) -> Event {
        self.until(what, Event::is_readable)
    }

    /// Reads all that there is: the bytes, and how reading ended (`Ok` at the stream's end).
    fn drain(&mut self) -> (Vec<u8>, io::Result<()>) {
        let (mut all, mut buffer) = (Vec::new(), [0; 1000]);
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return (all, Ok(())),
                Ok(count) => all.extend(&buffer[..count]),
                Err(error) => return (all, Err(error)),
            }
        }
    }

    fn in_flight(&self) -> usize {
        inside::operations_in_flight(self.poll.registrator())
    }

    fn wait_for_nothing_in_flight(&mut self) {
        let end = Instant::now() + LIMIT;
        while self.in_flight() > 0 {
            assert!(Instant::now() < end, "{} in flight", self.in_flight());
            self.poll.poll(&mut self.events, Some(MOMENT)).unwrap();
        }
    }
}

fn kind<T: std::fmt::Debug>(result: io::Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

/// Cancels all operations of a socket, as Windows may when the thread that started them exits.
fn cancel_all(stream: &TcpStream) {
    let raw = stream.as_raw_socket() as usize;
    // SAFETY: the socket is open during the call, which takes no memory.
    unsafe {
        let handle = BorrowedHandle::borrow_raw(std::ptr::without_provenance_mut(raw));
        inside::ffi::cancel(handle, std::ptr::null_mut()).unwrap();
    }
}

#[test]
fn one_receive_is_in_flight_however_often_one_registers_and_asks() {
    for lending in [4096, 0] {
        for trigger in TRIGGERS {
            let mut bench = Bench::new();
            bench.stream.set_lending(lending);
            for _ in 0..3 {
                bench.register(READABLE, trigger);
                bench.reregister(READABLE | Interests::WRITABLE, trigger);
                assert_eq!(kind(bench.stream.read(&mut [0; 8])), ErrorKind::WouldBlock);
                assert_eq!(kind(bench.stream.peek(&mut [0; 8])), ErrorKind::WouldBlock);
                assert_eq!(bench.in_flight(), 1, "{lending} bytes lent, {trigger:?}");
                bench.deregister();
            }
            drop(bench.stream);
            let Bench { poll, .. } = bench;
            let registrator = poll.registrator().clone();
            drop(poll);
            assert_eq!(inside::operations_in_flight(&registrator), 0);
        }
    }
}

/// Random actions: register, deregister, lend more or less, read, peek, do nothing. Every byte comes
/// in order, and no event is missing.
#[test]
fn no_byte_is_lost_whatever_changes_while_it_is_lent() {
    for seed in 1..=12 {
        let mut dice = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed);
        let mut roll = move |sides: usize| {
            dice ^= dice << 13;
            dice ^= dice >> 7;
            dice ^= dice << 17;
            (dice >> 33) as usize % sides
        };
        let mut bench = Bench::new();
        let lendings = [0, 1, 7, 4096, 10_000];
        let (mut sent, mut received) = (0usize, 0usize);
        bench.stream.set_lending(lendings[roll(5)]);
        let mut trigger = TRIGGERS[roll(3)];
        bench.register(READABLE, trigger);
        let mut history = Vec::new();
        for _ in 0..120 {
            let action = roll(8);
            history.push((action, trigger, sent, received));
            match action {
                0 | 1 => {
                    let count = [1, 5, 100, 9000][roll(4)];
                    let bytes: Vec<u8> = (sent..sent + count).map(|n| (n % 251) as u8).collect();
                    bench.peer.write_all(&bytes).unwrap();
                    sent += count;
                }
                2 => bench.stream.set_lending(lendings[roll(5)]),
                3 => {
                    trigger = TRIGGERS[roll(3)];
                    bench.reregister(READABLE, trigger);
                }
                4 => {
                    bench.deregister();
                    for _ in 0..roll(3) {
                        let limit = Duration::from_millis(1);
                        bench.poll.poll(&mut bench.events, Some(limit)).unwrap();
                    }
                    trigger = TRIGGERS[roll(3)];
                    bench.register(READABLE, trigger);
                }
                5 => {
                    let mut buffer = [0; 50];
                    if let Ok(count) = bench.stream.peek(&mut buffer) {
                        for (n, byte) in buffer[..count].iter().enumerate() {
                            assert_eq!(usize::from(*byte), (received + n) % 251, "{history:?}");
                        }
                    }
                }
                6 => {
                    let mut buffer = vec![0; 1 + roll(300)];
                    if let Ok(count) = bench.stream.read(&mut buffer) {
                        check(&buffer[..count], &mut received, &history);
                    }
                }
                _ => {
                    // After a new registration, bytes that are there must be reported. After
                    // draining, bytes that come must be reported.
                    bench.reregister(READABLE, trigger);
                    while received < sent {
                        bench.readable(&format!("{received} of {sent}, seed {seed}: {history:?}"));
                        let (bytes, end) = bench.drain();
                        check(&bytes, &mut received, &history);
                        assert_eq!(kind(end), ErrorKind::WouldBlock, "{history:?}");
                        if trigger == Trigger::Oneshot {
                            bench.reregister(READABLE, trigger);
                        }
                    }
                }
            }
        }
    }
}

fn check(bytes: &[u8], received: &mut usize, history: &[(usize, Trigger, usize, usize)]) {
    for byte in bytes {
        assert_eq!(usize::from(*byte), *received % 251, "{history:?}");
        *received += 1;
    }
}

#[test]
fn level_is_reported_until_the_last_byte_is_read_in_either_mode() {
    for lending in [4096, 4, 0] {
        let mut bench = Bench::new();
        bench.stream.set_lending(lending);
        bench.register(READABLE, Trigger::Level);
        bench.peer.write_all(b"0123456789").unwrap();
        let (mut got, mut three) = (Vec::<u8>::new(), [0; 3]);
        while got.len() < 10 {
            bench.readable("the rest");
            let count = bench.stream.read(&mut three).unwrap();
            got.extend(&three[..count]);
        }
        assert_eq!(got, b"0123456789");
        bench.poll.poll(&mut bench.events, Some(MOMENT)).unwrap();
        assert!(bench.events.is_empty(), "{lending} lent: no byte is left");
        bench.peer.write_all(b"!").unwrap();
        bench.readable("one byte more");
        drop(bench.peer.shutdown(Shutdown::Write));
        assert_eq!(bench.stream.read(&mut three).unwrap(), 1);
        bench.readable("the end");
        assert_eq!(bench.stream.read(&mut three).unwrap(), 0);
    }
}

#[test]
fn peeking_sees_what_has_come_after_what_is_in_hand() {
    for lending in [4096, 3, 0] {
        let mut bench = Bench::new();
        bench.stream.set_lending(lending);
        bench.register(READABLE, Trigger::Level);
        bench.peer.write_all(b"abc").unwrap();
        bench.readable("the first three");
        let mut buffer = [0; 6];
        assert_eq!(bench.stream.peek(&mut buffer).unwrap(), 3);
        bench.peer.write_all(b"def").unwrap();
        let end = Instant::now() + LIMIT;
        while bench.stream.peek(&mut buffer).unwrap() < 6 {
            assert!(
                Instant::now() < end,
                "{lending} lent: still only three bytes"
            );
            thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(&buffer, b"abcdef");
        assert_eq!(bench.drain().0, b"abcdef");
    }
}

#[test]
fn empty_buffers_before_others_are_neither_the_end_nor_a_failure() {
    let mut bench = Bench::new();
    bench.stream.set_lending(0);
    bench.register(READABLE | Interests::WRITABLE, Trigger::Edge);
    bench.peer.write_all(b"!").unwrap();
    bench.readable("a byte");
    let (mut none, mut some) = (vec![[0; 0]; 2000], [0; 4]);
    let mut buffers: Vec<_> = none.iter_mut().map(|n| IoSliceMut::new(n)).collect();
    buffers.push(IoSliceMut::new(&mut some));
    assert_eq!(bench.stream.read_vectored(&mut buffers).unwrap(), 1);
    let mut buffers = vec![IoSlice::new(&[]); 2000];
    buffers.push(IoSlice::new(b"?"));
    assert_eq!(bench.stream.write_vectored(&buffers).unwrap(), 1);
    bench.peer.read_exact(&mut [0; 1]).unwrap();
}

/// Windows may lock all bytes of a write in memory, so evq limits a write.
#[test]
fn one_write_takes_at_most_128_kib() {
    const MOST: usize = 128 * 1024;
    let large = vec![7; 1 << 20];
    for registered in [false, true] {
        let mut bench = Bench::new();
        if registered {
            bench.register(Interests::WRITABLE, Trigger::Edge);
        }
        assert!(bench.stream.write(&large).unwrap() <= MOST);
        let mut bench = Bench::new();
        let buffers = [&[], &large[..5], &large[..MOST], &large[..]].map(IoSlice::new);
        assert_eq!(bench.stream.write_vectored(&buffers).unwrap(), 5);
        let taken = bench.stream.write_vectored(&buffers[2..]).unwrap();
        assert!((1..=MOST).contains(&taken), "{taken}");
        // One call takes as many buffers as fit.
        let buffers = [&large[..5], &large[..6], &large[..7], &large[..]].map(IoSlice::new);
        assert_eq!(bench.stream.write_vectored(&buffers).unwrap(), 18);
    }
}

#[test]
fn nothing_written_to_a_full_stream_is_nothing_lent() {
    let mut bench = Bench::new();
    // Fill the stream with unregistered writes, because these lend nothing.
    let piece = vec![7; 1 << 20];
    while bench.stream.write(&piece).is_ok() {}
    bench.register(Interests::WRITABLE, Trigger::Edge);
    assert_eq!(bench.stream.write(&[]).unwrap(), 0);
    assert!(bench.stream.take_error().unwrap().is_none());
    assert_eq!(bench.in_flight(), 0);
    assert_eq!(bench.stream.write(b"more").unwrap(), 4, "a copy is lent");
    assert_eq!(bench.in_flight(), 1);
    assert_eq!(kind(bench.stream.write(b"more")), ErrorKind::WouldBlock);
}

#[test]
fn a_receive_that_nobody_of_ours_cancelled_is_lent_again() {
    for lending in [4096, 0] {
        let mut bench = Bench::new();
        bench.stream.set_lending(lending);
        bench.register(READABLE, Trigger::Edge);
        cancel_all(&bench.stream);
        bench.poll.poll(&mut bench.events, Some(MOMENT)).unwrap();
        assert!(
            bench.events.is_empty(),
            "neither a byte nor the end has come"
        );
        assert_eq!(bench.in_flight(), 1);
        bench.peer.write_all(b"still").unwrap();
        bench.readable("bytes after a cancelled receive");
        assert_eq!(bench.drain().0, b"still");
    }
}

#[test]
fn what_a_thread_has_lent_outlives_it() {
    let mut bench = Bench::new();
    let registrator = bench.poll.registrator().clone();
    let mut clone = bench.stream.try_clone().unwrap();
    thread::spawn(move || {
        registrator
            .register(&mut clone, Token(1), READABLE)
            .unwrap()
    })
    .join()
    .unwrap();
    bench.peer.write_all(b"hello").unwrap();
    bench.readable("bytes");
    assert_eq!(bench.drain().0, b"hello");
}

#[test]
fn what_was_lent_comes_back_to_a_stream_that_is_registered_no_more() {
    for lending in [4096, 0] {
        let mut bench = Bench::new();
        bench.stream.set_lending(lending);
        bench.register(READABLE, Trigger::Edge);
        bench.deregister();
        bench.peer.write_all(b"early").unwrap();
        bench.wait_for_nothing_in_flight();
        assert!(bench.events.is_empty(), "reported without a registration");
        let mut two = [0; 2];
        assert_eq!(bench.stream.read(&mut two).unwrap(), 2);
        assert_eq!(&two, b"ea");
        bench.register(READABLE, Trigger::Oneshot);
        bench.readable("the rest");
        assert_eq!(bench.drain().0, b"rly");
    }
}

#[test]
fn a_reset_is_told_once_and_ends_the_stream() {
    for lending in [4096, 0] {
        let mut bench = Bench::new();
        bench.stream.set_lending(lending);
        bench.register(READABLE, Trigger::Level);
        // A peer that closes with unread bytes sends a reset.
        bench.stream.write_all(b"unread").unwrap();
        bench.peer.peek(&mut [0; 1]).unwrap();
        drop(bench.peer);
        let end = Instant::now() + LIMIT;
        loop {
            bench.poll.poll(&mut bench.events, Some(MOMENT)).unwrap();
            if bench.events.iter().any(|event| event.is_readable()) {
                break;
            }
            assert!(Instant::now() < end);
        }
        assert_eq!(
            kind(bench.stream.read(&mut [0; 8])),
            ErrorKind::ConnectionReset
        );
        assert_eq!(bench.stream.read(&mut [0; 8]).unwrap(), 0);
        assert_eq!(bench.stream.peek(&mut [0; 8]).unwrap(), 0);
        assert!(bench.stream.take_error().unwrap().is_none());
        bench.poll.poll(&mut bench.events, Some(MOMENT)).unwrap();
        assert!(bench.events.iter().all(|event| !event.is_error()));
    }
}

#[test]
fn shutting_down_reading_while_a_buffer_is_lent_ends_it() {
    for lending in [4096, 0] {
        let mut bench = Bench::new();
        bench.stream.set_lending(lending);
        bench.register(READABLE, Trigger::Edge);
        bench.stream.shutdown(Shutdown::Read).unwrap();
        bench.readable("the end");
        assert_eq!(bench.stream.read(&mut [0; 8]).unwrap(), 0);
        let _ = bench.peer.write_all(b"late");
        bench.poll.poll(&mut bench.events, Some(MOMENT)).unwrap();
        assert_eq!(bench.stream.read(&mut [0; 8]).unwrap(), 0);
        assert!(bench.in_flight() <= 1);
        drop(bench.stream);
        let end = Instant::now() + LIMIT;
        while inside::operations_in_flight(bench.poll.registrator()) > 0 {
            bench.poll.poll(&mut bench.events, Some(MOMENT)).unwrap();
            assert!(Instant::now() < end);
        }
    }
}

#[test]
fn a_clone_that_is_dropped_takes_nothing_with_it() {
    let mut bench = Bench::new();
    let mut clone = bench.stream.try_clone().unwrap();
    bench.register(READABLE, Trigger::Edge);
    let again = bench
        .poll
        .registrator()
        .register(&mut clone, Token(2), READABLE);
    assert_eq!(kind(again), ErrorKind::AlreadyExists);
    bench.peer.write_all(b"one").unwrap();
    bench.readable("bytes");
    assert_eq!(clone.read(&mut [0; 1]).unwrap(), 1);
    drop(clone);
    assert_eq!(bench.drain().0, b"ne");
    bench.peer.write_all(b"two").unwrap();
    bench.readable("more");
    assert_eq!(bench.drain().0, b"two");
    assert_eq!(bench.in_flight(), 1);
}

/// A server that tries both directions at each event, as `examples/ch12_echo.rs` does.
#[test]
fn a_stream_that_waits_in_both_directions_is_left_alone_while_nothing_happens() {
    for lending in [4096, 0] {
        let mut bench = Bench::new();
        bench.stream.set_lending(lending);
        bench.register(READABLE | Interests::WRITABLE, Trigger::Edge);
        let (began, mut polls) = (Instant::now(), 0);
        while began.elapsed() < MOMENT {
            let limit = Some(MOMENT);
            bench.poll.poll(&mut bench.events, limit).unwrap();
            polls += 1;
            if !bench.events.is_empty() {
                assert_eq!(kind(bench.drain().1), ErrorKind::WouldBlock);
            }
        }
        assert!(polls < 5, "{lending} lent: {polls} polls without traffic");
    }
}

/// Writes until the stream has a copy in flight and takes no more. Returns how many bytes it took.
fn fill(stream: &TcpStream) -> usize {
    let piece: Vec<u8> = (0..100_003).map(|n| (n % 251) as u8).collect();
    let (mut taken, mut stream) = (0, stream);
    loop {
        match stream.write(&piece[taken % 251..]) {
            Ok(count) => taken += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return taken,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Reads to the stream's end and checks the bytes. Returns how many came.
fn all_of(mut peer: net::TcpStream) -> io::Result<usize> {
    let mut bytes = Vec::new();
    peer.read_to_end(&mut bytes)?;
    let in_order = (0..)
        .zip(&bytes)
        .all(|(n, byte)| n % 251 == usize::from(*byte));
    assert!(in_order, "the {} bytes differ from those sent", bytes.len());
    Ok(bytes.len())
}

#[test]
fn a_stream_that_is_dropped_delivers_all_that_it_took() {
    for dropped_first in ["stream", "poll", "stream, then poll"] {
        let mut bench = Bench::new();
        bench.register(READABLE | Interests::WRITABLE, Trigger::Edge);
        let taken = fill(&bench.stream);
        assert_eq!(bench.in_flight(), 2, "a receive and a send");
        let Bench {
            poll,
            stream,
            peer,
            events,
        } = bench;
        let reader = thread::spawn(move || {
            thread::sleep(MOMENT);
            all_of(peer)
        });
        match dropped_first {
            "stream" => {
                drop(stream);
                let (mut poll, mut events) = (poll, events);
                while !reader.is_finished() {
                    poll.poll(&mut events, Some(Duration::from_millis(10)))
                        .unwrap();
                }
                assert_eq!(inside::operations_in_flight(poll.registrator()), 0);
            }
            "poll" => {
                drop(poll);
                drop(stream);
            }
            _ => {
                drop(stream);
                drop(poll);
            }
        }
        assert_eq!(
            reader.join().unwrap().unwrap(),
            taken,
            "{dropped_first} dropped"
        );
    }
}

#[test]
fn a_stream_that_ends_writing_and_is_dropped_still_delivers() {
    let mut bench = Bench::new();
    bench.register(Interests::WRITABLE, Trigger::Edge);
    let taken = fill(&bench.stream);
    bench.stream.shutdown(Shutdown::Write).unwrap();
    let Bench {
        poll, stream, peer, ..
    } = bench;
    drop(stream);
    let reader = thread::spawn(move || all_of(peer));
    drop(poll);
    assert_eq!(reader.join().unwrap().unwrap(), taken);
}

#[test]
fn a_peer_that_reads_nothing_holds_nobody_up_for_long() {
    let mut bench = Bench::new();
    bench.register(Interests::WRITABLE, Trigger::Edge);
    fill(&bench.stream);
    let Bench {
        poll, stream, peer, ..
    } = bench;
    let registrator = poll.registrator().clone();
    drop(stream);
    let began = Instant::now();
    drop(poll);
    assert!(began.elapsed() < LIMIT / 2);
    assert_eq!(inside::operations_in_flight(&registrator), 0);
    drop(peer);
}

#[test]
fn a_full_stream_is_writable_again_once_its_copy_has_gone() {
    for trigger in TRIGGERS {
        let mut bench = Bench::new();
        bench.register(Interests::WRITABLE, trigger);
        let mut taken = fill(&bench.stream);
        // The stream may have been reported writable before it was full: take that event.
        bench
            .poll
            .poll(&mut bench.events, Some(Duration::ZERO))
            .unwrap();
        bench.poll.poll(&mut bench.events, Some(MOMENT)).unwrap();
        assert!(bench.events.is_empty(), "{trigger:?}: the stream is full");
        if trigger == Trigger::Oneshot {
            bench.reregister(Interests::WRITABLE, trigger);
        }
        let peer = bench.peer.try_clone().unwrap();
        let reader = thread::spawn(move || all_of(peer));
        bench.until("room", Event::is_writable);
        let rest = (taken..taken + 5).map(|n| (n % 251) as u8);
        taken += bench.stream.write(&rest.collect::<Vec<_>>()).unwrap();
        bench.stream.shutdown(Shutdown::Write).unwrap();
        while !reader.is_finished() {
            bench
                .poll
                .poll(&mut bench.events, Some(Duration::from_millis(10)))
                .unwrap();
        }
        assert_eq!(reader.join().unwrap().unwrap(), taken, "{trigger:?}");
    }
}

#[test]
fn a_stream_with_memory_lent_does_not_go_to_the_standard_library() {
    let mut bench = Bench::new();
    bench.register(READABLE, Trigger::Edge);
    bench.deregister();
    assert_eq!(kind(bench.stream.into_std()), ErrorKind::ResourceBusy);
    let mut bench = Bench::new();
    bench.register(READABLE, Trigger::Edge);
    bench.peer.write_all(b"in hand").unwrap();
    bench.readable("bytes");
    assert_eq!(kind(bench.stream.into_std()), ErrorKind::ResourceBusy);
    let mut bench = Bench::new();
    bench.register(Interests::WRITABLE, Trigger::Edge);
    let stream = bench.stream.into_std().unwrap();
    drop(bench.peer);
    stream.set_nonblocking(false).unwrap();
    assert_eq!((&stream).read(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn a_refused_connection_tells_why_and_is_no_error_afterwards() {
    let (_port, addr) = nobody();
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let mut stream = connect_to_nobody(addr).unwrap();
    poll.registrator()
        .register_with(
            &mut stream,
            Token(1),
            READABLE | Interests::WRITABLE,
            Trigger::Level,
        )
        .unwrap();
    assert_eq!(poll.poll(&mut events, Some(LIMIT)).unwrap(), 1);
    let event = events.iter().next().unwrap();
    assert!(event.is_error() && event.is_writable());
    assert_eq!(kind(stream.read(&mut [0; 8])), ErrorKind::ConnectionRefused);
    poll.poll(&mut events, Some(MOMENT)).unwrap();
    assert!(
        events.iter().all(|event| !event.is_error()),
        "the error was taken before"
    );
    assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0);
    assert!(stream.write(&[0; 8]).is_err());
}

#[test]
fn a_peer_that_resets_ends_what_lingers() {
    let mut bench = Bench::new();
    bench.register(READABLE | Interests::WRITABLE, Trigger::Edge);
    fill(&bench.stream);
    let Bench {
        mut poll,
        mut events,
        stream,
        peer,
    } = bench;
    drop(stream);
    drop(peer); // with unread bytes, so it resets
    let end = Instant::now() + LIMIT;
    while inside::operations_in_flight(poll.registrator()) > 0 {
        assert!(Instant::now() < end);
        poll.poll(&mut events, Some(MOMENT)).unwrap();
        assert!(events.is_empty(), "an event of a dropped stream");
    }
}

#[test]
fn a_peer_that_resets_while_a_copy_is_lent_is_told_by_an_error() {
    let mut bench = Bench::new();
    bench.register(Interests::WRITABLE, Trigger::Edge);
    fill(&bench.stream);
    let (stream, peer) = connection();
    drop(std::mem::replace(&mut bench.peer, peer));
    bench.until("an error", Event::is_error);
    let error = bench.stream.write(b"!").unwrap_err();
    assert_ne!(error.kind(), ErrorKind::WouldBlock);
    assert!(bench.stream.write(b"!").is_err());
    bench.reregister(READABLE | Interests::WRITABLE, Trigger::Edge);
    bench.readable("the end of the stream");
    let ended = bench.stream.read(&mut [0; 8]);
    assert!(
        matches!(&ended, Ok(0)) || ended.is_err_and(|error| error.kind() != ErrorKind::WouldBlock)
    );
    drop(stream);
}

/// Two threads use one connection while a third polls and the number of lent bytes changes.
#[test]
fn three_threads_lose_nothing_between_them() {
    let mut bench = Bench::new();
    bench.register(READABLE | Interests::WRITABLE, Trigger::Edge);
    let total = 3_000_000;
    let mut echo = bench.peer.try_clone().unwrap();
    let echo = thread::spawn(move || {
        let mut buffer = [0; 5000];
        while let Ok(count @ 1..) = echo.read(&mut buffer) {
            echo.write_all(&buffer[..count]).unwrap();
        }
    });
    let end = Instant::now() + LIMIT;
    let patience = |result: io::Result<usize>| match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            assert!(Instant::now() < end, "still waiting for the echo");
            thread::yield_now();
            0
        }
        result => result.unwrap(),
    };
    let (mut reader, mut writer) = (
        bench.stream.try_clone().unwrap(),
        bench.stream.try_clone().unwrap(),
    );
    let done = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut sent = 0;
            while sent < total {
                let rest = (total - sent).min(7001);
                let bytes: Vec<u8> = (sent..sent + rest).map(|n| (n % 251) as u8).collect();
                sent += patience(writer.write(&bytes));
            }
        });
        scope.spawn(|| {
            let (mut received, mut buffer) = (0, [0; 6000]);
            while received < total {
                reader.set_lending([4096, 0, 100][received / 1000 % 3]);
                let count = patience(reader.read(&mut buffer));
                check(&buffer[..count], &mut received, &[]);
            }
            done.store(true, std::sync::atomic::Ordering::Release);
        });
        while !done.load(std::sync::atomic::Ordering::Acquire) {
            assert!(Instant::now() < end);
            bench
                .poll
                .poll(&mut bench.events, Some(Duration::from_millis(1)))
                .unwrap();
        }
    });
    bench.stream.shutdown(Shutdown::Both).unwrap();
    echo.join().unwrap();
}

/// One thread registers, uses and drops streams while another polls.
#[test]
fn streams_that_come_and_go_leave_nothing_in_flight() {
    let (mut poll, mut events) = (Poll::new().unwrap(), Events::with_capacity(64));
    let registrator = poll.registrator().clone();
    let dropping = thread::spawn(move || {
        for n in 0..60 {
            let (mut stream, mut peer) = connection();
            stream.set_lending([0, 4096][n % 2]);
            let both = READABLE | Interests::WRITABLE;
            registrator.register(&mut stream, Token(n), both).unwrap();
            if n % 3 == 0 {
                fill(&stream);
            }
            if n % 4 == 0 {
                peer.write_all(b"never read").unwrap();
            }
            if n % 5 == 0 {
                drop(peer);
                drop(stream);
            } else {
                drop(stream);
                drop(peer);
            }
        }
    });
    let end = Instant::now() + LIMIT;
    while !dropping.is_finished() || inside::operations_in_flight(poll.registrator()) > 0 {
        assert!(Instant::now() < end);
        poll.poll(&mut events, Some(Duration::from_millis(1)))
            .unwrap();
    }
    dropping.join().unwrap();
}

/// A registered listener and its address.
fn listening(trigger: Trigger) -> (Poll, Events, TcpListener, SocketAddr) {
    let poll = Poll::new().unwrap();
    let mut listener = TcpListener::bind(any_port()).unwrap();
    poll.registrator()
        .register_with(&mut listener, Token(0), READABLE, trigger)
        .unwrap();
    let addr = listener.local_addr().unwrap();
    (poll, Events::with_capacity(8), listener, addr)
}

#[test]
fn a_client_that_came_while_nobody_listened_is_kept() {
    let (mut poll, mut events, mut listener, addr) = listening(Trigger::Edge);
    let registrator = poll.registrator().clone();
    registrator.deregister(&mut listener).unwrap();
    let mut client = net::TcpStream::connect(addr).unwrap();
    let second = net::TcpStream::connect(addr).unwrap();
    let end = Instant::now() + LIMIT;
    while inside::operations_in_flight(&registrator) > 0 {
        assert!(Instant::now() < end);
        poll.poll(&mut events, Some(MOMENT)).unwrap();
        assert!(events.is_empty());
    }
    registrator
        .register(&mut listener, Token(2), READABLE)
        .unwrap();
    poll.poll(&mut events, Some(LIMIT)).unwrap();
    assert_eq!(events.iter().next().unwrap().token(), Token(2));
    let (mut first, from) = listener.accept().unwrap();
    assert_eq!(from, client.local_addr().unwrap());
    assert_eq!(first.peer_addr().unwrap(), from);
    client.write_all(b"hi").unwrap();
    registrator
        .register(&mut first, Token(3), READABLE)
        .unwrap();
    poll.poll(&mut events, Some(LIMIT)).unwrap();
    assert_eq!(first.read(&mut [0; 8]).unwrap(), 2);
    let mut accepted = listener.accept();
    while accepted.is_err() {
        assert!(Instant::now() < end);
        poll.poll(&mut events, Some(MOMENT)).unwrap();
        accepted = listener.accept();
    }
    assert_eq!(accepted.unwrap().1, second.local_addr().unwrap());
}

#[test]
fn a_listener_that_is_dropped_hangs_up_on_whom_nobody_accepted() {
    let (mut poll, mut events, listener, addr) = listening(Trigger::Edge);
    let mut client = net::TcpStream::connect(addr).unwrap();
    client.set_read_timeout(Some(LIMIT)).unwrap();
    poll.poll(&mut events, Some(LIMIT)).unwrap();
    drop(listener);
    let told = client.read(&mut [0; 8]);
    assert!(
        matches!(&told, Ok(0)) || told.is_err_and(|error| error.kind() != ErrorKind::WouldBlock)
    );
}

#[test]
fn an_accept_that_nobody_of_ours_cancelled_is_begun_again() {
    let (mut poll, mut events, listener, addr) = listening(Trigger::Edge);
    let raw = listener.as_raw_socket() as usize;
    // SAFETY: the socket is open during the call, which takes no memory.
    unsafe {
        let handle = BorrowedHandle::borrow_raw(std::ptr::without_provenance_mut(raw));
        inside::ffi::cancel(handle, std::ptr::null_mut()).unwrap();
    }
    poll.poll(&mut events, Some(MOMENT)).unwrap();
    assert!(
        events.is_empty(),
        "an event without a client and without an error"
    );
    let _client = net::TcpStream::connect(addr).unwrap();
    poll.poll(&mut events, Some(LIMIT)).unwrap();
    listener.accept().unwrap();
}

#[test]
fn every_client_is_accepted_under_each_trigger() {
    for trigger in TRIGGERS {
        let (mut poll, mut events, mut listener, addr) = listening(trigger);
        let clients: Vec<_> = (0..20)
            .map(|_| net::TcpStream::connect(addr).unwrap())
            .collect();
        let mut accepted = 0;
        let end = Instant::now() + LIMIT;
        while accepted < clients.len() {
            assert!(Instant::now() < end, "{trigger:?}: {accepted}");
            poll.poll(&mut events, Some(LIMIT)).unwrap();
            assert!(!events.is_empty(), "{trigger:?}: {accepted}");
            match trigger {
                Trigger::Level => {
                    listener.accept().unwrap();
                    accepted += 1;
                }
                _ => {
                    while listener.accept().is_ok() {
                        accepted += 1;
                    }
                }
            }
            if trigger == Trigger::Oneshot {
                poll.registrator()
                    .reregister_with(&mut listener, Token(0), READABLE, trigger)
                    .unwrap();
            }
        }
        poll.poll(&mut events, Some(MOMENT)).unwrap();
        assert!(events.is_empty());
    }
}

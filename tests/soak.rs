//! Many streams at once, with random actions: each end reads and writes portions
//! of random size, changes its registration, closes one half or vanishes. Every
//! byte is compared. The test takes five seconds, or `EVQ_SOAK=60` seconds. A failure names
//! its seed; `EVQ_SEED` repeats that run.

#[path = "contract/gone.rs"]
mod gone;

use std::env;
use std::io::{ErrorKind, Read, Write};
use std::net::{self, Shutdown, SocketAddr};
use std::time::{Duration, Instant};

use evq::net::{TcpListener, TcpStream};
use evq::{Events, Interests, Poll, Registrator, Token, Trigger};

use gone::is_gone;

/// A test that waits longer has failed, even on a busy machine.
const LIMIT: Duration = Duration::from_secs(20);

/// Connections at a time.
const PAIRS: usize = 24;

#[test]
fn random_portions_half_closes_and_resets_lose_no_byte() {
    let number = |name, default| {
        let given = env::var(name).map(|value| value.parse().expect(name));
        given.unwrap_or(default)
    };
    let seed = number("EVQ_SEED", u64::from(std::process::id()));
    let seconds = number("EVQ_SOAK", 5).min(60);
    println!("EVQ_SEED={seed}");
    let mut soak = Soak::new(seed);
    let end = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < end {
        soak.step(true);
    }
    // No new connections from here on; the open ones finish.
    while soak.pairs.iter().flatten().any(|pair| !pair.is_over()) {
        soak.step(false);
    }
    println!("{:?}", soak.seen);
    // A run in which too little happened proves nothing.
    let Seen {
        bytes,
        ends,
        resets,
        vanished,
        changes,
    } = soak.seen;
    assert!(bytes > 1 << 20, "only {bytes} bytes");
    let enough = ends > 20 && resets > 0 && vanished > 5 && changes > 100;
    assert!(enough, "{:?}", soak.seen);

    #[cfg(windows)]
    {
        let registrator = soak.poll.registrator().clone();
        drop(soak);
        assert_eq!(evq::inside::operations_in_flight(&registrator), 0);
    }
}

/// How often each kind of thing happened.
#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    bytes: usize,
    /// Streams that were read to their end.
    ends: usize,
    /// Ends that got an error for a reset.
    resets: usize,
    /// Ends that were dropped before they had sent and read everything.
    vanished: usize,
    /// Registrations that were changed.
    changes: usize,
}

struct Soak {
    seed: u64,
    random: Random,
    poll: Poll,
    events: Events,
    listener: TcpListener,
    addr: SocketAddr,
    pairs: Vec<Option<Pair>>,
    seen: Seen,
}

struct Pair {
    ends: [Option<End>; 2],
    /// How many bytes each end sends.
    to_send: [usize; 2],
    /// One end has vanished, so the other may get less than was sent.
    torn: bool,
}

impl Pair {
    fn is_over(&self) -> bool {
        self.ends.iter().all(Option::is_none)
    }
}

struct End {
    stream: TcpStream,
    trigger: Trigger,
    /// False from `WouldBlock` to the next event.
    may_read: bool,
    may_write: bool,
    /// `nth` computes the bytes of each direction from its key.
    out_key: usize,
    in_key: usize,
    sent: usize,
    to_send: usize,
    received: usize,
    /// `said_all`: our half is shut down. `heard_all`: the peer's half has been read to its end.
    said_all: bool,
    heard_all: bool,
}

/// The byte at this place of the stream with this key.
fn nth(key: usize, place: usize) -> u8 {
    let mixed = (place + key).wrapping_mul(0x9E37_79B1);
    (mixed >> 13) as u8 ^ (place >> 8) as u8
}

fn both() -> Interests {
    Interests::READABLE | Interests::WRITABLE
}

impl Soak {
    fn new(seed: u64) -> Soak {
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let listener = TcpListener::bind(any).unwrap();
        Soak {
            seed,
            random: Random(seed | 1),
            poll: Poll::new().unwrap(),
            events: Events::with_capacity(7),
            addr: listener.local_addr().unwrap(),
            listener,
            pairs: (0..PAIRS).map(|_| None).collect(),
            seen: Seen::default(),
        }
    }

    fn step(&mut self, more: bool) {
        for place in 0..PAIRS {
            let over = self.pairs[place].as_ref().is_none_or(Pair::is_over);
            if over && more {
                self.pairs[place] = Some(self.connect(place));
            }
        }
        let ends = self.pairs.iter().flatten().flat_map(|pair| &pair.ends);
        let busy = ends.flatten().any(End::can_go_on);
        let timeout = if busy { Duration::ZERO } else { LIMIT };
        let found = self.poll.poll(&mut self.events, Some(timeout)).unwrap();
        let seed = self.seed;
        assert!(
            found > 0 || busy,
            "EVQ_SEED={seed}: no event came, and no end has work"
        );
        for event in &self.events {
            let Token(token) = event.token();
            let pair = self.pairs[token / 2].as_mut();
            if let Some(end) = pair.and_then(|pair| pair.ends[token % 2].as_mut()) {
                end.may_read |= event.is_readable();
                end.may_write |= event.is_writable();
            }
        }
        for token in 0..2 * PAIRS {
            if self.random.below(3) > 0 {
                self.work(token);
            }
        }
    }

    fn connect(&mut self, place: usize) -> Pair {
        let client = net::TcpStream::connect(self.addr).unwrap();
        let deadline = Instant::now() + LIMIT;
        let accepted = loop {
            match self.listener.accept() {
                Ok((stream, _)) => break stream,
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
            assert!(
                Instant::now() < deadline,
                "the connection was not accepted in time"
            );
            std::thread::yield_now();
        };
        let client = TcpStream::from_std(client).unwrap();
        // Small portions must not wait for an acknowledgement.
        client.set_nodelay(true).unwrap();
        accepted.set_nodelay(true).unwrap();
        let key = self.random.below(1 << 20);
        let mut ends = [(client, key, key + 77), (accepted, key + 77, key)].map(
            |(stream, out_key, in_key)| {
                let trigger = self.random.trigger();
                #[cfg(windows)]
                stream.set_lending([0, 1, 100, 4096, 65_536][self.random.below(5)]);
                let rarely = self.random.below(8) == 0;
                End {
                    stream,
                    trigger,
                    may_read: false,
                    may_write: false,
                    out_key,
                    in_key,
                    sent: 0,
                    to_send: self.random.below(if rarely { 3_000_000 } else { 100_000 }),
                    received: 0,
                    said_all: false,
                    heard_all: false,
                }
            },
        );
        for (number, end) in ends.iter_mut().enumerate() {
            let token = Token(2 * place + number);
            let registrator = self.poll.registrator();
            registrator
                .register_with(&mut end.stream, token, both(), end.trigger)
                .unwrap();
        }
        Pair {
            to_send: [ends[0].to_send, ends[1].to_send],
            ends: ends.map(Some),
            torn: false,
        }
    }

    /// Does one random action with one end.
    fn work(&mut self, token: usize) {
        let Some(pair) = &mut self.pairs[token / 2] else {
            return;
        };
        let expected = pair.to_send[1 - token % 2];
        let Some(end) = &mut pair.ends[token % 2] else {
            return;
        };
        let (random, seen, seed) = (&mut self.random, &mut self.seen, self.seed);
        let registrator = self.poll.registrator();
        let outcome = match random.below(400) {
            // The end vanishes. If it has unread bytes, the peer gets a reset.
            0 => {
                seen.vanished += 1;
                pair.torn = true;
                pair.ends[token % 2] = None;
                return;
            }
            1..=8 => {
                seen.changes += 1;
                end.change(registrator, Token(token), random);
                Ok(())
            }
            9..=200 => end.read(random, seen, seed),
            _ => end.write(random),
        };
        if outcome.is_err() {
            assert!(
                pair.torn,
                "EVQ_SEED={seed}: a reset, but no end has vanished"
            );
            seen.resets += 1;
            pair.ends[token % 2] = None;
            return;
        }
        if end.said_all && end.heard_all {
            let received = end.received;
            let all = received == expected || (pair.torn && received < expected);
            assert!(all, "EVQ_SEED={seed}: {received} bytes of {expected}");
            seen.ends += 1;
            pair.ends[token % 2] = None;
            return;
        }
        // A oneshot registration has reported, and both directions would block: arm it again.
        if end.trigger == Trigger::Oneshot && !end.can_go_on() {
            registrator
                .reregister_with(&mut end.stream, Token(token), both(), end.trigger)
                .unwrap();
        }
    }
}

/// The connection has been reset.
struct Reset;

impl End {
    fn can_go_on(&self) -> bool {
        (self.may_read && !self.heard_all) || (self.may_write && !self.said_all)
    }

    fn change(&mut self, registrator: &Registrator, token: Token, random: &mut Random) {
        self.trigger = random.trigger();
        if random.below(2) == 0 {
            registrator.deregister(&mut self.stream).unwrap();
            registrator
                .register_with(&mut self.stream, token, both(), self.trigger)
                .unwrap();
        } else {
            registrator
                .reregister_with(&mut self.stream, token, both(), self.trigger)
                .unwrap();
        }
    }

    fn read(&mut self, random: &mut Random, seen: &mut Seen, seed: u64) -> Result<(), Reset> {
        if !self.may_read || self.heard_all {
            return Ok(());
        }
        let mut room = [0; 20_000];
        let len = random.portion(room.len());
        if random.below(10) == 0 {
            // `peek` must show the bytes that the next read returns.
            if let Ok(count) = self.stream.peek(&mut room[..len]) {
                self.check(&room[..count], seed);
            }
        }
        match self.stream.read(&mut room[..len]) {
            Ok(0) => self.heard_all = true,
            Ok(count) => {
                self.check(&room[..count], seed);
                self.received += count;
                seen.bytes += count;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.may_read = false,
            Err(error) => return reset(&error),
        }
        Ok(())
    }

    fn check(&self, bytes: &[u8], seed: u64) {
        let (key, from) = (self.in_key, self.received);
        let expected = (from..).map(|place| nth(key, place));
        assert!(
            bytes.iter().copied().eq(expected.take(bytes.len())),
            "EVQ_SEED={seed}: other bytes than were sent, after {from}"
        );
    }

    fn write(&mut self, random: &mut Random) -> Result<(), Reset> {
        if !self.may_write || self.said_all {
            return Ok(());
        }
        if self.sent == self.to_send {
            self.said_all = true;
            return match self.stream.shutdown(Shutdown::Write) {
                Err(error) if error.kind() != ErrorKind::NotConnected => reset(&error),
                _ => Ok(()),
            };
        }
        let len = random.portion(self.to_send - self.sent);
        let next: Vec<u8> = (self.sent..self.sent + len)
            .map(|place| nth(self.out_key, place))
            .collect();
        match self.stream.write(&next) {
            Ok(count) => self.sent += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.may_write = false,
            Err(error) => return reset(&error),
        }
        Ok(())
    }
}

fn reset(error: &std::io::Error) -> Result<(), Reset> {
    let expected = is_gone(error) || error.kind() == ErrorKind::NotConnected;
    assert!(expected, "{error}");
    Err(Reset)
}

/// Random numbers that the seed repeats.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    /// A number of bytes, often a small one.
    fn portion(&mut self, most: usize) -> usize {
        let most = most.min([1, 10, 4_000, 70_000][self.below(4)]);
        1 + self.below(most)
    }

    fn trigger(&mut self) -> Trigger {
        [Trigger::Edge, Trigger::Level, Trigger::Oneshot][self.below(3)]
    }
}

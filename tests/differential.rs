//! Two opinions about the same sockets. After each of many random steps, the test
//! compares what level-triggered sources report with what `poll(2)` says.
//!
//! `poll(2)` remembers nothing between two calls: it looks at each descriptor
//! again. A queue has registrations and a list, and an earlier operation may have
//! left something there. So a queue may be wrong where `poll(2)` is right. A
//! failure names its seed: `EVQ_SEED=17 cargo test --test differential` repeats the
//! same steps.
#![cfg(unix)]

use std::ffi::{c_int, c_short};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use evq::unix::SourceFd;
use evq::{Event, Events, Interests, Poll, Source, Token, Trigger};

/// Longer than any step takes here, on a busy machine too.
const LIMIT: Duration = Duration::from_secs(20);

/// How many connections exist at a time.
const PAIRS: usize = 12;

#[test]
fn level_agrees_with_poll_2_after_each_of_many_random_steps() {
    if let Ok(seed) = std::env::var("EVQ_SEED") {
        let seed = seed.parse().expect("EVQ_SEED must be a number");
        World::new(seed).run(usize::MAX, Instant::now() + Duration::from_secs(10));
        return;
    }
    let mut seen = 0;
    for seed in 1..=8 {
        seen |= World::new(seed).run(3000, Instant::now() + Duration::from_millis(200));
    }
    // Without every answer, the comparison would show little.
    assert_eq!(seen & ALL, ALL, "some answers of poll(2) did not occur");
}

/// All connections. Their ends are registered with one queue or the other.
struct World {
    seed: u64,
    random: Random,
    queues: [Poll; 2],
    events: Events,
    pairs: Vec<Pair>,
    next_token: usize,
    /// Every bit of `poll(2)`'s answers so far.
    seen: c_short,
    /// The last steps, printed with a failure.
    history: Vec<String>,
}

/// A connection. Each end is a source, and `None` is a closed end.
struct Pair {
    kind: &'static str,
    ends: [Option<End>; 2],
}

struct End {
    socket: Socket,
    registered: Option<Registered>,
}

#[derive(Clone, Copy)]
struct Registered {
    queue: usize,
    token: Token,
    interests: Interests,
}

enum Socket {
    Tcp(evq::net::TcpStream),
    Udp(evq::net::UdpSocket),
    Unix(SourceFd<UnixStream>),
}

impl Socket {
    fn source(&mut self) -> &mut dyn Source {
        match self {
            Socket::Tcp(stream) => stream,
            Socket::Udp(socket) => socket,
            Socket::Unix(stream) => stream,
        }
    }

    fn fd(&self) -> c_int {
        match self {
            Socket::Tcp(stream) => stream.as_raw_fd(),
            Socket::Udp(socket) => socket.as_raw_fd(),
            Socket::Unix(stream) => stream.get_ref().as_raw_fd(),
        }
    }

    fn read(&self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Socket::Tcp(stream) => { stream }.read(buffer),
            Socket::Udp(socket) => socket.recv(buffer),
            Socket::Unix(stream) => stream.get_ref().read(buffer),
        }
    }

    fn write(&self, buffer: &[u8]) -> std::io::Result<usize> {
        match self {
            Socket::Tcp(stream) => { stream }.write(buffer),
            Socket::Udp(socket) => socket.send(buffer),
            Socket::Unix(stream) => stream.get_ref().write(buffer),
        }
    }

    fn shutdown(&self, how: Shutdown) -> std::io::Result<()> {
        match self {
            Socket::Tcp(stream) => stream.shutdown(how),
            // UDP has no connection that could end.
            Socket::Udp(_) => Ok(()),
            Socket::Unix(stream) => stream.get_ref().shutdown(how),
        }
    }
}

impl World {
    fn new(seed: u64) -> World {
        let mut world = World {
            seed,
            random: Random::new(seed),
            queues: [Poll::new().unwrap(), Poll::new().unwrap()],
            events: Events::with_capacity(2 * PAIRS),
            pairs: Vec::new(),
            next_token: 0,
            seen: 0,
            history: Vec::new(),
        };
        for index in 0..PAIRS {
            world.pairs.push(new_pair(index));
        }
        world
    }

    /// Stops after so many steps. Stops earlier if the time is over and every
    /// answer has occurred. Returns all answers that have occurred.
    fn run(mut self, steps: usize, until: Instant) -> c_short {
        for _ in 0..steps {
            self.step();
            self.compare();
            if Instant::now() > until && self.seen & ALL == ALL {
                break;
            }
        }
        // Drops the sources in random order, which deregisters them.
        for _ in 0..PAIRS {
            let index = self.random.below(self.pairs.len());
            self.pairs.swap_remove(index);
            self.compare();
        }
        self.seen
    }

    /// Does one random thing to one end.
    fn step(&mut self) {
        let index = self.random.below(PAIRS);
        let which = self.random.below(2);
        let pair = &mut self.pairs[index];
        let Some(end) = &mut pair.ends[which] else {
            if self.random.below(4) == 0 {
                // A new pair drops the other end as well, registered or not.
                *pair = new_pair(index);
                self.history.push(format!("{index} is replaced"));
            }
            return;
        };
        let name = format!("{} {index}.{which}", pair.kind);
        let done = match self.random.below(16) {
            0..=3 => {
                let bytes = vec![1; 1 + self.random.below(30_000)];
                format!("writes: {:?}", plain(end.socket.write(&bytes)))
            }
            4..=7 => {
                let mut bytes = vec![0; 1 + self.random.below(60_000)];
                format!("reads: {:?}", plain(end.socket.read(&mut bytes)))
            }
            8 => {
                let how = [Shutdown::Read, Shutdown::Write, Shutdown::Both];
                let how = how[self.random.below(3)];
                let result = end.socket.shutdown(how).map(|()| 0);
                format!("shut down {how:?}: {:?}", plain(result))
            }
            9 => {
                pair.ends[which] = None;
                "closed".to_string()
            }
            10 => match end.registered.take() {
                Some(old) => {
                    let registrator = self.queues[old.queue].registrator();
                    registrator.deregister(end.socket.source()).unwrap();
                    format!("deregistered from {}", old.queue)
                }
                None => "left alone".to_string(),
            },
            _ => {
                let both = Interests::READABLE | Interests::WRITABLE;
                let interests = [Interests::READABLE, Interests::WRITABLE, both];
                let interests = interests[self.random.below(3)];
                let token = Token(self.next_token);
                self.next_token += 1;
                let old = end.registered;
                let queue = old.map_or_else(|| self.random.below(2), |old| old.queue);
                let (registrator, source) = (self.queues[queue].registrator(), end.socket.source());
                match old {
                    Some(_) => {
                        registrator.reregister_with(source, token, interests, Trigger::Level)
                    }
                    None => registrator.register_with(source, token, interests, Trigger::Level),
                }
                .unwrap();
                end.registered = Some(Registered {
                    queue,
                    token,
                    interests,
                });
                format!("registered with {queue} for {interests:?} as {}", token.0)
            }
        };
        self.history.push(format!("{name} {done}"));
    }

    /// Asks both until they agree. The kernel handles TCP in the background, so
    /// bytes may arrive between the two questions and only one side knows of them.
    /// But if one side has lost or invented an event, the two never agree.
    fn compare(&mut self) {
        let deadline = Instant::now() + LIMIT;
        loop {
            let Err(difference) = self.try_compare() else {
                return;
            };
            if Instant::now() > deadline {
                let last = self.history.len().saturating_sub(30);
                panic!(
                    "seed {}, step {}: {difference}; the last steps were\n{}",
                    self.seed,
                    self.history.len(),
                    self.history[last..].join("\n")
                );
            }
        }
    }

    fn try_compare(&mut self) -> Result<(), String> {
        for (queue, poll) in self.queues.iter_mut().enumerate() {
            let ends: Vec<(&End, Registered)> = self
                .pairs
                .iter()
                .flat_map(|pair| pair.ends.iter().flatten())
                .filter_map(|end| Some((end, end.registered?)))
                .filter(|(_, registered)| registered.queue == queue)
                .collect();
            let mut asked: Vec<pollfd> = ends
                .iter()
                .map(|(end, registered)| pollfd {
                    fd: end.socket.fd(),
                    events: events_of(registered.interests),
                    revents: 0,
                })
                .collect();
            ask(&mut asked);
            self.seen = asked.iter().fold(self.seen, |seen, one| seen | one.revents);
            poll.poll(&mut self.events, Some(Duration::ZERO)).unwrap();

            let mut reported: Vec<Event> = self.events.iter().copied().collect();
            for ((_, registered), asked) in ends.iter().zip(&asked) {
                let said: Vec<Event>;
                (said, reported) = reported
                    .into_iter()
                    .partition(|event| event.token() == registered.token);
                if !agree(asked.revents, registered.interests, &said) {
                    return Err(format!(
                        "poll(2) says {:#x} of {}, asked {:?}, and the queue says {said:?}",
                        asked.revents, registered.token.0, registered.interests
                    ));
                }
            }
            if !reported.is_empty() {
                return Err(format!("no registered source has {reported:?}"));
            }
        }
        Ok(())
    }
}

/// Whether the events of one source agree with `poll(2)`.
fn agree(revents: c_short, interests: Interests, events: &[Event]) -> bool {
    let has = |bits: c_short| revents & bits != 0;
    let readable = has(POLLIN | POLLHUP | POLLRDHUP | POLLERR);
    let writable = has(POLLOUT | POLLERR);
    if cfg!(all(
        any(target_os = "linux", target_os = "android"),
        not(evq_libkqueue)
    )) {
        // epoll has the bits of `poll(2)`, so only one answer is right.
        let expected = (revents != 0).then_some((
            readable,
            writable,
            has(POLLHUP | POLLRDHUP),
            has(POLLHUP | POLLERR),
            has(POLLERR),
        ));
        let said = events.first().map(|event| {
            (
                event.is_readable(),
                event.is_writable(),
                event.is_read_closed(),
                event.is_write_closed(),
                event.is_error(),
            )
        });
        expected == said && events.len() < 2
    } else {
        // kqueue has a knote for each direction, so it may report them separately.
        // It also reports ends in its own way.
        let readable = readable && interests.is_readable();
        let writable = has(POLLOUT) && interests.is_writable();
        (events.iter().any(Event::is_readable) || !readable)
            && (events.iter().any(Event::is_writable) || !writable)
    }
}

fn new_pair(index: usize) -> Pair {
    let (kind, [one, other]) = match index % 3 {
        0 => ("pair", unix_pair()),
        1 => ("TCP", tcp_pair()),
        _ => ("UDP", udp_pair()),
    };
    Pair {
        kind,
        ends: [end(one), end(other)],
    }
}

fn unix_pair() -> [Socket; 2] {
    let (one, other) = UnixStream::pair().unwrap();
    [one, other].map(|socket| {
        socket.set_nonblocking(true).unwrap();
        Socket::Unix(SourceFd::new(socket))
    })
}

fn tcp_pair() -> [Socket; 2] {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (other, _) = listener.accept().unwrap();
    [one, other].map(|socket| Socket::Tcp(evq::net::TcpStream::from_std(socket).unwrap()))
}

fn udp_pair() -> [Socket; 2] {
    let any = "127.0.0.1:0".parse().unwrap();
    let [one, other] = [(); 2].map(|()| evq::net::UdpSocket::bind(any).unwrap());
    one.connect(other.local_addr().unwrap()).unwrap();
    other.connect(one.local_addr().unwrap()).unwrap();
    [Socket::Udp(one), Socket::Udp(other)]
}

fn end(socket: Socket) -> Option<End> {
    Some(End {
        socket,
        registered: None,
    })
}

/// The result of an operation without the details that differ between runs. An
/// error is no mistake: the other end may be closed.
fn plain(result: std::io::Result<usize>) -> Result<usize, ErrorKind> {
    result.map_err(|error| error.kind())
}

/// A question to `poll(2)`, and its answer:
/// <https://man7.org/linux/man-pages/man2/poll.2.html>
#[repr(C)]
#[allow(non_camel_case_types)]
struct pollfd {
    fd: c_int,
    events: c_short,
    revents: c_short,
}

const POLLIN: c_short = 0x1;
const POLLOUT: c_short = 0x4;
const POLLERR: c_short = 0x8;
const POLLHUP: c_short = 0x10;
/// 0 on systems where we do not ask for it.
const POLLRDHUP: c_short = if cfg!(any(target_os = "linux", target_os = "android")) {
    0x2000
} else {
    0
};

/// The answers that must occur in a run.
const ALL: c_short = if cfg!(any(target_os = "linux", target_os = "android")) {
    POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP
} else {
    POLLIN | POLLOUT
};

fn events_of(interests: Interests) -> c_short {
    let mut events = 0;
    if interests.is_readable() {
        events |= POLLIN | POLLRDHUP;
    }
    if interests.is_writable() {
        events |= POLLOUT;
    }
    events
}

/// Asks `poll(2)` with a timeout of zero.
fn ask(asked: &mut [pollfd]) {
    /// glibc and musl have `unsigned long`, other systems `unsigned int`.
    #[cfg(target_os = "linux")]
    type Count = std::ffi::c_ulong;
    #[cfg(not(target_os = "linux"))]
    type Count = std::ffi::c_uint;

    unsafe extern "C" {
        fn poll(fds: *mut pollfd, nfds: Count, timeout: c_int) -> c_int;
    }

    // SAFETY: `asked` is writable and has as many entries as we say.
    let answered = unsafe { poll(asked.as_mut_ptr(), asked.len() as Count, 0) };
    assert!(answered >= 0, "{}", std::io::Error::last_os_error());
}

/// xorshift64*: short, and the same on every machine.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Random {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        // A small seed has few bits set. These rounds spread them.
        for _ in 0..8 {
            random.next();
        }
        random
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() >> 33) as usize % end
    }
}

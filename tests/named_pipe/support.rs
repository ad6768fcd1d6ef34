//! What the tests of named pipes share.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use evq::inside::operations_in_flight;
use evq::windows::{Instance, NamedPipe};
use evq::{Event, Events, Interests, Poll, Source, Token, Trigger};

/// Longer than any step takes here, on a busy machine too.
pub const LIMIT: Duration = Duration::from_secs(20);

pub const SERVER: Token = Token(1);
pub const CLIENT: Token = Token(2);

/// A name that no other test and no other run uses.
pub fn name() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!(r"\\.\pipe\evq-test-{}-{number}", std::process::id())
}

pub const ERROR_PIPE_BUSY: i32 = 231;

pub fn both() -> Interests {
    Interests::READABLE | Interests::WRITABLE
}

/// A queue, and the events of its last poll.
pub struct Bench {
    pub poll: Poll,
    pub events: Events,
}

impl Bench {
    pub fn new() -> Bench {
        Bench {
            poll: Poll::new().unwrap(),
            events: Events::with_capacity(8),
        }
    }

    pub fn register(&self, source: &mut impl Source, token: Token, interests: Interests) {
        self.register_with(source, token, interests, Trigger::Edge);
    }

    pub fn register_with(
        &self,
        source: &mut impl Source,
        token: Token,
        interests: Interests,
        trigger: Trigger,
    ) {
        self.poll
            .registrator()
            .register_with(source, token, interests, trigger)
            .unwrap();
    }

    pub fn deregister(&self, source: &mut impl Source) {
        self.poll.registrator().deregister(source).unwrap();
    }

    pub fn wait_for(&mut self, what: &str, condition: impl Fn(&Event) -> bool) -> Event {
        let deadline = Instant::now() + LIMIT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            self.poll.poll(&mut self.events, Some(left)).unwrap();
            if let Some(event) = self.events.iter().find(|event| condition(event)) {
                return *event;
            }
            assert!(Instant::now() < deadline, "still waiting for {what}");
        }
    }

    pub fn readable(&mut self, token: Token) -> Event {
        self.wait_for("something to read", |event| {
            event.token() == token && event.is_readable()
        })
    }

    pub fn writable(&mut self, token: Token) -> Event {
        self.wait_for("room to write", |event| {
            event.token() == token && event.is_writable()
        })
    }

    /// Polls with a timeout of zero and returns the events.
    pub fn look(&mut self) -> Vec<Event> {
        self.poll
            .poll(&mut self.events, Some(Duration::ZERO))
            .unwrap();
        self.events.iter().copied().collect()
    }

    pub fn silence(&mut self, when: &str) {
        for _ in 0..3 {
            let found = self.look();
            assert!(found.is_empty(), "{when}: {found:?}");
        }
    }

    /// How many operations are in flight.
    pub fn lent(&self) -> usize {
        operations_in_flight(self.poll.registrator())
    }

    /// Polls until no operation is in flight.
    pub fn until_nothing_is_lent(&mut self) {
        let deadline = Instant::now() + LIMIT;
        while self.lent() > 0 {
            assert!(
                Instant::now() < deadline,
                "{} operations stay in flight",
                self.lent()
            );
            let turn = Some(Duration::from_millis(1));
            self.poll.poll(&mut self.events, turn).unwrap();
        }
    }

    /// Reads exactly so many bytes. Waits for an event after each `WouldBlock`.
    pub fn read_exactly(&mut self, mut pipe: &NamedPipe, token: Token, n: usize) -> Vec<u8> {
        let mut all = vec![0; n];
        let mut at = 0;
        while at < n {
            match pipe.read(&mut all[at..]) {
                Ok(0) => panic!("the pipe ended after {at} bytes of {n}"),
                Ok(more) => at += more,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.readable(token);
                }
                Err(error) => panic!("{error}"),
            }
        }
        all
    }

    /// Reads to the end. Waits for an event after each `WouldBlock`.
    pub fn read_to_the_end(&mut self, mut pipe: &NamedPipe, token: Token) -> Vec<u8> {
        let (mut all, mut buffer) = (Vec::new(), [0; 3000]);
        loop {
            match pipe.read(&mut buffer) {
                Ok(0) => return all,
                Ok(n) => all.extend_from_slice(&buffer[..n]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.readable(token);
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Writes everything. Waits for an event after each `WouldBlock`.
    pub fn write_all(&mut self, mut pipe: &NamedPipe, token: Token, bytes: &[u8]) {
        let mut at = 0;
        while at < bytes.len() {
            match pipe.write(&bytes[at..]) {
                Ok(n) => at += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.writable(token);
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Opens a client's end with the standard library. Polls until the server's end
    /// is free, because an operation of its last client may still be in flight.
    pub fn open(&mut self, name: &str) -> File {
        let deadline = Instant::now() + LIMIT;
        loop {
            match File::options().read(true).write(true).open(name) {
                Err(error) if error.raw_os_error() == Some(ERROR_PIPE_BUSY) => {
                    assert!(Instant::now() < deadline, "{name} stays busy");
                    let turn = Some(Duration::from_millis(1));
                    self.poll.poll(&mut self.events, turn).unwrap();
                }
                result => return result.unwrap(),
            }
        }
    }

    /// A registered and connected server's end, and its client's end: a file of the
    /// standard library, whose calls block.
    pub fn server(&mut self) -> (NamedPipe, File) {
        self.server_with_buffers(4096)
    }

    pub fn server_with_buffers(&mut self, bytes: u32) -> (NamedPipe, File) {
        let name = name();
        let mut server = NamedPipe::create_with_buffers(&name, Instance::First, bytes).unwrap();
        self.register(&mut server, SERVER, both());
        would_block(server.connect());
        let client = open(&name);
        self.writable(SERVER);
        server.connect().unwrap();
        (server, client)
    }

    /// Both ends as our pipes, registered.
    pub fn pair(&mut self, bytes: u32) -> (NamedPipe, NamedPipe) {
        let name = name();
        let mut server = NamedPipe::create_with_buffers(&name, Instance::First, bytes).unwrap();
        self.register(&mut server, SERVER, both());
        would_block(server.connect());
        let mut client = NamedPipe::open(&name).unwrap();
        self.register(&mut client, CLIENT, both());
        self.writable(SERVER);
        (server, client)
    }
}

/// Opens a client's end with the standard library.
pub fn open(name: &str) -> File {
    File::options().read(true).write(true).open(name).unwrap()
}

pub fn would_block<T: std::fmt::Debug>(result: std::io::Result<T>) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
}

pub fn code<T: std::fmt::Debug>(result: std::io::Result<T>) -> i32 {
    result.unwrap_err().raw_os_error().unwrap()
}

/// Bytes of which each differs from its neighbours, so a lost byte shows.
pub fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n ^ (n >> 8) ^ (n >> 16)) as u8).collect()
}

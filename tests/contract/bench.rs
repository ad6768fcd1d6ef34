//! A `Bench` for every kind of source. Each has the source, its other end and a
//! queue of its own. So one test asks the same question of every kind.

// `KINDS` explains it.
#![cfg_attr(miri, allow(dead_code))]

#[cfg(unix)]
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
#[cfg(unix)]
use std::os::fd::{FromRawFd, OwnedFd};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

use evq::net::{TcpListener, TcpStream, UdpSocket};
#[cfg(unix)]
use evq::unix::SourceFd;
use evq::{
    Event, Events, Interests, Poll, Readiness, Registration, SetReadiness, Source, Token, Trigger,
};

use crate::common::{IOCP, LIMIT, connection, duplicate, look, until, wait_for};

#[cfg(not(miri))]
pub const TRIGGERS: [Trigger; 3] = [Trigger::Edge, Trigger::Level, Trigger::Oneshot];
/// Miri's epoll supports edge alone.
#[cfg(miri)]
pub const TRIGGERS: [Trigger; 3] = [Trigger::Edge; 3];

/// A source of some kind. A new one is not ready.
pub trait Subject: Send {
    fn source(&mut self) -> &mut dyn Source;
    /// The direction that `feed` makes ready.
    fn interests(&self) -> Interests;
    /// Makes the source ready.
    fn feed(&mut self);
    /// Reads or writes until `WouldBlock`.
    fn drain(&mut self);
    /// `Bench` calls this after each registration.
    fn registered(&mut self) {}
    /// Whether the kernel reports this source. If not, the program sets its
    /// readiness.
    #[cfg(windows)]
    fn is_the_kernels(&self) -> bool {
        true
    }
}

pub type Make = fn() -> Box<dyn Subject>;

/// Every kind of source, except wakers. The caller does not register a waker, and
/// wakers have tests of their own.
pub const KINDS: &[(&str, Make)] = &[
    ("a listener", || Box::new(Listener::new())),
    ("a TCP stream", || Box::new(Stream::new())),
    // Under Miri it takes minutes to fill a stream.
    #[cfg(not(miri))]
    ("a TCP stream, writing", || Box::new(StreamWriter::new())),
    // Miri does not support datagrams.
    #[cfg(not(miri))]
    ("a UDP socket", || Box::new(Datagrams::new())),
    // Miri cannot make these four non-blocking. Windows does not have them.
    #[cfg(all(unix, not(miri)))]
    ("a socket pair, reading", || Box::new(PairReader::new())),
    #[cfg(all(unix, not(miri)))]
    ("a socket pair, writing", || Box::new(PairWriter::new())),
    #[cfg(all(unix, not(miri)))]
    ("a pipe, reading", || Box::new(PipeReader::new())),
    #[cfg(all(unix, not(miri)))]
    ("a pipe, writing", || Box::new(PipeWriter::new())),
    #[cfg(windows)]
    ("a named pipe, reading", || {
        Box::new(crate::named_pipes::Reader::new())
    }),
    #[cfg(windows)]
    ("a named pipe, writing", || {
        Box::new(crate::named_pipes::Writer::new())
    }),
    ("a registration, readable", || {
        Box::new(Custom::new(Interests::READABLE, Readiness::READABLE))
    }),
    ("a registration, writable", || {
        Box::new(Custom::new(Interests::WRITABLE, Readiness::WRITABLE))
    }),
];

/// A queue with one source.
pub struct Bench {
    pub kind: &'static str,
    pub poll: Poll,
    pub events: Events,
    pub token: Token,
    pub subject: Box<dyn Subject>,
    /// How many events the bench has waited for.
    waits: usize,
}

/// One bench for each kind. Its source is not registered yet.
pub fn benches() -> impl Iterator<Item = Bench> {
    KINDS.iter().map(|&(kind, make)| Bench {
        kind,
        poll: Poll::new().unwrap(),
        events: Events::with_capacity(8),
        token: Token(1),
        subject: make(),
        waits: 0,
    })
}

impl Bench {
    /// Gives each registration a new token. An event of an earlier registration
    /// then shows itself by its token.
    pub fn register(&mut self, trigger: Trigger) {
        self.token.0 += 1;
        let interests = self.subject.interests();
        self.poll
            .registrator()
            .register_with(self.subject.source(), self.token, interests, trigger)
            .unwrap_or_else(|error| panic!("{}: {error}", self.kind));
        self.subject.registered();
    }

    pub fn reregister(&mut self, trigger: Trigger) {
        self.token.0 += 1;
        let interests = self.subject.interests();
        self.poll
            .registrator()
            .reregister_with(self.subject.source(), self.token, interests, trigger)
            .unwrap_or_else(|error| panic!("{}: {error}", self.kind));
    }

    pub fn deregister(&mut self) {
        self.poll
            .registrator()
            .deregister(self.subject.source())
            .unwrap_or_else(|error| panic!("{}: {error}", self.kind));
    }

    /// Waits for an event of the present registration. Every second wait has no
    /// timeout, so that waits of both kinds are tested.
    pub fn event(&mut self, when: &str) -> Event {
        let (token, interests) = (self.token, self.subject.interests());
        let what = format!("{}, {when}", self.kind);
        let expected = |event: &Event| {
            assert_eq!(
                event.token(),
                token,
                "{what}: the event belongs to an old registration"
            );
            reports(event, interests)
        };
        self.waits += 1;
        let event = if self.waits % 2 == 0 {
            wait_for(&mut self.poll, &mut self.events, &what, expected)
        } else {
            loop {
                poll_without_limit(&mut self.poll, &mut self.events, &what);
                if let Some(event) = self.events.iter().find(|event| expected(event)) {
                    break *event;
                }
            }
        };
        assert_eq!(self.events.iter().count(), 1, "{what}: {:?}", self.events);
        event
    }

    /// Polls several times and expects nothing.
    pub fn silence(&mut self, when: &str) {
        for _ in 0..3 {
            let found = look(&mut self.poll, &mut self.events);
            assert!(found.is_empty(), "{}, {when}: {found:?}", self.kind);
        }
    }

    /// Waits until the queue has something to deliver, and does not take it. On a
    /// completion port that means: until the kernel has queued a packet. What the
    /// program itself put on the ready list is there at once.
    #[cfg(windows)]
    pub fn until_queued(&mut self) {
        let registrator = self.poll.registrator();
        if self.subject.is_the_kernels() {
            until(|| crate::port::queued_packets(registrator) > 0);
        }
    }

    /// Waits until the queue has something to deliver, and does not take it.
    #[cfg(unix)]
    pub fn until_queued(&mut self) {
        let mut outer = Poll::new().unwrap();
        let mut source = SourceFd::new(self.poll.fd_with_every_wake());
        let token = Token(0);
        outer
            .registrator()
            .register(&mut source, token, Interests::READABLE)
            .unwrap();
        let what = format!("{} to be queued", self.kind);
        wait_for(&mut outer, &mut Events::with_capacity(1), &what, |_| true);
    }
}

/// Calls `poll` without a timeout. If nothing comes within the limit, it closes the
/// loop, so that the test fails instead of hanging.
pub fn poll_without_limit(poll: &mut Poll, events: &mut Events, what: &str) {
    let registrator = poll.registrator().clone();
    thread::scope(|scope| {
        let (done, waiting) = mpsc::channel::<()>();
        scope.spawn(move || {
            let late = || waiting.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout);
            if late() {
                registrator.close_loop().unwrap();
                if late() {
                    eprintln!("{what}: poll did not notice that its loop was closed");
                    std::process::abort();
                }
            }
        });
        let n = poll.poll(events, None).unwrap();
        drop(done);
        assert_ne!(n, 0, "still waiting for {what}");
    });
}

/// Whether the event reports one of these directions.
pub fn reports(event: &Event, interests: Interests) -> bool {
    (interests.is_readable() && event.is_readable())
        || (interests.is_writable() && event.is_writable())
}

/// A full stream. It has no room until its peer reads everything.
struct StreamWriter {
    /// First field, so it is dropped first: the bytes on their way are then
    /// discarded.
    peer: std::net::TcpStream,
    /// A second handle of the same socket.
    duplicate: std::net::TcpStream,
    ours: TcpStream,
    /// How many bytes the peer has not read.
    unread: usize,
}

impl StreamWriter {
    fn new() -> StreamWriter {
        let (ours, peer) = connection();
        let mut writer = StreamWriter {
            peer,
            duplicate: duplicate(&ours),
            ours,
            unread: 0,
        };
        writer.drain();
        writer
    }

    fn write_through(&mut self) {
        loop {
            match self.ours.write(&[7; 4096]) {
                Ok(count) => self.unread += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

impl Subject for StreamWriter {
    fn source(&mut self) -> &mut dyn Source {
        &mut self.ours
    }

    fn interests(&self) -> Interests {
        Interests::WRITABLE
    }

    fn feed(&mut self) {
        let mut buffer = [0; 65_536];
        while self.unread > 0 {
            let room = buffer.len().min(self.unread);
            self.unread -= self.peer.read(&mut buffer[..room]).unwrap();
        }
    }

    /// Fills the stream, so that it stays full. A full stream gets room again when
    /// the peer's system acknowledges bytes, and the system chooses when. A byte
    /// from the peer carries an acknowledgement with it, so we wait for such a
    /// byte. Some loopbacks also deliver late: then the peer's byte can overtake
    /// our last bytes. So we do it twice. If nothing fits after the second byte,
    /// the stream stays full.
    fn drain(&mut self) {
        let mut in_vain = 0;
        while in_vain < 2 {
            let count = fill(&self.duplicate);
            self.unread += count;
            in_vain = if count == 0 { in_vain + 1 } else { 0 };
            self.peer.write_all(b"!").unwrap();
            until(|| matches!((&self.duplicate).read(&mut [0; 8]), Ok(1..)));
        }
        self.write_through();
    }

    /// A completion port tells whether there is room only after a write. Before it,
    /// the crate calls the stream writable, which may be one event too many. So we
    /// write.
    fn registered(&mut self) {
        if IOCP && self.unread > 0 {
            self.write_through();
        }
    }
}

/// The reading and the writing end of a pipe, both non-blocking.
#[cfg(unix)]
pub fn pipe() -> (File, File) {
    use std::ffi::c_int;

    unsafe extern "C" {
        /// <https://man7.org/linux/man-pages/man2/pipe.2.html>
        fn pipe(fds: *mut [c_int; 2]) -> c_int;
    }

    let mut fds = [-1; 2];
    // SAFETY: `fds` has room for the two descriptors.
    assert_eq!(unsafe { pipe(&mut fds) }, 0);
    let [read, write] = fds.map(|fd| {
        // SAFETY: the kernel has made this descriptor for us, and nobody else has
        // it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        // The standard library has `set_nonblocking` for sockets alone. The call is
        // the same for a pipe.
        let fd = UnixStream::from(fd);
        fd.set_nonblocking(true).unwrap();
        File::from(OwnedFd::from(fd))
    });
    (read, write)
}

#[cfg(unix)]
pub fn socket_pair() -> (UnixStream, UnixStream) {
    let (one, other) = UnixStream::pair().unwrap();
    one.set_nonblocking(true).unwrap();
    other.set_nonblocking(true).unwrap();
    (one, other)
}

/// Reads until `WouldBlock`.
pub fn read_all(mut from: impl Read) -> Vec<u8> {
    let mut all = Vec::new();
    match from.read_to_end(&mut all) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => all,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("the stream has ended"),
    }
}

/// Writes until `WouldBlock`, and returns the number of bytes.
pub fn fill(mut into: impl Write) -> usize {
    let mut all = 0;
    loop {
        match into.write(&[7; 65_536]) {
            Ok(count) => all += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return all,
            Err(error) => panic!("{error}"),
        }
    }
}

struct Listener {
    listener: TcpListener,
    clients: Vec<std::net::TcpStream>,
}

impl Listener {
    fn new() -> Listener {
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        Listener {
            listener: TcpListener::bind(any).unwrap(),
            clients: Vec::new(),
        }
    }
}

impl Subject for Listener {
    fn source(&mut self) -> &mut dyn Source {
        &mut self.listener
    }

    fn interests(&self) -> Interests {
        Interests::READABLE
    }

    fn feed(&mut self) {
        let addr = self.listener.local_addr().unwrap();
        let client = std::net::TcpStream::connect(addr).unwrap();
        self.clients.push(client);
    }

    fn drain(&mut self) {
        while match self.listener.accept() {
            Ok(_) => true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            Err(error) => panic!("{error}"),
        } {}
    }
}

struct Stream {
    ours: TcpStream,
    peer: std::net::TcpStream,
}

impl Stream {
    fn new() -> Stream {
        let (ours, peer) = connection();
        Stream { ours, peer }
    }
}

impl Subject for Stream {
    fn source(&mut self) -> &mut dyn Source {
        &mut self.ours
    }

    fn interests(&self) -> Interests {
        Interests::READABLE
    }

    fn feed(&mut self) {
        self.peer.write_all(b"!").unwrap();
    }

    fn drain(&mut self) {
        read_all(&self.ours);
    }
}

/// A UDP socket, reading. There is no kind for writing: on loopback the system
/// accepts each datagram at once or drops it, so a sender never waits for room.
struct Datagrams {
    ours: UdpSocket,
    peer: std::net::UdpSocket,
}

impl Datagrams {
    fn new() -> Datagrams {
        let ours = UdpSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let peer = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        peer.connect(ours.local_addr().unwrap()).unwrap();
        Datagrams { ours, peer }
    }
}

impl Subject for Datagrams {
    fn source(&mut self) -> &mut dyn Source {
        &mut self.ours
    }

    fn interests(&self) -> Interests {
        Interests::READABLE
    }

    fn feed(&mut self) {
        self.peer.send(b"!").unwrap();
    }

    fn drain(&mut self) {
        while match self.ours.recv(&mut [0; 8]) {
            Ok(_) => true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => false,
            Err(error) => panic!("{error}"),
        } {}
    }
}

#[cfg(unix)]
struct PairReader {
    ours: SourceFd<UnixStream>,
    peer: UnixStream,
}

#[cfg(unix)]
impl PairReader {
    fn new() -> PairReader {
        let (ours, peer) = socket_pair();
        PairReader {
            ours: SourceFd::new(ours),
            peer,
        }
    }
}

#[cfg(unix)]
impl Subject for PairReader {
    fn source(&mut self) -> &mut dyn Source {
        &mut self.ours
    }

    fn interests(&self) -> Interests {
        Interests::READABLE
    }

    fn feed(&mut self) {
        self.peer.write_all(b"!").unwrap();
    }

    fn drain(&mut self) {
        read_all(self.ours.get_ref());
    }
}

#[cfg(unix)]
struct PairWriter {
    ours: SourceFd<UnixStream>,
    peer: UnixStream,
}

#[cfg(unix)]
impl PairWriter {
    fn new() -> PairWriter {
        let (ours, peer) = socket_pair();
        fill(&ours);
        PairWriter {
            ours: SourceFd::new(ours),
            peer,
        }
    }
}

#[cfg(unix)]
impl Subject for PairWriter {
    fn source(&mut self) -> &mut dyn Source {
        &mut self.ours
    }

    fn interests(&self) -> Interests {
        Interests::WRITABLE
    }

    fn feed(&mut self) {
        read_all(&self.peer);
    }

    fn drain(&mut self) {
        fill(self.ours.get_ref());
    }
}

#[cfg(unix)]
struct PipeReader {
    read: SourceFd<File>,
    write: File,
}

#[cfg(unix)]
impl PipeReader {
    fn new() -> PipeReader {
        let (read, write) = pipe();
        PipeReader {
            read: SourceFd::new(read),
            write,
        }
    }
}

#[cfg(unix)]
impl Subject for PipeReader {
    fn source(&mut self) -> &mut dyn Source {
        &mut self.read
    }

    fn interests(&self) -> Interests {
        Interests::READABLE
    }

    fn feed(&mut self) {
        self.write.write_all(b"!").unwrap();
    }

    fn drain(&mut self) {
        read_all(self.read.get_ref());
    }
}

#[cfg(unix)]
struct PipeWriter {
    write: SourceFd<File>,
    read: File,
}

#[cfg(unix)]
impl PipeWriter {
    fn new() -> PipeWriter {
        let (read, write) = pipe();
        fill(&write);
        PipeWriter {
            write: SourceFd::new(write),
            read,
        }
    }
}

#[cfg(unix)]
impl Subject for PipeWriter {
    fn source(&mut self) -> &mut dyn Source {
        &mut self.write
    }

    fn interests(&self) -> Interests {
        Interests::WRITABLE
    }

    fn feed(&mut self) {
        read_all(&self.read);
    }

    fn drain(&mut self) {
        fill(self.write.get_ref());
    }
}

struct Custom {
    registration: Registration,
    set_readiness: SetReadiness,
    interests: Interests,
    ready: Readiness,
}

impl Custom {
    fn new(interests: Interests, ready: Readiness) -> Custom {
        let (registration, set_readiness) = Registration::new();
        Custom {
            registration,
            set_readiness,
            interests,
            ready,
        }
    }
}

impl Subject for Custom {
    fn source(&mut self) -> &mut dyn Source {
        &mut self.registration
    }

    fn interests(&self) -> Interests {
        self.interests
    }

    fn feed(&mut self) {
        self.set_readiness.set_readiness(self.ready).unwrap();
    }

    fn drain(&mut self) {
        self.set_readiness.set_readiness(Readiness::EMPTY).unwrap();
    }

    #[cfg(windows)]
    fn is_the_kernels(&self) -> bool {
        false
    }
}

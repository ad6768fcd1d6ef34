//! What the contract's tests share.

use std::io::{ErrorKind, Write};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use evq::net::TcpStream;
use evq::{Event, Events, Interests, Poll, Token};

/// Longer than anything here takes, however loaded the machine.
pub const LIMIT: Duration = Duration::from_secs(20);

/// The step in which this system ends waits, where it is longer than a
/// millisecond. A wait may end up to two steps late: the system rounds the time
/// up to whole steps, and adds one because the present step has begun already.
/// (NetBSD, OpenBSD and DragonFly count a hundred steps a second; 20 ms were
/// seen for a wait of 100 us. Windows counts 64.)
pub const TICK: Duration = Duration::from_micros(if cfg!(windows) {
    15_625
} else if cfg!(any(
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly"
)) {
    10_000
} else {
    0
});

/// Whether this system's queue is a kqueue.
pub const KQUEUE: bool = cfg!(not(any(
    all(
        any(target_os = "linux", target_os = "android"),
        not(evq_libkqueue)
    ),
    windows
)));

/// Whether it is a completion port: it reports what is done, of which the crate
/// makes readiness.
pub const IOCP: bool = cfg!(windows);

/// Both directions.
pub fn both() -> Interests {
    Interests::READABLE | Interests::WRITABLE
}

/// A connection: our end, non-blocking, and the peer's, the standard library's.
/// Neither end holds small writes back: with Nagle's algorithm at one end and
/// delayed acknowledgements at the other, each of them may take 200 ms.
pub fn connection() -> (TcpStream, std::net::TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (peer, _) = listener.accept().unwrap();
    // Miri has no such options.
    if !cfg!(miri) {
        peer.set_read_timeout(Some(LIMIT)).unwrap();
        peer.set_nodelay(true).unwrap();
        ours.set_nodelay(true).unwrap();
    }
    (TcpStream::from_std(ours).unwrap(), peer)
}

/// The same, and a byte has arrived at our end.
pub fn readable_connection() -> (TcpStream, std::net::TcpStream) {
    let (ours, mut peer) = connection();
    peer.write_all(b"!").unwrap();
    until_arrived(&ours);
    (ours, peer)
}

/// A second handle of the stream's socket, past the stream.
pub fn duplicate(stream: &TcpStream) -> std::net::TcpStream {
    #[cfg(unix)]
    let duplicate = std::os::fd::AsFd::as_fd(stream).try_clone_to_owned();
    #[cfg(windows)]
    let duplicate = std::os::windows::io::AsSocket::as_socket(stream).try_clone_to_owned();
    duplicate.unwrap().into()
}

/// Waits until an unregistered stream has something to read, or has ended.
pub fn until_arrived(stream: &TcpStream) {
    until(|| match stream.peek(&mut [0]) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => false,
        result => result.is_ok(),
    });
}

/// Asks again and again, giving way to other threads in between. For what no
/// call waits for.
pub fn until(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !is_so() {
        assert!(Instant::now() < deadline, "it never comes to that");
        thread::yield_now();
    }
}

/// Polls until an event meets the condition, and returns it; panics with what
/// it was waiting for once the limit has passed.
pub fn wait_for(
    poll: &mut Poll,
    events: &mut Events,
    what: &str,
    mut condition: impl FnMut(&Event) -> bool,
) -> Event {
    let deadline = Instant::now() + LIMIT;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        poll.poll(events, Some(left)).unwrap();
        if let Some(event) = events.iter().find(|event| condition(event)) {
            return *event;
        }
        assert!(Instant::now() < deadline, "still waiting for {what}");
    }
}

/// What is reported now, without waiting.
pub fn look(poll: &mut Poll, events: &mut Events) -> Vec<Event> {
    poll.poll(events, Some(Duration::ZERO)).unwrap();
    events.iter().copied().collect()
}

/// Whether an event bears the token and is readable.
pub fn readable(token: Token) -> impl FnMut(&Event) -> bool {
    move |event| event.token() == token && event.is_readable()
}

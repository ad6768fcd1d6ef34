//! What the tests of the contract share.

use std::io::{ErrorKind, Write};
use std::net::TcpListener;
use std::thread;
use std::time::{Duration, Instant};

use evq::net::TcpStream;
use evq::{Event, Events, Interests, Poll, Token};

/// Longer than any step takes here, on a busy machine too.
pub const LIMIT: Duration = Duration::from_secs(20);

/// The step in which this system ends waits, if it is longer than a millisecond.
/// The system rounds a wait up to whole steps. It adds one step because the present
/// step has already begun. So a wait may end up to two steps late. (NetBSD, OpenBSD
/// and DragonFly count a hundred steps a second. A wait of 100 us was seen to take
/// 20 ms. Windows counts 64 steps a second.)
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

pub const KQUEUE: bool = cfg!(not(any(
    all(
        any(target_os = "linux", target_os = "android"),
        not(evq_libkqueue)
    ),
    windows
)));

/// Whether the queue is a completion port. It reports completions, and the crate
/// makes readiness out of them.
pub const IOCP: bool = cfg!(windows);

pub fn both() -> Interests {
    Interests::READABLE | Interests::WRITABLE
}

/// A connection: a non-blocking stream of ours, and the peer, a stream of the
/// standard library. Neither end delays small writes. Nagle's algorithm at one end
/// and delayed acknowledgements at the other would make each small write take up to
/// 200 ms.
pub fn connection() -> (TcpStream, std::net::TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (peer, _) = listener.accept().unwrap();
    // Miri does not support these options.
    if !cfg!(miri) {
        peer.set_read_timeout(Some(LIMIT)).unwrap();
        peer.set_nodelay(true).unwrap();
        ours.set_nodelay(true).unwrap();
    }
    (TcpStream::from_std(ours).unwrap(), peer)
}

/// A connection with a byte to read at our end.
pub fn readable_connection() -> (TcpStream, std::net::TcpStream) {
    let (ours, mut peer) = connection();
    peer.write_all(b"!").unwrap();
    until_arrived(&ours);
    (ours, peer)
}

/// A second handle of the stream's socket. The stream does not know it.
pub fn duplicate(stream: &TcpStream) -> std::net::TcpStream {
    #[cfg(unix)]
    let duplicate = std::os::fd::AsFd::as_fd(stream).try_clone_to_owned();
    #[cfg(windows)]
    let duplicate = std::os::windows::io::AsSocket::as_socket(stream).try_clone_to_owned();
    duplicate.unwrap().into()
}

/// Waits until a stream that is not registered has bytes to read, or has ended.
pub fn until_arrived(stream: &TcpStream) {
    until(|| match stream.peek(&mut [0]) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => false,
        result => result.is_ok(),
    });
}

/// Asks again and again, and lets other threads run in between. For conditions that
/// no call can wait for.
pub fn until(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !is_so() {
        assert!(
            Instant::now() < deadline,
            "the condition did not become true"
        );
        thread::yield_now();
    }
}

/// Polls until an event meets the condition, and returns that event. Panics after
/// the limit, and says what it waited for.
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

/// Polls with a timeout of zero and returns the events.
pub fn look(poll: &mut Poll, events: &mut Events) -> Vec<Event> {
    poll.poll(events, Some(Duration::ZERO)).unwrap();
    events.iter().copied().collect()
}

/// Matches a readable event with this token.
pub fn readable(token: Token) -> impl FnMut(&Event) -> bool {
    move |event| event.token() == token && event.is_readable()
}

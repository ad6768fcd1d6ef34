//! Sources over completions, used, changed and dropped by several threads at once, and
//! after their queue has gone.

#![cfg(windows)]

use std::io::{self, ErrorKind, Read, Write};
use std::net;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use evq::net::{TcpListener, TcpStream, UdpSocket};
use evq::{Events, Interests, Poll, Token, inside};

/// Longer than anything here takes, however loaded the machine.
const LIMIT: Duration = Duration::from_secs(20);
const READABLE: Interests = Interests::READABLE;

fn any_port() -> net::SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// Our end of a connection, and the peer's, which waits.
fn connection() -> (TcpStream, net::TcpStream) {
    let listener = net::TcpListener::bind(any_port()).unwrap();
    let ours = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (peer, _) = listener.accept().unwrap();
    peer.set_read_timeout(Some(LIMIT)).unwrap();
    peer.set_nodelay(true).unwrap();
    (TcpStream::from_std(ours).unwrap(), peer)
}

/// Runs `race` while another thread polls. It gets the barrier at which that thread waits once
/// before it begins.
fn while_polled(poll: &mut Poll, race: impl FnOnce(&Barrier)) {
    /// Also if the race ends in a panic.
    struct Over<'a>(&'a AtomicBool);
    impl Drop for Over<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Release);
        }
    }
    let (over, start) = (&AtomicBool::new(false), &Barrier::new(2));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut events = Events::with_capacity(8);
            start.wait();
            while !over.load(Ordering::Acquire) {
                poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
            }
        });
        let _over = Over(over);
        race(start);
    });
}

/// What has come is handed out by the stream or stays in the socket: it is not dropped with what
/// was lent, though it comes at the moment of the conversion.
#[test]
fn what_comes_while_a_stream_goes_to_the_standard_library_is_not_lost() {
    let mut poll = Poll::new().unwrap();
    let mut gone = 0;
    for round in 0..600 {
        let (mut stream, mut peer) = connection();
        poll.registrator()
            .register(&mut stream, Token(1), READABLE)
            .unwrap();
        peer.write_all(b"!").unwrap();
        while_polled(&mut poll, |start| {
            start.wait();
            (0..round % 100 * 60).for_each(|_| std::hint::spin_loop());
            if let Ok(stream) = stream.into_std() {
                stream.set_nonblocking(false).unwrap();
                stream
                    .set_read_timeout(Some(Duration::from_millis(200)))
                    .unwrap();
                let read = (&stream).read(&mut [0; 8]);
                assert!(matches!(read, Ok(1)), "round {round}: {read:?}");
                gone += 1;
            }
        });
    }
    assert_eq!(gone, 0, "lent, and then in hand: refused");
}

/// Writes until the stream has lent a copy and takes no more; returns how much it took.
fn fill(mut stream: &TcpStream) -> usize {
    let (piece, mut taken) = ([7; 100_000], 0);
    loop {
        match stream.write(&piece) {
            Ok(count) => taken += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return taken,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Each has its second: that an earlier stream's is over does not cut it short.
#[test]
fn a_last_write_is_not_given_up_with_that_of_an_earlier_stream() {
    let full = |poll: &Poll| {
        let (mut stream, peer) = connection();
        poll.registrator()
            .register(&mut stream, Token(1), Interests::WRITABLE)
            .unwrap();
        let taken = fill(&stream);
        (stream, peer, taken)
    };
    // Once is enough, where the machine is in time.
    for _ in 0..10 {
        let poll = Poll::new().unwrap();
        // Nobody reads what this one wrote.
        let (early, _early_peer, _) = full(&poll);
        let (late, mut late_peer, taken) = full(&poll);
        drop(poll);
        let in_time = thread::scope(|scope| {
            scope.spawn(|| drop(early));
            thread::sleep(Duration::from_millis(600));
            let began = Instant::now();
            scope.spawn(|| drop(late));
            thread::sleep(Duration::from_millis(550));
            let mut read = Vec::new();
            late_peer.read_to_end(&mut read).unwrap();
            let in_time = began.elapsed() < Duration::from_millis(900);
            assert!(read.len() == taken || !in_time, "{} of {taken}", read.len());
            in_time
        });
        if in_time {
            return;
        }
    }
    panic!("too slow a machine to tell");
}

/// Repeats the call until it would not block. Nobody polls.
fn insist<T>(what: &str, mut call: impl FnMut() -> io::Result<T>) -> T {
    let end = Instant::now() + LIMIT;
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                assert!(Instant::now() < end, "{what}: would block for ever");
                thread::yield_now();
            }
            result => return result.unwrap_or_else(|error| panic!("{what}: {error}")),
        }
    }
}

/// What it was registered with is gone, and a source still reads and writes, as on any other
/// system: also what was lent then.
#[test]
fn sources_go_on_without_their_queue() {
    for lending in [0, 3, 4096] {
        let poll = Poll::new().unwrap();
        let registrator = poll.registrator().clone();
        let (mut stream, mut peer) = connection();
        stream.set_lending(lending);
        let both = READABLE | Interests::WRITABLE;
        registrator.register(&mut stream, Token(1), both).unwrap();
        let taken = fill(&stream);
        drop(poll);
        thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut left = vec![0; taken + 4];
                peer.read_exact(&mut left).unwrap();
                peer.write_all(b"answer").unwrap();
            });
            assert_eq!(insist("write", || (&stream).write(b"more")), 4);
            reader.join().unwrap();
        });
        for byte in b"answer" {
            let mut one = [0];
            assert_eq!(insist("read", || stream.read(&mut one)), 1);
            assert_eq!(one[0], *byte, "{lending} lent");
        }
        peer.shutdown(net::Shutdown::Write).unwrap();
        assert_eq!(insist("the end", || stream.read(&mut [0])), 0);
        assert_eq!(inside::operations_in_flight(&registrator), 0);
    }

    let poll = Poll::new().unwrap();
    let registrator = poll.registrator().clone();
    let mut listener = TcpListener::bind(any_port()).unwrap();
    registrator
        .register(&mut listener, Token(1), READABLE)
        .unwrap();
    let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    registrator
        .register(&mut stream, Token(2), READABLE)
        .unwrap();
    let mut socket = UdpSocket::bind(any_port()).unwrap();
    registrator
        .register(&mut socket, Token(3), READABLE)
        .unwrap();
    drop(poll);
    let (accepted, _) = insist("accept", || listener.accept());
    assert_eq!(insist("connect", || (&stream).write(b"hello")), 5);
    assert_eq!(insist("read", || (&accepted).read(&mut [0; 8])), 5);
    insist("write", || (&accepted).write(b"hi"));
    assert_eq!(insist("read", || stream.read(&mut [0; 8])), 2);
    let addr = listener.local_addr().unwrap();
    for _ in 0..3 {
        let _another = net::TcpStream::connect(addr).unwrap();
        insist("accept", || listener.accept());
        let there = net::UdpSocket::bind("127.0.0.1:0").unwrap();
        there.send_to(b"!", socket.local_addr().unwrap()).unwrap();
        let received = insist("recv_from", || socket.recv_from(&mut [0; 8]));
        assert_eq!(received, (1, there.local_addr().unwrap()));
    }
    assert_eq!(inside::operations_in_flight(&registrator), 0);
}

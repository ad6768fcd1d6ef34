//! TCP sockets on every system: what `net` promises in addition to the contract.

#[path = "contract/nobody.rs"]
mod nobody;

use std::cell::RefCell;
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::{self, Shutdown, SocketAddr};
use std::time::{Duration, Instant};

use evq::net::{TcpListener, TcpStream};
use evq::{Event, Events, Interests, Poll, Token};

use nobody::{connect_to_nobody, nobody};

/// A test that waits longer has failed, even on a busy machine.
const LIMIT: Duration = Duration::from_secs(20);

const LINUX: bool = cfg!(any(target_os = "linux", target_os = "android"));

thread_local! {
    /// One queue for each test, because on Windows a socket stays with its first queue.
    static POLL: RefCell<Poll> = RefCell::new(Poll::new().unwrap());
}

fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// Two connected ends: ours, and the peer's, which is blocking.
fn connection() -> (TcpStream, net::TcpStream) {
    let listener = net::TcpListener::bind(any_port()).unwrap();
    let ours = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (peer, _) = listener.accept().unwrap();
    peer.set_read_timeout(Some(LIMIT)).unwrap();
    (TcpStream::from_std(ours).unwrap(), peer)
}

/// A listener at `addr` and a connection through it. Both ends of it are evq's.
fn connection_at(addr: SocketAddr) -> (TcpListener, TcpStream, TcpStream, SocketAddr) {
    let mut listener = TcpListener::bind(addr).unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut accepted, mut connected) = (None, false);
    POLL.with_borrow_mut(|poll| {
        let registrator = poll.registrator();
        registrator
            .register(&mut listener, Token(0), Interests::READABLE)
            .unwrap();
        registrator
            .register(&mut client, Token(1), Interests::WRITABLE)
            .unwrap();
        until(poll, "the connection to be made and accepted", |event| {
            match event.token() {
                Token(0) => accepted = listener.accept().ok(),
                _ => connected = event.is_writable(),
            }
            accepted.is_some() && connected
        });
        assert!(client.take_error().unwrap().is_none());
        poll.registrator().deregister(&mut client).unwrap();
        poll.registrator().deregister(&mut listener).unwrap();
    });
    let (server, from) = accepted.unwrap();
    (listener, client, server, from)
}

/// Polls until an event meets the condition.
fn until(poll: &mut Poll, what: &str, mut condition: impl FnMut(&Event) -> bool) {
    let mut events = Events::with_capacity(8);
    let deadline = Instant::now() + LIMIT;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        poll.poll(&mut events, Some(left)).unwrap();
        let mut met = false;
        for event in &events {
            met |= condition(event); // asked of each event, because the next poll replaces the batch
        }
        if met {
            return;
        }
        assert!(Instant::now() < deadline, "still waiting for {what}");
    }
}

fn readable(stream: &mut TcpStream) {
    POLL.with_borrow_mut(|poll| {
        poll.registrator()
            .register(stream, Token(0), Interests::READABLE)
            .unwrap();
        until(poll, "bytes to arrive", Event::is_readable);
        poll.registrator().deregister(stream).unwrap();
    });
}

/// Whether this machine has the IPv6 loopback address. If not, prints that `test` cannot run.
fn has_ipv6(test: &str) -> bool {
    match net::TcpListener::bind("[::1]:0") {
        Ok(_) => true,
        Err(error) => {
            println!("{test}: cannot run here: this machine has no ::1 ({error})");
            false
        }
    }
}

#[test]
fn both_ends_know_both_addresses() {
    let (listener, client, server, from) = connection_at(any_port());
    assert_eq!(from, client.local_addr().unwrap());
    assert_eq!(server.peer_addr().unwrap(), from);
    assert_eq!(server.local_addr().unwrap(), listener.local_addr().unwrap());
    assert_eq!(client.peer_addr().unwrap(), listener.local_addr().unwrap());
}

#[test]
fn ipv6_connections_carry_bytes_and_addresses() {
    if !has_ipv6("ipv6_connections_carry_bytes_and_addresses") {
        return;
    }
    let (listener, mut client, mut server, from) = connection_at("[::1]:0".parse().unwrap());
    assert!(listener.local_addr().unwrap().is_ipv6());
    assert_eq!(from, client.local_addr().unwrap());
    assert_eq!(client.peer_addr().unwrap(), listener.local_addr().unwrap());
    assert_eq!(server.peer_addr().unwrap(), from);
    assert_ne!(from.port(), 0);
    client.write_all(b"six").unwrap();
    readable(&mut server);
    let mut buffer = [0; 8];
    assert_eq!(server.read(&mut buffer).unwrap(), 3);
}

#[test]
fn what_would_wait_is_refused() {
    let (listener, client, server, _) = connection_at(any_port());
    let kind = |result: std::io::Result<usize>| result.unwrap_err().kind();
    for stream in [&client, &server] {
        let mut stream = stream;
        assert_eq!(kind(stream.read(&mut [0; 8])), ErrorKind::WouldBlock);
        assert_eq!(kind(stream.peek(&mut [0; 8])), ErrorKind::WouldBlock);
        let mut room = [0; 8];
        let buffers = &mut [IoSliceMut::new(&mut room)];
        assert_eq!(kind(stream.read_vectored(buffers)), ErrorKind::WouldBlock);
    }
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_full_stream_takes_a_part_and_then_nothing() {
    let (stream, mut peer) = connection();
    let piece = vec![7; 1 << 20];
    let mut written = 0;
    let refusal = loop {
        match (&stream).write(&piece) {
            Ok(count) => written += count,
            Err(error) => break error,
        }
        assert!(
            written < 1 << 30,
            "the stream took a gigabyte that the peer does not read"
        );
    };
    assert_eq!(refusal.kind(), ErrorKind::WouldBlock);
    let vectored = (&stream).write_vectored(&[IoSlice::new(&piece)]);
    assert_eq!(vectored.unwrap_err().kind(), ErrorKind::WouldBlock);
    stream.shutdown(Shutdown::Write).unwrap();
    let mut received = Vec::new();
    peer.read_to_end(&mut received).unwrap();
    assert_eq!(
        received.len(),
        written,
        "the peer must get exactly the bytes that the stream took"
    );
}

#[test]
fn peeking_takes_nothing_out() {
    let (mut stream, mut peer) = connection();
    peer.write_all(b"peek").unwrap();
    readable(&mut stream);
    let mut buffer = [0; 8];
    assert_eq!(stream.peek(&mut buffer[..2]).unwrap(), 2);
    assert_eq!(stream.peek(&mut buffer).unwrap(), 4);
    assert_eq!(stream.read(&mut buffer).unwrap(), 4);
    assert_eq!(&buffer[..4], b"peek");
    drop(peer);
    readable(&mut stream);
    assert_eq!(stream.peek(&mut buffer).unwrap(), 0, "peek reports the end");
    assert_eq!(stream.read(&mut buffer).unwrap(), 0);
}

#[test]
fn an_empty_buffer_moves_nothing_and_is_not_the_end() {
    let (mut stream, mut peer) = connection();
    assert_eq!(stream.write(&[]).unwrap(), 0);
    let written = stream.write_vectored(&[IoSlice::new(&[]), IoSlice::new(&[])]);
    assert_eq!(written.unwrap(), 0);
    peer.write_all(b"!").unwrap();
    readable(&mut stream);
    assert_eq!(stream.read(&mut []).unwrap(), 0);
    assert_eq!(
        stream.read(&mut [0; 8]).unwrap(),
        1,
        "the byte is still there"
    );
    stream.write_all(b"?").unwrap();
    let mut buffer = [0; 8];
    assert_eq!(peer.read(&mut buffer).unwrap(), 1);
}

#[test]
fn vectored_calls_go_through_their_buffers_in_turn() {
    let (mut stream, mut peer) = connection();
    let parts = [&b"ab"[..], b"", b"cde"].map(IoSlice::new);
    assert_eq!(stream.write_vectored(&parts).unwrap(), 5);
    let mut five = [0; 5];
    peer.read_exact(&mut five).unwrap();
    assert_eq!(&five, b"abcde");

    peer.write_all(b"vwxyz").unwrap();
    readable(&mut stream);
    let (mut first, mut none, mut second) = ([0; 3], [], [0; 8]);
    let buffers = &mut [
        IoSliceMut::new(&mut first),
        IoSliceMut::new(&mut none),
        IoSliceMut::new(&mut second),
    ];
    assert_eq!(stream.read_vectored(buffers).unwrap(), 5);
    assert_eq!((&first, &second[..2]), (b"vwx", &b"yz"[..]));
}

#[test]
fn more_buffers_than_a_call_takes_are_taken_in_part() {
    let (mut stream, mut peer) = connection();
    let bytes: Vec<u8> = (0..3000).map(|n| n as u8).collect();
    let mut slices: Vec<IoSlice> = bytes.chunks(1).map(IoSlice::new).collect();
    let mut left = &mut slices[..];
    while !left.is_empty() {
        let count = stream.write_vectored(left).unwrap();
        assert!(
            count > 0,
            "{} buffers are left, and the write took none",
            left.len()
        );
        IoSlice::advance_slices(&mut left, count);
    }
    let mut received = vec![0; 3000];
    peer.read_exact(&mut received).unwrap();
    assert_eq!(received, bytes);

    peer.write_all(&bytes).unwrap();
    let (mut back, mut got) = (vec![0; 3000], 0);
    while got < 3000 {
        readable(&mut stream);
        let mut room: Vec<_> = back[got..].chunks_mut(1).map(IoSliceMut::new).collect();
        got += stream.read_vectored(&mut room).unwrap();
    }
    assert_eq!(back, bytes);
}

#[test]
fn shutting_down_writing_leaves_reading() {
    let (mut stream, mut peer) = connection();
    stream.write_all(b"last").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut received = Vec::new();
    peer.read_to_end(&mut received).unwrap();
    assert_eq!(received, b"last");
    assert!(stream.write(b"more").is_err(), "written after the last");
    peer.write_all(b"answer").unwrap();
    readable(&mut stream);
    assert_eq!(stream.read(&mut [0; 8]).unwrap(), 6);
}

#[test]
fn shutting_down_reading_leaves_writing() {
    let (mut stream, mut peer) = connection();
    stream.shutdown(Shutdown::Read).unwrap();
    assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0);
    stream.write_all(b"still").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut received = Vec::new();
    peer.read_to_end(&mut received).unwrap();
    assert_eq!(received, b"still");
}

#[test]
fn shutting_down_both_ends_reading_too() {
    let (mut stream, mut peer) = connection();
    stream.shutdown(Shutdown::Both).unwrap();
    assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0);
    assert_eq!(peer.read(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn a_refusal_is_taken_once() {
    let (_port, addr) = nobody();
    let Ok(mut stream) = connect_to_nobody(addr) else {
        println!("a_refusal_is_taken_once: cannot run here to its end: connect refused at once");
        return;
    };
    let mut poll = Poll::new().unwrap();
    poll.registrator()
        .register(&mut stream, Token(0), Interests::WRITABLE)
        .unwrap();
    until(&mut poll, "the refusal", Event::is_writable);
    let error = stream.take_error().unwrap().expect("the refusal");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert!(
        stream.take_error().unwrap().is_none(),
        "the error was taken before"
    );
    let error = stream.peer_addr().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotConnected);
}

#[test]
fn nodelay_is_off_until_it_is_set() {
    let (stream, _peer) = connection();
    assert!(!stream.nodelay().unwrap());
    stream.set_nodelay(true).unwrap();
    assert!(stream.nodelay().unwrap());
    stream.set_nodelay(false).unwrap();
    assert!(!stream.nodelay().unwrap());
}

/// IPv4 and IPv6 keep the TTL in different options, so each test runs for both.
fn ttl_at(addr: SocketAddr) {
    let (mut listener, client, _server, _) = connection_at(addr);
    client.set_ttl(37).unwrap();
    assert_eq!(client.ttl().unwrap(), 37);
    listener.set_ttl(41).unwrap();
    assert_eq!(listener.ttl().unwrap(), 41);
    // Linux itself would accept 0 for IPv6.
    for wrong in [0, 256, u32::MAX] {
        let refused = client.set_ttl(wrong).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput, "a TTL of {wrong}");
    }
    assert_eq!(client.ttl().unwrap(), 37, "a refused TTL changed it");
    let next = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    POLL.with_borrow_mut(|poll| {
        poll.registrator()
            .register(&mut listener, Token(0), Interests::READABLE)
            .unwrap();
        until(poll, "the connection", Event::is_readable);
    });
    let (accepted, _) = listener.accept().unwrap();
    // On Linux an accepted socket inherits the listener's TTL. On other systems it may have the
    // default, and some systems cannot tell the default for IPv6.
    match accepted.ttl() {
        Ok(ttl) => assert!(ttl == 41 || !LINUX, "{ttl} is not the listener's"),
        Err(error) => {
            assert!(addr.is_ipv6() && !LINUX, "{error}");
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        }
    }
    drop(next);
}

#[test]
fn ttl_is_set_and_read_on_ipv4() {
    ttl_at(any_port());
}

#[test]
fn ttl_is_set_and_read_on_ipv6() {
    if has_ipv6("ttl_is_set_and_read_on_ipv6") {
        ttl_at("[::1]:0".parse().unwrap());
    }
}

#[test]
fn a_port_that_is_taken_is_refused_and_free_again_at_once() {
    let (listener, client, server, _) = connection_at(any_port());
    let addr = listener.local_addr().unwrap();
    let error = TcpListener::bind(addr).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    // The end that closes first keeps its port in TIME_WAIT.
    drop(server);
    drop(client);
    drop(listener);
    TcpListener::bind(addr).expect("a finished connection still holds the port");
}

#[test]
fn one_end_is_read_and_written_by_two_threads_at_once() {
    let (stream, mut peer) = connection();
    let echo = std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = peer.read(&mut buffer) {
            peer.write_all(&buffer[..count]).unwrap();
        }
    });
    let (total, deadline) = (4_000_000, Instant::now() + LIMIT);
    let patience = |result: std::io::Result<usize>| match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            assert!(Instant::now() < deadline, "still waiting for the echo");
            std::thread::sleep(Duration::from_millis(1));
            0
        }
        result => result.unwrap(),
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut sent = 0;
            while sent < total {
                let piece = [1; 10_000];
                let next = piece.len().min(total - sent);
                sent += patience((&stream).write(&piece[..next]));
            }
        });
        let (mut received, mut buffer) = (0, [0; 10_000]);
        while received < total {
            received += patience((&stream).read(&mut buffer));
        }
        assert_eq!(received, total);
    });
    drop(stream);
    echo.join().unwrap();
}

#[test]
fn streams_go_to_the_standard_library_and_back() {
    let (stream, mut peer) = connection();
    let addr = stream.local_addr().unwrap();
    let std = stream.into_std().unwrap();
    assert_eq!(std.local_addr().unwrap(), addr);
    let error = (&std).read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock, "still non-blocking");
    std.set_nonblocking(false).unwrap();
    peer.write_all(b"one").unwrap();
    (&std).read_exact(&mut [0; 3]).unwrap();
    let mut stream = TcpStream::from_std(std).unwrap();
    let error = stream.read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock, "non-blocking again");
    peer.write_all(b"two").unwrap();
    readable(&mut stream);
    assert_eq!(stream.read(&mut [0; 8]).unwrap(), 3);
}

#[test]
fn listeners_go_to_the_standard_library_and_back() {
    let std = net::TcpListener::bind(any_port()).unwrap();
    let addr = std.local_addr().unwrap();
    let listener = TcpListener::from_std(std).unwrap();
    assert_eq!(listener.local_addr().unwrap(), addr);
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    let std = listener.into_std().unwrap();
    std.set_nonblocking(false).unwrap();
    let _client = net::TcpStream::connect(addr).unwrap();
    std.accept().unwrap();
    assert!(std.take_error().unwrap().is_none());
}

#[test]
fn a_second_handle_is_the_same_connection() {
    let (stream, mut peer) = connection();
    let mut second = stream.try_clone().unwrap();
    assert_eq!(second.local_addr().unwrap(), stream.local_addr().unwrap());
    assert_eq!(
        second.read(&mut [0; 8]).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    drop(stream);
    second.write_all(b"alive").unwrap();
    peer.read_exact(&mut [0; 5]).unwrap();
    second.shutdown(Shutdown::Write).unwrap();
    assert_eq!(peer.read(&mut [0; 8]).unwrap(), 0);
}

#[test]
fn either_handle_of_a_listener_accepts() {
    let listener = TcpListener::bind(any_port()).unwrap();
    let mut second = listener.try_clone().unwrap();
    drop(listener);
    let mut poll = Poll::new().unwrap();
    poll.registrator()
        .register(&mut second, Token(5), Interests::READABLE)
        .unwrap();
    let client = net::TcpStream::connect(second.local_addr().unwrap()).unwrap();
    until(&mut poll, "a client", Event::is_readable);
    let (_, from) = second.accept().unwrap();
    assert_eq!(from, client.local_addr().unwrap());
}

#[cfg(unix)]
#[test]
fn a_second_handle_has_a_registration_of_its_own() {
    let (mut stream, mut peer) = connection();
    let mut second = stream.try_clone().unwrap();
    let mut poll = Poll::new().unwrap();
    let registrator = poll.registrator();
    registrator
        .register(&mut stream, Token(1), Interests::READABLE)
        .unwrap();
    registrator
        .register(&mut second, Token(2), Interests::READABLE)
        .unwrap();
    peer.write_all(b"!").unwrap();
    let mut seen = [false; 3];
    until(&mut poll, "an event for each handle", |event| {
        seen[event.token().0] = true;
        seen[1] && seen[2]
    });
    drop(second);
    assert_eq!(stream.read(&mut [0; 8]).unwrap(), 1);
    peer.write_all(b"!").unwrap();
    until(&mut poll, "the first handle's event", |event| {
        assert_eq!(event.token(), Token(1), "the dropped handle was reported");
        event.is_readable()
    });
}

#[cfg(unix)]
#[test]
fn descriptors_can_be_borrowed_for_other_calls() {
    use std::os::fd::{AsFd, AsRawFd};

    let (listener, client, ..) = connection_at(any_port());
    assert_eq!(client.as_fd().as_raw_fd(), client.as_raw_fd());
    assert_eq!(listener.as_fd().as_raw_fd(), listener.as_raw_fd());
    let copy = client.as_fd().try_clone_to_owned().unwrap();
    let copy = net::TcpStream::from(copy);
    assert_eq!(copy.peer_addr().unwrap(), listener.local_addr().unwrap());
}

#[test]
fn sockets_may_be_sent_and_shared() {
    fn sent_and_shared<T: Send + Sync>() {}
    sent_and_shared::<TcpListener>();
    sent_and_shared::<TcpStream>();
}

//! Clause 20: misuse, and hostile peers.

#[cfg(unix)]
use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::{self, Shutdown};
#[cfg(unix)]
use std::os::fd::{AsFd, OwnedFd};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::thread;

use evq::net::{TcpListener, TcpStream};
#[cfg(unix)]
use evq::unix::SourceFd;
use evq::{Events, Interests, Poll, Registration, Token, Waker};

use crate::common::{IOCP, LIMIT, both, connection};
#[cfg(unix)]
use crate::common::{KQUEUE, look, readable, wait_for};

/// The error is not the system's own. It has this kind, and a sentence.
fn says(error: &io::Error, kind: ErrorKind, words: &str) {
    assert_eq!(error.raw_os_error(), None, "{error}");
    assert_eq!(error.kind(), kind, "{error}");
    let sentence = error.to_string();
    assert!(sentence.contains(words), "{sentence}");
    assert!(sentence.split(' ').count() > 5, "{sentence}");
}

/// Misuse never panics. Every error that is not the system's own has a kind, and a
/// sentence that says what is wrong and what to do. The test makes one mistake
/// after the other, and checks each kind and sentence.
#[test]
fn c20_every_misuse_is_an_error_with_a_sentence() {
    let poll = Poll::new().unwrap();
    let other = Poll::new().unwrap();
    let (here, there) = (poll.registrator(), other.registrator());
    let (mut stream, _peer) = connection();
    let (mut registration, set_readiness) = Registration::new();
    let interests = Interests::READABLE;
    let token = Token(1);

    let error = here.reregister(&mut stream, token, interests).unwrap_err();
    says(&error, ErrorKind::NotFound, "register it first");
    let error = here.deregister(&mut registration).unwrap_err();
    says(&error, ErrorKind::NotFound, "register it first");
    let error = here
        .register(&mut stream, Token(usize::MAX), interests)
        .unwrap_err();
    says(&error, ErrorKind::InvalidInput, "use any other");

    here.register(&mut stream, token, interests).unwrap();
    here.register(&mut registration, token, interests).unwrap();
    let error = here.register(&mut stream, token, interests).unwrap_err();
    says(&error, ErrorKind::AlreadyExists, "deregister it first");
    let error = there.register(&mut stream, token, interests).unwrap_err();
    let words = if IOCP {
        "open a new handle"
    } else {
        "deregister it first"
    };
    says(&error, ErrorKind::AlreadyExists, words);
    let error = there.deregister(&mut registration).unwrap_err();
    says(&error, ErrorKind::InvalidInput, "that queue's registrator");

    let waker = Waker::new(here, token).unwrap();
    let registrator = here.clone();
    drop(poll);
    let (mut late, _late_peer) = connection();
    let error = registrator
        .register(&mut late, token, interests)
        .unwrap_err();
    says(&error, ErrorKind::Other, "loop is closed");
    says(
        &waker.wake().unwrap_err(),
        ErrorKind::Other,
        "loop is closed",
    );
    let error = set_readiness
        .set_readiness(evq::Readiness::READABLE)
        .unwrap_err();
    says(&error, ErrorKind::Other, "loop is closed");

    // A Unix socket in the place of a TCP stream.
    #[cfg(unix)]
    {
        let (one, _other) = UnixStream::pair().unwrap();
        let smuggled = TcpStream::from_std(net::TcpStream::from(OwnedFd::from(one))).unwrap();
        let error = smuggled.local_addr().unwrap_err();
        says(&error, ErrorKind::InvalidInput, "neither IPv4 nor IPv6");
    }
}

/// A regular file and a directory never block. epoll refuses them, and our error
/// says that the program can read them directly. kqueue watches them and reports
/// them ready. The test tries both.
#[cfg(unix)]
#[test]
fn c20_a_regular_file_is_refused_in_words_or_watched() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(4);
    for path in [
        concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
        env!("CARGO_MANIFEST_DIR"),
    ] {
        let file = File::open(path).unwrap();
        let mut source = SourceFd::new(file.as_fd());
        let watched = poll
            .registrator()
            .register(&mut source, Token(1), Interests::READABLE);
        match watched {
            Err(error) => says(&error, ErrorKind::Unsupported, "read or write it directly"),
            Ok(()) if KQUEUE => drop(look(&mut poll, &mut events)),
            Ok(()) => panic!("epoll does not watch {path}"),
        }
    }
    // epoll refused both, so nothing is registered. The queue still works.
    assert!(look(&mut poll, &mut events).is_empty());
}

/// A program asks a queue to watch itself, and two queues to watch each other. The
/// system refuses this, or it does no harm. The test expects that the queue still
/// reports a wake.
#[cfg(unix)]
#[test]
fn c20_a_queue_in_itself_is_harmless() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(4);
    let other = Poll::new().unwrap();
    let inner = poll.try_clone_to_owned_fd().unwrap();
    let mut itself = SourceFd::new(inner.as_fd());
    let first = poll
        .registrator()
        .register(&mut itself, Token(1), Interests::READABLE);
    let mut one = SourceFd::new(other.fd_with_every_wake());
    let mut two = SourceFd::new(inner.as_fd());
    let second = poll
        .registrator()
        .register(&mut one, Token(2), Interests::READABLE);
    let third = other
        .registrator()
        .register(&mut two, Token(3), Interests::READABLE);
    if !KQUEUE {
        assert_eq!(first.unwrap_err().kind(), ErrorKind::InvalidInput);
        second.unwrap();
        assert!(third.unwrap_err().raw_os_error().is_some());
    }
    drop((itself, one, two));
    let waker = Waker::new(poll.registrator(), Token(4)).unwrap();
    waker.wake().unwrap();
    wait_for(&mut poll, &mut events, "the waker", readable(Token(4)));
}

/// Unusual calls give ordinary results, and no panic. The test passes empty buffers
/// and more buffers than the system takes, shuts down twice, and calls functions of
/// sockets that are not connected.
#[test]
fn c20_odd_calls_have_ordinary_results() {
    let (mut stream, mut peer) = connection();
    assert_eq!(stream.write(&[]).unwrap(), 0);
    // 0, or `WouldBlock`: systems differ.
    match stream.read(&mut []) {
        Ok(count) => assert_eq!(count, 0),
        Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
    }
    assert_eq!(stream.write_vectored(&[]).unwrap(), 0);
    stream.flush().unwrap();

    let many = [0; 3000];
    let slices: Vec<_> = many.chunks(1).map(IoSlice::new).collect();
    let written = stream.write_vectored(&slices).unwrap();
    assert!((1..=3000).contains(&written));
    peer.read_exact(&mut vec![0; written]).unwrap();

    let mut room = [0; 3000];
    let mut slices: Vec<_> = room.chunks_mut(1).map(IoSliceMut::new).collect();
    let error = stream.read_vectored(&mut slices).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);

    assert!(stream.take_error().unwrap().is_none());
    assert!(stream.set_ttl(0).is_err());
    assert!(stream.set_ttl(u32::MAX).is_err());
    stream.shutdown(Shutdown::Both).unwrap();
    let _ = stream.shutdown(Shutdown::Both);
    assert!(stream.write(b"!").is_err());
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);

    let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(TcpListener::bind(listener.local_addr().unwrap()).is_err());
    // This address belongs to nobody (RFC 5737).
    assert!(TcpListener::bind("192.0.2.1:0".parse().unwrap()).is_err());
}

/// Does one of six things to a connection, chosen by number.
fn torment(mut peer: net::TcpStream, how: usize) {
    match how % 6 {
        // The peer is gone before the server looks.
        0 => {}
        // The peer shuts down writing and never reads. The server's answer meets a
        // reset.
        1 => {
            let _ = peer.write_all(b"hello");
            let _ = peer.shutdown(Shutdown::Write);
        }
        // The peer is gone, with unread bytes: a reset.
        2 => {
            let _ = peer.write_all(b"hello");
            let _ = peer.peek(&mut [0]);
        }
        3 => {
            for _ in 0..50 {
                let _ = peer.write_all(b"x");
            }
            let _ = peer.read(&mut [0; 7]);
        }
        // The peer sends as much as the system takes.
        4 => {
            let _ = peer.set_nonblocking(true);
            while peer.write(&[b'y'; 65_536]).is_ok() {}
        }
        // The peer reads no answer, and shuts down one half after the other.
        _ => {
            let _ = peer.shutdown(Shutdown::Read);
            let _ = peer.write_all(b"hello");
            let _ = peer.shutdown(Shutdown::Both);
        }
    }
}

/// A hostile peer harms its own connection alone. The test's 300 peers vanish,
/// reset, send single bytes, and flood an echo server. Each fault is an event, or
/// the error of one call. Then a polite peer comes and still gets its answer.
#[test]
fn c20_hostile_peers_harm_only_themselves() {
    const PEERS: usize = 300;
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(16);
    let mut listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let addr = listener.local_addr().unwrap();
    poll.registrator()
        .register(&mut listener, Token(0), Interests::READABLE)
        .unwrap();
    let peers = thread::spawn(move || {
        for how in 0..PEERS {
            torment(net::TcpStream::connect(addr).unwrap(), how);
        }
        // The polite peer.
        let mut peer = net::TcpStream::connect(addr).unwrap();
        peer.set_read_timeout(Some(LIMIT)).unwrap();
        peer.write_all(b"well met").unwrap();
        let mut answer = [0; 8];
        peer.read_exact(&mut answer).unwrap();
        answer
    });
    let mut streams: Vec<Option<TcpStream>> = Vec::new();
    let mut buffer = [0; 4096];
    while streams.len() <= PEERS || streams.iter().any(Option::is_some) {
        poll.poll(&mut events, Some(LIMIT)).unwrap();
        assert!(!events.is_empty(), "a connection did not end");
        for event in &events {
            if event.token() == Token(0) {
                loop {
                    match listener.accept() {
                        Ok((mut stream, _)) => {
                            let token = Token(streams.len() + 1);
                            poll.registrator()
                                .register(&mut stream, token, both())
                                .unwrap();
                            streams.push(Some(stream));
                        }
                        Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                        // This client gave up before we accepted it.
                        Err(_) => {}
                    }
                }
                continue;
            }
            let place = &mut streams[event.token().0 - 1];
            // An earlier event of this batch may have ended the connection.
            let Some(stream) = place else { continue };
            let ended = loop {
                match stream.read(&mut buffer) {
                    Ok(0) => break true,
                    // The server drops what it cannot send at once.
                    Ok(n) => match stream.write(&buffer[..n]) {
                        Ok(_) => {}
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                        Err(_) => break true,
                    },
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break false,
                    Err(_) => break true,
                }
            };
            if ended {
                *place = None;
            }
        }
    }
    assert_eq!(&peers.join().unwrap(), b"well met");
    assert_eq!(streams.len(), PEERS + 1);
}

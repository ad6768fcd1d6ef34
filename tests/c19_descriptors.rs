//! Clause 19, in a process of its own, because it runs out of descriptors.

#[cfg(unix)]
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "contract/process.rs"]
mod process;

#[cfg(unix)]
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net;
use std::time::{Duration, Instant};

use evq::net::{TcpListener, TcpStream};
use evq::{Events, Interests, Poll, Token, Trigger, Waker};

#[cfg(unix)]
use process::{lower_descriptor_limit, open_descriptors};

/// EMFILE: this process has too many open files. It is the same number on every
/// Unix.
#[cfg(unix)]
const EMFILE: i32 = 24;
/// WSAEMFILE: too many open sockets.
#[cfg(windows)]
const EMFILE: i32 = 10024;

const LIMIT: Duration = Duration::from_secs(20);

fn wait_for(poll: &mut Poll, events: &mut Events, token: Token) {
    let deadline = Instant::now() + LIMIT;
    loop {
        poll.poll(events, Some(LIMIT)).unwrap();
        if events.iter().any(|event| event.token() == token) {
            return;
        }
        assert!(Instant::now() < deadline, "still waiting for {token:?}");
    }
}

/// Opens sockets until the system has no more, or returns how many it has opened.
///
/// All sockets have one port and different addresses. Otherwise every process of
/// the machine would run out of ports as well. (They are not UDP sockets, because
/// Wine binds those to every address.)
#[cfg(windows)]
fn exhaust() -> Result<Vec<net::TcpListener>, usize> {
    let first = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = first.local_addr().unwrap().port();
    let mut sockets = vec![first];
    for n in 0..40_000 {
        let low = (n % 250 + 1) as u8;
        let addr = net::Ipv4Addr::new(127, 1, (n / 250) as u8, low);
        match net::TcpListener::bind((addr, port)) {
            Ok(socket) => sockets.push(socket),
            Err(error) => {
                assert_eq!(error.raw_os_error(), Some(EMFILE), "{error}");
                return Ok(sockets);
            }
        }
    }
    Err(sockets.len())
}

/// Opens files until no descriptor is left.
#[cfg(unix)]
fn exhaust() -> Vec<File> {
    let mut files = Vec::new();
    loop {
        match File::open("/dev/null") {
            Ok(file) => files.push(file),
            Err(error) => {
                assert_eq!(error.raw_os_error(), Some(EMFILE), "{error}");
                return files;
            }
        }
    }
}

fn runs_out<T>(what: &str, result: io::Result<T>) {
    match result {
        Ok(_) => panic!("{what}: succeeded without a descriptor"),
        Err(error) => assert_eq!(error.raw_os_error(), Some(EMFILE), "{what}: {error}"),
    }
}

/// Running out of descriptors is an error of the call that needs one. Everything
/// else goes on working: sources, wakes, the queue. A connection that could not be
/// accepted waits; once something is closed, `accept` returns it. The test opens
/// files to the limit, and tries each call.
#[cfg(unix)]
#[test]
fn c19_running_out_of_descriptors_leaves_the_queue_working() {
    for trigger in [Trigger::Edge, Trigger::Level] {
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(8);
        let mut listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let addr = listener.local_addr().unwrap();
        poll.registrator()
            .register_with(&mut listener, Token(0), Interests::READABLE, trigger)
            .unwrap();
        let mut client = net::TcpStream::connect(addr).unwrap();
        wait_for(&mut poll, &mut events, Token(0));
        let (mut stream, _) = listener.accept().unwrap();
        let mut waiting = net::TcpStream::connect(addr).unwrap();
        waiting.write_all(b"still here").unwrap();

        let highest = *open_descriptors().last().unwrap() as u64;
        lower_descriptor_limit(highest + 8);
        let mut files = exhaust();

        wait_for(&mut poll, &mut events, Token(0));
        runs_out("accept", listener.accept());
        runs_out("accept again", listener.accept());
        runs_out("Poll::new", Poll::new());
        runs_out("connect", TcpStream::connect(addr));
        runs_out("bind", TcpListener::bind("127.0.0.1:0".parse().unwrap()));
        runs_out("TcpStream::try_clone", stream.try_clone());
        runs_out("TcpListener::try_clone", listener.try_clone());
        runs_out("try_clone_to_owned_fd", poll.try_clone_to_owned_fd());

        // On Linux `Poll::new` needs two descriptors. If only one is left, it must give
        // that one back.
        drop(files.pop());
        if cfg!(all(target_os = "linux", not(evq_libkqueue))) {
            runs_out("Poll::new with one left", Poll::new());
        }
        files.extend(exhaust());

        // What needs no descriptor still works.
        poll.registrator()
            .register(&mut stream, Token(1), Interests::READABLE)
            .unwrap();
        client.write_all(b"question").unwrap();
        wait_for(&mut poll, &mut events, Token(1));
        let mut buffer = [0; 16];
        assert_eq!(stream.read(&mut buffer).unwrap(), 8);
        stream.write_all(b"answer").unwrap();
        client.read_exact(&mut buffer[..6]).unwrap();
        let waker = Waker::new(poll.registrator(), Token(2)).unwrap();
        waker.wake().unwrap();
        wait_for(&mut poll, &mut events, Token(2));
        assert_eq!(
            poll.poll(&mut events, Some(Duration::ZERO)).unwrap(),
            usize::from(trigger == Trigger::Level),
        );

        // Files are closed, so the waiting connection can be accepted.
        drop(files);
        let (mut late, _) = listener.accept().unwrap();
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        poll.registrator()
            .register(&mut late, Token(3), Interests::READABLE)
            .unwrap();
        wait_for(&mut poll, &mut events, Token(3));
        assert_eq!(late.read(&mut buffer).unwrap(), 10);
        assert_eq!(&buffer[..10], b"still here");

        // Later connections are reported too.
        let _third = net::TcpStream::connect(addr).unwrap();
        wait_for(&mut poll, &mut events, Token(0));
        listener.accept().unwrap();
    }
}

/// The same on Windows, where a listener has the next connection's socket ready in
/// advance. Windows gives a process sixteen million handles, too many for a test.
/// Wine has only as many sockets as the system below it, so the test can use them
/// up there.
#[cfg(windows)]
#[test]
fn c19_running_out_of_sockets_leaves_the_queue_working() {
    for trigger in [Trigger::Edge, Trigger::Level] {
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(8);
        let mut listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let addr = listener.local_addr().unwrap();
        poll.registrator()
            .register_with(&mut listener, Token(0), Interests::READABLE, trigger)
            .unwrap();
        let mut client = net::TcpStream::connect(addr).unwrap();
        wait_for(&mut poll, &mut events, Token(0));
        let (mut stream, _) = listener.accept().unwrap();
        let clients: Vec<_> = (0..2)
            .map(|_| {
                let mut client = net::TcpStream::connect(addr).unwrap();
                client.write_all(b"still here").unwrap();
                client
            })
            .collect();

        let sockets = match exhaust() {
            Ok(sockets) => sockets,
            Err(many) => {
                eprintln!(
                    "c19_running_out_of_sockets_leaves_the_queue_working: cannot run here, because \
                     after {many} sockets there are still more"
                );
                return;
            }
        };

        // The first connection has its socket already. The second one has none.
        wait_for(&mut poll, &mut events, Token(0));
        let (first, _) = listener.accept().unwrap();
        runs_out("accept", listener.accept());
        runs_out("accept again", listener.accept());
        if trigger == Trigger::Level {
            // Level reports the waiting connection again, to a server that accepts
            // once per event.
            for _ in 0..3 {
                wait_for(&mut poll, &mut events, Token(0));
                runs_out("accept once more", listener.accept());
            }
        }
        runs_out("connect", TcpStream::connect(addr));
        runs_out("bind", TcpListener::bind("127.0.0.1:0".parse().unwrap()));

        // What needs no socket still works.
        poll.registrator()
            .register(&mut stream, Token(1), Interests::READABLE)
            .unwrap();
        client.write_all(b"question").unwrap();
        wait_for(&mut poll, &mut events, Token(1));
        let mut buffer = [0; 16];
        assert_eq!(stream.read(&mut buffer).unwrap(), 8);
        stream.write_all(b"answer").unwrap();
        client.read_exact(&mut buffer[..6]).unwrap();
        let waker = Waker::new(poll.registrator(), Token(2)).unwrap();
        waker.wake().unwrap();
        wait_for(&mut poll, &mut events, Token(2));

        // Sockets are closed, so the waiting connection can be accepted.
        drop(sockets);
        let deadline = Instant::now() + LIMIT;
        let second = loop {
            match listener.accept() {
                Ok((stream, _)) => break stream,
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(poll.poll(&mut events, Some(left)).unwrap() > 0);
        };
        for (token, mut late) in [(Token(3), first), (Token(4), second)] {
            poll.registrator()
                .register(&mut late, token, Interests::READABLE)
                .unwrap();
            wait_for(&mut poll, &mut events, token);
            assert_eq!(late.read(&mut buffer).unwrap(), 10);
            assert_eq!(&buffer[..10], b"still here");
        }

        // Later connections are reported too.
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        let third = net::TcpStream::connect(addr).unwrap();
        wait_for(&mut poll, &mut events, Token(0));
        let (_, from) = listener.accept().unwrap();
        assert_eq!(from, third.local_addr().unwrap());
        drop(clients);

        // Nothing is reported while no client comes.
        let refused = listener.accept().unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::WouldBlock);
        let moment = Some(Duration::from_millis(50));
        poll.poll(&mut events, moment).unwrap();
        poll.poll(&mut events, moment).unwrap();
        assert!(events.iter().all(|event| event.token() != Token(0)));
    }
}

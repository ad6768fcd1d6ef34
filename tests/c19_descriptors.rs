//! Clause 19, in a process of its own: it runs out of descriptors.

#[cfg(unix)]
#[allow(dead_code, reason = "shared with other tests, which use the rest")]
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

/// Too many open files in this process. The same number on every Unix.
#[cfg(unix)]
const EMFILE: i32 = 24;
/// Too many open sockets.
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

/// Opens sockets until there are none left, where there is an end to them.
///
/// All have one port, at as many addresses: ports would run out too, and that
/// for every process of the machine. (Not UDP: Wine binds that at every address.)
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

/// Opens files until there is no descriptor left.
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

/// Running out of descriptors is an error of the call that needed one, and of
/// no other: what is open and registered goes on working, wakes included. A
/// connection that could not be accepted waits; once something has been closed,
/// the next `accept` takes it.
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

        // With one descriptor left, a queue that needs two gives it back.
        drop(files.pop());
        if cfg!(all(target_os = "linux", not(evq_libkqueue))) {
            runs_out("Poll::new with one left", Poll::new());
        }
        files.extend(exhaust());

        // What needs no descriptor works as ever.
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

        // Something is closed, and the waiting connection taken.
        drop(files);
        let (mut late, _) = listener.accept().unwrap();
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        poll.registrator()
            .register(&mut late, Token(3), Interests::READABLE)
            .unwrap();
        wait_for(&mut poll, &mut events, Token(3));
        assert_eq!(late.read(&mut buffer).unwrap(), 10);
        assert_eq!(&buffer[..10], b"still here");

        // And later ones are reported.
        let _third = net::TcpStream::connect(addr).unwrap();
        wait_for(&mut poll, &mut events, Token(0));
        listener.accept().unwrap();
    }
}

/// The same on Windows, where a listener has made the next connection's socket
/// beforehand. A process may have sixteen million handles there, which no test
/// uses up; but Wine has only as many sockets as the system under it.
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
                    "c19_running_out_of_sockets_leaves_the_queue_working: cannot run here, for \
                     after {many} sockets there are still more"
                );
                return;
            }
        };

        // One connection has its socket already; the other waits for one.
        wait_for(&mut poll, &mut events, Token(0));
        let (first, _) = listener.accept().unwrap();
        runs_out("accept", listener.accept());
        runs_out("accept again", listener.accept());
        if trigger == Trigger::Level {
            // A server that accepts once for each event hears of it again.
            for _ in 0..3 {
                wait_for(&mut poll, &mut events, Token(0));
                runs_out("accept once more", listener.accept());
            }
        }
        runs_out("connect", TcpStream::connect(addr));
        runs_out("bind", TcpListener::bind("127.0.0.1:0".parse().unwrap()));

        // What needs no socket works as ever.
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

        // Something is closed, and the waiting connection taken.
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

        // And later ones are reported.
        poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        let third = net::TcpStream::connect(addr).unwrap();
        wait_for(&mut poll, &mut events, Token(0));
        let (_, from) = listener.accept().unwrap();
        assert_eq!(from, third.local_addr().unwrap());
        drop(clients);

        // And it is left alone while nobody comes.
        let refused = listener.accept().unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::WouldBlock);
        let moment = Some(Duration::from_millis(50));
        poll.poll(&mut events, moment).unwrap();
        poll.poll(&mut events, moment).unwrap();
        assert!(events.iter().all(|event| event.token() != Token(0)));
    }
}

use super::*;
use evq::{Events, Interests, Poll, Token, Trigger};
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

const CLIENTS: usize = 6;
const TALKERS: usize = 3;

fn is_silent(client: usize) -> bool {
    client % 2 == 0
}

/// Makes all connections, in order, and returns both ends. Every talker has sent its line.
fn connect() -> (Vec<TcpStream>, Vec<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let connect = |client| {
        let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (far, _) = listener.accept().unwrap();
        if !is_silent(client) {
            near.write_all(b"hello\n").unwrap();
        }
        (near, far)
    };
    (0..CLIENTS).map(connect).unzip()
}

fn soon<T>(receiver: &mpsc::Receiver<T>, what: &str) -> T {
    let limit = Duration::from_secs(5);
    let Ok(value) = receiver.recv_timeout(limit) else {
        panic!("after five seconds, still waiting for {what}");
    };
    value
}

/// Counts the talkers that a pool has answered when each of its threads has a silent client.
fn answered_by_a_pool(threads: usize) -> usize {
    let (clients, served) = connect();
    let waiting: VecDeque<_> = served.into_iter().enumerate().collect();
    let waiting = Arc::new(Mutex::new(waiting));
    let (report, reports) = mpsc::channel();
    for _ in 0..threads {
        let (waiting, report) = (Arc::clone(&waiting), report.clone());
        thread::spawn(move || {
            loop {
                let next = waiting.lock().unwrap().pop_front();
                let Some((client, mut stream)) = next else {
                    return;
                };
                let _ = report.send((client, "taken"));
                let mut line = [0; 64];
                if let Ok(1..) = stream.read(&mut line) {
                    let _ = stream.write_all(b"HELLO\n");
                    let _ = report.send((client, "answered"));
                }
            }
        });
    }
    let (mut asleep, mut answered) = (0, 0);
    while asleep < threads {
        match soon(&reports, "the pool to fall asleep") {
            (client, "taken") => asleep += usize::from(is_silent(client)),
            _ => answered += 1,
        }
    }
    drop(clients);
    answered
}

/// Counts the talkers that one thread with a queue answers.
fn answered_with_a_queue() -> usize {
    let (clients, served) = connect();
    let (report, reports) = mpsc::channel();
    thread::spawn(move || {
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(CLIENTS);
        let mut streams = Vec::new();
        for (client, stream) in served.into_iter().enumerate() {
            let mut stream = evq::net::TcpStream::from_std(stream).unwrap();
            let (token, interests) = (Token(client), Interests::READABLE);
            let registrator = poll.registrator();
            registrator
                .register_with(&mut stream, token, interests, Trigger::Level)
                .unwrap();
            streams.push(stream);
        }
        let mut answered = 0;
        let second = Duration::from_secs(1);
        while answered < TALKERS && poll.poll(&mut events, Some(second)).unwrap() > 0 {
            for event in &events {
                let stream = &mut streams[event.token().0];
                if let Ok(1..) = stream.read(&mut [0; 64]) {
                    stream.write_all(b"HELLO\n").unwrap();
                    answered += 1;
                }
            }
        }
        let _ = report.send(answered);
    });
    let answered = soon(&reports, "the queue's thread");
    drop(clients);
    answered
}

#[test]
fn a_pool_answers_so_many() {
    for (index, predicted) in ANSWERED_BY_A_POOL.into_iter().enumerate() {
        let threads = index + 1;
        assert!(
            predicted == answered_by_a_pool(threads),
            "a pool of {threads} does not answer {predicted} of the 3 talkers: a thread that sleeps in \
             a silent client's `read` serves nobody else"
        );
    }
}

#[test]
fn one_thread_with_a_queue_answers_so_many() {
    let predicted = ANSWERED_WITH_A_QUEUE;
    assert!(
        predicted == answered_with_a_queue(),
        "one thread with a queue does not answer {predicted} of the 3 talkers: a thread that waits at \
         a queue waits for all of them at once, and never in a `read`"
    );
}

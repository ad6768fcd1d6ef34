use super::*;
use evq::net::TcpStream;
use evq::{Events, Interests, Poll, Token, Trigger};
use std::io::{Read, Write};
use std::time::{Duration, Instant};

struct Experiment {
    poll: Poll,
    events: Events,
    stream: TcpStream,
    _client: std::net::TcpStream,
}

/// A registered stream, at which ten bytes have arrived `times` times. They arrive before we
/// register: afterwards, on Windows, they go to a buffer of the queue's, and only `poll` sees them.
fn arrived(times: usize, trigger: Trigger) -> Experiment {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, _) = listener.accept().unwrap();
    let mut stream = TcpStream::from_std(stream).unwrap();
    for _ in 0..times {
        client.write_all(b"ten bytes.").unwrap();
    }
    let began = Instant::now();
    while !matches!(stream.peek(&mut [0; 64]), Ok(count) if count == 10 * times) {
        assert!(
            began.elapsed() < Duration::from_secs(5),
            "after five seconds, still waiting for the client's bytes"
        );
        std::thread::yield_now();
    }
    let poll = Poll::new().unwrap();
    poll.registrator()
        .register_with(&mut stream, Token(0), Interests::READABLE, trigger)
        .unwrap();
    Experiment {
        poll,
        events: Events::with_capacity(8),
        stream,
        _client: client,
    }
}

impl Experiment {
    fn poll(&mut self) -> usize {
        let patience = Duration::from_millis(100);
        self.poll.poll(&mut self.events, Some(patience)).unwrap()
    }

    /// Expects one event, then reads once.
    fn read(mut self, room: usize) -> Experiment {
        assert_eq!(self.poll(), 1);
        let count = self.stream.read(&mut vec![0; room]).unwrap();
        assert_eq!(count, room.min(10));
        self
    }
}

#[test]
fn an_edge_that_is_not_drained() {
    assert!(
        EDGE_AFTER_A_PARTIAL_READ == arrived(1, Trigger::Edge).read(4).poll(),
        "not {EDGE_AFTER_A_PARTIAL_READ} events after a partial read: an edge is announced once, \
         however many bytes are left"
    );
}

#[test]
fn a_level_that_is_not_drained() {
    assert!(
        LEVEL_AFTER_A_PARTIAL_READ == arrived(1, Trigger::Level).read(4).poll(),
        "not {LEVEL_AFTER_A_PARTIAL_READ} events after a partial read: each poll announces a level \
         for as long as there is something to read"
    );
}

#[test]
fn a_level_that_is_over() {
    assert!(
        LEVEL_AFTER_ALL_IS_READ == arrived(1, Trigger::Level).read(10).poll(),
        "not {LEVEL_AFTER_ALL_IS_READ} events after everything is read: a level lasts for as long as \
         there is something to read, and WouldBlock has nothing to do with it"
    );
}

#[test]
fn three_writes_before_the_first_poll() {
    assert!(
        EDGE_AFTER_THREE_WRITES == arrived(3, Trigger::Edge).poll(),
        "not {EDGE_AFTER_THREE_WRITES} events for three writes: an event says that there is something \
         to read, not how often something came"
    );
}

#[test]
fn an_edge_that_is_asked_for_again() {
    let mut experiment = arrived(1, Trigger::Edge).read(4);
    experiment
        .poll
        .registrator()
        .reregister(&mut experiment.stream, Token(0), Interests::READABLE)
        .unwrap();
    let predicted = EDGE_REREGISTERED_AFTER_A_PARTIAL_READ;
    assert!(
        predicted == experiment.poll(),
        "not {predicted} events after `reregister`: it asks the queue again, and the queue announces \
         what is ready at that moment"
    );
}

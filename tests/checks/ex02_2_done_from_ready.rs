use super::*;
use evq::{Events, Interests, Poll, Token};
use std::io::{ErrorKind, Write};
use std::time::Duration;

/// A non-blocking stream in memory: what has arrived, and whether the peer has closed.
#[derive(Default)]
struct Stream {
    arrived: Vec<u8>,
    closed: bool,
    broken: bool,
    reads: u32,
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        assert!(
            self.reads < 1000,
            "`on_event` spins: after WouldBlock, return"
        );
        if self.broken {
            return Err(ErrorKind::ConnectionReset.into());
        }
        if self.arrived.is_empty() && !self.closed {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = self.arrived.as_slice().read(buffer)?;
        self.arrived.drain(..count);
        Ok(count)
    }
}

fn port<S>(stream: S) -> Port<S> {
    Port {
        stream,
        lent: None,
        packets: VecDeque::new(),
    }
}

/// The bytes that count of the next packet.
fn bytes<S>(port: &mut Port<S>, otherwise: &str) -> Vec<u8> {
    let Some(packet) = port.packets.pop_front() else {
        panic!("{otherwise}");
    };
    match packet.result {
        Ok(count) => packet.buffer[..count].to_vec(),
        Err(error) => panic!(
            "a packet has the error {:?}; WouldBlock says that the read is not done: keep the \
             buffer, and wait for the next event",
            error.kind()
        ),
    }
}

#[test]
fn an_event_finishes_the_read_that_waits() {
    let mut port = port(Stream::default());
    port.lend(vec![0; 16]);
    assert!(port.packets.is_empty(), "a packet came before any byte");
    port.stream.arrived.extend_from_slice(b"ten bytes.");
    port.on_event();
    let read = bytes(&mut port, "ten bytes and an event came, but no packet");
    assert_eq!(read, b"ten bytes.");
}

#[test]
fn an_event_too_many_finishes_nothing() {
    let mut port = port(Stream::default());
    port.lend(vec![0; 16]);
    port.on_event();
    if let Some(Packet { result, .. }) = port.packets.pop_front() {
        let brought = result.map_err(|error| error.kind());
        panic!(
            "a packet has {brought:?}, but no byte has arrived: an event is a hint, and \
             WouldBlock says that the read is not done"
        );
    }
    port.stream.arrived.extend_from_slice(b"late");
    port.on_event();
    let read = bytes(&mut port, "the buffer that was lent is lost");
    assert_eq!(read, b"late");
}

#[test]
fn what_was_announced_while_nothing_was_lent() {
    let mut port = port(Stream::default());
    port.stream.arrived.extend_from_slice(b"ten bytes.");
    port.on_event();
    assert!(
        port.packets.is_empty() && port.stream.reads == 0,
        "no buffer was lent, so `on_event` must not read"
    );
    for part in [&b"ten "[..], b"byte", b"s."] {
        port.lend(vec![0; 4]);
        let read = bytes(
            &mut port,
            "a buffer is lent and there are bytes to read, but no packet comes: an edge is announced \
             once, and the queue has announced these bytes before; so `lend` must try at once",
        );
        assert_eq!(read, part, "one buffer, one read, one packet");
        assert!(port.packets.is_empty(), "one buffer, one packet");
    }
}

#[test]
fn the_end_and_an_error_are_done_too() {
    let mut ended = port(Stream::default());
    ended.lend(vec![0; 16]);
    ended.stream.closed = true;
    ended.on_event();
    let read = bytes(&mut ended, "the peer has closed, but no packet says so");
    assert!(read.is_empty());

    let mut broken = port(Stream::default());
    broken.lend(vec![0; 16]);
    broken.stream.broken = true;
    broken.on_event();
    let result = broken.packets.pop_front().map(|packet| packet.result);
    assert!(
        matches!(result, Some(Err(error)) if error.kind() == ErrorKind::ConnectionReset),
        "a read that fails is done, too: its error comes with the packet"
    );
}

#[test]
fn with_a_socket() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, _) = listener.accept().unwrap();
    let mut port = port(evq::net::TcpStream::from_std(stream).unwrap());
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    poll.registrator()
        .register(&mut port.stream, Token(0), Interests::READABLE)
        .unwrap();

    client.write_all(b"ten bytes.").unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let mut received = Vec::new();
    let limit = Some(Duration::from_secs(2));
    loop {
        port.lend(vec![0; 4]);
        while port.packets.is_empty() {
            let count = poll.poll(&mut events, limit).unwrap();
            assert!(
                count > 0,
                "no event came for two seconds, after {} of 10 bytes: an edge is announced once, \
                 and the rest has already arrived",
                received.len()
            );
            port.on_event();
        }
        let read = bytes(&mut port, "no packet");
        if read.is_empty() {
            break;
        }
        received.extend_from_slice(&read);
    }
    assert_eq!(received, b"ten bytes.", "bytes lost or repeated");
}

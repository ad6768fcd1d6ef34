//! Chapter 2: ready or done. First a queue that says *ready*, with evq: hints, edges and levels.
//! Then a queue that says *done*. A thread and a channel stand in for it, so that it runs on every
//! system.

use evq::net::TcpStream;
use evq::{Events, Interests, Poll, Token, Trigger};
use std::io::{self, Read, Write};
use std::net;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long the program waits for something that cannot come.
const IN_VAIN: Duration = Duration::from_millis(200);
/// How long it waits for something that will come: enough for a busy machine.
const PLENTY: Duration = Duration::from_secs(5);

fn main() -> io::Result<()> {
    println!("-- ready: a hint");
    a_hint()?;
    println!("-- ready: an edge");
    an_edge()?;
    println!("-- ready: a level");
    a_level()?;
    println!("-- done");
    done()
}

// ANCHOR: hint
fn a_hint() -> io::Result<()> {
    let (_client_0, mut stream_0) = connected(b"move\n")?;
    let (_client_1, stream_1) = arrived(b"counter\n")?;
    let mut blocking = stream_1.try_clone()?;
    let mut stream_1 = TcpStream::from_std(stream_1)?;
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(8);
    let registrator = poll.registrator();
    registrator.register(&mut stream_0, Token(0), Interests::READABLE)?;
    registrator.register(&mut stream_1, Token(1), Interests::READABLE)?;

    poll.poll(&mut events, Some(PLENTY))?;
    for event in &events {
        // A round needs both moves, so each event reads both streams.
        let (read_0, read_1) = (read(&mut stream_0, 64), read(&mut stream_1, 64));
        let Token(told) = event.token();
        println!("event: {told} can be read; read 0: {read_0}; read 1: {read_1}");
    }

    blocking.set_nonblocking(false)?;
    blocking.set_read_timeout(Some(IN_VAIN))?;
    let began = Instant::now();
    let result = blocking.read(&mut [0; 64]);
    let slept = began.elapsed().as_millis();
    let vain = if result.is_err() { ", in vain" } else { "" };
    println!("read 1, allowed to block: slept for {slept} ms{vain}");
    Ok(())
}
// ANCHOR_END: hint

/// Reads once. Returns the number of bytes, or the kind of the error, as text.
fn read(stream: &mut impl Read, room: usize) -> String {
    match stream.read(&mut vec![0; room]) {
        Ok(count) => format!("{count} bytes"),
        Err(error) => format!("{:?}", error.kind()),
    }
}

/// Waits for events, prints how many came, and returns whether any came.
fn is_told(poll: &mut Poll, events: &mut Events, limit: Duration) -> io::Result<bool> {
    let count = poll.poll(events, Some(limit))?;
    match count {
        0 => println!("poll: no event for {} ms", limit.as_millis()),
        _ => print!("poll: {count} event; "),
    }
    Ok(count > 0)
}

// ANCHOR: edge
fn an_edge() -> io::Result<()> {
    let (mut client, mut stream) = connected(b"ten bytes.")?;
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(8);
    poll.registrator()
        .register_with(&mut stream, Token(0), Interests::READABLE, Trigger::Edge)?;

    is_told(&mut poll, &mut events, PLENTY)?;
    println!("read: {}", read(&mut stream, 4));
    is_told(&mut poll, &mut events, IN_VAIN)?;
    let rest = [(); 3].map(|()| read(&mut stream, 4));
    println!("read on: {}", rest.join(", "));
    client.write_all(b"!")?;
    is_told(&mut poll, &mut events, PLENTY)?;
    println!("read: {}", read(&mut stream, 4));
    Ok(())
}
// ANCHOR_END: edge

// ANCHOR: level
fn a_level() -> io::Result<()> {
    let (_client, mut stream) = connected(b"ten bytes.")?;
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(8);
    poll.registrator()
        .register_with(&mut stream, Token(0), Interests::READABLE, Trigger::Level)?;

    while is_told(&mut poll, &mut events, IN_VAIN)? {
        println!("read: {}", read(&mut stream, 4));
    }
    Ok(())
}
// ANCHOR_END: level

// ANCHOR: port
/// Stands in for a completion port: its threads do the kernel's part.
struct Port {
    finished: Sender<Packet>,
    packets: Receiver<Packet>,
}

struct Packet {
    buffer: Vec<u8>,
    result: io::Result<usize>,
}
// ANCHOR_END: port

impl Port {
    // ANCHOR: lend
    /// Starts a read. The buffer is in flight until `wait` returns it.
    fn lend(&self, stream: &net::TcpStream, mut buffer: Vec<u8>) -> io::Result<()> {
        let (mut stream, finished) = (stream.try_clone()?, self.finished.clone());
        thread::spawn(move || {
            let result = stream.read(&mut buffer);
            let _ = finished.send(Packet { buffer, result });
        });
        Ok(())
    }
    // ANCHOR_END: lend

    // ANCHOR: wait
    fn wait(&self, limit: Duration) -> io::Result<Option<Vec<u8>>> {
        let Ok(packet) = self.packets.recv_timeout(limit) else {
            println!("wait: no packet for {} ms", limit.as_millis());
            return Ok(None);
        };
        let count = packet.result?;
        let text = String::from_utf8_lossy(&packet.buffer);
        println!("wait: done, {count} bytes, in the buffer {text:?}");
        Ok(Some(packet.buffer))
    }
    // ANCHOR_END: wait
}

// ANCHOR: done
fn done() -> io::Result<()> {
    let (mut client, stream) = pair()?;
    let (finished, packets) = channel();
    let port = Port { finished, packets };

    port.lend(&stream, vec![b'-'; 16])?;
    client.write_all(b"ten bytes.")?;
    let buffer = port.wait(PLENTY)?;
    client.write_all(b"more")?;
    port.wait(IN_VAIN)?;
    port.lend(&stream, buffer.unwrap_or_default())?;
    port.wait(PLENTY)?;
    Ok(())
}
// ANCHOR_END: done

/// A client, and the server's end of its connection.
fn pair() -> io::Result<(net::TcpStream, net::TcpStream)> {
    let listener = net::TcpListener::bind("127.0.0.1:0")?;
    let client = net::TcpStream::connect(listener.local_addr()?)?;
    let (stream, _) = listener.accept()?;
    Ok((client, stream))
}

/// A client that has sent `sent`, and the server's end, where these bytes have arrived.
fn connected(sent: &[u8]) -> io::Result<(net::TcpStream, TcpStream)> {
    let (client, stream) = arrived(sent)?;
    Ok((client, TcpStream::from_std(stream)?))
}

fn arrived(sent: &[u8]) -> io::Result<(net::TcpStream, net::TcpStream)> {
    let (mut client, stream) = pair()?;
    client.write_all(sent)?;
    stream.peek(&mut [0])?; // blocks until they have
    Ok((client, stream))
}

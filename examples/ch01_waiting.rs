//! Chapter 1: waiting for one, waiting for many. The same server, written four times, each time
//! with the same two clients. The first client connects and sends nothing. The second client sends
//! a line and wants it back in capitals. The first three servers use the standard library alone;
//! the fourth uses evq.

use evq::{Events, Interests, Poll, Source, Token, Trigger};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

const CLIENTS: usize = 2;

// ANCHOR: answer
/// Reads a line, sends it back in capitals, and hangs up.
fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut line = Vec::new();
    let mut buffer = [0; 64];
    while !line.ends_with(b"\n") {
        match stream.read(&mut buffer)? {
            0 => return Ok(()), // the client hung up
            count => line.extend_from_slice(&buffer[..count]),
        }
    }
    stream.write_all(&line.to_ascii_uppercase())
}

fn one_after_the_other(listener: TcpListener) -> io::Result<String> {
    for _ in 0..CLIENTS {
        let (stream, _) = listener.accept()?;
        answer(stream)?;
    }
    Ok("1 thread".into())
}
// ANCHOR_END: answer

// ANCHOR: threads
fn a_thread_for_each(listener: TcpListener) -> io::Result<String> {
    let mut threads = Vec::new();
    for _ in 0..CLIENTS {
        let (stream, _) = listener.accept()?;
        threads.push(thread::spawn(|| answer(stream)));
    }
    let count = 1 + threads.len();
    for thread in threads {
        thread.join().expect("answering does not panic")?;
    }
    Ok(format!("{count} threads"))
}
// ANCHOR_END: threads

// ANCHOR: tried
static REFUSED: AtomicU32 = AtomicU32::new(0);

/// Turns `WouldBlock` into `None`, and counts it.
fn tried<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            REFUSED.fetch_add(1, Relaxed);
            Ok(None)
        }
        result => result.map(Some),
    }
}
// ANCHOR_END: tried

// ANCHOR: client
struct Client<S> {
    stream: S,
    line: Vec<u8>,
}

impl<S: Read + Write> Client<S> {
    /// Does one read of what `answer` does. Returns whether the client is finished.
    fn go_on(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 64];
        let Some(count) = tried(self.stream.read(&mut buffer))? else {
            return Ok(false);
        };
        self.line.extend_from_slice(&buffer[..count]);
        if !self.line.ends_with(b"\n") {
            return Ok(count == 0);
        }
        self.stream.write_all(&self.line.to_ascii_uppercase())?;
        Ok(true)
    }
}
// ANCHOR_END: client

// ANCHOR: asking
fn asking_all_the_time(listener: TcpListener) -> io::Result<String> {
    listener.set_nonblocking(true)?;
    let mut clients = Vec::new();
    let mut done = 0;
    while done < CLIENTS {
        if let Some((stream, _)) = tried(listener.accept())? {
            stream.set_nonblocking(true)?;
            let line = Vec::new();
            clients.push(Some(Client { stream, line }));
        }
        for slot in &mut clients {
            if let Some(client) = slot {
                if client.go_on()? {
                    *slot = None;
                    done += 1;
                }
            }
        }
    }
    Ok("1 thread".into())
}
// ANCHOR_END: asking

// ANCHOR: register
// evq keeps `usize::MAX` for itself.
const LISTENER: Token = Token(usize::MAX - 1);

fn one_queue(listener: TcpListener) -> io::Result<String> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(8);
    let registrator = poll.registrator().clone();
    let watch = |source: &mut dyn Source, token| {
        registrator.register_with(source, token, Interests::READABLE, Trigger::Level)
    };
    let mut listener = evq::net::TcpListener::from_std(listener)?;
    watch(&mut listener, LISTENER)?;
    // ANCHOR_END: register

    // ANCHOR: queue
    let mut clients = Vec::new();
    let (mut done, mut told) = (0, 0);
    while done < CLIENTS {
        told += poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                if let Some((mut stream, _)) = tried(listener.accept())? {
                    watch(&mut stream, Token(clients.len()))?;
                    let line = Vec::new();
                    clients.push(Some(Client { stream, line }));
                }
                continue;
            }
            let slot = &mut clients[event.token().0];
            if let Some(client) = slot {
                if client.go_on()? {
                    *slot = None;
                    done += 1;
                }
            }
        }
    }
    Ok(format!("1 thread, told of {told} events"))
    // ANCHOR_END: queue
}

fn main() -> io::Result<()> {
    run("one after the other", one_after_the_other, IN_VAIN, 0)?;
    run("a thread for each", a_thread_for_each, PLENTY, 0)?;
    run("asking all the time", asking_all_the_time, PLENTY, 10_000)?;
    run("one queue", one_queue, PLENTY, 0)
}

/// How long the second client waits if the answer cannot come.
const IN_VAIN: Duration = Duration::from_millis(400);
/// How long it waits if the answer will come: enough for a busy machine.
const PLENTY: Duration = Duration::from_secs(5);

fn run(
    name: &str,
    serve: fn(TcpListener) -> io::Result<String>,
    patience: Duration,
    refusals: u32,
) -> io::Result<()> {
    println!("-- {name}");
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = thread::spawn(move || serve(listener));

    let silent = TcpStream::connect(address)?;
    let mut talker = TcpStream::connect(address)?;
    talker.write_all(b"hello\n")?;
    let answered = hear(&mut talker, patience)?;
    if answered {
        keep_silence(refusals);
    }
    println!("the silent client hangs up");
    drop(silent);
    if !answered {
        hear(&mut talker, PLENTY)?;
    }
    let report = server.join().expect("no server panics")?;
    println!("the server: {report}");
    Ok(())
}

fn hear(talker: &mut TcpStream, patience: Duration) -> io::Result<bool> {
    talker.set_read_timeout(Some(patience))?;
    let mut buffer = [0; 64];
    match talker.read(&mut buffer) {
        Ok(count) => {
            let line = String::from_utf8_lossy(&buffer[..count]);
            println!("the second client has its answer: {}", line.trim_end());
            Ok(true)
        }
        Err(_) => {
            let patience = patience.as_millis();
            println!("the second client has no answer after {patience} ms");
            Ok(false)
        }
    }
}

/// Sends nothing for 100 ms, and then until the kernel has refused this many calls.
fn keep_silence(refusals: u32) {
    let (began, before) = (Instant::now(), REFUSED.load(Relaxed));
    thread::sleep(Duration::from_millis(100));
    while REFUSED.load(Relaxed) - before < refusals {
        thread::sleep(Duration::from_millis(1));
    }
    let time = began.elapsed().as_millis();
    match REFUSED.load(Relaxed) - before {
        0 => println!("{time} ms of silence: no call refused"),
        count if refusals == 0 => println!("{time} ms of silence: {count} calls refused"),
        // The exact number depends on the machine.
        _ => println!("{time} ms of silence: more than {refusals} calls refused"),
    }
}

//! Chapter 12: an echo server on one thread. Whatever a client sends comes back to it, however
//! slowly it reads and however it leaves.
//!
//! Alone, it serves four clients of its own and ends. With `-- --listen 127.0.0.1:7777` it serves
//! others until a line `quit`, or the end of standard input, asks it to stop; every system has those.

use std::env;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{self, Shutdown, SocketAddr};
use std::ops::Range;
use std::process::{self, ExitCode};
use std::thread;
use std::time::{Duration, Instant};

use evq::net::{TcpListener, TcpStream};
use evq::{Events, Interests, Poll, Token};

/// Connections have the tokens from 0 up, the queue has `usize::MAX`.
const LISTENER: Token = Token(usize::MAX - 1);
/// Bytes held for one connection: all that a peer can make us remember that sends and never reads.
const ROOM: usize = 16 * 1024;
/// Reads and writes for one connection before the others have their turn.
const ROUNDS: usize = 16;
/// How long we do without new connections before we try to accept again.
const PAUSE: Duration = Duration::from_millis(100);

// ANCHOR: connection
struct Connection {
    stream: TcpStream,
    buffer: Box<[u8]>,
    /// The part of `buffer` that has been read and not yet written.
    unsent: Range<usize>,
    /// The peer has sent its last byte. It may still read.
    ended: bool,
}

/// How a connection's turn came to its end.
enum Turn {
    /// The socket has refused, so that the kernel owes us an event.
    Waits,
    /// The socket has refused nothing yet, but others want their turn.
    Unfinished,
    /// Everything has come and gone.
    Over,
}
// ANCHOR_END: connection

impl Connection {
    fn new(stream: TcpStream) -> Connection {
        Connection {
            stream,
            buffer: vec![0; ROOM].into(),
            unsent: 0..0,
            ended: false,
        }
    }

    // ANCHOR: turn
    /// Moves bytes in both directions, whichever of them the event was for: a
    /// refusal costs less than an edge forgotten.
    fn turn(&mut self) -> io::Result<Turn> {
        for _ in 0..ROUNDS {
            let moved = self.fill()? | self.drain()?;
            if self.ended && self.unsent.is_empty() {
                return Ok(Turn::Over);
            }
            if !moved {
                return Ok(Turn::Waits);
            }
        }
        Ok(Turn::Unfinished)
    }
    // ANCHOR_END: turn

    // ANCHOR: fill
    /// Reads as much as there is room for; `true` if that changed anything.
    fn fill(&mut self) -> io::Result<bool> {
        let room = &mut self.buffer[self.unsent.end..];
        // Full: what we do not read stays in the kernel, whose own buffers fill in
        // turn, until the peer's writes have to wait: backpressure, for nothing.
        if room.is_empty() || self.ended {
            return Ok(false);
        }
        match tried(|| self.stream.read(room))? {
            None => return Ok(false),
            // Only the peer's side is closed: it still waits for its echo.
            Some(0) => self.ended = true,
            Some(count) => self.unsent.end += count,
        }
        Ok(true)
    }
    // ANCHOR_END: fill

    // ANCHOR: drain
    /// Writes as much as the socket takes; `true` if that was anything.
    fn drain(&mut self) -> io::Result<bool> {
        if self.unsent.is_empty() {
            return Ok(false);
        }
        let unsent = &self.buffer[self.unsent.clone()];
        let Some(count) = tried(|| self.stream.write(unsent))? else {
            return Ok(false);
        };
        // `count` may be less than we offered. The rest stays, and goes out first.
        self.unsent.start += count;
        if self.unsent.is_empty() {
            self.unsent = 0..0;
        }
        Ok(true)
    }
    // ANCHOR_END: drain
}

// ANCHOR: tried
/// `None` where the socket would have waited: that is an answer, not a failure.
fn tried(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<Option<usize>> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            // A signal came before any byte had moved. The call has decided nothing.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result.map(Some),
        }
    }
}
// ANCHOR_END: tried

// ANCHOR: server
struct Server {
    poll: Poll,
    listener: TcpListener,
    /// A connection's token is its place in here.
    connections: Vec<Option<Connection>>,
    /// Places without a connection.
    free: Vec<usize>,
    /// Places whose connection was closed in the current batch of events.
    vacated: Vec<usize>,
    /// `accept` has failed, and clients may wait in the kernel: when to try again.
    retry: Option<Instant>,
    finished: usize,
    failed: usize,
}
// ANCHOR_END: server

impl Server {
    fn bind(addr: SocketAddr) -> io::Result<Server> {
        let poll = Poll::new()?;
        let mut listener = TcpListener::bind(addr)?;
        poll.registrator()
            .register(&mut listener, LISTENER, Interests::READABLE)?;
        Ok(Server {
            poll,
            listener,
            connections: Vec::new(),
            free: Vec::new(),
            vacated: Vec::new(),
            retry: None,
            finished: 0,
            failed: 0,
        })
    }

    // ANCHOR: run
    /// Serves until the loop is closed, and then gives up what is unsent.
    fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(256);
        loop {
            // The loop sleeps here and nowhere else. It has a reason to wake by
            // itself only if `accept` has failed: a descriptor that is closed
            // elsewhere in the process makes no event.
            let pause = self
                .retry
                .map(|at| at.saturating_duration_since(Instant::now()));
            match self.poll.poll(&mut events, pause) {
                Ok(_) => {}
                // An error of no system call: somebody has closed the loop.
                Err(error) if error.raw_os_error().is_none() => return Ok(()),
                Err(error) => return Err(error),
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept_all(),
                    Token(place) => self.serve(place),
                }
            }
            // By the clock, and not when nothing else happens: there may always be
            // a client that talks.
            if let Some(at) = self.retry {
                if !self.vacated.is_empty() || Instant::now() >= at {
                    self.accept_all();
                }
            }
            // Not before the batch is over: its later events may bear these tokens,
            // and must not meet a connection that was accepted meanwhile.
            self.free.append(&mut self.vacated);
        }
    }
    // ANCHOR_END: run

    // ANCHOR: accept
    /// Accepts until nobody is left: one edge may announce any number of clients.
    fn accept_all(&mut self) {
        self.retry = None;
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => self.admit(stream),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return,
                    // This client has given up already. The next one may not have.
                    ErrorKind::ConnectionAborted => {}
                    // A signal came first.
                    ErrorKind::Interrupted => {}
                    // As a rule there are no descriptors left, and to ask again at
                    // once would only burn time. The clients wait in the kernel; so
                    // do we, until one of ours ends or the pause is over.
                    _ => {
                        self.retry = Some(Instant::now() + PAUSE);
                        return;
                    }
                },
            }
        }
    }

    fn admit(&mut self, mut stream: TcpStream) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.connections.push(None);
            self.connections.len() - 1
        });
        let registrator = self.poll.registrator();
        // Both directions, once and for all: an edge comes only when something
        // changes, so that being always writable, as most sockets are, wakes
        // nobody.
        let watched = stream
            .set_nodelay(true)
            .and_then(|()| registrator.register(&mut stream, Token(place), both()));
        match watched {
            Ok(()) => self.connections[place] = Some(Connection::new(stream)),
            // One client's trouble, or the loop closes. Dropping `stream` hangs up.
            Err(_) => self.free.push(place),
        }
    }
    // ANCHOR_END: accept

    // ANCHOR: serve
    fn serve(&mut self, place: usize) {
        // The event may be late: its connection was closed in the same batch.
        let Some(Some(connection)) = self.connections.get_mut(place) else {
            return;
        };
        let ended = match connection.turn() {
            Ok(Turn::Waits) => return,
            Ok(Turn::Unfinished) => {
                // No refusal, no edge. Reregistering has what is ready reported
                // again, behind what others are waiting for.
                let registrator = self.poll.registrator();
                match registrator.reregister(&mut connection.stream, Token(place), both()) {
                    Ok(()) => return,
                    Err(error) => Err(error),
                }
            }
            Ok(Turn::Over) => Ok(()),
            Err(error) => Err(error),
        };
        match ended {
            Ok(()) => self.finished += 1,
            // A reset, as a rule. It ends this connection, and nobody else's.
            Err(_) => self.failed += 1,
        }
        // Dropping the stream deregisters it and closes it, which is how the peer
        // learns that there is no more to read.
        self.connections[place] = None;
        self.vacated.push(place);
    }
    // ANCHOR_END: serve
}

fn both() -> Interests {
    Interests::READABLE | Interests::WRITABLE
}

// ANCHOR: until
/// Serves at `addr` until `until`, in a thread of its own, has come to its end.
fn serve_until(addr: SocketAddr, until: fn(SocketAddr) -> String) -> io::Result<()> {
    let mut server = Server::bind(addr)?;
    let addr = server.listener.local_addr()?;
    println!("serving at {addr}");
    let registrator = server.poll.registrator().clone();
    let stopper = thread::spawn(move || {
        let said = until(addr);
        if let Err(error) = registrator.close_loop() {
            // The loop is closed, but its poller sleeps and cannot be woken to see it.
            eprintln!("ch12_echo: cannot stop the server, so the program ends: {error}");
            process::exit(1);
        }
        said
    });
    // If this fails, the program ends, and the thread with it.
    server.run()?;
    if let Ok(said) = stopper.join() {
        print!("{said}");
    }
    let (finished, failed) = (server.finished, server.failed);
    println!("stopped: {finished} connections came to their end, {failed} failed");
    Ok(())
}

/// Until somebody has typed `quit`, or there is nobody left who could.
fn quit(_: SocketAddr) -> String {
    let mut lines = io::stdin().lines().map_while(Result::ok);
    let _ = lines.find(|line| line.trim() == "quit");
    String::new()
}
// ANCHOR_END: until

/// Four clients at a time; what each has to tell.
fn own_clients(addr: SocketAddr) -> String {
    type Client = fn(SocketAddr) -> io::Result<String>;
    let clients: [(&str, Client); 4] = [
        ("chatty", chatty),
        ("slow reader", slow_reader),
        ("half-closer", half_closer),
        ("leaver", leaver),
    ];
    let threads = clients.map(|(name, client)| (name, thread::spawn(move || client(addr))));
    let told = threads.map(|(name, thread)| match thread.join() {
        Ok(Ok(told)) => format!("{name}: {told}\n"),
        Ok(Err(error)) => format!("{name}: {error}\n"),
        Err(_) => format!("{name}: panicked\n"),
    });
    told.concat()
}

/// A client of the standard library's. It waits for its echo, but not for ever.
fn connect(addr: SocketAddr) -> io::Result<net::TcpStream> {
    let stream = net::TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.set_write_timeout(Some(Duration::from_secs(5)))?;
    Ok(stream)
}

/// Leaves, and sees the server close its side, too. Without that, the loop might be closed, and
/// the connections counted, while the server has not yet heard of it.
fn leave(mut stream: net::TcpStream) -> io::Result<usize> {
    stream.shutdown(Shutdown::Write)?;
    stream.read(&mut [0])
}

fn expect(stream: &mut net::TcpStream, sent: &[u8]) -> io::Result<()> {
    let mut echo = vec![0; sent.len()];
    stream.read_exact(&mut echo)?;
    match echo == sent {
        true => Ok(()),
        false => Err(io::Error::other("what came back is not what was sent")),
    }
}

/// Of a prime length, so that a loss or a repetition of any usual buffer's length shows.
fn piece() -> Vec<u8> {
    (0..=250).cycle().take(65_521).collect()
}

fn chatty(addr: SocketAddr) -> io::Result<String> {
    let mut stream = connect(addr)?;
    for n in 1..=100 {
        let line = format!("line {n}\n");
        stream.write_all(line.as_bytes())?;
        expect(&mut stream, line.as_bytes())?;
    }
    leave(stream)?;
    Ok("100 lines, each back before the next was sent".into())
}

/// Reads nothing until everything between the two ends is full: 33 MB are more than the kernel
/// keeps for two sockets of one machine.
fn slow_reader(addr: SocketAddr) -> io::Result<String> {
    let (mut stream, piece, pieces) = (connect(addr)?, piece(), 512);
    let (mut sender, copy) = (stream.try_clone()?, piece.clone());
    let sending = thread::spawn(move || (0..pieces).try_for_each(|_| sender.write_all(&copy)));
    thread::sleep(Duration::from_millis(200));
    let held_up = !sending.is_finished();
    for _ in 0..pieces {
        expect(&mut stream, &piece)?;
    }
    leave(stream)?;
    let total = pieces * piece.len();
    Ok(format!(
        "{total} bytes back in order; its sending was held up: {held_up}"
    ))
}

/// Says that it will send no more while most of what it sent is still on its way.
fn half_closer(addr: SocketAddr) -> io::Result<String> {
    let (mut stream, piece) = (connect(addr)?, piece());
    stream.write_all(&piece)?;
    stream.shutdown(Shutdown::Write)?;
    expect(&mut stream, &piece)?;
    let end = stream.read(&mut [0])?;
    let total = piece.len();
    Ok(format!(
        "closed its side after {total} bytes; all came back, then {end}"
    ))
}

/// Closes with its echo unread. On Linux that resets the connection, elsewhere it may not.
fn leaver(addr: SocketAddr) -> io::Result<String> {
    let mut stream = connect(addr)?;
    stream.write_all(b"never mind")?;
    stream.peek(&mut [0])?;
    Ok("left without reading its echo".into())
}

fn main() -> ExitCode {
    let arguments = env::args_os().skip(1);
    let arguments: Vec<_> = arguments
        .map(|text| text.to_string_lossy().into_owned())
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result =
        match arguments[..] {
            [] => serve_until(([127, 0, 0, 1], 0).into(), own_clients)
                .map_err(|error| error.to_string()),
            ["--listen", addr] => match addr.parse() {
                Ok(addr) => serve_until(addr, quit)
                    .map_err(|error| format!("cannot serve at {addr}: {error}")),
                Err(_) => Err(format!(
                    "`{addr}` is no address and port, such as 127.0.0.1:7777"
                )),
            },
            _ => Err("takes nothing, or --listen and an address such as 127.0.0.1:7777".into()),
        };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("ch12_echo: {sentence}");
            ExitCode::FAILURE
        }
    }
}

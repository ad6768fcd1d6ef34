//! Chapter 12. An echo server on one thread. It sends back what each client sends, even to a client
//! that reads slowly or has stopped sending.
//!
//! Without arguments, it serves four clients of its own and ends. With `-- --listen 127.0.0.1:7777`
//! it serves your clients. The line `quit`, or the end of standard input, stops it.

use std::env;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{self, Shutdown, SocketAddr};
use std::ops::Range;
use std::process::{self, ExitCode};
use std::thread;
use std::time::{Duration, Instant};

use evq::net::{TcpListener, TcpStream};
use evq::{Events, Interests, Poll, Token};

/// Connections have the tokens from 0 up. `usize::MAX` is the queue's own.
const LISTENER: Token = Token(usize::MAX - 1);
/// The most bytes that the server holds for one connection.
const ROOM: usize = 16 * 1024;
/// How often one connection reads and writes before the others have their turn.
const ROUNDS: usize = 16;
/// How long the server waits after `accept` has failed.
const PAUSE: Duration = Duration::from_millis(100);

// ANCHOR: connection
struct Connection {
    stream: TcpStream,
    buffer: Box<[u8]>,
    /// The part of `buffer` that was read and is not written yet.
    unsent: Range<usize>,
    /// The peer has sent its last byte. It may still read.
    ended: bool,
}

/// Why a connection's turn has ended.
enum Turn {
    /// The socket said `WouldBlock`, so an event will come.
    Waits,
    /// One direction has not said `WouldBlock`, but the others want their turn.
    Unfinished,
    /// The peer has ended, and everything has gone back.
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
    /// Tries both directions, because the event may be for either.
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
    /// Reads into the room that is left. `true` if that changed anything.
    fn fill(&mut self) -> io::Result<bool> {
        let room = &mut self.buffer[self.unsent.end..];
        // If we do not read, the kernel's buffers fill, and the peer has to wait.
        if room.is_empty() || self.ended {
            return Ok(false);
        }
        match tried(|| self.stream.read(room))? {
            None => return Ok(false),
            // The peer sends no more, but it still reads.
            Some(0) => self.ended = true,
            Some(count) => self.unsent.end += count,
        }
        Ok(true)
    }
    // ANCHOR_END: fill

    // ANCHOR: drain
    /// Writes what the socket has room for. `true` if it took any bytes.
    fn drain(&mut self) -> io::Result<bool> {
        if self.unsent.is_empty() {
            return Ok(false);
        }
        let unsent = &self.buffer[self.unsent.clone()];
        let Some(count) = tried(|| self.stream.write(unsent))? else {
            return Ok(false);
        };
        // The socket may take less than we offer. The rest stays in the buffer.
        self.unsent.start += count;
        if self.unsent.is_empty() {
            self.unsent = 0..0;
        }
        Ok(true)
    }
    // ANCHOR_END: drain
}

// ANCHOR: tried
/// Makes a call. `None` if the socket is not ready for it.
fn tried(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<Option<usize>> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            // A signal came before any byte was moved: call again.
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
    /// A connection's token is its place in this list.
    connections: Vec<Option<Connection>>,
    /// Places without a connection.
    free: Vec<usize>,
    /// Places whose connection was closed in the current batch of events.
    vacated: Vec<usize>,
    /// When to call `accept` again, if it has failed.
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

    // ANCHOR: wait
    /// Serves until the loop is closed.
    fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(256);
        loop {
            let pause = self
                .retry
                .map(|at| at.saturating_duration_since(Instant::now()));
            match self.poll.poll(&mut events, pause) {
                Ok(_) => {}
                // No system call returns this error: somebody has closed the loop.
                Err(error) if error.raw_os_error().is_none() => return Ok(()),
                Err(error) => return Err(error),
            }
            // ANCHOR_END: wait
            // ANCHOR: batch
            for event in &events {
                match event.token() {
                    LISTENER => self.accept_all(),
                    Token(place) => self.serve(place),
                }
            }
            if let Some(at) = self.retry {
                if !self.vacated.is_empty() || Instant::now() >= at {
                    self.accept_all();
                }
            }
            // No earlier: a later event of this batch may have one of these tokens.
            self.free.append(&mut self.vacated);
            // ANCHOR_END: batch
        }
    }

    // ANCHOR: accept
    /// Accepts every client that waits. One edge may announce several.
    fn accept_all(&mut self) {
        self.retry = None;
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => self.admit(stream),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return,
                    // This client has gone. The next one may wait.
                    ErrorKind::ConnectionAborted => {}
                    ErrorKind::Interrupted => {}
                    // Most likely, the process has no descriptor left.
                    _ => {
                        self.retry = Some(Instant::now() + PAUSE);
                        return;
                    }
                },
            }
        }
    }
    // ANCHOR_END: accept

    // ANCHOR: admit
    fn admit(&mut self, mut stream: TcpStream) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.connections.push(None);
            self.connections.len() - 1
        });
        let registrator = self.poll.registrator();
        let watched = stream
            .set_nodelay(true)
            .and_then(|()| registrator.register(&mut stream, Token(place), both()));
        match watched {
            Ok(()) => self.connections[place] = Some(Connection::new(stream)),
            // Only this client is lost: the stream is dropped, which closes it.
            Err(_) => self.free.push(place),
        }
    }
    // ANCHOR_END: admit

    // ANCHOR: serve
    fn serve(&mut self, place: usize) {
        // An earlier event of this batch may have closed the connection.
        let Some(Some(connection)) = self.connections.get_mut(place) else {
            return;
        };
        let ended = match connection.turn() {
            Ok(Turn::Waits) => return,
            Ok(Turn::Unfinished) => {
                // Without `WouldBlock`, no edge is owed. This asks for an event now.
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
            // Usually a reset. It ends this connection alone.
            Err(_) => self.failed += 1,
        }
        // Drops the stream, which deregisters and closes it.
        self.connections[place] = None;
        self.vacated.push(place);
    }
    // ANCHOR_END: serve
}

fn both() -> Interests {
    Interests::READABLE | Interests::WRITABLE
}

// ANCHOR: until
/// Serves at `addr` until the function `until` returns, which runs in its own thread.
fn serve_until(addr: SocketAddr, until: fn(SocketAddr) -> String) -> io::Result<()> {
    let mut server = Server::bind(addr)?;
    let addr = server.listener.local_addr()?;
    println!("serving at {addr}");
    let registrator = server.poll.registrator().clone();
    let stopper = thread::spawn(move || {
        let said = until(addr);
        if let Err(error) = registrator.close_loop() {
            // The poller sleeps, and the system refuses to wake it.
            eprintln!("ch12_echo: cannot stop the server, so the program ends: {error}");
            process::exit(1);
        }
        said
    });
    // If this fails, `main` returns, and that ends the thread too.
    server.run()?;
    if let Ok(said) = stopper.join() {
        print!("{said}");
    }
    let (finished, failed) = (server.finished, server.failed);
    println!("stopped: {finished} connections came to their end, {failed} failed");
    Ok(())
}
// ANCHOR_END: until

// ANCHOR: quit
/// Returns after the line `quit`, or at the end of the input.
fn quit(_: SocketAddr) -> String {
    let mut lines = io::stdin().lines().map_while(Result::ok);
    let _ = lines.find(|line| line.trim() == "quit");
    String::new()
}
// ANCHOR_END: quit

/// Runs four clients at once, and returns what each of them reports.
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

/// Connects with the standard library. A read or a write fails after five seconds.
fn connect(addr: SocketAddr) -> io::Result<net::TcpStream> {
    let stream = net::TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.set_write_timeout(Some(Duration::from_secs(5)))?;
    Ok(stream)
}

/// Ends our side, and waits until the server has closed its side too. Otherwise the program might
/// count the connections before the server has closed this one.
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

/// Its length is a prime number, so a buffer's length that is lost or sent twice shows.
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

/// Reads nothing for 200 ms, while a second thread sends 33 MB. The kernel's buffers hold less.
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

/// Ends its side while most of its bytes are still on their way.
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

/// Closes with its echo unread. On Linux that resets the connection. Other systems may not.
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

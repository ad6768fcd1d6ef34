//! Chapter 16. Datagrams. The first part treats datagrams as a stream, and loses some. Then a server
//! adds numbers, and its client asks again until it has an answer.
//!
//! With `-- --listen 127.0.0.1:7777` the server serves your clients until you type `quit`. In another
//! terminal, start `nc -u 127.0.0.1 7777`, and type lines such as `1 add 5`.

use std::collections::HashMap;
use std::env;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use evq::net::UdpSocket;
use evq::{Events, Interests, Poll, Token};

/// The longest datagram of the protocol, in bytes.
const LONGEST: usize = 32;
/// How long the client waits before it asks again for the first time.
const PATIENCE: Duration = Duration::from_millis(10);
/// How many questions the client asks. Each adds its own number.
const QUESTIONS: u32 = 10;

const CLIENT: Token = Token(0);
const SERVER: Token = Token(1);

fn any_port() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

// ANCHOR: habits
/// Receives as from a stream: 0 bytes are the end, and so is an error.
fn as_a_stream(socket: &UdpSocket, received: &mut Vec<String>) -> Result<(), String> {
    let mut buffer = [0; LONGEST];
    loop {
        match socket.recv(&mut buffer) {
            Ok(0) => return Err("the end".into()),
            Ok(count) => received.push(text(&buffer[..count])),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(format!("{:?}", error.kind())),
        }
    }
}
// ANCHOR_END: habits

fn habits() -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(8);
    let mut socket = UdpSocket::bind(any_port())?;
    let sender = std::net::UdpSocket::bind(any_port())?;
    let long = "two, which is longer than anything that was agreed on";
    for datagram in ["one", long, "", "four"] {
        sender.send_to(datagram.as_bytes(), socket.local_addr()?)?;
    }
    poll.registrator()
        .register(&mut socket, CLIENT, Interests::READABLE)?;
    let mut received = Vec::new();
    let end = loop {
        poll.poll(&mut events, None)?;
        if let Err(end) = as_a_stream(&socket, &mut received) {
            break end;
        }
    };
    println!("sent: one, two, an empty one, four");
    println!("received: {received:?}");
    println!("and then: {end}");
    Ok(())
}

/// Sends more than a socket holds, while nobody receives.
fn flood() -> io::Result<()> {
    let (sender, receiver) = (UdpSocket::bind(any_port())?, UdpSocket::bind(any_port())?);
    let to = receiver.local_addr()?;
    let (mut taken, mut refused, mut received) = (0, 0, 0);
    // ANCHOR: flood
    for _ in 0..5000 {
        match sender.send_to(&[7; 1000], to) {
            Ok(_) => taken += 1,
            Err(_) => refused += 1,
        }
    }
    while receiver.recv(&mut [0; 1000]).is_ok() {
        received += 1;
    }
    // ANCHOR_END: flood
    println!("5000 datagrams: {taken} sent, {refused} refused");
    println!("some of them are lost: {}", received < taken);
    Ok(())
}

// ANCHOR: nobody
/// Asks where nobody listens.
fn nobody() -> io::Result<()> {
    let client = UdpSocket::bind(any_port())?;
    // This socket receives only from itself, and no other program can take its port.
    let deaf = std::net::UdpSocket::bind(any_port())?;
    let nobody = deaf.local_addr()?;
    deaf.connect(nobody)?;
    client.connect(nobody)?;
    println!("send: {:?}", plain(client.send(b"1 add 1")));
    // The refusal is a message too. It takes a moment to arrive.
    thread::sleep(Duration::from_millis(20));
    println!("recv: {:?}", plain(client.recv(&mut [0; LONGEST])));
    println!("recv: {:?}", plain(client.recv(&mut [0; LONGEST])));
    Ok(())
}
// ANCHOR_END: nobody

fn plain(result: io::Result<usize>) -> Result<usize, ErrorKind> {
    result.map_err(|error| error.kind())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

// ANCHOR: receive
/// What one call has received.
enum Received {
    Datagram(String, SocketAddr),
    /// The datagram was longer than `LONGEST`. The rest of it is lost.
    Cut,
    /// No datagram is there. An event will come.
    Nothing,
}

fn receive(socket: &UdpSocket) -> io::Result<Received> {
    // One byte longer than any datagram may be. A datagram that fills it is too long.
    let mut buffer = [0; LONGEST + 1];
    loop {
        return match socket.recv_from(&mut buffer) {
            Ok((count, _)) if count > LONGEST => Ok(Received::Cut),
            Ok((count, from)) => Ok(Received::Datagram(text(&buffer[..count]), from)),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => Ok(Received::Nothing),
                // An earlier datagram was refused. Call again.
                ErrorKind::ConnectionRefused => continue,
                _ => Err(error),
            },
        };
    }
}
// ANCHOR_END: receive

// ANCHOR: server
struct Server {
    socket: UdpSocket,
    total: u64,
    executed: u32,
    /// The number of each client's last question, and our answer to it.
    answered: HashMap<SocketAddr, (u32, String)>,
    /// How many answers were sent again.
    repeated: u32,
    /// Loses datagrams, because loopback loses none.
    link: Option<Link>,
}
// ANCHOR_END: server

impl Server {
    /// Answers every question that has arrived.
    fn turn(&mut self) -> io::Result<()> {
        loop {
            match receive(&self.socket)? {
                Received::Datagram(question, from) => self.question(&question, from),
                // Not from one of our clients: ignore it.
                Received::Cut => {}
                Received::Nothing => return Ok(()),
            }
        }
    }

    // ANCHOR: question
    fn question(&mut self, question: &str, from: SocketAddr) {
        let mut words = question.split_whitespace();
        let number = words.next().and_then(|word| word.parse().ok());
        let amount = words.nth(1).and_then(|word| word.parse::<u32>().ok());
        let (Some(number), Some(amount), true) = (number, amount, self.arrives()) else {
            return;
        };
        match self.answered.get(&from) {
            // The client has no answer yet. Do not add again.
            Some((last, _)) if *last == number => self.repeated += 1,
            // The client has asked a later question, so it has this answer.
            Some((last, _)) if *last > number => return,
            _ => {
                self.total += u64::from(amount);
                self.executed += 1;
                let answer = format!("{number} total {}\n", self.total);
                self.answered.insert(from, (number, answer));
            }
        }
        if self.arrives() {
            // If there is no room, the answer is lost, and the client asks again.
            let answer = self.answered[&from].1.as_bytes();
            let _ = self.socket.send_to(answer, from);
        }
    }
    // ANCHOR_END: question

    fn bind(addr: SocketAddr, link: Option<Link>) -> io::Result<Server> {
        Ok(Server {
            socket: UdpSocket::bind(addr)?,
            total: 0,
            executed: 0,
            answered: HashMap::new(),
            repeated: 0,
            link,
        })
    }

    fn arrives(&mut self) -> bool {
        self.link.as_mut().is_none_or(Link::arrives)
    }
}

/// Loses each fifth and each seventh datagram, in both directions together.
struct Link {
    carried: u32,
}

impl Link {
    fn arrives(&mut self) -> bool {
        self.carried += 1;
        self.carried % 5 != 0 && self.carried % 7 != 0
    }
}

// ANCHOR: client
struct Client {
    socket: UdpSocket,
    number: u32,
    /// When we ask again if no answer has come.
    due: Instant,
    /// How long we wait after the next question.
    patience: Duration,
    asked: u32,
}
// ANCHOR_END: client

impl Client {
    // ANCHOR: ask
    fn next_question(&mut self) -> io::Result<()> {
        self.number += 1;
        self.patience = PATIENCE;
        self.ask()
    }

    /// Asks, or asks again. A question that is asked again keeps its number.
    fn ask(&mut self) -> io::Result<()> {
        let question = format!("{0} add {0}", self.number);
        match self.socket.send(question.as_bytes()) {
            Ok(_) => {}
            // The question is lost. We ask again when it is due.
            Err(error)
                if error.kind() == ErrorKind::WouldBlock
                    || error.kind() == ErrorKind::ConnectionRefused => {}
            Err(error) => return Err(error),
        }
        self.asked += 1;
        self.due = Instant::now() + self.patience;
        self.patience *= 2;
        Ok(())
    }
    // ANCHOR_END: ask

    // ANCHOR: answer
    /// The answer to the last question, if it has come.
    fn answer(&self) -> io::Result<Option<u64>> {
        loop {
            match receive(&self.socket)? {
                Received::Nothing => return Ok(None),
                Received::Cut => {}
                Received::Datagram(answer, _) => {
                    let mut words = answer.split_whitespace();
                    let number = words.next().and_then(|word| word.parse().ok());
                    // Another number: an old question was answered twice.
                    if number == Some(self.number) {
                        return Ok(words.nth(1).and_then(|word| word.parse().ok()));
                    }
                }
            }
        }
    }
    // ANCHOR_END: answer
}

/// Runs the client and its server in one loop.
fn questions() -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(8);
    let mut server = Server::bind(any_port(), Some(Link { carried: 0 }))?;
    let mut client = Client {
        socket: UdpSocket::bind(any_port())?,
        number: 0,
        due: Instant::now(),
        patience: PATIENCE,
        asked: 0,
    };
    client.socket.connect(server.socket.local_addr()?)?;
    let registrator = poll.registrator();
    registrator.register(&mut client.socket, CLIENT, Interests::READABLE)?;
    registrator.register(&mut server.socket, SERVER, Interests::READABLE)?;

    // ANCHOR: both
    client.next_question()?;
    let total = loop {
        let left = client.due.saturating_duration_since(Instant::now());
        poll.poll(&mut events, Some(left))?;
        if events.iter().any(|event| event.token() == SERVER) {
            server.turn()?;
        }
        match client.answer()? {
            Some(total) if client.number == QUESTIONS => break total,
            Some(_) => client.next_question()?,
            None if Instant::now() >= client.due => client.ask()?,
            None => {}
        }
    };
    // ANCHOR_END: both
    println!("{QUESTIONS} questions, answered: {}", client.number);
    println!("some were asked again: {}", client.asked > QUESTIONS);
    println!("some were answered twice: {}", server.repeated > 0);
    println!("added {} times, which makes {total}", server.executed);
    Ok(())
}

/// Serves the reader's clients.
fn listen(addr: SocketAddr) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(8);
    let mut server = Server::bind(addr, None)?;
    poll.registrator()
        .register(&mut server.socket, SERVER, Interests::READABLE)?;
    println!("serving at {}", server.socket.local_addr()?);
    let registrator = poll.registrator().clone();
    thread::spawn(move || {
        let mut lines = io::stdin().lines().map_while(Result::ok);
        let _ = lines.find(|line| line.trim() == "quit");
        registrator.close_loop()
    });
    loop {
        match poll.poll(&mut events, None) {
            Ok(_) => server.turn()?,
            Err(error) if error.raw_os_error().is_none() => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

fn own() -> io::Result<()> {
    println!("-- datagrams, read as a stream");
    habits()?;
    println!("-- a flood, and nobody reads");
    flood()?;
    println!("-- connected, and nobody there");
    nobody()?;
    println!("-- ask again");
    questions()
}

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments[..] {
        [] => own().map_err(|error| error.to_string()),
        ["--listen", addr] => match addr.parse() {
            Ok(addr) => listen(addr).map_err(|error| format!("cannot serve at {addr}: {error}")),
            Err(_) => Err(format!(
                "`{addr}` is no address and port, such as 127.0.0.1:7777"
            )),
        },
        _ => Err("takes nothing, or --listen and an address such as 127.0.0.1:7777".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("ch16_udp: {sentence}");
            ExitCode::FAILURE
        }
    }
}

//! Chapter 16: datagrams. First what a program loses that treats them as a stream; then a server
//! that adds, and a client that asks again until it has its answer.
//!
//! `-- --listen 127.0.0.1:7777` serves clients of yours instead, until you type `quit`: in another
//! terminal, `nc -u 127.0.0.1 7777`, and lines such as `1 add 5`.

use std::collections::HashMap;
use std::env;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use evq::net::UdpSocket;
use evq::{Events, Interests, Poll, Token};

/// The longest datagram of this chapter's protocol, in bytes.
const LONGEST: usize = 32;
/// Longer than an answer takes here, unless it is lost.
const PATIENCE: Duration = Duration::from_millis(10);
/// How many questions the client asks. Each adds its own number.
const QUESTIONS: u32 = 10;

const CLIENT: Token = Token(0);
const SERVER: Token = Token(1);

fn any_port() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

// ANCHOR: habits
/// Receives as if from a stream: 0 is the end, and so is every error.
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

// ANCHOR: flood
/// Sends more than a socket holds, while nobody receives.
fn flood() -> io::Result<()> {
    let (sender, receiver) = (UdpSocket::bind(any_port())?, UdpSocket::bind(any_port())?);
    let to = receiver.local_addr()?;
    let (mut taken, mut refused, mut received) = (0, 0, 0);
    for _ in 0..5000 {
        match sender.send_to(&[7; 1000], to) {
            Ok(_) => taken += 1,
            Err(_) => refused += 1,
        }
    }
    while receiver.recv(&mut [0; 1000]).is_ok() {
        received += 1;
    }
    println!("5000 datagrams: {taken} sent, {refused} refused");
    println!("some of them are lost: {}", received < taken);
    Ok(())
}
// ANCHOR_END: flood

// ANCHOR: nobody
/// Asks where nobody listens.
fn nobody() -> io::Result<()> {
    let client = UdpSocket::bind(any_port())?;
    // It hears only itself. While it lives, nobody else gets its port.
    let deaf = std::net::UdpSocket::bind(any_port())?;
    let nobody = deaf.local_addr()?;
    deaf.connect(nobody)?;
    client.connect(nobody)?;
    println!("send: {:?}", plain(client.send(b"1 add 1")));
    // The refusal comes back as a message of its own, which takes a moment.
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
    /// It was longer than `LONGEST`, and the rest of it is gone.
    Cut,
    /// There is none; an event is owed.
    Nothing,
}

fn receive(socket: &UdpSocket) -> io::Result<Received> {
    // Room for one byte more than is allowed: a datagram that fills it is too long.
    let mut buffer = [0; LONGEST + 1];
    loop {
        return match socket.recv_from(&mut buffer) {
            Ok((count, _)) if count > LONGEST => Ok(Received::Cut),
            Ok((count, from)) => Ok(Received::Datagram(text(&buffer[..count]), from)),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock => Ok(Received::Nothing),
                // An earlier datagram was refused. This call has received nothing:
                // call again.
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
    /// Each client's last question, by its number, and our answer.
    answered: HashMap<SocketAddr, (u32, String)>,
    /// Answers that were given a second time.
    repeated: u32,
    /// Loses datagrams, because loopback does not.
    link: Option<Link>,
}

impl Server {
    /// Answers every question that has arrived.
    fn turn(&mut self) -> io::Result<()> {
        loop {
            match receive(&self.socket)? {
                Received::Datagram(question, from) => self.question(&question, from),
                // Our clients send none that is so long: pass it over.
                Received::Cut => {}
                Received::Nothing => return Ok(()),
            }
        }
    }

    fn question(&mut self, question: &str, from: SocketAddr) {
        let mut words = question.split_whitespace();
        let number = words.next().and_then(|word| word.parse().ok());
        let amount = words.nth(1).and_then(|word| word.parse::<u32>().ok());
        let (Some(number), Some(amount), true) = (number, amount, self.arrives()) else {
            return;
        };
        match self.answered.get(&from) {
            // The client asks again, so our answer was lost. Do not add again.
            Some((last, _)) if *last == number => self.repeated += 1,
            // The client has asked a later question since: it has this answer.
            Some((last, _)) if *last > number => return,
            _ => {
                self.total += u64::from(amount);
                self.executed += 1;
                let answer = format!("{number} total {}\n", self.total);
                self.answered.insert(from, (number, answer));
            }
        }
        if self.arrives() {
            // No room? Then the answer is lost, and the client will ask again. We keep
            // nothing for it.
            let answer = self.answered[&from].1.as_bytes();
            let _ = self.socket.send_to(answer, from);
        }
    }
    // ANCHOR_END: server

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

/// Loses each fifth datagram, and each seventh, whichever way it goes.
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
    /// When we ask again, if there is no answer; and how long we then wait.
    due: Instant,
    patience: Duration,
    asked: u32,
}

impl Client {
    fn next_question(&mut self) -> io::Result<()> {
        self.number += 1;
        self.patience = PATIENCE;
        self.ask()
    }

    /// Asks, or asks again: the same question has the same number.
    fn ask(&mut self) -> io::Result<()> {
        let question = format!("{0} add {0}", self.number);
        match self.socket.send(question.as_bytes()) {
            Ok(_) => {}
            // As if it was lost on its way: we ask again when it is time.
            Err(error)
                if error.kind() == ErrorKind::WouldBlock
                    || error.kind() == ErrorKind::ConnectionRefused => {}
            Err(error) => return Err(error),
        }
        self.asked += 1;
        self.due = Instant::now() + self.patience;
        // If the server is slow, more questions make it slower.
        self.patience *= 2;
        Ok(())
    }

    /// The answer to the present question, if it has come.
    fn answer(&self) -> io::Result<Option<u64>> {
        loop {
            match receive(&self.socket)? {
                Received::Nothing => return Ok(None),
                Received::Cut => {}
                Received::Datagram(answer, _) => {
                    let mut words = answer.split_whitespace();
                    let number = words.next().and_then(|word| word.parse().ok());
                    // Another number is the second answer to an old question.
                    if number == Some(self.number) {
                        return Ok(words.nth(1).and_then(|word| word.parse().ok()));
                    }
                }
            }
        }
    }
}
// ANCHOR_END: client

// ANCHOR: both
/// The client and its server, in one loop.
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
    println!("{QUESTIONS} questions, answered: {}", client.number);
    println!("some were asked again: {}", client.asked > QUESTIONS);
    println!("some were answered twice: {}", server.repeated > 0);
    println!("added {} times, which makes {total}", server.executed);
    Ok(())
}
// ANCHOR_END: both

/// Serves clients of the reader's own.
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

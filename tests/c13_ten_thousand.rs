//! Clause 13 with ten thousand connections, in a process of its own, because it
//! raises the limit on descriptors. This program runs once more as the clients.

#[allow(dead_code, reason = "other tests use the rest")]
#[cfg_attr(unix, path = "contract/process.rs")]
#[cfg_attr(windows, path = "contract/process_windows.rs")]
mod process;

use std::collections::HashMap;
use std::env;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{self, Shutdown, SocketAddr};
use std::process::{Command, Stdio};
use std::time::Duration;

use evq::net::{TcpListener, TcpStream};
use evq::{Events, Interests, Poll, Token};

#[cfg(unix)]
use process::raise_descriptor_limit;

const TEST: &str = "c13_ten_thousand_connections_are_all_served";
const CLIENTS: &str = "EVQ_C13_CLIENTS_OF";

const CONNECTIONS: usize = 10_000;
/// Far fewer than become ready at once.
const CAPACITY: usize = 64;
const LIMIT: Duration = Duration::from_secs(30);

/// A generator of random numbers, the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.below(last + 1));
        }
    }
}

/// How many connections the system allows. Windows is limited by memory alone. Wine
/// limits the sockets of all programs together, and the test finds that limit by
/// opening sockets.
#[cfg(windows)]
fn affordable() -> usize {
    let (wanted, spare) = (2 * CONNECTIONS, 400);
    let sockets = (0..wanted + spare).map_while(|_| net::UdpSocket::bind("127.0.0.1:0").ok());
    let opened = sockets.collect::<Vec<_>>().len();
    let count = CONNECTIONS.min((opened - spare) / 2);
    if count < CONNECTIONS {
        eprintln!(
            "{TEST}: with {count} connections instead of {CONNECTIONS}, because all programs \
             together may have {opened} sockets here"
        );
    }
    count
}

/// How many connections this process may have.
#[cfg(unix)]
fn affordable() -> usize {
    let spare = 64;
    let needed = CONNECTIONS as u64 + spare;
    let allowed = raise_descriptor_limit(needed);
    if allowed >= needed {
        return CONNECTIONS;
    }
    let count = allowed - spare;
    eprintln!(
        "{TEST}: with {count} connections instead of {CONNECTIONS}, because a process may have \
         {allowed} descriptors here (ulimit -H -n), and it takes {needed}"
    );
    count as usize
}

/// A server with room for 64 events has ten thousand connections, and all become
/// ready at the same time. Clause 13 promises that none is lost or starved. The
/// clients end their connections in six ways and in random order. The test expects
/// an answer for each client that waits for one, and the end of each connection.
#[test]
fn c13_ten_thousand_connections_are_all_served() {
    if let Ok(ours) = env::var(CLIENTS) {
        let (addr, count) = ours.split_once(' ').unwrap();
        return be_clients(addr.parse().unwrap(), count.parse().unwrap());
    }
    let count = affordable();
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(CAPACITY);
    let mut listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let addr = listener.local_addr().unwrap();
    poll.registrator()
        .register(&mut listener, Token(0), Interests::READABLE)
        .unwrap();

    let clients = Command::new(env::current_exe().unwrap())
        .args([TEST, "--exact", "--nocapture"])
        .env(CLIENTS, format!("{addr} {count}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn();
    if process::is_emulated(&clients) {
        eprintln!("{TEST}: cannot run here, because an emulated program cannot start itself");
        return;
    }
    let mut clients = clients.unwrap();
    let mut all_open = clients.stdin.take();
    let mut open: HashMap<usize, TcpStream> = HashMap::new();
    let mut accepted = 0;
    let mut buffer = [0; 64];
    while accepted < count || !open.is_empty() {
        let found = poll.poll(&mut events, Some(LIMIT)).unwrap();
        assert!(
            found > 0,
            "{} of {accepted} connections got no further event",
            open.len()
        );
        for event in &events {
            let Token(token) = event.token();
            if token > 0 {
                // An earlier event of this batch may have ended the connection.
                if let Some(stream) = open.get_mut(&token) {
                    if serve(stream, &mut buffer) {
                        open.remove(&token);
                    }
                }
                continue;
            }
            while let Some(mut stream) = accept(&listener) {
                accepted += 1;
                poll.registrator()
                    .register(&mut stream, Token(accepted), Interests::READABLE)
                    .unwrap();
                open.insert(accepted, stream);
            }
            if accepted == count {
                assert_eq!(open.len(), count, "not all connections are open at once");
                // The clients go on when their input ends.
                drop(all_open.take());
            }
        }
    }
    assert!(clients.wait().unwrap().success(), "the clients have failed");
}

fn accept(listener: &TcpListener) -> Option<TcpStream> {
    match listener.accept() {
        Ok((stream, _)) => Some(stream),
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        Err(error) => panic!("{error}"),
    }
}

/// Sends back what has arrived. Returns whether the connection is over.
fn serve(stream: &mut TcpStream, buffer: &mut [u8]) -> bool {
    loop {
        match stream.read(buffer) {
            Ok(0) => return true,
            Ok(read) if buffer[..read].contains(&b'x') => return true,
            Ok(read) => match stream.write(&buffer[..read]) {
                Ok(written) => assert_eq!(written, read),
                Err(_) => return true,
            },
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            // The peer has reset the connection.
            Err(_) => return true,
        }
    }
}

/// Opens all connections. Then ends each in one of six ways, in random order.
fn be_clients(addr: SocketAddr, count: usize) {
    let mut clients: Vec<_> = (0..count)
        .map(|_| {
            let client = net::TcpStream::connect(addr).unwrap();
            client.set_read_timeout(Some(LIMIT)).unwrap();
            client
        })
        .collect();
    // Waits until the server has accepted all connections, or has died.
    io::stdin().read_to_end(&mut Vec::new()).unwrap();
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    random.shuffle(&mut clients);
    let ends: Vec<_> = (0..count).map(|_| random.below(6)).collect();
    // All connections become ready before the first answer is read.
    for (number, client) in clients.iter_mut().enumerate() {
        client
            .write_all(&(number as u32 | 0x8080_8080).to_be_bytes())
            .unwrap();
    }
    let mut answers = 0;
    for (number, (mut client, end)) in clients.into_iter().zip(ends).enumerate() {
        let mut answer = [0; 4];
        match end {
            // Closes with the answer unread or on its way: a reset.
            0 => continue,
            // Shuts down writing, and reads to the end.
            1 => client.shutdown(Shutdown::Write).unwrap(),
            _ => {}
        }
        client.read_exact(&mut answer).unwrap();
        assert_eq!(u32::from_be_bytes(answer), number as u32 | 0x8080_8080);
        answers += 1;
        match end {
            // The server has seen our end, so it has closed.
            1 => assert_eq!(client.read(&mut answer).unwrap(), 0),
            // The server closes because we ask it to.
            2 => {
                client.write_all(b"x").unwrap();
                assert_eq!(client.read(&mut answer).unwrap(), 0);
            }
            // Sends once more, and closes after the answer.
            3 | 4 => {
                client.write_all(b"more").unwrap();
                client.read_exact(&mut answer).unwrap();
                assert_eq!(&answer, b"more");
            }
            _ => {}
        }
    }
    assert!(answers > count / 2, "{answers} answers");
}

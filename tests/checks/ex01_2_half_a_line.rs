use super::*;
use evq::{Events, Interests, Poll, Token, Trigger};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// A non-blocking stream in memory: the bytes that have arrived, and the bytes of the answers.
#[derive(Default)]
struct Stream {
    arrived: Vec<u8>,
    closed: bool,
    answered: Vec<u8>,
    refusals: u32,
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.arrived.is_empty() && !self.closed {
            self.refusals += 1;
            assert!(
                self.refusals < 1000,
                "`read` refused a thousand times in one event: a thread that serves many clients \
                 must not wait for one; after WouldBlock, return"
            );
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = self.arrived.as_slice().read(buffer)?;
        self.arrived.drain(..count);
        Ok(count)
    }
}

impl Write for Stream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.answered.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn new_client() -> Client<Stream> {
    Client {
        stream: Stream::default(),
        begun: Vec::new(),
    }
}

/// Delivers `bytes`, with events until they are read, and returns the answers.
fn deliver(client: &mut Client<Stream>, bytes: &[u8]) -> String {
    client.stream.arrived.extend_from_slice(bytes);
    for _ in 0..100 {
        client.stream.refusals = 0;
        match on_event(client) {
            Ok(hung_up) => assert!(!hung_up, "this client has not hung up"),
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!(
                "`on_event` failed with WouldBlock, which is no failure here: it says that nothing \
                 is left to read until the next event"
            ),
            Err(error) => panic!("`on_event` failed: {:?}", error.kind()),
        }
        if client.stream.arrived.is_empty() {
            return String::from_utf8(client.stream.answered.split_off(0)).unwrap();
        }
    }
    panic!("after 100 events, there are still bytes to read");
}

#[test]
fn the_halves_of_a_line_come_with_two_events() {
    let mut client = new_client();
    assert_eq!(
        deliver(&mut client, b"hel"),
        "",
        "half a line gets no answer yet"
    );
    assert_eq!(
        deliver(&mut client, b"lo\n"),
        "HELLO\n",
        "the rest of a line has arrived, but its first half is lost: keep it with the client"
    );
    assert!(
        client.begun.is_empty(),
        "after the answer, `begun` must be empty"
    );
}

#[test]
fn one_read_may_bring_a_line_and_half_of_the_next() {
    let mut client = new_client();
    assert_eq!(
        deliver(&mut client, b"hello\nwor"),
        "HELLO\n",
        "a read ends where the bytes end, which need not be the end of a line: here one line is \
         whole and needs its answer"
    );
    assert_eq!(
        deliver(&mut client, b"ld\nbye\n"),
        "WORLD\nBYE\n",
        "the first half of the second line came with the line before it: keep it"
    );
}

#[test]
fn a_client_that_hangs_up_is_over() {
    let mut client = new_client();
    client.stream.closed = true;
    assert!(
        on_event(&mut client).unwrap(),
        "a read of 0 bytes means that the client hung up"
    );
}

#[test]
fn half_a_line_stops_nobody_else() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let connect = || {
        let near = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        near.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        let (far, _) = listener.accept().unwrap();
        (near, evq::net::TcpStream::from_std(far).unwrap())
    };
    let (mut slow, far_slow) = connect();
    let (mut quick, far_quick) = connect();
    let (done, finished) = mpsc::channel::<()>();
    let server = thread::spawn(move || {
        let _done = done; // dropped when the thread ends, even by a panic
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(8);
        let mut clients = [far_slow, far_quick].map(|stream| Client {
            stream,
            begun: Vec::new(),
        });
        for (index, client) in clients.iter_mut().enumerate() {
            let (token, interests) = (Token(index), Interests::READABLE);
            let registrator = poll.registrator();
            registrator
                .register_with(&mut client.stream, token, interests, Trigger::Level)
                .unwrap();
        }
        let mut clients = clients.map(Some);
        while clients.iter().any(Option::is_some) {
            poll.poll(&mut events, None).unwrap();
            for event in &events {
                let slot = &mut clients[event.token().0];
                if slot.as_mut().is_some_and(|c| on_event(c).unwrap_or(true)) {
                    *slot = None;
                }
            }
        }
    });

    slow.write_all(b"hel").unwrap();
    quick.write_all(b"good day\n").unwrap();
    let mut answer = [0; 9];
    let heard = quick.read_exact(&mut answer);
    assert!(
        heard.is_ok() && &answer == b"GOOD DAY\n",
        "a client gets no answer, because another client has sent half a line"
    );
    slow.write_all(b"lo\n").unwrap();
    let heard = slow.read_exact(&mut answer[..6]);
    assert!(
        heard.is_ok() && &answer[..6] == b"HELLO\n",
        "the rest of the line came later, and the line gets no answer: keep the first half, and \
         keep it with the client"
    );
    drop((slow, quick));
    let end = finished.recv_timeout(Duration::from_secs(5));
    assert!(
        end != Err(mpsc::RecvTimeoutError::Timeout),
        "after five seconds, still waiting for `on_event` to notice that the clients hung up"
    );
    server.join().unwrap();
}

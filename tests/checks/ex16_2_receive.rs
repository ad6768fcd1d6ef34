use super::*;
use Received::{Datagram, TooLong};
use std::collections::VecDeque;

/// What the next call finds.
enum Next {
    Arrived(Vec<u8>),
    Fails(ErrorKind),
}

struct Played {
    next: VecDeque<Next>,
    /// How many calls failed with `WouldBlock`.
    refusals: u32,
    calls: u32,
}

fn peer() -> SocketAddr {
    ([192, 0, 2, 1], 7).into()
}

impl Socket for Played {
    fn recv_from(&mut self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.calls += 1;
        assert!(
            self.calls < 100,
            "an error that does not belong to an earlier datagram comes again at every call: return it"
        );
        match self.next.pop_front() {
            Some(Next::Arrived(datagram)) => {
                let len = datagram.len().min(buffer.len());
                buffer[..len].copy_from_slice(&datagram[..len]);
                Ok((len, peer()))
            }
            Some(Next::Fails(kind)) => {
                if kind != ErrorKind::ConnectionRefused {
                    self.next.push_front(Next::Fails(kind));
                }
                Err(kind.into())
            }
            None => {
                self.refusals += 1;
                Err(ErrorKind::WouldBlock.into())
            }
        }
    }
}

/// Plays one event, with everything that has arrived before it.
fn played(next: Vec<Next>) -> (Played, io::Result<Vec<Received>>) {
    let mut socket = Played {
        next: next.into(),
        refusals: 0,
        calls: 0,
    };
    let result = on_event(&mut socket);
    (socket, result)
}

fn arrived(datagrams: &[&str]) -> Vec<Next> {
    let arrived = |text: &&str| Next::Arrived(text.as_bytes().to_vec());
    datagrams.iter().map(arrived).collect()
}

fn datagrams(datagrams: &[&str]) -> Vec<Received> {
    let received = |text: &&str| Datagram(text.as_bytes().to_vec(), peer());
    datagrams.iter().map(received).collect()
}

#[test]
fn everything_is_received_up_to_would_block() {
    let (socket, result) = played(arrived(&["one", "two", "three"]));
    assert_eq!(result.unwrap(), datagrams(&["one", "two", "three"]));
    assert_eq!(
        socket.refusals, 1,
        "an edge is owed only after a call has returned WouldBlock"
    );
}

#[test]
fn an_empty_datagram_is_no_end() {
    let (socket, result) = played(arrived(&["one", "", "three"]));
    let result = result.unwrap();
    assert!(
        result == datagrams(&["one", "", "three"]),
        "one, an empty datagram and three arrived, and `on_event` received {result:?}: 0 bytes are \
         an empty datagram, not an end"
    );
    assert_eq!(socket.refusals, 1, "returned before a WouldBlock");
}

#[test]
fn the_longest_datagram_is_whole_and_a_longer_one_is_not() {
    let text = "0123456789abcdefg";
    for len in [LONGEST - 1, LONGEST] {
        let (_, result) = played(arrived(&[&text[..len]]));
        let result = result.unwrap();
        assert!(
            result == datagrams(&[&text[..len]]),
            "a datagram of {len} bytes, where {LONGEST} are allowed, became {result:?}: with a buffer of \
             that length, a datagram that fits and one that was cut look the same"
        );
    }
    for len in [LONGEST + 1, 1000] {
        let (_, result) = played(vec![Next::Arrived(vec![7; len])]);
        let result = result.unwrap();
        assert!(
            result == [TooLong(peer())],
            "a datagram of {len} bytes became {result:?}: it was cut, and seems to be whole"
        );
    }
}

#[test]
fn an_earlier_datagrams_error_is_survived() {
    let mut next = arrived(&["one"]);
    next.push(Next::Fails(ErrorKind::ConnectionRefused));
    next.append(&mut arrived(&["two"]));
    let (socket, result) = played(next);
    let result = result.unwrap_or_else(|error| {
        panic!(
            "`on_event` failed with {:?}: that error belongs to a datagram that was sent earlier, \
             and the socket works as before",
            error.kind()
        )
    });
    assert!(
        result == datagrams(&["one", "two"]),
        "one, a refusal and two came, and `on_event` received {result:?}: the failed call did not \
         return WouldBlock, so no edge is owed for the next datagram"
    );
    assert_eq!(socket.refusals, 1, "returned before a WouldBlock");
}

#[test]
fn another_error_is_returned() {
    let (_, result) = played(vec![Next::Fails(ErrorKind::OutOfMemory)]);
    assert_eq!(
        result
            .expect_err("the error belongs to this call, and was ignored")
            .kind(),
        ErrorKind::OutOfMemory
    );
}

use super::*;
use evq::net::UdpSocket;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A socket and its peer.
fn two() -> (UdpSocket, std::net::UdpSocket) {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let socket = UdpSocket::bind(any).unwrap();
    (socket, std::net::UdpSocket::bind(any).unwrap())
}

/// Waits until a datagram has arrived, and a little longer for the others.
fn settle(socket: &UdpSocket) {
    let began = Instant::now();
    while socket.peek(&mut [0]).is_err() && began.elapsed() < Duration::from_secs(5) {
        std::thread::yield_now();
    }
    std::thread::sleep(Duration::from_millis(5));
}

fn recv(socket: &UdpSocket, room: usize) -> Option<usize> {
    plain(socket.recv(&mut vec![0; room]))
}

fn plain(result: std::io::Result<usize>) -> Option<usize> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        result => Some(result.unwrap()),
    }
}

fn three(datagrams: &[&[u8]], room: usize) -> [Option<usize>; 3] {
    let (socket, peer) = two();
    for datagram in datagrams {
        peer.send_to(datagram, socket.local_addr().unwrap())
            .unwrap();
    }
    settle(&socket);
    [(); 3].map(|()| recv(&socket, room))
}

fn compare(predicted: Returned, returned: &[Option<usize>], why: &str) {
    assert!(
        predicted == returned,
        "you predicted {predicted:?}, and the calls returned {returned:?}: {why}"
    );
}

#[test]
fn two_sent() {
    let returned = three(&[b"one", b"four"], 100);
    let why = "a call receives one datagram, however much room there is";
    compare(TWO_SENT, &returned, why);
}

#[test]
fn too_long() {
    let returned = three(&[b"0123456789", b"abc"], 4);
    let why = "if a datagram is longer than the buffer, the rest is lost, and the next call receives \
               the next datagram";
    compare(TOO_LONG, &returned, why);
}

#[test]
fn empty() {
    let returned = three(&[b"", b"abc"], 4);
    let why = "0 is an empty datagram, not an end: there is no connection that could end";
    compare(EMPTY, &returned, why);
}

#[test]
fn peeked() {
    let (socket, peer) = two();
    peer.send_to(b"0123456789", socket.local_addr().unwrap())
        .unwrap();
    settle(&socket);
    let peeked = plain(socket.peek(&mut [0; 2]));
    let returned = [peeked, recv(&socket, 4), recv(&socket, 4)];
    let why = "a peek takes nothing out, so the next call receives the datagram from its beginning";
    compare(PEEKED, &returned, why);
}

#[test]
fn no_room() {
    let (socket, peer) = two();
    peer.send_to(b"abc", socket.local_addr().unwrap()).unwrap();
    settle(&socket);
    let returned = [recv(&socket, 0), recv(&socket, 4)];
    let why = "a call takes a datagram out even if its buffer has no room at all";
    compare(NO_ROOM, &returned, why);
}

#[test]
fn connected() {
    let (socket, peer) = two();
    let (_, stranger) = two();
    let to = socket.local_addr().unwrap();
    socket.connect(peer.local_addr().unwrap()).unwrap();
    stranger.send_to(b"de", to).unwrap();
    peer.send_to(b"f", to).unwrap();
    settle(&socket);
    let returned = [(); 3].map(|()| recv(&socket, 4));
    let why = "a connected socket receives datagrams of its peer alone, although `connect` sends \
               nothing";
    compare(CONNECTED, &returned, why);
}

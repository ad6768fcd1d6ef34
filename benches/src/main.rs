//! A ring of 100 connections that passes one token: a wait, a read and a write
//! a hop. `ring bare|evq|mio HOPS` runs it on bare system calls, on this crate
//! or on mio, each with its own sockets.
//!
//! `ring wakes COUNT` wakes a poller that is awake so many times.
//!
//! `.ci/speed` runs each under callgrind with two run lengths, and so counts
//! the instructions of one hop; and under strace, and so its system calls.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};

const PAIRS: usize = 100;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, which, hops] = arguments.as_slice() else {
        panic!("usage: ring bare|evq|mio|wakes COUNT");
    };
    let hops = hops.parse().expect("HOPS is a number");
    match which.as_str() {
        "bare" => bare(hops),
        "evq" => evq(hops),
        "mio" => mio(hops),
        "wakes" => wakes(hops),
        _ => panic!("usage: ring bare|evq|mio HOPS"),
    }
}

/// The connections, with both of their ends.
fn connections() -> impl Iterator<Item = (TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    (0..PAIRS).map(move |_| {
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (far, _) = listener.accept().unwrap();
        for end in [&near, &far] {
            end.set_nonblocking(true).unwrap();
            end.set_nodelay(true).unwrap();
        }
        (near, far)
    })
}

fn bare(hops: usize) {
    use evq::inside::ffi::{EPOLL_CTL_ADD, c, epoll_create1, epoll_ctl, epoll_event};
    use evq::inside::mask::{EPOLLET, EPOLLIN};
    use evq::inside::socket_ffi::{MSG_NOSIGNAL, c as socket};

    let pairs: Vec<_> = connections().collect();
    let epoll = epoll_create1().unwrap();
    for (index, (_, far)) in pairs.iter().enumerate() {
        let (events, data) = (EPOLLIN | EPOLLET, index as u64);
        let event = epoll_event { events, data };
        epoll_ctl(epoll.as_fd(), EPOLL_CTL_ADD, far.as_fd(), event).unwrap();
    }
    let mut events = [epoll_event { events: 0, data: 0 }; PAIRS];
    (&pairs[0].0).write_all(&[1]).unwrap();
    let mut done = 0;
    while done < hops {
        // SAFETY: `events` has room for as many entries as are asked for.
        let filled =
            unsafe { c::epoll_wait(epoll.as_raw_fd(), events.as_mut_ptr(), PAIRS as i32, -1) };
        assert!(filled > 0);
        for event in &events[..filled as usize] {
            let at = event.data as usize;
            let mut token = [0_u8];
            let (far, near) = (
                pairs[at].1.as_raw_fd(),
                pairs[(at + 1) % PAIRS].0.as_raw_fd(),
            );
            // SAFETY: `token` is a byte that may be written.
            assert_eq!(
                unsafe { socket::recv(far, token.as_mut_ptr().cast(), 1, 0) },
                1
            );
            // SAFETY: `token` is a byte that may be read.
            let sent = unsafe { socket::send(near, token.as_ptr().cast(), 1, MSG_NOSIGNAL) };
            assert_eq!(sent, 1);
            done += 1;
        }
    }
}

fn evq(hops: usize) {
    use evq::net::TcpStream;
    use evq::{Events, Interests, Poll, Token};

    let ours = |stream| TcpStream::from_std(stream).unwrap();
    let mut pairs: Vec<_> = connections()
        .map(|(near, far)| (ours(near), ours(far)))
        .collect();
    let mut poll = Poll::new().unwrap();
    for (index, (_, far)) in pairs.iter_mut().enumerate() {
        poll.registrator()
            .register(far, Token(index), Interests::READABLE)
            .unwrap();
    }
    let mut events = Events::with_capacity(PAIRS);
    (&pairs[0].0).write_all(&[1]).unwrap();
    let mut done = 0;
    while done < hops {
        poll.poll(&mut events, None).unwrap();
        for event in &events {
            let at = event.token().0;
            let mut token = [0];
            assert_eq!((&pairs[at].1).read(&mut token).unwrap(), 1);
            assert_eq!((&pairs[(at + 1) % PAIRS].0).write(&token).unwrap(), 1);
            done += 1;
        }
    }
}

fn mio(hops: usize) {
    use mio::net::TcpStream;
    use mio::{Events, Interest, Poll, Token};

    let theirs = TcpStream::from_std;
    let mut pairs: Vec<_> = connections()
        .map(|(near, far)| (theirs(near), theirs(far)))
        .collect();
    let mut poll = Poll::new().unwrap();
    for (index, (_, far)) in pairs.iter_mut().enumerate() {
        poll.registry()
            .register(far, Token(index), Interest::READABLE)
            .unwrap();
    }
    let mut events = Events::with_capacity(PAIRS);
    (&pairs[0].0).write_all(&[1]).unwrap();
    let mut done = 0;
    while done < hops {
        poll.poll(&mut events, None).unwrap();
        for event in &events {
            let at = event.token().0;
            let mut token = [0];
            assert_eq!((&pairs[at].1).read(&mut token).unwrap(), 1);
            assert_eq!((&pairs[(at + 1) % PAIRS].0).write(&token).unwrap(), 1);
            done += 1;
        }
    }
}

fn wakes(count: usize) {
    use evq::{Events, Poll, Token, Waker};

    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(PAIRS);
    let waker = Waker::new(poll.registrator(), Token(0)).unwrap();
    for _ in 0..count {
        waker.wake().unwrap();
    }
    assert_eq!(poll.poll(&mut events, None).unwrap(), 1);
}

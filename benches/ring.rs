//! A ring of 100 connections passes one token. Each hop is a wait, a read and a
//! write. `ring bare|evq|mio HOPS` runs it on bare system calls, on this crate
//! or on mio, each with its own sockets. `ring bare-fd|evq-fd|mio-fd HOPS` compares
//! the queues alone: all three watch pairs of Unix sockets by descriptor, and read
//! and write them with the same bare calls.
//!
//! `ring wakes COUNT` wakes a poller that is awake, COUNT times.
//! `ring sleeper COUNT` wakes a poller that sleeps.
//!
//! Each prints the nanoseconds that one hop, or one wake, took. `.ci/speed` runs
//! them in turn. It also runs them with two run lengths under callgrind and under
//! strace: the difference gives the instructions and the system calls of one hop.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use evq::inside::ffi::c;

const PAIRS: usize = 100;

const USAGE: &str = "usage: ring bare|evq|mio|bare-fd|evq-fd|mio-fd|wakes|sleeper COUNT";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, which, hops] = arguments.as_slice() else {
        panic!("{USAGE}");
    };
    let hops = hops.parse().expect("COUNT is a number");
    let took = match which.as_str() {
        "bare" => bare(hops),
        "evq" => evq(hops),
        "mio" => mio(hops),
        "bare-fd" => bare_fd(hops),
        "evq-fd" => evq_fd(hops),
        "mio-fd" => mio_fd(hops),
        "wakes" => wakes(hops),
        "sleeper" => sleeper(hops),
        _ => panic!("{USAGE}"),
    };
    println!("{}", took.as_nanos() / hops as u128);
}

/// Both ends of each connection.
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

fn bare(hops: usize) -> Duration {
    use evq::inside::ffi::{EPOLL_CTL_ADD, epoll_create1, epoll_ctl, epoll_event};
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
    let (began, mut done) = (Instant::now(), 0);
    while done < hops {
        // SAFETY: `events` has room for the number of entries that we pass.
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
    began.elapsed()
}

fn evq(hops: usize) -> Duration {
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
    let (began, mut done) = (Instant::now(), 0);
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
    began.elapsed()
}

fn mio(hops: usize) -> Duration {
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
    let (began, mut done) = (Instant::now(), 0);
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
    began.elapsed()
}

fn pairs() -> Vec<(OwnedFd, OwnedFd)> {
    let pair = |_| {
        let (near, far) = UnixStream::pair().unwrap();
        for end in [&near, &far] {
            end.set_nonblocking(true).unwrap();
        }
        (near.into(), far.into())
    };
    (0..PAIRS).map(pair).collect()
}

/// Gives the token to the first pair.
fn begin(pairs: &[(OwnedFd, OwnedFd)]) {
    // SAFETY: the one byte may be read.
    let written = unsafe { c::write(pairs[0].0.as_raw_fd(), [1_u8].as_ptr().cast(), 1) };
    assert_eq!(written, 1);
}

/// Passes the token to the next pair.
#[inline(always)]
fn hop(pairs: &[(OwnedFd, OwnedFd)], at: usize) {
    let mut token = [0_u8];
    let (far, near) = (&pairs[at].1, &pairs[(at + 1) % PAIRS].0);
    // SAFETY: `token` is a byte that may be written.
    let read = unsafe { c::read(far.as_raw_fd(), token.as_mut_ptr().cast(), 1) };
    assert_eq!(read, 1);
    // SAFETY: `token` is a byte that may be read.
    let written = unsafe { c::write(near.as_raw_fd(), token.as_ptr().cast(), 1) };
    assert_eq!(written, 1);
}

fn bare_fd(hops: usize) -> Duration {
    use evq::inside::ffi::{EPOLL_CTL_ADD, epoll_create1, epoll_ctl, epoll_event};
    use evq::inside::mask::{EPOLLET, EPOLLIN};

    let pairs = pairs();
    let epoll = epoll_create1().unwrap();
    for (index, (_, far)) in pairs.iter().enumerate() {
        let (events, data) = (EPOLLIN | EPOLLET, index as u64);
        let event = epoll_event { events, data };
        epoll_ctl(epoll.as_fd(), EPOLL_CTL_ADD, far.as_fd(), event).unwrap();
    }
    let mut events = [epoll_event { events: 0, data: 0 }; PAIRS];
    begin(&pairs);
    let (began, mut done) = (Instant::now(), 0);
    while done < hops {
        // SAFETY: `events` has room for the number of entries that we pass.
        let filled =
            unsafe { c::epoll_wait(epoll.as_raw_fd(), events.as_mut_ptr(), PAIRS as i32, -1) };
        assert!(filled > 0);
        for event in &events[..filled as usize] {
            hop(&pairs, event.data as usize);
            done += 1;
        }
    }
    began.elapsed()
}

fn evq_fd(hops: usize) -> Duration {
    use evq::unix::SourceFd;
    use evq::{Events, Interests, Poll, Token};

    let pairs = pairs();
    let mut poll = Poll::new().unwrap();
    let watched = pairs.iter().map(|(_, far)| SourceFd::new(far.as_fd()));
    let mut sources: Vec<_> = watched.collect();
    for (index, source) in sources.iter_mut().enumerate() {
        poll.registrator()
            .register(source, Token(index), Interests::READABLE)
            .unwrap();
    }
    let mut events = Events::with_capacity(PAIRS);
    begin(&pairs);
    let (began, mut done) = (Instant::now(), 0);
    while done < hops {
        poll.poll(&mut events, None).unwrap();
        for event in &events {
            hop(&pairs, event.token().0);
            done += 1;
        }
    }
    began.elapsed()
}

fn mio_fd(hops: usize) -> Duration {
    use mio::unix::SourceFd;
    use mio::{Events, Interest, Poll, Token};

    let pairs = pairs();
    let mut poll = Poll::new().unwrap();
    for (index, (_, far)) in pairs.iter().enumerate() {
        poll.registry()
            .register(
                &mut SourceFd(&far.as_raw_fd()),
                Token(index),
                Interest::READABLE,
            )
            .unwrap();
    }
    let mut events = Events::with_capacity(PAIRS);
    begin(&pairs);
    let (began, mut done) = (Instant::now(), 0);
    while done < hops {
        poll.poll(&mut events, None).unwrap();
        for event in &events {
            hop(&pairs, event.token().0);
            done += 1;
        }
    }
    began.elapsed()
}

fn wakes(count: usize) -> Duration {
    use evq::{Events, Poll, Token, Waker};

    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(PAIRS);
    let waker = Waker::new(poll.registrator(), Token(0)).unwrap();
    let began = Instant::now();
    for _ in 0..count {
        waker.wake().unwrap();
    }
    let took = began.elapsed();
    assert_eq!(poll.poll(&mut events, None).unwrap(), 1);
    took
}

/// Another thread waits until the poller is asleep, then wakes it, `count` times.
fn sleeper(count: usize) -> Duration {
    use evq::{Events, Poll, Token, Waker};
    use std::{sync::mpsc, thread};

    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(PAIRS);
    let waker = Waker::new(poll.registrator(), Token(0)).unwrap();
    let (up, is_up) = mpsc::channel();
    let began = Instant::now();
    let other = thread::spawn(move || {
        for () in is_up {
            // By now the poller is asleep.
            thread::sleep(Duration::from_millis(2));
            waker.wake().unwrap();
        }
    });
    for _ in 0..count {
        up.send(()).unwrap();
        assert_eq!(poll.poll(&mut events, None).unwrap(), 1);
    }
    drop(up);
    other.join().unwrap();
    began.elapsed()
}

//! Chapter 14: writing, accepting and connecting on IOCP. A connection is closed while its last
//! megabyte is on its way, by hand and by evq; then a connection is begun, made, and refused, and
//! a client comes whom nobody accepts. The same program runs where nothing is lent.

use std::io::{self, ErrorKind, Read, Write};
use std::net;
use std::thread;
use std::time::{Duration, Instant};

use evq::net::{TcpListener, TcpStream};
use evq::{Event, Events, Interests, Poll, Token};

const MEGABYTE: usize = 1 << 20;
const MOMENT: Duration = Duration::from_millis(50);

/// Both ends of a connection.
fn connection() -> io::Result<(net::TcpStream, net::TcpStream)> {
    let listener = net::TcpListener::bind("127.0.0.1:0")?;
    let client = net::TcpStream::connect(listener.local_addr()?)?;
    Ok((listener.accept()?.0, client))
}

/// Writes until nothing more is taken; how much was.
fn fill(mut stream: impl Write) -> io::Result<usize> {
    let (piece, mut taken) = (vec![7; MEGABYTE], 0);
    loop {
        match stream.write(&piece) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(taken),
            result => taken += result?,
        }
    }
}

/// How much of what was taken does not arrive.
fn missing(taken: usize, mut peer: net::TcpStream) -> io::Result<usize> {
    peer.set_read_timeout(Some(Duration::from_secs(5)))?;
    let (mut arrived, mut buffer) = (0, vec![0; MEGABYTE]);
    loop {
        match peer.read(&mut buffer)? {
            0 => return Ok(taken - arrived),
            count => arrived += count,
        }
    }
}

// ANCHOR: by_hand
/// Lends a megabyte to a socket that is full, and closes it.
#[cfg(windows)]
fn by_hand(politely: bool) -> io::Result<usize> {
    use evq::inside::{ffi, socket_ffi};
    use std::os::windows::io::{AsHandle, AsRawSocket, AsSocket, BorrowedHandle};

    let (server, peer) = connection()?;
    server.set_nonblocking(true)?;
    let taken = fill(&server)? + MEGABYTE;
    let port = ffi::create_port()?;
    // SAFETY: a socket is a handle, and `server` is open during the next call.
    let handle = unsafe { BorrowedHandle::borrow_raw(server.as_raw_socket() as _) };
    ffi::associate(port.as_handle(), handle)?;
    // Leaked, so that they outlive whatever goes wrong below.
    let (buffer, overlapped) = (vec![7; MEGABYTE].leak(), Box::leak(Box::new([0usize; 4])));
    let (at, overlapped) = (buffer.as_ptr(), (&raw mut *overlapped).cast());
    // SAFETY: both stay where they are, and nobody else uses them.
    unsafe { socket_ffi::send_overlapped(server.as_socket(), at, MEGABYTE, overlapped)? };
    let packet = || {
        let mut room = [std::mem::MaybeUninit::uninit(); 1];
        let packets = ffi::dequeue(port.as_handle(), &mut room, 5_000);
        packets.map(drop).expect("the packet comes, sent or not");
    };
    if !politely {
        // Closing does that; but of a send, Wine then leaves out the packet.
        // SAFETY: the operation was started on this handle.
        unsafe { ffi::cancel(handle, overlapped)? };
        drop(server);
        packet();
        return missing(taken, peer);
    }
    server.shutdown(net::Shutdown::Write)?;
    let reader = thread::spawn(move || missing(taken, peer));
    packet();
    drop(server);
    reader.join().expect("the reader does not panic")
}
// ANCHOR_END: by_hand

/// Elsewhere `write` has copied all that it took into the kernel.
#[cfg(not(windows))]
fn by_hand(politely: bool) -> io::Result<usize> {
    let (server, peer) = connection()?;
    server.set_nonblocking(true)?;
    let taken = fill(&server)?;
    if politely {
        server.shutdown(net::Shutdown::Write)?;
    }
    drop(server);
    missing(taken, peer)
}

// ANCHOR: by_evq
/// Writes until evq refuses, drops the stream, and `Poll` first or later.
fn by_evq(poll_first: bool) -> io::Result<usize> {
    let (server, peer) = connection()?;
    let poll = Poll::new()?;
    let mut stream = TcpStream::from_std(server)?;
    poll.registrator()
        .register(&mut stream, Token(1), Interests::WRITABLE)?;
    let taken = fill(&stream)?;
    let reader = thread::spawn(move || {
        thread::sleep(MOMENT); // until it has been dropped
        missing(taken, peer)
    });
    if poll_first {
        drop(poll);
        drop(stream);
    } else {
        drop(stream);
        drop(poll);
    }
    reader.join().expect("the reader does not panic")
}
// ANCHOR_END: by_evq

/// Polls until an event meets the condition.
fn until(poll: &mut Poll, condition: impl Fn(&Event) -> bool) -> io::Result<()> {
    let mut events = Events::with_capacity(8);
    let end = Instant::now() + Duration::from_secs(5);
    while Instant::now() < end {
        poll.poll(&mut events, Some(MOMENT))?;
        if events.iter().any(&condition) {
            return Ok(());
        }
    }
    Err(ErrorKind::TimedOut.into())
}

// ANCHOR: connecting
fn connecting() -> io::Result<()> {
    let mut poll = Poll::new()?;
    let listener = net::TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    listener.set_nonblocking(true)?;
    let mut stream = TcpStream::connect(addr)?;
    thread::sleep(MOMENT);
    println!(
        "connect: a client at the door {}",
        listener.accept().is_ok()
    );
    poll.registrator()
        .register(&mut stream, Token(1), Interests::WRITABLE)?;
    until(&mut poll, Event::is_writable)?;
    println!("registered, and writable: error {:?}", stream.take_error()?);

    // The port that a listener has left might be this client's own: it would reach itself.
    let nobody = ([127, 0, 0, 1], 1).into();
    let mut refused = TcpStream::connect(nobody)?;
    poll.registrator()
        .register(&mut refused, Token(2), Interests::WRITABLE)?;
    until(&mut poll, |event| event.token() == Token(2))?;
    let error = refused.take_error()?.map(|error| error.kind());
    println!("nobody listens, and yet writable: error {error:?}");
    Ok(())
}
// ANCHOR_END: connecting

// ANCHOR: accepting
fn accepting() -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut listener = TcpListener::bind("127.0.0.1:0".parse().unwrap())?;
    let addr = listener.local_addr()?;
    poll.registrator()
        .register(&mut listener, Token(0), Interests::READABLE)?;
    let clients = [
        net::TcpStream::connect(addr)?,
        net::TcpStream::connect(addr)?,
    ];
    until(&mut poll, Event::is_readable)?;
    let (_first, from) = listener.accept()?;
    let in_turn = from == clients[0].local_addr()?;
    println!("two clients, one event: the first is accepted first {in_turn}");
    // Only where the next one is accepted ahead is there another event.
    poll.poll(&mut Events::with_capacity(8), Some(MOMENT))?;
    drop(listener);
    clients[1].set_read_timeout(Some(Duration::from_secs(5)))?;
    let told = match (&clients[1]).read(&mut [0]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    };
    println!("the listener is dropped: the second is told {told}");
    Ok(())
}
// ANCHOR_END: accepting

fn main() -> io::Result<()> {
    println!("-- closed while a megabyte is on its way");
    println!(
        "by hand:                       {} bytes missing",
        by_hand(false)?
    );
    println!(
        "by hand, ended and waited for: {} bytes missing",
        by_hand(true)?
    );
    println!(
        "evq, the stream dropped first: {} bytes missing",
        by_evq(false)?
    );
    println!(
        "evq, the queue dropped first:  {} bytes missing",
        by_evq(true)?
    );
    println!("-- connecting");
    connecting()?;
    println!("-- accepting");
    accepting()
}

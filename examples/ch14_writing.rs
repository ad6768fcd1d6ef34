//! Chapter 14: writing, accepting and connecting on IOCP. A full socket gets room again; who says
//! so? Connections are started, made and refused, and a client comes that nobody accepts. Then a
//! connection is closed while its last megabyte is on its way, by hand and by evq. The same
//! program runs on systems that lend nothing.

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

/// Writes until the socket takes nothing more; how much did it take?
fn fill(mut stream: impl Write) -> io::Result<usize> {
    let (piece, mut taken) = (vec![7; MEGABYTE], 0);
    loop {
        match stream.write(&piece) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(taken),
            result => taken += result?,
        }
    }
}

/// Reads to the end; how much of what was taken is missing?
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

// ANCHOR: room
/// Fills a socket that is tied to a port, and lends nothing. When the peer has read everything,
/// there is room: how many packets say so?
#[cfg(windows)]
fn told_of_room() -> io::Result<String> {
    let (server, peer) = connection()?;
    server.set_nonblocking(true)?;
    let port = by_hand::port_of(&server)?;
    let taken = fill(&server)?;
    (&peer).read_exact(&mut vec![0; taken])?;
    Ok(format!("{} packets", by_hand::packets(&port, 50)?))
}
// ANCHOR_END: room

/// There is no port here.
#[cfg(not(windows))]
fn told_of_room() -> io::Result<String> {
    Ok("no port here".into())
}

/// The same with a stream of evq's: is it reported writable?
fn told_by_evq() -> io::Result<bool> {
    let (server, peer) = connection()?;
    let mut poll = Poll::new()?;
    let mut stream = TcpStream::from_std(server)?;
    poll.registrator()
        .register(&mut stream, Token(1), Interests::WRITABLE)?;
    until(&mut poll, Event::is_writable)?;
    let taken = fill(&stream)?;
    (&peer).read_exact(&mut vec![0; taken])?;
    Ok(until(&mut poll, Event::is_writable).is_ok())
}

/// Calls to a port, without evq's streams.
#[cfg(windows)]
mod by_hand {
    use super::*;
    use evq::inside::{ffi, socket_ffi};
    use std::mem::MaybeUninit;
    use std::os::windows::io::*;

    /// A new port, to which the socket is tied.
    pub fn port_of(socket: &net::TcpStream) -> io::Result<OwnedHandle> {
        let port = ffi::create_port()?;
        // SAFETY: a socket is a handle, and `socket` is open during the next call.
        let handle = unsafe { BorrowedHandle::borrow_raw(socket.as_raw_socket() as _) };
        ffi::associate(port.as_handle(), handle)?;
        Ok(port)
    }

    /// How many packets come within so many milliseconds.
    pub fn packets(port: &OwnedHandle, limit: u32) -> io::Result<usize> {
        let mut room = [MaybeUninit::uninit(); 4];
        match ffi::dequeue(port.as_handle(), &mut room, limit) {
            Err(error) if error.raw_os_error() == Some(ffi::WAIT_TIMEOUT) => Ok(0),
            packets => Ok(packets?.len()),
        }
    }

    /// Lends a megabyte for the socket to send.
    pub fn lend(socket: &net::TcpStream) -> io::Result<()> {
        // Leaked: the kernel may have them longer than this program has the socket.
        let (buffer, overlapped) = (vec![7; MEGABYTE].leak(), Box::leak(Box::new([0usize; 4])));
        let (at, overlapped) = (buffer.as_ptr(), (&raw mut *overlapped).cast());
        // SAFETY: both stay where they are, and nobody else uses them.
        unsafe { socket_ffi::send_overlapped(socket.as_socket(), at, MEGABYTE, overlapped) }?;
        Ok(())
    }
}

// ANCHOR: closing
/// Fills a socket, lends it a megabyte more, and closes it; how much does not arrive.
#[cfg(windows)]
fn closing(politely: bool) -> io::Result<usize> {
    let (server, peer) = connection()?;
    server.set_nonblocking(true)?;
    let port = by_hand::port_of(&server)?;
    let taken = fill(&server)? + MEGABYTE;
    by_hand::lend(&server)?;
    if !politely {
        drop(server);
        return missing(taken, peer);
    }
    server.shutdown(net::Shutdown::Write)?;
    let reader = thread::spawn(move || missing(taken, peer));
    assert_eq!(by_hand::packets(&port, 5_000)?, 1, "the send is over");
    drop(server);
    reader.join().expect("the reader does not panic")
}
// ANCHOR_END: closing

/// Elsewhere the kernel copies what `write` takes, and closing loses none of it.
#[cfg(not(windows))]
fn closing(politely: bool) -> io::Result<usize> {
    let (server, peer) = connection()?;
    server.set_nonblocking(true)?;
    let taken = fill(&server)?;
    if politely {
        server.shutdown(net::Shutdown::Write)?;
    }
    drop(server);
    missing(taken, peer)
}

/// Writes until evq refuses. Then drops the stream, and `Poll` before or after it.
fn by_evq(poll_first: bool) -> io::Result<usize> {
    let (server, peer) = connection()?;
    let poll = Poll::new()?;
    let mut stream = TcpStream::from_std(server)?;
    poll.registrator()
        .register(&mut stream, Token(1), Interests::WRITABLE)?;
    let taken = fill(&stream)?;
    let reader = thread::spawn(move || {
        thread::sleep(MOMENT); // until both have been dropped
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

fn connecting() -> io::Result<()> {
    let mut poll = Poll::new()?;
    let listener = net::TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    listener.set_nonblocking(true)?;
    let mut stream = TcpStream::connect(addr)?;
    thread::sleep(MOMENT);
    println!(
        "before the registration: the listener has a client {}",
        listener.accept().is_ok()
    );
    poll.registrator()
        .register(&mut stream, Token(1), Interests::WRITABLE)?;
    until(&mut poll, Event::is_writable)?;
    println!(
        "registered, then writable: error {:?}",
        stream.take_error()?
    );

    // Not the port of a listener that was closed: the client might get that port, and reach itself.
    let nobody = ([127, 0, 0, 1], 1).into();
    let mut refused = TcpStream::connect(nobody)?;
    poll.registrator()
        .register(&mut refused, Token(2), Interests::WRITABLE)?;
    until(&mut poll, |event| event.token() == Token(2))?;
    let error = refused.take_error()?.map(|error| error.kind());
    println!("refused, then writable: error {error:?}");
    Ok(())
}

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
    println!("two clients come: the first is accepted first {in_turn}");
    // On Windows there is a second event: the next client is accepted ahead of time.
    poll.poll(&mut Events::with_capacity(8), Some(MOMENT))?;
    drop(listener);
    clients[1].set_read_timeout(Some(Duration::from_secs(5)))?;
    let told = match (&clients[1]).read(&mut [0]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    };
    println!("the listener is dropped: the second client is told {told}");
    Ok(())
}

fn main() -> io::Result<()> {
    println!("-- a full socket, and then its peer reads everything");
    println!("at a port, with nothing lent: {}", told_of_room()?);
    println!("in evq: writable {}", told_by_evq()?);
    println!("-- connecting");
    connecting()?;
    println!("-- accepting");
    accepting()?;
    println!("-- closed while a megabyte is on its way");
    println!(
        "by hand:                       {} bytes missing",
        closing(false)?
    );
    println!(
        "by hand, ended and waited for: {} bytes missing",
        closing(true)?
    );
    println!(
        "evq, the stream dropped first: {} bytes missing",
        by_evq(false)?
    );
    println!(
        "evq, the queue dropped first:  {} bytes missing",
        by_evq(true)?
    );
    Ok(())
}

//! Chapter 13: reading on IOCP. What happens to a stream if two buffers are lent for it? What does
//! each way to lend cost, in memory, in reads and in time? Where are bytes that come while the
//! stream is not registered? On systems that lend nothing, the same program shows what that costs.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::io::{self, ErrorKind, Read, Write};
use std::net;
use std::thread;
use std::time::{Duration, Instant};

use evq::inside::buffer_pool::Buffer;
use evq::net::TcpStream;
use evq::{Events, Interests, Poll, Token};

const CONNECTIONS: usize = 200;
const ROUND_TRIPS: u32 = 200;
const BUFFERS: u32 = 10_000;

/// Counts this thread's allocations, and the bytes that are still in use.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: the system's allocator does it all; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        BYTES.set(BYTES.get().wrapping_add(layout.size()));
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        BYTES.set(BYTES.get().wrapping_sub(layout.size()));
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Both ends of a connection.
fn connection() -> io::Result<(net::TcpStream, net::TcpStream)> {
    let listener = net::TcpListener::bind("127.0.0.1:0")?;
    let client = net::TcpStream::connect(listener.local_addr()?)?;
    client.set_nodelay(true)?;
    Ok((listener.accept()?.0, client))
}

/// Lends a buffer through each of two handles of one socket. What does each bring back?
#[cfg(windows)]
fn two_handles(one: net::TcpStream, mut client: net::TcpStream) -> io::Result<[String; 2]> {
    use evq::inside::{ffi, socket_ffi};
    use std::os::windows::io::{AsHandle, AsRawSocket, AsSocket, BorrowedHandle};

    let two = one.try_clone()?;
    let port = ffi::create_port()?;
    // SAFETY: a socket is a handle, and `one` is open to the end.
    let handle = unsafe { BorrowedHandle::borrow_raw(one.as_raw_socket() as _) };
    ffi::associate(port.as_handle(), handle)?;
    // Leaked: if something fails below, the kernel still has it.
    let operations = Box::leak(Box::new([(); 2].map(|()| ([0; 16], [0usize; 4]))));
    // ANCHOR: two_lent
    for (socket, (buffer, overlapped)) in [&one, &two].into_iter().zip(&mut *operations) {
        let (at, overlapped) = (buffer.as_mut_ptr(), overlapped.as_mut_ptr().cast());
        // SAFETY: it stays where it is, and we read it after both packets.
        unsafe { socket_ffi::recv_overlapped(socket.as_socket(), at, 16, overlapped)? };
    }
    let mut lengths = [0; 2];
    for (piece, length) in ["first, ", "second"].into_iter().zip(&mut lengths) {
        client.write_all(piece.as_bytes())?;
        let mut room = [std::mem::MaybeUninit::uninit(); 1];
        let packets = ffi::dequeue(port.as_handle(), &mut room, 5_000)
            .unwrap_or_else(|error| panic!("no packet: {error}"));
        *length = packets[0].dwNumberOfBytesTransferred as usize;
    }
    let text = |n: usize| String::from_utf8_lossy(&operations[n].0[..lengths[n]]).into_owned();
    // ANCHOR_END: two_lent
    Ok([text(0), text(1)])
}

/// Reads through each handle when the bytes are there. The first read takes them all.
#[cfg(not(windows))]
fn two_handles(mut one: net::TcpStream, mut client: net::TcpStream) -> io::Result<[String; 2]> {
    let mut two = one.try_clone()?;
    client.write_all(b"first, ")?;
    client.write_all(b"second")?;
    one.set_nonblocking(true)?;
    while one.peek(&mut [0; 13])? < 13 {}
    let mut buffer = [0; 16];
    let count = one.read(&mut buffer)?;
    let rest = match two.read(&mut [0; 16]) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => String::new(),
        result => format!("{result:?}"),
    };
    Ok([String::from_utf8_lossy(&buffer[..count]).into_owned(), rest])
}

fn buffers() {
    let (before, began) = (ALLOCATIONS.get(), Instant::now());
    for _ in 0..BUFFERS {
        black_box(vec![0u8; 4096]);
    }
    let (each, took) = (ALLOCATIONS.get() - before, began.elapsed() / BUFFERS);
    let took = took.as_nanos();
    println!("a new buffer each time: {each} allocations, {took} ns each");

    let (before, began) = (ALLOCATIONS.get(), Instant::now());
    for _ in 0..BUFFERS {
        black_box(Buffer::take(4096));
    }
    let (pooled, took) = (ALLOCATIONS.get() - before, began.elapsed() / BUFFERS);
    // Two allocations: the buffer, and the pool's list.
    let took = took.as_nanos();
    println!("from the pool:          {pooled} allocations, {took} ns each");
}

/// The ways to lend, in bytes. Only Windows has a choice.
const WAYS: &[usize] = if cfg!(windows) {
    &[0, 4096, 65_536]
} else {
    &[0]
};

fn set_lending(stream: &TcpStream, bytes: usize) {
    #[cfg(windows)]
    stream.set_lending(bytes);
    let _ = (stream, bytes);
}

/// Prints what idle connections hold, in how many reads a stream is read, and how long a byte
/// needs to come back.
fn measure(bytes: usize) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(8);
    let (mut streams, mut clients) = (Vec::new(), Vec::new());
    for _ in 0..CONNECTIONS {
        let (server, client) = connection()?;
        let stream = TcpStream::from_std(server)?;
        set_lending(&stream, bytes);
        streams.push(stream);
        clients.push(client);
    }
    let before = BYTES.get();
    for (n, stream) in streams.iter_mut().enumerate() {
        poll.registrator()
            .register(stream, Token(n), Interests::READABLE)?;
    }
    let held = BYTES.get().wrapping_sub(before);

    let (stream, client) = (&mut streams[0], &mut clients[0]);
    client.write_all(&[7; 32_768])?;
    thread::sleep(Duration::from_millis(30)); // until all of it has arrived
    poll.poll(&mut events, None)?;
    let reads = drain(stream)?;

    let began = Instant::now();
    for _ in 0..ROUND_TRIPS {
        client.write_all(b"!")?;
        poll.poll(&mut events, None)?;
        drain(stream)?;
        stream.write_all(b"!")?;
        client.read_exact(&mut [0])?;
    }
    let trip = (began.elapsed() / ROUND_TRIPS).as_micros();
    println!(
        "{bytes:>5} lent: {:>6} KiB held, {reads} reads, a round trip {trip} us",
        held.div_ceil(1024)
    );
    Ok(())
}

/// Reads until `WouldBlock`, and returns the number of reads before that.
fn drain(stream: &mut TcpStream) -> io::Result<usize> {
    let (mut reads, mut buffer) = (0, [0; 65_536]);
    loop {
        match stream.read(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(reads),
            result => assert_ne!(result?, 0, "nobody has closed"),
        }
        reads += 1;
    }
}

fn away() -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(8);
    let (server, mut client) = connection()?;
    let mut stream = TcpStream::from_std(server)?;
    let registrator = poll.registrator().clone();
    registrator.register(&mut stream, Token(1), Interests::READABLE)?;
    registrator.deregister(&mut stream)?;
    client.write_all(b"hello")?;
    let count = poll.poll(&mut events, Some(Duration::from_millis(50)))?;
    println!("deregistered, 5 bytes sent: {count} events");
    registrator.register(&mut stream, Token(2), Interests::READABLE)?;
    poll.poll(&mut events, None)?;
    let tokens: Vec<_> = events.iter().map(|event| event.token().0).collect();
    let mut buffer = [0; 16];
    let count = stream.read(&mut buffer)?;
    let text = String::from_utf8_lossy(&buffer[..count]);
    println!("registered again as 2: event {tokens:?}, and {text:?} is read");
    Ok(())
}

fn main() -> io::Result<()> {
    println!("-- one stream, two handles");
    let (server, client) = connection()?;
    let [one, two] = two_handles(server, client)?;
    println!("through one {one:?}, through two {two:?}");
    println!("-- {BUFFERS} buffers, one after the other");
    buffers();
    println!("-- {CONNECTIONS} idle connections; 32768 bytes for one; a byte there and back");
    WAYS.iter().try_for_each(|bytes| measure(*bytes))?;
    println!("-- bytes that come while a stream is not registered");
    away()
}

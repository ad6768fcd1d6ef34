//! Chapter 11: the IOCP selector. Each part asks the naive stage of chapter 6, or one that uses its
//! memory again instead of leaking it, and then evq. The stage is taken in as a module, as it stands.

#[cfg(windows)]
#[allow(dead_code)]
#[path = "ch06_shape.rs"]
mod ch06_shape;

#[cfg(windows)]
fn main() -> std::io::Result<()> {
    ports::main()
}

#[cfg(not(windows))]
fn main() {
    let linux = cfg!(any(target_os = "linux", target_os = "android"));
    let chapter = if linux { 8 } else { 9 };
    println!("Only Windows has completion ports; on this system, run chapter {chapter} instead.");
}

#[cfg(windows)]
mod ports {
    use std::io::{self, Read, Write};
    use std::mem::MaybeUninit;
    use std::net::{TcpListener, TcpStream};
    use std::os::windows::io::{AsHandle, BorrowedHandle};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::{Duration, Instant};

    use evq::inside::{ffi, operations_in_flight, port};
    use evq::{Events, Interests, Poll, Token};

    use crate::ch06_shape::shape as ch06;

    pub fn main() -> io::Result<()> {
        gone()?;
        wakes()?;
        deregistered()?;
        nobody_polls()
    }

    /// Two ends of a connection.
    fn connection() -> io::Result<(TcpStream, TcpStream)> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let near = TcpStream::connect(listener.local_addr()?)?;
        Ok((near, listener.accept()?.0))
    }

    /// The same; evq watches the far one.
    fn watched(poll: &Poll) -> io::Result<(TcpStream, evq::net::TcpStream)> {
        let (near, far) = connection()?;
        let mut far = evq::net::TcpStream::from_std(far)?;
        poll.registrator()
            .register(&mut far, Token(7), Interests::READABLE)?;
        Ok((near, far))
    }

    /// How many packets wait in a port.
    fn waiting(port: BorrowedHandle<'_>) -> usize {
        let mut room = [MaybeUninit::uninit(); 8];
        ffi::dequeue(port, &mut room, 0).map_or(0, <[_]>::len)
    }

    // ANCHOR: gone
    fn gone() -> io::Result<()> {
        println!("-- a stream is dropped, then a wait of 200 ms");
        let limit = Duration::from_millis(200);
        let poll = ch06::Poll::new()?;
        let (_near, far) = connection()?;
        poll.registrator().register(&far, 7)?;
        drop(far);
        let began = Instant::now();
        let tokens = poll.poll(Some(limit))?;
        let whole = began.elapsed() >= limit;
        println!("ch06: {tokens:?}; the whole time: {whole}");

        let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(8));
        let (_near, far) = watched(&poll)?;
        poll.poll(&mut events, Some(Duration::ZERO))?;
        drop(far);
        print!("evq: {} lent; ", operations_in_flight(poll.registrator()));
        let began = Instant::now();
        poll.poll(&mut events, Some(limit))?;
        let whole = began.elapsed() >= limit;
        print!("{events:?}; the whole time: {whole}; ");
        println!("{} lent", operations_in_flight(poll.registrator()));
        Ok(())
    }
    // ANCHOR_END: gone

    // ANCHOR: wakes
    fn wakes() -> io::Result<()> {
        println!("-- a packet whose function wakes a poller that sleeps");
        let mut poll = naive::Poll::new()?;
        let (mut near, far) = connection()?;
        poll.register(&far, 7)?;
        near.write_all(b"!")?;
        let sleeps = AtomicBool::new(true);
        for _token in poll.poll(None)? {
            if sleeps.swap(false, Ordering::SeqCst) {
                ffi::post(poll.port.as_handle())?;
            }
        }
        let left = waiting(poll.port.as_handle());
        println!("naive: {left} left in the port");

        let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(8));
        let (mut near, _far) = watched(&poll)?;
        near.write_all(b"!")?;
        while !events.iter().any(|event| event.is_readable()) {
            poll.poll(&mut events, None)?;
        }
        let left = waiting(port(poll.registrator()));
        println!("evq: {left} left in the port");
        Ok(())
    }
    // ANCHOR_END: wakes

    // ANCHOR: deregistered
    fn deregistered() -> io::Result<()> {
        println!("-- a stream is deregistered; then bytes arrive for it");
        let mut poll = naive::Poll::new()?;
        let (mut near, far) = connection()?;
        let lent = poll.register(&far, 7)?;
        poll.deregister(lent);
        let (_near, next) = connection()?;
        let lent = poll.register(&next, 8)?;
        near.write_all(b"for 7")?;
        let tokens = poll.poll(None)?;
        println!("naive: {tokens:?}; lent for 8: {:?}", lent.text());

        let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(8));
        let (mut near, mut far) = watched(&poll)?;
        poll.registrator().deregister(&mut far)?;
        near.write_all(b"for 7")?;
        poll.poll(&mut events, Some(Duration::from_millis(100)))?;
        print!("evq: {events:?}; ");
        poll.registrator()
            .register(&mut far, Token(9), Interests::READABLE)?;
        poll.poll(&mut events, None)?;
        let mut text = [0; 5];
        far.read_exact(&mut text)?;
        println!("registered again: {events:?}, \"{}\"", text.escape_ascii());
        Ok(())
    }
    // ANCHOR_END: deregistered

    // ANCHOR: nobody_polls
    fn nobody_polls() -> io::Result<()> {
        println!("-- Poll is dropped, then a stream");
        let mut poll = naive::Poll::new()?;
        let (_near, far) = connection()?;
        let lent = poll.register(&far, 7)?;
        drop(poll);
        drop(far);
        println!("naive: {} lent", Arc::strong_count(&lent) - 1);

        let poll = Poll::new()?;
        let registrator = poll.registrator().clone();
        let (_near, far) = watched(&poll)?;
        drop(poll);
        print!("evq: {} lent", operations_in_flight(&registrator));
        drop(far);
        println!(", then {}", operations_in_flight(&registrator));
        Ok(())
    }
    // ANCHOR_END: nobody_polls

    mod naive {
        use std::cell::UnsafeCell;
        use std::io;
        use std::mem::MaybeUninit;
        use std::net::TcpStream;
        use std::os::windows::io::{AsHandle, AsRawHandle, AsRawSocket, AsSocket, OwnedHandle};
        use std::ptr;
        use std::sync::Arc;
        use std::time::Duration;

        use evq::inside::{ffi, socket_ffi};

        // ANCHOR: naive
        /// As in chapter 6, the key is the token, and each packet an event.
        pub struct Poll {
            pub port: OwnedHandle,
            free: Vec<Arc<Operation>>,
        }

        #[repr(C)]
        pub struct Operation {
            overlapped: UnsafeCell<MaybeUninit<ffi::OVERLAPPED>>,
            buffer: UnsafeCell<[u8; 8]>,
        }

        impl Poll {
            /// Lends memory to read into, used or new.
            pub fn register(
                &mut self,
                stream: &TcpStream,
                token: usize,
            ) -> io::Result<Arc<Operation>> {
                let (port, socket) = (self.port.as_raw_handle(), stream.as_raw_socket());
                let handle = ptr::without_provenance_mut(socket as usize);
                // SAFETY: both are open, and no memory is passed.
                unsafe { ffi::c::CreateIoCompletionPort(handle, port, token, 0) };
                let operation = self.free.pop().unwrap_or_else(Operation::new);
                let lent = Arc::into_raw(Arc::clone(&operation));
                // SAFETY: the memory is there until the packet gives this count back.
                unsafe {
                    let overlapped = (*lent).overlapped.get().cast();
                    let buffer = (*lent).buffer.get().cast();
                    socket_ffi::recv_overlapped(stream.as_socket(), buffer, 8, overlapped)?;
                }
                Ok(operation)
            }

            /// The next may have the memory.
            pub fn deregister(&mut self, operation: Arc<Operation>) {
                self.free.push(operation);
            }

            pub fn poll(&self, timeout: Option<Duration>) -> io::Result<Vec<usize>> {
                let ms = timeout.map_or(ffi::INFINITE, |timeout| timeout.as_millis() as u32);
                let mut room = [MaybeUninit::uninit(); 8];
                let packets = ffi::dequeue(self.port.as_handle(), &mut room, ms)?.iter();
                Ok(packets
                    .map(|packet| {
                        let lent = packet.lpOverlapped.cast_const().cast::<Operation>();
                        // SAFETY: `register` has lent this count.
                        drop(unsafe { Arc::from_raw(lent) });
                        packet.lpCompletionKey
                    })
                    .collect())
            }
        }
        // ANCHOR_END: naive

        impl Poll {
            pub fn new() -> io::Result<Poll> {
                let (port, free) = (ffi::create_port()?, Vec::new());
                Ok(Poll { port, free })
            }
        }

        impl Operation {
            #[allow(clippy::arc_with_non_send_sync, reason = "the kernel is no thread")]
            fn new() -> Arc<Operation> {
                Arc::new(Operation {
                    overlapped: UnsafeCell::new(MaybeUninit::zeroed()),
                    buffer: UnsafeCell::new(*b"........"),
                })
            }

            pub fn text(&self) -> String {
                // SAFETY: the kernel alone writes there, and has done so.
                let bytes = unsafe { *self.buffer.get() };
                bytes.escape_ascii().to_string()
            }
        }
    }
}

//! Chapter 11: the IOCP selector. Each part runs the naive queue below, and then evq.

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

    pub fn main() -> io::Result<()> {
        println!("-- a stream is deregistered; then bytes arrive for it");
        naive_deregistered()?;
        deregistered()?;
        println!("-- a packet whose function wakes a poller that sleeps");
        naive_wakes()?;
        wakes()?;
        println!("-- a stream is dropped, then a wait of 200 ms");
        naive_dropped()?;
        dropped()?;
        println!("-- Poll is dropped, then a stream");
        naive_nobody_polls()?;
        nobody_polls()
    }

    /// Two ends of a connection.
    fn connection() -> io::Result<(TcpStream, TcpStream)> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let near = TcpStream::connect(listener.local_addr()?)?;
        Ok((near, listener.accept()?.0))
    }

    /// The same. evq watches the far end.
    fn watched(poll: &Poll) -> io::Result<(TcpStream, evq::net::TcpStream)> {
        let (near, far) = connection()?;
        let mut far = evq::net::TcpStream::from_std(far)?;
        poll.registrator()
            .register(&mut far, Token(7), Interests::READABLE)?;
        Ok((near, far))
    }

    /// Takes the packets out of a port, and returns their number.
    fn waiting(port: BorrowedHandle<'_>) -> usize {
        let mut room = [MaybeUninit::uninit(); 8];
        ffi::dequeue(port, &mut room, 0).map_or(0, <[_]>::len)
    }

    // ANCHOR: naive_deregistered
    fn naive_deregistered() -> io::Result<()> {
        let mut poll = naive::Poll::new()?;
        let (mut near, far) = connection()?;
        let lent = poll.register(&far, 7)?;
        poll.deregister(lent);
        let (_near, next) = connection()?;
        let lent = poll.register(&next, 8)?;
        near.write_all(b"for 7")?;
        let tokens = poll.poll(None)?;
        println!("naive: {tokens:?}; lent for 8: {:?}", lent.text());
        Ok(())
    }
    // ANCHOR_END: naive_deregistered

    fn deregistered() -> io::Result<()> {
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

    fn naive_wakes() -> io::Result<()> {
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
        Ok(())
    }

    fn wakes() -> io::Result<()> {
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

    fn naive_dropped() -> io::Result<()> {
        let limit = Duration::from_millis(200);
        let mut poll = naive::Poll::new()?;
        let (_near, far) = connection()?;
        poll.register(&far, 7)?;
        drop(far);
        let began = Instant::now();
        let tokens = poll.poll(Some(limit))?;
        let whole = began.elapsed() >= limit;
        println!("naive: {tokens:?}; the whole time: {whole}");
        Ok(())
    }

    fn dropped() -> io::Result<()> {
        let limit = Duration::from_millis(200);
        let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(8));
        let (_near, far) = watched(&poll)?;
        poll.poll(&mut events, Some(Duration::ZERO))?;
        drop(far);
        print!(
            "evq: {} in flight; ",
            operations_in_flight(poll.registrator())
        );
        let began = Instant::now();
        poll.poll(&mut events, Some(limit))?;
        let whole = began.elapsed() >= limit;
        print!("{events:?}; the whole time: {whole}; ");
        println!("{} in flight", operations_in_flight(poll.registrator()));
        Ok(())
    }

    fn naive_nobody_polls() -> io::Result<()> {
        let mut poll = naive::Poll::new()?;
        let (_near, far) = connection()?;
        let lent = poll.register(&far, 7)?;
        drop(poll);
        drop(far);
        println!("naive: {} in flight", Arc::strong_count(&lent) - 1);
        Ok(())
    }

    fn nobody_polls() -> io::Result<()> {
        let poll = Poll::new()?;
        let registrator = poll.registrator().clone();
        let (_near, far) = watched(&poll)?;
        drop(poll);
        print!("evq: {} in flight", operations_in_flight(&registrator));
        drop(far);
        println!(", then {}", operations_in_flight(&registrator));
        Ok(())
    }

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

        pub struct Poll {
            pub port: OwnedHandle,
            free: Vec<Arc<Operation>>,
        }

        // ANCHOR: naive
        #[repr(C)]
        pub struct Operation {
            overlapped: UnsafeCell<MaybeUninit<ffi::OVERLAPPED>>,
            buffer: UnsafeCell<[u8; 8]>,
        }

        impl Poll {
            pub fn register(
                &mut self,
                far: &TcpStream,
                token: usize,
            ) -> io::Result<Arc<Operation>> {
                let (port, socket) = (self.port.as_raw_handle(), far.as_raw_socket());
                let handle = ptr::without_provenance_mut(socket as usize);
                // SAFETY: both are open, and no memory is passed.
                unsafe { ffi::c::CreateIoCompletionPort(handle, port, token, 0) };
                let operation = self.free.pop().unwrap_or_else(Operation::new);
                let lent = Arc::into_raw(Arc::clone(&operation));
                // SAFETY: nobody frees the memory before its packet gives this count back.
                unsafe {
                    let overlapped = (*lent).overlapped.get().cast();
                    let buffer = (*lent).buffer.get().cast();
                    socket_ffi::recv_overlapped(far.as_socket(), buffer, 8, overlapped)?;
                }
                Ok(operation)
            }

            pub fn deregister(&mut self, operation: Arc<Operation>) {
                self.free.push(operation);
            }
            // ANCHOR_END: naive

            // ANCHOR: naive_poll
            pub fn poll(&self, timeout: Option<Duration>) -> io::Result<Vec<usize>> {
                let ms = timeout.map_or(ffi::INFINITE, |timeout| timeout.as_millis() as u32);
                let mut room = [MaybeUninit::uninit(); 8];
                let packets = ffi::dequeue(self.port.as_handle(), &mut room, ms)?.iter();
                Ok(packets
                    .map(|packet| {
                        let lent = packet.lpOverlapped.cast_const().cast::<Operation>();
                        // SAFETY: `register` has given the kernel this count.
                        drop(unsafe { Arc::from_raw(lent) });
                        packet.lpCompletionKey
                    })
                    .collect())
            }
            // ANCHOR_END: naive_poll

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
                // SAFETY: the kernel has written its bytes, and writes no more.
                let bytes = unsafe { *self.buffer.get() };
                bytes.escape_ascii().to_string()
            }
        }
    }
}

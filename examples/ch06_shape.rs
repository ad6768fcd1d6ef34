//! Chapter 6: the shape. The calls of chapter 3, cut into a `Poll`, a `Registrator` and a
//! `Selector`; nothing comes from evq or from the libc crate. It serves the same two clients, and
//! then shows three of its faults. Later chapters take this file in as a module and show more.

#[cfg(any(target_os = "linux", target_os = "android"))]
fn main() -> std::io::Result<()> {
    linux::serve()?;
    linux::faults()
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn main() {
    let chapter = if cfg!(windows) { 5 } else { 4 };
    println!(
        "This stage is cut from epoll's calls; on this system, run chapter {chapter} instead."
    );
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) mod linux {
    use std::ffi::c_int;
    use std::io::{self, BufRead, BufReader, Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
    use std::sync::mpsc;
    use std::time::{Duration, Instant};

    // https://man7.org/linux/man-pages/man3/epoll_event.3type.html
    #[derive(Clone, Copy)]
    #[repr(C)]
    #[cfg_attr(target_arch = "x86_64", repr(packed))]
    struct EpollEvent {
        events: u32,
        data: u64,
    }

    const EPOLL_CLOEXEC: c_int = 0x80000;
    const EPOLL_CTL_ADD: c_int = 1;
    const EPOLLIN: u32 = 0x1;
    const EPOLLET: u32 = 0x8000_0000;

    unsafe extern "C" {
        // https://man7.org/linux/man-pages/man7/epoll.7.html
        fn epoll_create1(flags: c_int) -> c_int;
        fn epoll_ctl(epfd: c_int, op: c_int, fd: c_int, event: *mut EpollEvent) -> c_int;
        fn epoll_wait(epfd: c_int, events: *mut EpollEvent, max: c_int, ms: c_int) -> c_int;
    }

    fn checked(answer: c_int) -> io::Result<c_int> {
        match answer {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(answer),
        }
    }

    // ANCHOR: selector
    struct Selector {
        epoll: OwnedFd,
    }

    impl Selector {
        fn new() -> io::Result<Selector> {
            // SAFETY: no memory is passed, and nobody else owns the new descriptor.
            let epoll = unsafe { OwnedFd::from_raw_fd(checked(epoll_create1(EPOLL_CLOEXEC))?) };
            Ok(Selector { epoll })
        }

        fn register(epoll: RawFd, fd: RawFd, token: usize) -> io::Result<()> {
            let mut event = EpollEvent {
                events: EPOLLIN | EPOLLET,
                data: token as u64,
            };
            // SAFETY: `event` outlives the call, which copies it.
            checked(unsafe { epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &mut event) }).map(drop)
        }

        fn select(&self, timeout: Option<Duration>) -> io::Result<Vec<usize>> {
            let mut found = [EpollEvent { events: 0, data: 0 }; 8];
            let ms = timeout.map_or(-1, |timeout| timeout.as_millis() as c_int);
            // SAFETY: there is room for the eight events that are asked for.
            let count = unsafe { epoll_wait(self.epoll.as_raw_fd(), found.as_mut_ptr(), 8, ms) };
            let found = &found[..checked(count)? as usize];
            Ok(found.iter().map(|event| event.data as usize).collect())
        }
    }
    // ANCHOR_END: selector

    // ANCHOR: trio
    pub struct Poll {
        selector: Selector,
    }

    #[derive(Clone, Copy)]
    pub struct Registrator {
        epoll: RawFd,
    }

    impl Poll {
        pub fn new() -> io::Result<Poll> {
            Selector::new().map(|selector| Poll { selector })
        }

        pub fn registrator(&self) -> Registrator {
            let epoll = self.selector.epoll.as_raw_fd();
            Registrator { epoll }
        }

        pub fn poll(&self, timeout: Option<Duration>) -> io::Result<Vec<usize>> {
            self.selector.select(timeout)
        }
    }

    impl Registrator {
        pub fn register(&self, source: &impl AsFd, token: usize) -> io::Result<()> {
            Selector::register(self.epoll, source.as_fd().as_raw_fd(), token)
        }
    }
    // ANCHOR_END: trio

    pub fn serve() -> io::Result<()> {
        let poll = Poll::new()?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        poll.registrator().register(&listener, 0)?;

        let (mut clients, mut streams, mut answered) = (Vec::new(), Vec::new(), 0);
        for line in ["greetings, first\n", "greetings, other\n"] {
            let mut client = TcpStream::connect(listener.local_addr()?)?;
            client.write_all(line.as_bytes())?;
            clients.push(client);
        }
        // ANCHOR: serve
        while answered < clients.len() {
            for token in poll.poll(None)? {
                if token == 0 {
                    while let Ok((stream, _)) = listener.accept() {
                        stream.set_nonblocking(true)?;
                        poll.registrator().register(&stream, streams.len() + 1)?;
                        streams.push(stream);
                    }
                } else {
                    answered += answer(&streams[token - 1])?;
                }
            }
        }
        // ANCHOR_END: serve
        for client in clients {
            let mut line = String::new();
            BufReader::new(client).read_line(&mut line)?;
            print!("{line}");
        }
        Ok(())
    }

    /// Drains the stream, and returns the number of lines that it answered.
    fn answer(mut stream: &TcpStream) -> io::Result<usize> {
        let (mut buffer, mut lines) = ([0; 8], 0);
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            let bytes = buffer[..count].to_ascii_uppercase();
            stream.write_all(&bytes)?;
            lines += usize::from(bytes.ends_with(b"\n"));
        }
        Ok(lines)
    }

    // ANCHOR: faults
    pub fn faults() -> io::Result<()> {
        let first = Poll::new()?;
        let old = first.registrator();
        drop(first);
        let second = Poll::new()?;
        let socket = TcpListener::bind("127.0.0.1:0")?;
        let _client = TcpStream::connect(socket.local_addr()?)?;
        old.register(&socket, 7)?;
        let told = second.poll(None)?;
        println!("registered with the first poll, told of by the second: {told:?}");

        let again = second.registrator().register(&socket, 8);
        println!("registered twice: {again:?}");

        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || sender.send("stop"));
        let (began, limit) = (Instant::now(), Duration::from_millis(200));
        second.poll(Some(limit))?;
        let (message, late) = (receiver.try_recv(), began.elapsed() >= limit);
        println!("in the channel: {message:?}; slept to the end of its timeout: {late}");
        Ok(())
    }
    // ANCHOR_END: faults
}

//! Chapter 3: epoll by hand. A server for two clients, on three foreign functions. This file
//! declares all three: nothing comes from evq or from the libc crate. The server runs twice. First
//! it reads once for each event, and stalls. Then it reads until `WouldBlock`, and does not.

#[cfg(any(target_os = "linux", target_os = "android"))]
fn main() -> std::io::Result<()> {
    linux::main()
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn main() {
    let chapter = if cfg!(windows) { 5 } else { 4 };
    println!("Only Linux and Android have epoll; on this system, run chapter {chapter} instead.");
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux {
    use std::ffi::c_int;
    use std::fmt::Arguments;
    use std::io::{self, ErrorKind, Read, Write};
    use std::mem::offset_of;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
    use std::time::Duration;

    // ANCHOR: create
    unsafe extern "C" {
        // https://man7.org/linux/man-pages/man2/epoll_create.2.html
        fn epoll_create1(flags: c_int) -> c_int;
    }
    // ANCHOR_END: create

    // ANCHOR: checked
    fn checked(call: Arguments<'_>, answer: c_int) -> io::Result<c_int> {
        let result = match answer {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(answer),
        };
        if cfg!(feature = "trace") {
            match &result {
                Ok(answer) => eprintln!("{call} = {answer}"),
                Err(error) => eprintln!("{call} = -1: {error}"),
            }
        }
        result
    }
    // ANCHOR_END: checked

    // ANCHOR: open
    // https://man7.org/linux/man-pages/man2/epoll_create.2.html
    const EPOLL_CLOEXEC: c_int = 0x80000;

    fn open_epoll(flags: c_int) -> io::Result<OwnedFd> {
        // SAFETY: the call takes a number and touches none of our memory.
        let answer = unsafe { epoll_create1(flags) };
        let fd = checked(format_args!("epoll_create1({flags:#x})"), answer)?;
        // SAFETY: the kernel has opened `fd` for us, and nothing else owns it.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }
    // ANCHOR_END: open

    // ANCHOR: event
    // https://man7.org/linux/man-pages/man3/epoll_event.3type.html
    #[derive(Clone, Copy)]
    #[repr(C)]
    #[cfg_attr(target_arch = "x86_64", repr(packed))]
    struct EpollEvent {
        events: u32,
        data: u64,
    }

    const GAP: bool = cfg!(not(any(target_arch = "x86_64", target_arch = "x86")));
    const _: () = assert!(size_of::<EpollEvent>() == if GAP { 16 } else { 12 });
    const _: () = assert!(offset_of!(EpollEvent, data) == if GAP { 8 } else { 4 });
    // ANCHOR_END: event

    // ANCHOR: add
    // https://man7.org/linux/man-pages/man2/epoll_ctl.2.html
    const EPOLL_CTL_ADD: c_int = 1;
    const EPOLLIN: u32 = 0x1;
    const EPOLLRDHUP: u32 = 0x2000;
    const EPOLLET: u32 = 0x8000_0000;

    unsafe extern "C" {
        // https://man7.org/linux/man-pages/man2/epoll_ctl.2.html
        fn epoll_ctl(epfd: c_int, op: c_int, fd: c_int, event: *mut EpollEvent) -> c_int;
    }

    fn add(epoll: &OwnedFd, source: &impl AsFd, events: u32, token: u64) -> io::Result<()> {
        let (epfd, fd) = (epoll.as_raw_fd(), source.as_fd().as_raw_fd());
        let mut event = EpollEvent {
            events,
            data: token,
        };
        // SAFETY: `event` outlives the call, which copies it and keeps no pointer.
        let answer = unsafe { epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &mut event) };
        checked(
            format_args!("epoll_ctl({epfd}, ADD, {fd}, {{{events:#x}, {token:#x}}})"),
            answer,
        )
        .map(drop)
    }
    // ANCHOR_END: add

    // ANCHOR: wait
    unsafe extern "C" {
        // https://man7.org/linux/man-pages/man2/epoll_wait.2.html
        fn epoll_wait(epfd: c_int, events: *mut EpollEvent, max: c_int, ms: c_int) -> c_int;
    }

    fn wait(epoll: &OwnedFd, events: &mut [EpollEvent], ms: c_int) -> io::Result<usize> {
        let (epfd, max) = (epoll.as_raw_fd(), events.len() as c_int);
        // SAFETY: the kernel writes at most `max` events, and `events` has room for them.
        let answer = unsafe { epoll_wait(epfd, events.as_mut_ptr(), max, ms) };
        let count = checked(format_args!("epoll_wait({epfd}, [{max}], {ms} ms)"), answer)?;
        Ok(count as usize)
    }
    // ANCHOR_END: wait

    // ANCHOR: serve
    const LISTENER: u64 = u64::MAX;

    fn serve(
        epoll: &OwnedFd,
        listener: &TcpListener,
        receive: fn(&mut Connection) -> io::Result<()>,
    ) -> io::Result<Vec<Connection>> {
        let mut connections = Vec::new();
        let mut answered = 0;
        let mut events = [EpollEvent { events: 0, data: 0 }; 8];
        while answered < CLIENTS.len() {
            let count = wait(epoll, &mut events, 200)?;
            if count == 0 {
                println!("no event for 200 ms");
                break;
            }
            for event in &events[..count] {
                match event.data {
                    LISTENER => accept_all(epoll, listener, &mut connections)?,
                    token => {
                        let connection = &mut connections[token as usize];
                        receive(connection)?;
                        answered += usize::from(answer(token, connection)?);
                    }
                }
            }
        }
        Ok(connections)
    }
    // ANCHOR_END: serve

    // ANCHOR: answer
    struct Connection {
        stream: TcpStream,
        request: Vec<u8>,
    }

    /// Sends the answer if the request is a whole line. Returns whether it was.
    fn answer(token: u64, connection: &mut Connection) -> io::Result<bool> {
        println!(
            "connection {token}: {} bytes read",
            connection.request.len()
        );
        if !connection.request.ends_with(b"\n") {
            return Ok(false);
        }
        let answer = connection.request.to_ascii_uppercase();
        connection.stream.write_all(&answer)?;
        Ok(true)
    }
    // ANCHOR_END: answer

    // ANCHOR: accept
    fn accept_all(
        epoll: &OwnedFd,
        listener: &TcpListener,
        connections: &mut Vec<Connection>,
    ) -> io::Result<()> {
        loop {
            let stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            stream.set_nonblocking(true)?;
            let token = connections.len();
            add(epoll, &stream, EPOLLIN | EPOLLRDHUP | EPOLLET, token as u64)?;
            connections.push(Connection {
                stream,
                request: Vec::new(),
            });
            println!("connection {token}: accepted");
        }
    }
    // ANCHOR_END: accept

    // ANCHOR: read_once
    fn read_once(connection: &mut Connection) -> io::Result<()> {
        let mut buffer = [0; 8];
        let count = connection.stream.read(&mut buffer)?;
        connection.request.extend_from_slice(&buffer[..count]);
        Ok(())
    }
    // ANCHOR_END: read_once

    // ANCHOR: drain
    fn drain(connection: &mut Connection) -> io::Result<()> {
        let mut buffer = [0; 8];
        loop {
            match connection.stream.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => connection.request.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }
    // ANCHOR_END: drain

    const CLIENTS: [&[u8]; 2] = [b"greetings, first\n", b"greetings, other\n"];

    pub fn main() -> io::Result<()> {
        if let Err(error) = open_epoll(1) {
            println!("epoll_create1(1): {error}");
        }
        for flags in [0, EPOLL_CLOEXEC] {
            let closed = closes_on_exec(&open_epoll(flags)?)?;
            println!("epoll_create1({flags:#x}): closed on exec: {closed}");
        }
        let epoll = open_epoll(EPOLL_CLOEXEC)?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        add(&epoll, &listener, EPOLLIN | EPOLLET, 42)?;
        let held = held(&epoll)?;
        println!("asked for events 80000001, data 2a; the kernel holds {held}");

        println!("-- one read for each event");
        run(read_once)?;
        println!("-- reading until WouldBlock");
        run(drain)
    }

    fn run(receive: fn(&mut Connection) -> io::Result<()>) -> io::Result<()> {
        let epoll = open_epoll(EPOLL_CLOEXEC)?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        add(&epoll, &listener, EPOLLIN | EPOLLET, LISTENER)?;

        let mut clients = Vec::new();
        for line in CLIENTS {
            let mut client = TcpStream::connect(listener.local_addr()?)?;
            client.write_all(line)?;
            client.set_read_timeout(Some(Duration::from_millis(100)))?;
            clients.push(client);
        }
        let connections = serve(&epoll, &listener, receive)?;
        for (token, connection) in connections.iter().enumerate() {
            if let Ok(unread) = connection.stream.peek(&mut [0; 64]) {
                println!("connection {token}: {unread} bytes unread");
            }
        }
        for (number, client) in clients.iter_mut().enumerate() {
            let mut answer = [0; 64];
            match client.read(&mut answer) {
                Ok(count) => {
                    let answer = String::from_utf8_lossy(&answer[..count]);
                    println!("client {number}: {}", answer.trim_end());
                }
                Err(_) => println!("client {number}: no answer"),
            }
        }
        Ok(())
    }

    /// The words of what the kernel tells about one of our descriptors.
    // https://man7.org/linux/man-pages/man5/proc_pid_fdinfo.5.html
    fn fdinfo(fd: &OwnedFd) -> io::Result<Vec<String>> {
        let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd()))?;
        Ok(text.split_whitespace().map(String::from).collect())
    }

    fn field<'a>(fields: &'a [String], name: &str) -> io::Result<&'a str> {
        let value = fields.iter().skip_while(|field| *field != name).nth(1);
        let value = value.ok_or_else(|| io::Error::other(format!("fdinfo has no {name}")))?;
        Ok(value)
    }

    fn closes_on_exec(fd: &OwnedFd) -> io::Result<bool> {
        let fields = fdinfo(fd)?;
        let flags = c_int::from_str_radix(field(&fields, "flags:")?, 8);
        Ok(flags.map_err(io::Error::other)? & EPOLL_CLOEXEC != 0)
    }

    fn held(epoll: &OwnedFd) -> io::Result<String> {
        let fields = fdinfo(epoll)?;
        let (events, data) = (field(&fields, "events:")?, field(&fields, "data:")?);
        Ok(format!("events {events}, data {data}"))
    }
}

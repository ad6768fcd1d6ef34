//! Chapter 6: the shape. The calls of chapters 3 and 4, cut into a `Poll`, a `Registrator` and a
//! `Selector`; nothing comes from evq or from the libc crate. It serves the same two clients, and
//! then shows three of its faults. Later chapters take this file in as a module and show more.
//!
//! `mod shape` is the same everywhere. Beside it stand the lanes, with the same items in the same
//! order, of which a system compiles its own. Shape and lane together are at most 150 lines of
//! code; kqueue's declarations for C, which no two systems agree on, are not among them.

#[cfg(not(windows))]
fn main() -> std::io::Result<()> {
    shape::serve()?;
    shape::faults()
}

#[cfg(not(windows))]
pub(crate) mod shape {
    use std::io::{self, BufRead, BufReader, Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::mpsc;
    use std::time::{Duration, Instant};

    use super::lane::{Handle, Selector, Source};

    // ANCHOR: trio
    pub struct Poll {
        selector: Selector,
    }

    #[derive(Clone, Copy)]
    pub struct Registrator {
        queue: Handle,
    }

    impl Poll {
        pub fn new() -> io::Result<Poll> {
            Selector::new().map(|selector| Poll { selector })
        }

        pub fn registrator(&self) -> Registrator {
            let queue = self.selector.handle();
            Registrator { queue }
        }

        pub fn poll(&self, timeout: Option<Duration>) -> io::Result<Vec<usize>> {
            self.selector.select(timeout)
        }
    }

    impl Registrator {
        pub fn register(&self, source: &impl Source, token: usize) -> io::Result<()> {
            Selector::register(self.queue, source, token)
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
        // A kernel that has taken it tells of the connection once more.
        second.poll(Some(Duration::ZERO))?;

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

// Lane: epoll
#[cfg(all(any(target_os = "linux", target_os = "android"), not(evq_libkqueue)))]
use epoll as lane;

#[cfg(all(any(target_os = "linux", target_os = "android"), not(evq_libkqueue)))]
mod epoll {
    pub use std::os::fd::{AsFd as Source, RawFd as Handle};
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
    use std::{ffi::c_int, io, time::Duration};

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
        let success = (answer != -1).then_some(answer);
        success.ok_or_else(io::Error::last_os_error)
    }

    // ANCHOR: selector
    pub struct Selector {
        epoll: OwnedFd,
    }

    impl Selector {
        pub fn new() -> io::Result<Selector> {
            // SAFETY: no memory is passed, and nobody else owns the new descriptor.
            let epoll = unsafe { OwnedFd::from_raw_fd(checked(epoll_create1(EPOLL_CLOEXEC))?) };
            Ok(Selector { epoll })
        }

        pub fn handle(&self) -> Handle {
            self.epoll.as_raw_fd()
        }

        pub fn register(epoll: Handle, source: &impl Source, token: usize) -> io::Result<()> {
            let (fd, events, data) = (source.as_fd().as_raw_fd(), EPOLLIN | EPOLLET, token as u64);
            let mut event = EpollEvent { events, data };
            // SAFETY: `event` outlives the call, which copies it.
            checked(unsafe { epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &mut event) }).map(drop)
        }

        pub fn select(&self, timeout: Option<Duration>) -> io::Result<Vec<usize>> {
            let mut found = [EpollEvent { events: 0, data: 0 }; 8];
            let ms = timeout.map_or(-1, |timeout| timeout.as_millis() as c_int);
            // SAFETY: there is room for the eight events that are asked for.
            let count = unsafe { epoll_wait(self.handle(), found.as_mut_ptr(), 8, ms) };
            let found = &found[..checked(count)? as usize];
            Ok(found.iter().map(|event| event.data as usize).collect())
        }
    }
    // ANCHOR_END: selector
}

// Lane: kqueue
#[cfg(any(
    evq_libkqueue,
    not(any(target_os = "linux", target_os = "android", windows))
))]
use kqueue as lane;

#[cfg(any(
    evq_libkqueue,
    not(any(target_os = "linux", target_os = "android", windows))
))]
mod kqueue {
    pub use std::os::fd::{AsFd as Source, RawFd as Handle};
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
    use std::{ffi::c_int, io, ptr, time::Duration};

    // ANCHOR: kqueue_c
    use std::ffi::c_long;

    // https://man.netbsd.org/kqueue.2
    #[cfg(target_os = "netbsd")]
    mod system {
        pub type Filter = u32;
        pub type Flags = u32;
        pub type Count = usize;
        pub const EVFILT_READ: Filter = 0;
    }
    #[cfg(not(target_os = "netbsd"))]
    mod system {
        pub type Filter = i16;
        pub type Flags = u16;
        pub type Count = std::ffi::c_int;
        pub const EVFILT_READ: Filter = -1;
    }
    use system::*;

    // https://man.freebsd.org/cgi/man.cgi?kqueue
    #[derive(Clone, Copy, Default)]
    #[repr(C)]
    #[cfg_attr(target_vendor = "apple", repr(packed(4)))]
    struct Kevent {
        ident: usize,
        filter: Filter,
        flags: Flags,
        fflags: u32,
        data: Data,
        udata: usize,
        #[cfg(target_os = "freebsd")]
        ext: [u64; 4],
    }

    #[cfg(target_pointer_width = "64")]
    const _: () = match size_of::<Kevent>() {
        64 => assert!(cfg!(target_os = "freebsd")),
        40 => assert!(cfg!(target_os = "netbsd")),
        size => assert!(size == 32 && !cfg!(any(target_os = "freebsd", target_os = "netbsd"))),
    };

    #[cfg(any(target_os = "freebsd", target_os = "netbsd", target_os = "openbsd"))]
    type Data = i64;
    #[cfg(not(any(target_os = "freebsd", target_os = "netbsd", target_os = "openbsd")))]
    type Data = isize;

    #[repr(C)]
    struct Timespec {
        seconds: Seconds,
        nanoseconds: c_long,
    }

    #[cfg(all(target_os = "freebsd", target_arch = "x86"))]
    type Seconds = i32;
    #[cfg(not(all(target_os = "freebsd", target_arch = "x86")))]
    type Seconds = i64;

    const F_SETFD: c_int = 2;
    const FD_CLOEXEC: c_int = 1;
    const EV_ADD: Flags = 0x1;
    const EV_CLEAR: Flags = 0x20;

    #[cfg_attr(evq_libkqueue, link(name = "kqueue"))]
    unsafe extern "C" {
        // https://man.freebsd.org/cgi/man.cgi?kqueue, https://man.freebsd.org/cgi/man.cgi?fcntl
        fn kqueue() -> c_int;
        fn fcntl(fd: c_int, command: c_int, ...) -> c_int;
        #[cfg_attr(target_os = "netbsd", link_name = "__kevent50")]
        fn kevent(
            kqueue: c_int,
            changes: *const Kevent,
            count: Count,
            events: *mut Kevent,
            max: Count,
            timeout: *const Timespec,
        ) -> c_int;
    }
    // ANCHOR_END: kqueue_c

    fn checked(answer: c_int) -> io::Result<c_int> {
        let success = (answer != -1).then_some(answer);
        success.ok_or_else(io::Error::last_os_error)
    }

    // ANCHOR: kqueue_selector
    pub struct Selector {
        kqueue: OwnedFd,
    }

    impl Selector {
        pub fn new() -> io::Result<Selector> {
            // SAFETY: no memory is passed, and nobody else owns the new descriptor.
            let kqueue = unsafe { OwnedFd::from_raw_fd(checked(kqueue())?) };
            // SAFETY: no memory is passed, and the command gets its one argument.
            checked(unsafe { fcntl(kqueue.as_raw_fd(), F_SETFD, FD_CLOEXEC) })?;
            Ok(Selector { kqueue })
        }

        pub fn handle(&self) -> Handle {
            self.kqueue.as_raw_fd()
        }

        pub fn register(kqueue: Handle, source: &impl Source, token: usize) -> io::Result<()> {
            let mut change = Kevent::default();
            (change.filter, change.flags) = (EVFILT_READ, EV_ADD | EV_CLEAR);
            (change.ident, change.udata) = (source.as_fd().as_raw_fd() as usize, token);
            let (room, limit) = (ptr::null_mut(), ptr::null());
            // SAFETY: `change` outlives the call, and there is no room for events.
            checked(unsafe { kevent(kqueue, &change, 1, room, 0, limit) }).map(drop)
        }

        pub fn select(&self, timeout: Option<Duration>) -> io::Result<Vec<usize>> {
            let mut found = [Kevent::default(); 8];
            let limit = timeout.map(|timeout| Timespec {
                seconds: timeout.as_secs() as Seconds,
                nanoseconds: timeout.subsec_nanos() as c_long,
            });
            let limit = limit.as_ref().map_or(ptr::null(), ptr::from_ref);
            let (none, room) = (ptr::null(), found.as_mut_ptr());
            // SAFETY: there is room for the eight events; `limit` is null or outlives the call.
            let count = unsafe { kevent(self.handle(), none, 0, room, 8, limit) };
            let found = &found[..checked(count)? as usize];
            Ok(found.iter().map(|event| event.udata).collect())
        }
    }
    // ANCHOR_END: kqueue_selector
}

// Lane: none, as yet, for completion ports
#[cfg(windows)]
fn main() {
    println!("This stage has no lane for completion ports; on this system, run chapter 5 instead.");
}

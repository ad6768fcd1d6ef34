//! Chapter 6: the shape. This program makes the calls of chapters 3, 4 and 5, cut into a `Poll`, a
//! `Registrator` and a `Selector`. It uses neither evq nor the libc crate. It serves two clients, and
//! then shows four of its faults. Chapters 8 and 11 include this file as a module, and show more.
//!
//! `mod shape` is the same on every system. Each of the other modules is the lane of one kernel. The
//! lanes have the same items in the same order, and each system compiles its own. `mod shape` and one
//! lane have at most 150 lines of code. The long declarations for C do not count: those for kqueue,
//! on which the systems disagree, and those for completion ports, which chapter 5 explains.

fn main() -> std::io::Result<()> {
    shape::serve()?;
    shape::faults()
}

pub(crate) mod shape {
    use std::io::{self, BufRead, BufReader, Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::mpsc;
    use std::time::Duration;

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
        let (mut clients, mut streams, mut answered) = (Vec::new(), Vec::new(), 0);
        let listener = TcpListener::bind("127.0.0.1:0")?;
        // ANCHOR: serve
        let poll = Poll::new()?;
        for line in ["greetings, first\n", "greetings, other\n"] {
            let (client, stream) = connected(&listener, line)?;
            poll.registrator().register(&stream, streams.len())?;
            clients.push(client);
            streams.push(stream);
        }
        while answered < clients.len() {
            for token in poll.poll(None)? {
                answered += answer(&streams[token])?;
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

    /// Returns a client that has sent a line, and the server's end of its connection.
    fn connected(listener: &TcpListener, line: &str) -> io::Result<(TcpStream, TcpStream)> {
        let mut client = TcpStream::connect(listener.local_addr()?)?;
        client.write_all(line.as_bytes())?;
        let (stream, _) = listener.accept()?;
        stream.set_nonblocking(true)?;
        Ok((client, stream))
    }

    /// Drains the stream, and returns how many lines it has answered.
    fn answer(mut stream: &TcpStream) -> io::Result<usize> {
        let (mut buffer, mut lines) = ([0; 8], 0);
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            let bytes = buffer[..count].to_ascii_uppercase();
            stream.write_all(&bytes)?;
            lines += usize::from(bytes.ends_with(b"\n"));
        }
        Ok(lines)
    }

    pub fn faults() -> io::Result<()> {
        // ANCHOR: wrong_queue
        let first = Poll::new()?;
        let old = first.registrator();
        drop(first);
        let second = Poll::new()?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (_client, stream) = connected(&listener, "!")?;
        let told = old.register(&stream, 7).and_then(|()| second.poll(None));
        println!("registered with the first poll, told of by the second: {told:?}");
        // ANCHOR_END: wrong_queue

        // ANCHOR: again
        answer(&stream)?;
        let told = second.poll(Some(Duration::ZERO))?;
        println!("read to the last byte, and told of again: {told:?}");
        // ANCHOR_END: again

        // ANCHOR: twice
        let again = second.registrator().register(&stream, 8);
        println!("registered twice: {:?}", again.map_err(|e| e.kind()));
        // ANCHOR_END: twice

        // ANCHOR: asleep
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || sender.send("stop"));
        let slept = second.poll(Some(Duration::from_millis(200)))?.is_empty();
        let message = receiver.try_recv();
        println!("in the channel: {message:?}; slept to the end of its timeout: {slept}");
        // ANCHOR_END: asleep
        Ok(())
    }
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

        // ANCHOR: epoll
        pub fn register(epoll: Handle, source: &impl Source, token: usize) -> io::Result<()> {
            let (fd, events, data) = (source.as_fd().as_raw_fd(), EPOLLIN | EPOLLET, token as u64);
            let mut event = EpollEvent { events, data };
            // SAFETY: `event` outlives the call, which copies it.
            checked(unsafe { epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &mut event) }).map(drop)
        }

        pub fn select(&self, timeout: Option<Duration>) -> io::Result<Vec<usize>> {
            let mut found = [EpollEvent { events: 0, data: 0 }; 8];
            let ms = timeout.map_or(-1, |timeout| timeout.as_millis() as c_int);
            // SAFETY: `found` has room for the eight events that we ask for.
            let count = unsafe { epoll_wait(self.handle(), found.as_mut_ptr(), 8, ms) };
            let found = &found[..checked(count)? as usize];
            Ok(found.iter().map(|event| event.data as usize).collect())
        }
        // ANCHOR_END: epoll
    }
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

        // ANCHOR: kqueue
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
            // SAFETY: `found` has room for eight events; `limit` is null or outlives the call.
            let count = unsafe { kevent(self.handle(), none, 0, room, 8, limit) };
            let found = &found[..checked(count)? as usize];
            Ok(found.iter().map(|event| event.udata).collect())
        }
        // ANCHOR_END: kqueue
    }
}

// Lane: iocp
#[cfg(windows)]
use iocp as lane;

#[cfg(windows)]
mod iocp {
    pub use std::os::windows::io::AsSocket as Source;
    use std::os::windows::io::{AsRawHandle, AsRawSocket, FromRawHandle, OwnedHandle};
    use std::{io, ptr, time::Duration};

    // Declarations for C begin here.

    // ANCHOR: iocp_operation
    /// A number. The standard library's `RawHandle` is a pointer, which may not go to another thread.
    pub type Handle = usize;

    /// The kernel's `OVERLAPPED`, and behind it the socket, which `lend` needs the next time.
    // https://learn.microsoft.com/en-us/windows/win32/api/minwinbase/ns-minwinbase-overlapped
    #[derive(Default)]
    #[repr(C)]
    struct Operation {
        internal: usize,
        internal_high: usize,
        offset: u32,
        offset_high: u32,
        event: Handle,
        socket: Handle,
    }
    // ANCHOR_END: iocp_operation

    // https://learn.microsoft.com/en-us/windows/win32/api/minwinbase/ns-minwinbase-overlapped_entry
    #[derive(Clone, Copy)]
    #[repr(C)]
    struct Entry {
        key: usize,
        overlapped: *mut Operation,
        internal: usize,
        bytes: u32,
    }

    const NOTHING: Entry = Entry {
        key: 0,
        overlapped: ptr::null_mut(),
        internal: 0,
        bytes: 0,
    };

    // https://learn.microsoft.com/en-us/windows/win32/api/ws2def/ns-ws2def-wsabuf
    #[repr(C)]
    struct WsaBuf {
        len: u32,
        buf: *mut u8,
    }

    const NO_BYTES: WsaBuf = WsaBuf {
        len: 0,
        buf: ptr::null_mut(),
    };

    const _: () = {
        let wide = cfg!(target_pointer_width = "64");
        assert!(std::mem::offset_of!(Operation, socket) == if wide { 32 } else { 20 });
        assert!(size_of::<Entry>() == if wide { 32 } else { 16 });
        assert!(size_of::<WsaBuf>() == if wide { 16 } else { 8 });
    };

    // https://learn.microsoft.com/en-us/windows/win32/api/ioapiset/nf-ioapiset-createiocompletionport
    const INVALID_HANDLE_VALUE: Handle = usize::MAX;
    const INFINITE: u32 = u32::MAX;
    // https://learn.microsoft.com/en-us/windows/win32/debug/system-error-codes--0-499-
    const WAIT_TIMEOUT: i32 = 258;
    // https://learn.microsoft.com/en-us/windows/win32/winsock/windows-sockets-error-codes-2
    const WSA_IO_PENDING: i32 = 997;

    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn CreateIoCompletionPort(
            file: Handle,
            existing: Handle,
            key: usize,
            threads: u32,
        ) -> Handle;
        // https://learn.microsoft.com/en-us/windows/win32/api/ioapiset/nf-ioapiset-getqueuedcompletionstatusex
        fn GetQueuedCompletionStatusEx(
            port: Handle,
            entries: *mut Entry,
            count: u32,
            removed: *mut u32,
            ms: u32,
            alertable: i32,
        ) -> i32;
    }

    #[link(name = "ws2_32")]
    unsafe extern "system" {
        // https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-wsarecv
        fn WSARecv(
            socket: Handle,
            buffers: *const WsaBuf,
            buffer_count: u32,
            bytes: *mut u32,
            flags: *mut u32,
            overlapped: *mut Operation,
            routine: usize,
        ) -> i32;
        // https://learn.microsoft.com/en-us/windows/win32/api/winsock/nf-winsock-wsagetlasterror
        fn WSAGetLastError() -> i32;
    }
    // The end of the declarations.

    fn checked(success: bool) -> io::Result<()> {
        let success = success.then_some(());
        success.ok_or_else(io::Error::last_os_error)
    }

    pub struct Selector {
        port: OwnedHandle,
    }

    impl Selector {
        pub fn new() -> io::Result<Selector> {
            // SAFETY: no memory is passed.
            let port = unsafe { CreateIoCompletionPort(INVALID_HANDLE_VALUE, 0, 0, 1) };
            checked(port != 0)?;
            // SAFETY: nobody else owns the new handle.
            let port = unsafe { OwnedHandle::from_raw_handle(port as _) };
            Ok(Selector { port })
        }

        pub fn handle(&self) -> Handle {
            self.port.as_raw_handle() as Handle
        }

        // ANCHOR: iocp_register
        pub fn register(port: Handle, source: &impl Source, token: usize) -> io::Result<()> {
            let mut operation = Box::<Operation>::default();
            operation.socket = source.as_socket().as_raw_socket() as Handle;
            // SAFETY: no memory is passed.
            checked(unsafe { CreateIoCompletionPort(operation.socket, port, token, 0) } != 0)?;
            lend(Box::leak(operation))
        }
        // ANCHOR_END: iocp_register

        // ANCHOR: iocp_select
        pub fn select(&self, timeout: Option<Duration>) -> io::Result<Vec<usize>> {
            let (mut found, mut count) = ([NOTHING; 8], 0);
            let (port, room) = (self.handle(), found.as_mut_ptr());
            let ms = timeout.map_or(INFINITE, |timeout| timeout.as_millis() as u32);
            // SAFETY: `found` has room for the eight entries that we ask for.
            let answer = unsafe { GetQueuedCompletionStatusEx(port, room, 8, &mut count, ms, 0) };
            match checked(answer != 0) {
                Err(error) if error.raw_os_error() == Some(WAIT_TIMEOUT) => return Ok(Vec::new()),
                result => result?,
            }
            let found = &found[..count as usize];
            for entry in found {
                // SAFETY: only `lend` brings packets to this program's ports. `register` leaked
                // the operation, and with this packet the kernel gives it back.
                let back: &'static mut Operation = unsafe { &mut *entry.overlapped };
                // If the stream is closed, this fails, and the stream is not reported again.
                let _ = lend(back);
            }
            Ok(found.iter().map(|entry| entry.key).collect())
        }
        // ANCHOR_END: iocp_select
    }

    // ANCHOR: iocp_lend
    /// Begins a receive of no bytes. It is finished when there is something to read.
    fn lend(operation: &'static mut Operation) -> io::Result<()> {
        let (socket, count, mut flags) = (operation.socket, ptr::null_mut(), 0);
        // SAFETY: `flags` outlives the call. The operation is never freed, and no code touches it
        // until the kernel gives it back with a packet.
        let answer = unsafe { WSARecv(socket, &NO_BYTES, 1, count, &mut flags, operation, 0) };
        // SAFETY: the call takes nothing.
        match (answer, unsafe { WSAGetLastError() }) {
            (0, _) | (_, WSA_IO_PENDING) => Ok(()),
            (_, error) => Err(io::Error::from_raw_os_error(error)),
        }
    }
    // ANCHOR_END: iocp_lend
}

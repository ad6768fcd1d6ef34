//! Chapter 5: IOCP by hand. First a buffer is lent to the kernel, and a packet brings it back. Then
//! a server serves two clients, twice. It first takes bytes as soon as they are there, and so takes
//! them twice. Then it takes them from the packet alone. All foreign functions are declared here:
//! nothing comes from evq or from another crate.

#[cfg(windows)]
fn main() -> std::io::Result<()> {
    windows::main()
}

#[cfg(not(windows))]
fn main() {
    let linux = cfg!(any(target_os = "linux", target_os = "android"));
    let chapter = if linux { 3 } else { 4 };
    println!("Only Windows has completion ports; on this system, run chapter {chapter} instead.");
}

#[cfg(windows)]
mod windows {
    use std::ffi::c_void;
    use std::fmt::{Arguments, Debug};
    use std::io::{self, Read, Write};
    use std::mem::offset_of;
    use std::net::{Shutdown, TcpListener, TcpStream};
    use std::os::windows::io::{
        AsRawHandle, AsRawSocket, FromRawHandle, OwnedHandle, RawHandle, RawSocket,
    };
    use std::ptr::null_mut;
    use std::sync::mpsc::{self, Receiver, Sender};
    use std::thread;

    // ANCHOR: open
    #[link(name = "kernel32")]
    unsafe extern "system" {
        // https://learn.microsoft.com/en-us/windows/win32/api/ioapiset/nf-ioapiset-createiocompletionport
        fn CreateIoCompletionPort(
            file: RawHandle,
            existing: RawHandle,
            key: usize,
            threads: u32,
        ) -> RawHandle;
    }

    // https://learn.microsoft.com/en-us/windows/win32/api/ioapiset/nf-ioapiset-createiocompletionport
    const INVALID_HANDLE_VALUE: RawHandle = usize::MAX as RawHandle;

    fn open_port() -> io::Result<OwnedHandle> {
        // SAFETY: no memory is passed.
        let port = unsafe { CreateIoCompletionPort(INVALID_HANDLE_VALUE, null_mut(), 0, 1) };
        let result = if port.is_null() { failed() } else { Ok(port) };
        let port = traced(
            format_args!("CreateIoCompletionPort(none, none, 0, 1)"),
            result,
        )?;
        // SAFETY: the kernel has made `port` for us, and nobody else owns it.
        Ok(unsafe { OwnedHandle::from_raw_handle(port) })
    }
    // ANCHOR_END: open

    // ANCHOR: failed
    type Bool = i32;

    fn failed<T>() -> io::Result<T> {
        Err(io::Error::last_os_error())
    }

    fn succeeded(answer: Bool) -> io::Result<()> {
        if answer == 0 { failed() } else { Ok(()) }
    }
    // ANCHOR_END: failed

    fn traced<T: Debug>(call: Arguments<'_>, result: io::Result<T>) -> io::Result<T> {
        if cfg!(feature = "trace") {
            match &result {
                Ok(answer) => eprintln!("{call} = {answer:?}"),
                Err(error) => eprintln!("{call}: {error}"),
            }
        }
        result
    }

    // ANCHOR: associate
    fn associate(port: &OwnedHandle, stream: &TcpStream, key: usize) -> io::Result<()> {
        let (port, socket) = (port.as_raw_handle(), stream.as_raw_socket());
        // SAFETY: both are open, and no memory is passed.
        let answer = unsafe { CreateIoCompletionPort(socket as RawHandle, port, key, 0) };
        let result = if answer.is_null() { failed() } else { Ok(()) };
        traced(
            format_args!("CreateIoCompletionPort({socket:#x}, {port:?}, {key:#x}, 0)"),
            result,
        )
    }
    // ANCHOR_END: associate

    // ANCHOR: operation
    // https://learn.microsoft.com/en-us/windows/win32/api/minwinbase/ns-minwinbase-overlapped
    #[repr(C)]
    struct Overlapped {
        internal: usize,
        internal_high: usize,
        offset: u32,
        offset_high: u32,
        event: RawHandle,
    }

    const WIDE: bool = cfg!(target_pointer_width = "64");
    const _: () = assert!(size_of::<Overlapped>() == if WIDE { 32 } else { 20 });

    #[repr(C)]
    struct Operation {
        overlapped: Overlapped,
        buffer: [u8; 8],
    }

    const _: () = assert!(offset_of!(Operation, overlapped) == 0);
    // ANCHOR_END: operation

    impl Operation {
        fn new() -> Box<Operation> {
            Box::new(Operation {
                overlapped: Overlapped {
                    internal: 0,
                    internal_high: 0,
                    offset: 0,
                    offset_high: 0,
                    event: null_mut(),
                },
                buffer: *b"........",
            })
        }
    }

    // ANCHOR: receive
    // https://learn.microsoft.com/en-us/windows/win32/api/ws2def/ns-ws2def-wsabuf
    #[repr(C)]
    struct WsaBuf {
        len: u32,
        buf: *mut u8,
    }

    const _: () = assert!(size_of::<WsaBuf>() == if WIDE { 16 } else { 8 });

    #[link(name = "ws2_32")]
    unsafe extern "system" {
        // https://learn.microsoft.com/en-us/windows/win32/api/winsock2/nf-winsock2-wsarecv
        fn WSARecv(
            socket: RawSocket,
            buffers: *const WsaBuf,
            buffer_count: u32,
            bytes: *mut u32,
            flags: *mut u32,
            overlapped: *mut Overlapped,
            routine: *mut c_void,
        ) -> i32;
        // https://learn.microsoft.com/en-us/windows/win32/api/winsock/nf-winsock-wsagetlasterror
        fn WSAGetLastError() -> i32;
    }

    // https://learn.microsoft.com/en-us/windows/win32/winsock/windows-sockets-error-codes-2
    const WSA_IO_PENDING: i32 = 997;
    // ANCHOR_END: receive

    // ANCHOR: lend
    #[derive(Debug)]
    enum Lent {
        Pending,
        DoneAtOnce(Vec<u8>),
    }

    fn lend(stream: &TcpStream, operation: Box<Operation>) -> io::Result<Lent> {
        let socket = stream.as_raw_socket();
        let lent = Box::into_raw(operation);
        let (mut bytes, mut flags) = (0, 0);
        // SAFETY: nobody frees `lent` before its packet comes. The call copies `buffer` before it
        // returns, and writes `bytes` and `flags` before it returns or never.
        let answer = unsafe {
            let buffer = WsaBuf {
                len: 8,
                buf: (&raw mut (*lent).buffer).cast(),
            };
            let (overlapped, routine) = (lent.cast(), null_mut());
            WSARecv(
                socket, &buffer, 1, &mut bytes, &mut flags, overlapped, routine,
            )
        };
        // ANCHOR_END: lend
        // ANCHOR: answer
        let result = match answer {
            0 => {
                // SAFETY: the kernel has written its bytes. Nobody has freed the box, because only
                // this thread dequeues packets.
                let buffer = unsafe { &(*lent).buffer };
                Ok(Lent::DoneAtOnce(buffer[..bytes as usize].to_vec()))
            }
            // SAFETY: the call takes nothing.
            _ => match unsafe { WSAGetLastError() } {
                WSA_IO_PENDING => Ok(Lent::Pending),
                error => {
                    // SAFETY: no operation was started, so no packet will bring the box back.
                    drop(unsafe { Box::from_raw(lent) });
                    Err(io::Error::from_raw_os_error(error))
                }
            },
        };
        traced(
            format_args!("WSARecv({socket:#x}, [8 bytes], {lent:?})"),
            result,
        )
    }
    // ANCHOR_END: answer

    // ANCHOR: entry
    // https://learn.microsoft.com/en-us/windows/win32/api/minwinbase/ns-minwinbase-overlapped_entry
    #[derive(Clone, Copy)]
    #[repr(C)]
    struct Entry {
        key: usize,
        overlapped: *mut Overlapped,
        internal: usize,
        bytes: u32,
    }

    const _: () = assert!(size_of::<Entry>() == if WIDE { 32 } else { 16 });

    #[link(name = "kernel32")]
    unsafe extern "system" {
        // https://learn.microsoft.com/en-us/windows/win32/api/ioapiset/nf-ioapiset-getqueuedcompletionstatusex
        fn GetQueuedCompletionStatusEx(
            port: RawHandle,
            entries: *mut Entry,
            count: u32,
            removed: *mut u32,
            ms: u32,
            alertable: Bool,
        ) -> Bool;
    }
    // ANCHOR_END: entry

    // ANCHOR: wait
    // https://learn.microsoft.com/en-us/windows/win32/debug/system-error-codes--0-499-
    const WAIT_TIMEOUT: i32 = 258;

    fn wait(port: &OwnedHandle, entries: &mut [Entry], ms: u32) -> io::Result<usize> {
        let (port, count, mut removed) = (port.as_raw_handle(), entries.len() as u32, 0);
        let entries = entries.as_mut_ptr();
        // SAFETY: there is room for the `count` entries that the kernel may write.
        let answer =
            unsafe { GetQueuedCompletionStatusEx(port, entries, count, &mut removed, ms, 0) };
        let result = match succeeded(answer) {
            Err(error) if error.raw_os_error() == Some(WAIT_TIMEOUT) => Ok(0),
            result => result.map(|()| removed as usize),
        };
        traced(
            format_args!("GetQueuedCompletionStatusEx({port:?}, [{count}], {ms} ms)"),
            result,
        )
    }
    // ANCHOR_END: wait

    // ANCHOR: packet
    struct Packet {
        key: usize,
        bytes: usize,
        operation: Box<Operation>,
    }

    impl Packet {
        /// # Safety
        ///
        /// The entry was dequeued, its pointer comes from `lend`, and no other packet is made of it.
        unsafe fn of(entry: &Entry) -> Packet {
            let operation: *mut Operation = entry.overlapped.cast();
            Packet {
                key: entry.key,
                bytes: entry.bytes as usize,
                // SAFETY: `lend` made it from a box, and nobody has freed it.
                operation: unsafe { Box::from_raw(operation) },
            }
        }

        fn received(&self) -> io::Result<&[u8]> {
            match self.operation.overlapped.internal {
                0 => Ok(&self.operation.buffer[..self.bytes]),
                status => Err(io::Error::other(format!("failed with status {status:#x}"))),
            }
        }
    }
    // ANCHOR_END: packet

    // ANCHOR: cancel
    #[link(name = "kernel32")]
    unsafe extern "system" {
        // https://learn.microsoft.com/en-us/windows/win32/api/ioapiset/nf-ioapiset-cancelioex
        fn CancelIoEx(file: RawHandle, overlapped: *mut Overlapped) -> Bool;
    }

    fn cancel(stream: &TcpStream) -> io::Result<()> {
        let socket = stream.as_raw_socket();
        // SAFETY: the socket is open. A null pointer cancels all its operations.
        let answer = unsafe { CancelIoEx(socket as RawHandle, null_mut()) };
        traced(
            format_args!("CancelIoEx({socket:#x}, all)"),
            succeeded(answer),
        )
    }
    // ANCHOR_END: cancel

    // ANCHOR: post
    #[link(name = "kernel32")]
    unsafe extern "system" {
        // https://learn.microsoft.com/en-us/windows/win32/api/ioapiset/nf-ioapiset-postqueuedcompletionstatus
        fn PostQueuedCompletionStatus(
            port: RawHandle,
            bytes: u32,
            key: usize,
            overlapped: *mut Overlapped,
        ) -> Bool;
    }

    fn accept_all(
        port: &OwnedHandle,
        listener: &TcpListener,
        accepted: &Sender<TcpStream>,
    ) -> io::Result<()> {
        let port = port.as_raw_handle();
        for _ in CLIENTS {
            let (stream, _) = listener.accept()?;
            accepted.send(stream).map_err(io::Error::other)?;
            // SAFETY: the port is open. Nobody follows the null pointer.
            let answer = unsafe { PostQueuedCompletionStatus(port, 0, 0, null_mut()) };
            traced(
                format_args!("PostQueuedCompletionStatus({port:?}, 0, 0, null)"),
                succeeded(answer),
            )?;
        }
        Ok(())
    }
    // ANCHOR_END: post

    fn serve(
        port: &OwnedHandle,
        accepted: &Receiver<TcpStream>,
        receive: fn(&mut Connection, Box<Operation>) -> io::Result<()>,
    ) -> io::Result<Vec<Connection>> {
        let mut connections: Vec<Connection> = Vec::new();
        let mut lent = 0;
        let mut entries = [NOTHING; 8];
        // ANCHOR: serve
        while connections.len() < CLIENTS.len() || lent > 0 {
            let count = wait(port, &mut entries, 1000)?;
            if count == 0 {
                return Err(io::ErrorKind::TimedOut.into());
            }
            for entry in &entries[..count] {
                let (token, operation) = if entry.overlapped.is_null() {
                    let stream = accepted.recv().map_err(io::Error::other)?;
                    associate(port, &stream, connections.len())?;
                    connections.push(Connection::new(stream));
                    (connections.len() - 1, Operation::new())
                } else {
                    lent -= 1;
                    // SAFETY: dequeued just now. A packet that `accept_all` has not posted comes
                    // from `lend`.
                    let packet = unsafe { Packet::of(entry) };
                    connections[packet.key].take(packet.received()?)?;
                    (packet.key, packet.operation)
                };
                let connection = &mut connections[token];
                if !connection.over {
                    receive(connection, operation)?;
                    lent += 1;
                }
            }
        }
        // ANCHOR_END: serve
        Ok(connections)
    }

    // ANCHOR: receive_at_once
    fn receive_at_once(connection: &mut Connection, operation: Box<Operation>) -> io::Result<()> {
        match lend(&connection.stream, operation)? {
            Lent::DoneAtOnce(bytes) => connection.take(&bytes),
            Lent::Pending => Ok(()),
        }
    }
    // ANCHOR_END: receive_at_once

    // ANCHOR: receive_by_packet
    fn receive_by_packet(connection: &mut Connection, operation: Box<Operation>) -> io::Result<()> {
        lend(&connection.stream, operation).map(drop)
    }
    // ANCHOR_END: receive_by_packet

    const CLIENTS: [&[u8]; 2] = [b"greetings, first\n", b"greetings, other\n"];

    const NOTHING: Entry = Entry {
        key: 0,
        overlapped: null_mut(),
        internal: 0,
        bytes: 0,
    };

    struct Connection {
        stream: TcpStream,
        request: Vec<u8>,
        received: usize,
        over: bool,
    }

    impl Connection {
        fn new(stream: TcpStream) -> Connection {
            Connection {
                stream,
                request: Vec::new(),
                received: 0,
                over: false,
            }
        }

        fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
            self.received += bytes.len();
            self.over = bytes.is_empty();
            self.request.extend_from_slice(bytes);
            if self.request.ends_with(b"\n") {
                let answer = std::mem::take(&mut self.request).to_ascii_uppercase();
                self.stream.write_all(&answer)?;
                self.over = true;
            }
            Ok(())
        }
    }

    pub fn main() -> io::Result<()> {
        one_buffer()?;
        println!("-- taken at once, and from the packet");
        run(receive_at_once)?;
        println!("-- taken from the packet alone");
        run(receive_by_packet)
    }

    fn one_buffer() -> io::Result<()> {
        let port = open_port()?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let mut client = TcpStream::connect(listener.local_addr()?)?;
        let (stream, _) = listener.accept()?;
        associate(&port, &stream, 7)?;
        if let Err(error) = associate(&open_port()?, &stream, 7) {
            let code = error.raw_os_error().unwrap_or_default();
            println!("associated with a second port: error {code}");
        }

        // ANCHOR: one_buffer
        show_lent(&lend(&stream, Operation::new())?);
        show(&port)?;
        client.write_all(b"hello")?;
        let operation = show(&port)?.unwrap_or_else(Operation::new);

        client.write_all(b"!")?;
        stream.peek(&mut [0])?;
        show_lent(&lend(&stream, operation)?);
        let operation = show(&port)?.unwrap_or_else(Operation::new);

        show_lent(&lend(&stream, operation)?);
        client.shutdown(Shutdown::Write)?;
        let operation = show(&port)?.unwrap_or_else(Operation::new);

        associate(&port, &client, 8)?;
        show_lent(&lend(&client, operation)?);
        cancel(&client)?;
        show(&port)?;
        // ANCHOR_END: one_buffer
        Ok(())
    }

    fn show_lent(lent: &Lent) {
        match lent {
            Lent::Pending => println!("lent"),
            Lent::DoneAtOnce(bytes) => {
                println!("lent, and done at once: \"{}\"", bytes.escape_ascii())
            }
        }
    }

    fn show(port: &OwnedHandle) -> io::Result<Option<Box<Operation>>> {
        let mut entries = [NOTHING];
        if wait(port, &mut entries, 100)? == 0 {
            println!("no packet for 100 ms");
            return Ok(None);
        }
        // SAFETY: dequeued just now, and every packet of this port comes from `lend`.
        let packet = unsafe { Packet::of(&entries[0]) };
        let (key, bytes, operation) = (packet.key, packet.bytes, packet.operation);
        let status = operation.overlapped.internal;
        let buffer = operation.buffer.escape_ascii();
        println!("packet: key {key}, status {status:#x}, {bytes} of these bytes: \"{buffer}\"");
        Ok(Some(operation))
    }

    fn run(receive: fn(&mut Connection, Box<Operation>) -> io::Result<()>) -> io::Result<()> {
        let port = open_port()?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let mut clients = Vec::new();
        for line in CLIENTS {
            let mut client = TcpStream::connect(listener.local_addr()?)?;
            client.write_all(line)?;
            clients.push(client);
        }
        let (sender, accepted) = mpsc::channel();
        let connections = thread::scope(|scope| {
            let accepting = scope.spawn(|| accept_all(&port, &listener, &sender));
            let connections = serve(&port, &accepted, receive);
            accepting.join().expect("accepting does not panic")?;
            connections
        })?;
        for (token, connection) in connections.iter().enumerate() {
            println!("connection {token}: {} bytes received", connection.received);
        }
        drop(connections);
        for (number, client) in clients.iter_mut().enumerate() {
            let mut answer = String::new();
            client.read_to_string(&mut answer)?;
            println!("client {number}: {answer:?}");
        }
        Ok(())
    }
}

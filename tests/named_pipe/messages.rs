//! Pipes that other code has created or opened, some in message mode.

use std::ffi::c_void;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::windows::ffi::OsStrExt;
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::{FromRawHandle, OwnedHandle};
use std::ptr;

use evq::inside::pipe_ffi::{FILE_FLAG_OVERLAPPED, PIPE_ACCESS_DUPLEX, c};
use evq::windows::NamedPipe;

use crate::support::{Bench, CLIENT, SERVER, both, name, open, pattern, would_block};

const PIPE_TYPE_MESSAGE: u32 = 4;
const PIPE_READMODE_MESSAGE: u32 = 2;

#[link(name = "kernel32")]
unsafe extern "system" {
    /// <https://learn.microsoft.com/en-us/windows/win32/api/namedpipeapi/nf-namedpipeapi-setnamedpipehandlestate>
    fn SetNamedPipeHandleState(
        hNamedPipe: *mut c_void,
        lpMode: *mut u32,
        lpMaxCollectionCount: *mut u32,
        lpCollectDataTimeout: *mut u32,
    ) -> i32;
}

/// Creates a server's end, of messages or of bytes.
fn create(name: &str, mode: u32) -> OwnedHandle {
    let wide: Vec<u16> = std::ffi::OsStr::new(name)
        .encode_wide()
        .chain([0])
        .collect();
    let open = PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED;
    // SAFETY: the name ends with a 0, and null is the default.
    unsafe {
        let none = ptr::null_mut();
        let handle = c::CreateNamedPipeW(wide.as_ptr(), open, mode, 255, 4096, 4096, 0, none);
        assert_ne!(handle as isize, -1);
        OwnedHandle::from_raw_handle(handle)
    }
}

/// Opens a client's end with the standard library, for overlapped calls.
fn overlapped(name: &str) -> OwnedHandle {
    let mut options = File::options();
    options
        .read(true)
        .write(true)
        .custom_flags(FILE_FLAG_OVERLAPPED);
    options.open(name).unwrap().into()
}

fn take(handle: OwnedHandle) -> NamedPipe {
    // SAFETY: the handle is a pipe's and overlapped, and has no duplicate.
    unsafe { NamedPipe::from_handle(handle) }
}

#[test]
fn a_message_larger_than_the_buffer_is_read_to_its_end() {
    let mut bench = Bench::new();
    let name = name();
    let mut server = take(create(&name, PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE));
    bench.register(&mut server, SERVER, both());
    would_block(server.connect());
    let mut client = open(&name);
    bench.writable(SERVER);
    for len in [1, 4095, 4096, 4097, 8192, 20_000] {
        let message = pattern(len);
        // The first message comes before a read is in flight, the second one after.
        for _ in 0..2 {
            std::thread::scope(|scope| {
                scope.spawn(|| client.write_all(&message).unwrap());
                assert_eq!(bench.read_exactly(&server, SERVER, len), message);
            });
        }
    }
}

/// Several messages wait, so `ReadFile` itself says that there is more.
#[test]
fn messages_that_wait_are_read_one_after_the_other() {
    let mut bench = Bench::new();
    let name = name();
    let mut server = take(create(&name, PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE));
    let mut client = open(&name);
    let messages = pattern(3 * 6000);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for message in messages.chunks(6000) {
                client.write_all(message).unwrap();
                client.write_all(&[]).unwrap();
            }
        });
        bench.register(&mut server, SERVER, both());
        server.connect().unwrap();
        assert_eq!(bench.read_exactly(&server, SERVER, 3 * 6000), messages);
    });
    drop(client);
    assert_eq!(bench.read_to_the_end(&server, SERVER), b"");
}

/// A message without bytes gives a stream nothing, and does not end it.
#[test]
fn an_empty_message_is_not_the_end() {
    for mode in [
        0,
        PIPE_TYPE_MESSAGE,
        PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE,
    ] {
        let mut bench = Bench::new();
        let name = name();
        let mut server = take(create(&name, mode));
        bench.register(&mut server, SERVER, both());
        would_block(server.connect());
        let mut client = open(&name);
        bench.writable(SERVER);
        would_block(server.read(&mut [0]));
        // The standard library does not call the system for an empty write.
        let mut n = 0;
        // SAFETY: nothing is read, and `n` is writable.
        let done = unsafe {
            let client = std::os::windows::io::AsRawHandle::as_raw_handle(&client);
            c::WriteFile(client, ptr::null(), 0, &mut n, ptr::null_mut())
        };
        assert_ne!(done, 0);
        client.write_all(b"then").unwrap();
        assert_eq!(bench.read_exactly(&server, SERVER, 4), b"then");
    }
}

#[test]
fn each_write_is_one_message() {
    let mut bench = Bench::new();
    let name = name();
    let mut server = take(create(&name, PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE));
    bench.register(&mut server, SERVER, both());
    would_block(server.connect());
    let mut client = open(&name);
    let mut mode = PIPE_READMODE_MESSAGE;
    // SAFETY: `mode` is readable, and null leaves the other two settings as they
    // are.
    let done = unsafe {
        let client = std::os::windows::io::AsRawHandle::as_raw_handle(&client);
        SetNamedPipeHandleState(client, &mut mode, ptr::null_mut(), ptr::null_mut())
    };
    assert_ne!(done, 0);
    let mut buffer = vec![0; 200_000];
    for len in [1, 100_000, 3, 70_000] {
        bench.writable(SERVER);
        assert_eq!(server.write(&pattern(len)).unwrap(), len);
        assert_eq!(client.read(&mut buffer).unwrap(), len);
        assert_eq!(buffer[..len], pattern(len));
    }
}

#[test]
fn ends_in_any_state_are_taken_over() {
    // A server's end without a client, before and after it is registered.
    for registered_first in [true, false] {
        let mut bench = Bench::new();
        let name = name();
        let mut server = take(create(&name, 0));
        if registered_first {
            bench.register(&mut server, SERVER, both());
            let error = server.read(&mut [0]).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotConnected, "{error}");
        }
        would_block(server.connect());
        if !registered_first {
            bench.register(&mut server, SERVER, both());
        }
        let mut client = take(overlapped(&name));
        bench.register(&mut client, CLIENT, both());
        bench.writable(SERVER);
        bench.write_all(&client, CLIENT, b"hello");
        assert_eq!(bench.read_exactly(&server, SERVER, 5), b"hello");
        bench.write_all(&server, SERVER, b"hello");
        assert_eq!(bench.read_exactly(&client, CLIENT, 5), b"hello");
        client.connect().unwrap();
    }
    // A server's end with a client that has written.
    let mut bench = Bench::new();
    let name = name();
    let handle = create(&name, 0);
    let mut client = open(&name);
    client.write_all(b"hello").unwrap();
    let mut server = take(handle);
    bench.register(&mut server, SERVER, both());
    assert_eq!(bench.read_exactly(&server, SERVER, 5), b"hello");
    server.connect().unwrap();
    server.write_all(b"back").unwrap();
    let mut back = [0; 4];
    client.read_exact(&mut back).unwrap();
    assert_eq!(&back, b"back");
    // A server's end whose client has gone.
    let name = self::name();
    let handle = create(&name, 0);
    drop(open(&name));
    let mut server = take(handle);
    bench.register(&mut server, SERVER, both());
    assert_eq!(bench.read_to_the_end(&server, SERVER), b"");
}

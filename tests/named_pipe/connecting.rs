//! Creating, opening, connecting and disconnecting.

use std::io::{ErrorKind, Read, Write};

use evq::windows::{Instance, NamedPipe};
use evq::{Interests, Trigger};

use crate::support::{Bench, CLIENT, ERROR_PIPE_BUSY, SERVER, both, code, name, open, would_block};

#[test]
fn a_client_that_comes_later_is_a_writable_event() {
    let mut bench = Bench::new();
    let name = name();
    let mut server = NamedPipe::create(&name, Instance::First).unwrap();
    bench.register(&mut server, SERVER, both());
    bench.silence("connect was not called");
    would_block(server.connect());
    would_block(server.connect());
    would_block(server.read(&mut [0; 8]));
    would_block(server.write(b"!"));
    bench.silence("no client has come");
    let mut client = open(&name);
    bench.writable(SERVER);
    server.connect().unwrap();
    client.write_all(b"hello").unwrap();
    assert_eq!(bench.read_exactly(&server, SERVER, 5), b"hello");
}

#[test]
fn a_client_that_was_there_first_is_connected_at_once() {
    let mut bench = Bench::new();
    let name = name();
    let mut server = NamedPipe::create(&name, Instance::First).unwrap();
    let mut client = open(&name);
    client.write_all(b"early").unwrap();
    bench.register(&mut server, SERVER, both());
    server.connect().unwrap();
    bench.writable(SERVER);
    assert_eq!(bench.read_exactly(&server, SERVER, 5), b"early");
}

#[test]
fn what_a_client_wrote_that_came_and_went_is_read() {
    for bytes in [&b"gone"[..], &b""[..]] {
        let mut bench = Bench::new();
        let name = name();
        let mut server = NamedPipe::create(&name, Instance::First).unwrap();
        let mut client = open(&name);
        client.write_all(bytes).unwrap();
        drop(client);
        bench.register(&mut server, SERVER, both());
        server.connect().unwrap();
        assert_eq!(bench.read_to_the_end(&server, SERVER), bytes);
        let error = server.write(b"!").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe, "{error}");
    }
}

#[test]
fn connecting_before_registering_starts_with_the_registration() {
    let mut bench = Bench::new();
    let name = name();
    let mut server = NamedPipe::create(&name, Instance::First).unwrap();
    would_block(server.connect());
    would_block(server.write(b"!"));
    bench.register(&mut server, SERVER, both());
    assert_eq!(bench.lent(), 1);
    let mut client = open(&name);
    bench.writable(SERVER);
    client.write_all(b"hello").unwrap();
    assert_eq!(bench.read_exactly(&server, SERVER, 5), b"hello");
}

#[test]
fn an_end_that_is_not_registered_would_block() {
    let name = name();
    let server = NamedPipe::create(&name, Instance::First).unwrap();
    would_block((&server).read(&mut [0]));
    would_block((&server).write(b"!"));
    let mut client = NamedPipe::open(&name).unwrap();
    would_block(client.read(&mut [0]));
    would_block(client.write(b"!"));
    assert_eq!(client.read(&mut []).unwrap(), 0);
    assert_eq!(client.write(&[]).unwrap(), 0);
    assert!(client.take_error().unwrap().is_none());
    client.connect().unwrap();
}

#[test]
fn ends_of_one_name_are_for_one_client_each() {
    let name = name();
    let error = NamedPipe::open(&name).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    let _first = NamedPipe::create(&name, Instance::First).unwrap();
    let _second = NamedPipe::create(&name, Instance::Another).unwrap();
    let _one = NamedPipe::open(&name).unwrap();
    let _other = NamedPipe::open(&name).unwrap();
    assert_eq!(code(NamedPipe::open(&name)), ERROR_PIPE_BUSY);
    assert!(NamedPipe::create("no pipe", Instance::First).is_err());
    let error = NamedPipe::open("\\\\.\\pipe\\a\0b").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
}

/// Wine 8 ignores FILE_FLAG_FIRST_PIPE_INSTANCE, so CI leaves this out.
#[test]
fn only_the_first_of_a_name_is_the_first() {
    let name = name();
    let _first = NamedPipe::create(&name, Instance::First).unwrap();
    let error = NamedPipe::create(&name, Instance::First).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
}

#[test]
fn one_end_serves_client_after_client() {
    let mut bench = Bench::new();
    let name = name();
    let mut server = NamedPipe::create(&name, Instance::First).unwrap();
    bench.register(&mut server, SERVER, both());
    for round in 0..10 {
        would_block(server.connect());
        let mut client = bench.open(&name);
        bench.writable(SERVER);
        server.connect().unwrap();
        let question = [round; 5000];
        client.write_all(&question[..3000]).unwrap();
        assert_eq!(bench.read_exactly(&server, SERVER, 3000), question[..3000]);
        bench.write_all(&server, SERVER, b"answer");
        let mut answer = [0; 6];
        client.read_exact(&mut answer).unwrap();
        if round % 2 == 0 {
            // In these rounds the client is dropped first.
            drop(client);
            assert_eq!(bench.read_to_the_end(&server, SERVER), b"");
            assert_eq!(server.read(&mut [0]).unwrap(), 0);
        }
        server.disconnect().unwrap();
        let error = server.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotConnected, "{error}");
        let error = server.write(&[0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotConnected, "{error}");
    }
}

/// A client is disconnected with unread bytes, a read in flight or a write in
/// flight. None of these bytes reaches the next client, and no packet of an old
/// operation is taken for a new one.
#[test]
fn what_a_disconnected_client_left_reaches_no_other() {
    let mut bench = Bench::new();
    let name = name();
    let mut server = NamedPipe::create_with_buffers(&name, Instance::First, 16).unwrap();
    bench.register(&mut server, SERVER, both());
    for round in 0..12_usize {
        let _ = server.connect();
        let mut client = bench.open(&name);
        bench.writable(SERVER);
        server.connect().unwrap();
        match round % 4 {
            0 => {}
            1 => {
                client.write_all(b"old").unwrap();
                bench.readable(SERVER);
                assert_eq!(server.read(&mut [0]).unwrap(), 1);
            }
            2 => {
                assert_eq!(server.write(&[b'o'; 100_000]).unwrap(), 100_000);
                would_block(server.write(b"o"));
            }
            _ => {
                client.write_all(b"old").unwrap();
                server.write_all(&[b'o'; 100_000]).unwrap();
            }
        }
        server.disconnect().unwrap();
        if round % 3 == 0 {
            bench.look();
        }
        let _ = server.connect();
        let mut next = bench.open(&name);
        drop(client);
        next.write_all(b"new").unwrap();
        assert_eq!(bench.read_exactly(&server, SERVER, 3), b"new");
        bench.write_all(&server, SERVER, b"NEW");
        let mut answer = [0; 3];
        next.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"NEW");
        server.disconnect().unwrap();
    }
    drop(server);
    bench.until_nothing_is_lent();
}

#[test]
fn waiting_for_a_client_can_be_given_up_and_taken_up() {
    let mut bench = Bench::new();
    let name = name();
    let mut server = NamedPipe::create(&name, Instance::First).unwrap();
    would_block(server.connect());
    server.disconnect().unwrap();
    bench.register(&mut server, SERVER, both());
    bench.silence("connect was given up");
    assert_eq!(bench.lent(), 0);
    for _ in 0..3 {
        would_block(server.connect());
        server.disconnect().unwrap();
    }
    bench.until_nothing_is_lent();
    bench.silence("connect was given up");
    assert!(server.take_error().unwrap().is_none());
    would_block(server.connect());
    let mut client = open(&name);
    client.write_all(b"!").unwrap();
    assert_eq!(bench.read_exactly(&server, SERVER, 1), b"!");
}

#[test]
fn a_clients_end_is_not_disconnected_and_stays_what_it_was() {
    let mut bench = Bench::new();
    let (server, client) = bench.pair(4096);
    client.disconnect().unwrap_err();
    client.connect().unwrap();
    bench.write_all(&client, CLIENT, b"still");
    assert_eq!(bench.read_exactly(&server, SERVER, 5), b"still");
}

#[test]
fn a_disconnected_client_is_told() {
    let mut bench = Bench::new();
    let (server, mut client) = bench.pair(4096);
    would_block(client.read(&mut [0]));
    bench.look();
    server.disconnect().unwrap();
    let event = bench.readable(CLIENT);
    assert!(event.is_error(), "{event:?}");
    assert!(client.read(&mut [0]).is_err());
    assert!(client.read(&mut [0]).is_err());
    assert!(client.write(&[0]).is_err());
}

/// A read returns the error again, so level keeps reporting the pipe.
#[test]
fn level_tells_of_an_error_as_long_as_it_lasts() {
    let mut bench = Bench::new();
    let (server, mut client) = bench.pair(4096);
    bench.deregister(&mut client);
    bench.register_with(&mut client, CLIENT, Interests::READABLE, Trigger::Level);
    server.disconnect().unwrap();
    for _ in 0..3 {
        let event = bench.readable(CLIENT);
        assert!(event.is_error(), "{event:?}");
        assert!(client.read(&mut [0]).is_err());
    }
}

#[test]
fn another_queue_is_refused_for_good() {
    let (bench, other) = (Bench::new(), Bench::new());
    let name = name();
    let mut server = NamedPipe::create(&name, Instance::First).unwrap();
    let (registrator, other) = (bench.poll.registrator(), other.poll.registrator());
    let token = SERVER;
    let readable = Interests::READABLE;
    let error = registrator.reregister(&mut server, token, readable);
    assert_eq!(error.unwrap_err().kind(), ErrorKind::NotFound);
    registrator.register(&mut server, token, readable).unwrap();
    let error = registrator.register(&mut server, token, readable);
    assert_eq!(error.unwrap_err().kind(), ErrorKind::AlreadyExists);
    let error = other.register(&mut server, token, readable).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    let error = other.deregister(&mut server).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    registrator.deregister(&mut server).unwrap();
    let error = other.register(&mut server, token, readable).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    registrator.register(&mut server, token, readable).unwrap();
}

/// Programs that come from mio do not call `connect` first.
#[test]
fn a_server_reads_as_soon_as_it_is_registered() {
    for handed_over in [false, true] {
        for client_first in [true, false] {
            let mut bench = Bench::new();
            let name = name();
            let mut server = NamedPipe::create(&name, Instance::First).unwrap();
            if handed_over {
                let handle = server.into_handle().unwrap();
                // SAFETY: the handle is a pipe's and overlapped, and has no
                // duplicate.
                server = unsafe { NamedPipe::from_handle(handle) };
            }
            let mut client = client_first.then(|| open(&name));
            bench.register(&mut server, SERVER, Interests::READABLE);
            let Some(client) = &mut client else {
                // No client has come, and `connect` was not called.
                let error = server.read(&mut [0]).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::NotConnected, "{error}");
                continue;
            };
            client.write_all(b"hello").unwrap();
            bench.readable(SERVER);
            let mut buffer = [0; 8];
            assert_eq!(server.read(&mut buffer).unwrap(), 5);
            assert_eq!(&buffer[..5], b"hello");
            server.connect().unwrap();
        }
    }
}

/// A packet goes to the port of its handle, whoever starts the operation. So safe
/// code cannot get the handle of a pipe that was registered.
#[test]
fn the_handle_of_a_registered_pipe_stays_here() {
    let bench = Bench::new();
    let name = name();
    let mut server = NamedPipe::create(&name, Instance::First).unwrap();
    bench.register(&mut server, SERVER, both());
    bench.deregister(&mut server);
    let error = server.into_handle().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceBusy);
    assert!(error.to_string().contains("before you register"), "{error}");
    let error = NamedPipe::open(&name).unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::NotFound,
        "the server's end should be closed: {error}"
    );

    let name = self::name();
    let handle = NamedPipe::create(&name, Instance::First)
        .unwrap()
        .into_handle()
        .unwrap();
    drop(NamedPipe::open(&name).unwrap().into_handle().unwrap());
    drop(handle);
}

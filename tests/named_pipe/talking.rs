//! Reading and writing.

use std::io::{ErrorKind, Read, Write};
use std::thread;

use evq::{Interests, Trigger};

use crate::support::{Bench, CLIENT, SERVER, both, pattern, would_block};

/// Megabytes go both ways at once, through system buffers of many sizes.
#[test]
fn everything_arrives_in_order_whatever_the_size_of_the_buffers() {
    for (room, len, most) in [
        (1, 100_000, 1000),
        (7, 1_000_000, 1_000_000),
        (4096, 4_000_000, 4095),
        (4096, 4_000_000, 70_000),
        (65536, 5_000_000, 5_000_000),
        (0, 100_000, 100_000),
    ] {
        let mut bench = Bench::new();
        let (mut server, mut client) = bench.pair(room);
        let bytes = pattern(len);
        let (mut written, mut read) = ([0; 2], [0; 2]);
        let mut buffer = vec![0; 5000];
        while read != [len; 2] {
            let before = (written, read);
            for (side, pipe) in [&mut server, &mut client].into_iter().enumerate() {
                while written[side] < len {
                    let from = &bytes[written[side]..];
                    match pipe.write(&from[..most.min(from.len())]) {
                        Ok(n) => written[side] += n,
                        Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                        Err(error) => panic!("{error}"),
                    }
                }
                loop {
                    match pipe.read(&mut buffer) {
                        Ok(0) => panic!("the pipe ended"),
                        Ok(n) => {
                            let expected = &bytes[read[side]..read[side] + n];
                            assert_eq!(&buffer[..n], expected, "at {}", read[side]);
                            read[side] += n;
                        }
                        Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                        Err(error) => panic!("{error}"),
                    }
                }
            }
            if (written, read) == before {
                bench.wait_for("anything", |_| true);
            }
        }
        drop((server, client));
        bench.until_nothing_is_lent();
    }
}

/// One write is limited because the system may lock all its bytes in memory.
#[test]
fn one_write_takes_at_most_128_kib_and_is_over_once_it_is_read() {
    let mut bench = Bench::new();
    let (mut server, mut client) = bench.server();
    let bytes = pattern(3_000_000);
    let taken = server.write(&bytes).unwrap();
    assert_eq!(taken, 128 * 1024);
    would_block(server.write(b"more"));
    bench.silence("the client has not read");
    let mut read = vec![0; taken - 4096 - 1];
    client.read_exact(&mut read).unwrap();
    assert_eq!(read, bytes[..read.len()]);
    let mut rest = vec![0; 4096 + 1];
    client.read_exact(&mut rest).unwrap();
    assert_eq!(rest, bytes[read.len()..taken]);
    bench.writable(SERVER);
    assert_eq!(server.write(b"more").unwrap(), 4);
}

#[test]
fn edge_tells_of_each_arrival_once() {
    let mut bench = Bench::new();
    let (mut server, mut client) = bench.server();
    for round in 0..5 {
        would_block(server.read(&mut [0; 8]));
        bench.silence("no bytes have come");
        client.write_all(b"abc").unwrap();
        bench.readable(SERVER);
        bench.silence("reported, nothing new");
        assert_eq!(server.read(&mut [0; 2]).unwrap(), 2);
        if round % 2 == 0 {
            bench.silence("a part is unread");
        }
        assert_eq!(server.read(&mut [0; 2]).unwrap(), 1);
    }
}

#[test]
fn level_tells_as_long_as_something_is_there() {
    let mut bench = Bench::new();
    let (mut server, mut client) = bench.server();
    let (registrator, readable) = (bench.poll.registrator(), Interests::READABLE);
    registrator
        .reregister_with(&mut server, SERVER, readable, Trigger::Level)
        .unwrap();
    for _ in 0..3 {
        bench.silence("no bytes have come");
        client.write_all(b"abc").unwrap();
        for left in [3, 2, 1] {
            for _ in 0..3 {
                bench.readable(SERVER);
            }
            assert_eq!(server.read(&mut [0]).unwrap(), 1, "{left} were left");
        }
    }
    // Not drained to `WouldBlock`: level reports new bytes all the same.
    client.write_all(&[0; 4000]).unwrap();
    assert_eq!(bench.read_exactly(&server, SERVER, 4000), [0; 4000]);
    client.write_all(&[0; 4000]).unwrap();
    assert_eq!(bench.read_exactly(&server, SERVER, 4000), [0; 4000]);
    drop(client);
    for _ in 0..3 {
        bench.readable(SERVER);
    }
    assert_eq!(server.read(&mut [0]).unwrap(), 0);
    bench.readable(SERVER);
}

#[test]
fn level_tells_of_room_as_long_as_there_is() {
    let mut bench = Bench::new();
    let (mut server, mut client) = bench.server();
    let (registrator, writable) = (bench.poll.registrator(), Interests::WRITABLE);
    registrator
        .reregister_with(&mut server, SERVER, writable, Trigger::Level)
        .unwrap();
    for _ in 0..3 {
        for _ in 0..3 {
            bench.writable(SERVER);
        }
        assert_eq!(server.write(&[0; 20_000]).unwrap(), 20_000);
        bench.silence("no room");
        client.read_exact(&mut [0; 20_000]).unwrap();
    }
}

#[test]
fn oneshot_tells_once_until_reregistered() {
    let mut bench = Bench::new();
    let (mut server, mut client) = bench.server();
    let registrator = bench.poll.registrator().clone();
    let readable = Interests::READABLE;
    for _ in 0..3 {
        registrator
            .reregister_with(&mut server, SERVER, readable, Trigger::Oneshot)
            .unwrap();
        bench.silence("no bytes have come");
        client.write_all(b"abc").unwrap();
        bench.readable(SERVER);
        assert_eq!(server.read(&mut [0; 8]).unwrap(), 3);
        client.write_all(b"def").unwrap();
        bench.silence("oneshot was reported");
        registrator
            .reregister_with(&mut server, SERVER, readable, Trigger::Oneshot)
            .unwrap();
        bench.readable(SERVER);
        assert_eq!(server.read(&mut [0; 8]).unwrap(), 3);
    }
}

/// Registers a pipe again and again, with bytes on their way, in the lent buffer and
/// already completed.
#[test]
fn no_byte_is_lost_by_registering_anew() {
    let mut bench = Bench::new();
    let (mut server, mut client) = bench.server();
    let bytes = pattern(300_000);
    let writer = thread::spawn({
        let bytes = bytes.clone();
        move || {
            bytes
                .chunks(777)
                .for_each(|part| client.write_all(part).unwrap());
            client
        }
    });
    let mut read = Vec::new();
    for round in 0.. {
        if read.len() == bytes.len() {
            break;
        }
        let triggers = [Trigger::Edge, Trigger::Level, Trigger::Oneshot];
        bench.deregister(&mut server);
        if round % 2 == 0 {
            bench.silence("the pipe is not registered");
        }
        let mut buffer = [0; 600];
        if round % 3 == 0 {
            match server.read(&mut buffer) {
                Ok(n) => read.extend_from_slice(&buffer[..n]),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        // Under oneshot, room to write would disable reading.
        let interests = if round % 5 == 0 && round % 3 != 2 {
            both()
        } else {
            Interests::READABLE
        };
        bench.register_with(&mut server, SERVER, interests, triggers[round % 3]);
        if read.len() < bytes.len() {
            bench.readable(SERVER);
            let n = server.read(&mut buffer).unwrap();
            read.extend_from_slice(&buffer[..n]);
        }
    }
    assert!(read == bytes);
    drop(writer.join().unwrap());
    let registrator = bench.poll.registrator();
    registrator.reregister(&mut server, SERVER, both()).unwrap();
    assert_eq!(bench.read_to_the_end(&server, SERVER), b"");
}

/// If nobody waits to read, the bytes stay in the system's buffer. The full buffer
/// then stops the writer.
#[test]
fn who_only_writes_reads_nothing_ahead() {
    let mut bench = Bench::new();
    let (server, mut client) = bench.pair(4096);
    let registrator = bench.poll.registrator().clone();
    bench.deregister(&mut client);
    registrator
        .register(&mut client, CLIENT, Interests::WRITABLE)
        .unwrap();
    bench.writable(CLIENT);
    // The first registration was for both directions, so one read is in flight.
    bench.write_all(&server, SERVER, &[1; 100]);
    bench.writable(SERVER);
    assert_eq!(bench.read_exactly(&client, CLIENT, 100), [1; 100]);
    bench.write_all(&client, CLIENT, b"back");
    assert_eq!(bench.read_exactly(&server, SERVER, 4), b"back");
}

/// The system does not cancel an operation when the thread that started it ends.
#[test]
fn what_a_thread_began_goes_on_without_it() {
    let mut bench = Bench::new();
    let (server, mut client) = bench.server();
    let server = thread::scope(|scope| {
        let begin = || {
            let mut server = server;
            would_block(server.read(&mut [0; 8]));
            assert_eq!(server.write(&[7; 50_000]).unwrap(), 50_000);
            server
        };
        scope.spawn(begin).join().unwrap()
    });
    let mut read = vec![0; 50_000];
    client.read_exact(&mut read).unwrap();
    assert_eq!(read, [7; 50_000]);
    client.write_all(b"hello").unwrap();
    assert_eq!(bench.read_exactly(&server, SERVER, 5), b"hello");
    bench.write_all(&server, SERVER, b"!");
    client.read_exact(&mut [0]).unwrap();
}

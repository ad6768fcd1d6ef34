//! Pipes that several threads use.

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use evq::inside::operations_in_flight;
use evq::windows::{Instance, NamedPipe};
use evq::{Events, Poll, Token};

use crate::support::{Bench, both, name, pattern};

/// A packet may be dequeued before the call that started its operation has
/// returned.
#[test]
fn one_thread_polls_while_others_read_and_write() {
    let mut bench = Bench::new();
    let (server, client) = bench.pair(700);
    let (server, client) = (Arc::new(server), Arc::new(client));
    let done = AtomicBool::new(false);
    let len = 2_000_000;
    let bytes = pattern(len);
    thread::scope(|scope| {
        let (bytes, done) = (&bytes, &done);
        let busy = |pipe: Arc<NamedPipe>, mut step: Box<dyn FnMut(&NamedPipe) -> bool + Send>| {
            while !step(&pipe) {
                thread::yield_now();
            }
        };
        let mut users = Vec::new();
        for pipe in [&server, &client] {
            let mut at = 0;
            let write = Box::new(move |mut pipe: &NamedPipe| {
                match pipe.write(&bytes[at..(at + 3000).min(len)]) {
                    Ok(n) => at += n,
                    Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}"),
                }
                at == len
            });
            let pipe_to_write = Arc::clone(pipe);
            users.push(scope.spawn(move || busy(pipe_to_write, write)));
            let (mut at, mut buffer) = (0, [0; 2000]);
            let read = Box::new(move |mut pipe: &NamedPipe| {
                match pipe.read(&mut buffer) {
                    Ok(n) => {
                        assert_eq!(buffer[..n], bytes[at..at + n]);
                        at += n;
                    }
                    Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}"),
                }
                at == len
            });
            let pipe_to_read = Arc::clone(pipe);
            users.push(scope.spawn(move || busy(pipe_to_read, read)));
        }
        scope.spawn(move || {
            users.into_iter().for_each(|user| user.join().unwrap());
            done.store(true, Ordering::Release);
        });
        while !done.load(Ordering::Acquire) {
            let turn = Some(Duration::from_millis(1));
            bench.poll.poll(&mut bench.events, turn).unwrap();
        }
    });
    drop((server, client));
    bench.until_nothing_is_lent();
}

/// Several threads create, use and drop pairs of pipes, while `Poll` polls or is
/// dropped. Whoever is last, no operation stays in flight.
#[test]
fn pipes_and_their_poll_go_in_any_order_on_any_thread() {
    for round in 0..40 {
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(8);
        let registrator = poll.registrator().clone();
        thread::scope(|scope| {
            for user in 0..3 {
                let registrator = registrator.clone();
                scope.spawn(move || {
                    for turn in 0..6 {
                        let name = name();
                        let instance = Instance::First;
                        let mut server =
                            NamedPipe::create_with_buffers(&name, instance, 64).unwrap();
                        // `register` is refused once `Poll` is dropped.
                        let _ = registrator.register(&mut server, Token(user), both());
                        let _ = server.connect();
                        let mut client = NamedPipe::open(&name).unwrap();
                        let _ = registrator.register(&mut client, Token(user), both());
                        let _ = client.write(&[1; 30]);
                        let _ = client.read(&mut [0; 8]);
                        let _ = server.read(&mut [0; 8]);
                        if (turn + user) % 3 == 0 {
                            let _ = server.disconnect();
                            let _ = server.connect();
                        }
                        if turn % 2 == 0 {
                            drop(client);
                            let _ = server.write(&[1; 20]);
                            drop(server);
                        } else {
                            drop(server);
                            drop(client);
                        }
                    }
                });
            }
            for _ in 0..round % 7 {
                poll.poll(&mut events, Some(Duration::from_millis(1)))
                    .unwrap();
            }
            if round % 2 == 0 {
                drop(poll);
            } else {
                scope.spawn(move || drop(poll));
            }
        });
        assert_eq!(operations_in_flight(&registrator), 0, "round {round}");
    }
}

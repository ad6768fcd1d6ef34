//! What a program may rely on about the public types, whatever they do.

use std::fmt::{self, Debug, Write};

use evq::net::{TcpListener, TcpStream};
use evq::unix::SourceFd;
use evq::{
    Event, Events, Interests, Poll, Readiness, Registration, Registrator, SetReadiness, Source,
    Token, Trigger, Waker,
};

/// The compiler is the test.
#[test]
fn everything_may_be_sent_and_shared() {
    fn holds<T: Send + Sync>() {}
    holds::<Poll>();
    holds::<Registrator>();
    holds::<Events>();
    holds::<(Event, Token, Interests, Trigger, Readiness)>();
    holds::<(Registration, SetReadiness, Waker)>();
    holds::<(TcpListener, TcpStream)>();
    holds::<SourceFd<'static>>();
}

#[test]
fn sources_of_several_types_go_through_one_registrator() {
    let poll = Poll::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let (registration, _set_readiness) = Registration::new();
    let mut sources: Vec<Box<dyn Source + Send>> = vec![Box::new(listener), Box::new(registration)];
    for (token, source) in sources.iter_mut().enumerate() {
        poll.registrator()
            .register(&mut **source, Token(token), Interests::READABLE)
            .unwrap();
    }
}

/// A program that logs its sources prints what each is, not what a thousand
/// others have listed.
#[test]
fn what_is_printed_does_not_grow_with_the_list() {
    let mut poll = Poll::new().unwrap();
    poll.poll(
        &mut Events::with_capacity(1000),
        Some(std::time::Duration::ZERO),
    )
    .unwrap();
    let (mut registration, set_readiness) = Registration::new();
    poll.registrator()
        .register(&mut registration, Token(0), Interests::READABLE)
        .unwrap();
    let wakers: Vec<_> = (0..1000)
        .map(|token| Waker::new(poll.registrator(), Token(token)).unwrap())
        .collect();
    wakers.iter().for_each(|waker| waker.wake().unwrap());
    let printable: [&dyn Debug; 5] = [
        &poll,
        poll.registrator(),
        &registration,
        &set_readiness,
        &wakers[0],
    ];
    for value in printable {
        let printed = format!("{value:?}");
        assert!(
            printed.len() < 1000,
            "{} characters: {printed}",
            printed.len()
        );
    }
}

/// Nor is the list locked meanwhile: who prints may wake.
#[test]
fn a_waker_is_printed_to_what_wakes() {
    struct Wakes<'a>(&'a Registrator);

    impl Write for Wakes<'_> {
        fn write_str(&mut self, _: &str) -> fmt::Result {
            let waker = Waker::new(self.0, Token(0)).unwrap();
            waker.wake().unwrap();
            Ok(())
        }
    }

    let poll = Poll::new().unwrap();
    let waker = Waker::new(poll.registrator(), Token(1)).unwrap();
    waker.wake().unwrap();
    write!(Wakes(poll.registrator()), "{waker:?} {poll:?}").unwrap();
}

//! What a program may rely on about the public types, whatever they do.

use std::fmt::{self, Debug, Write};
use std::time::Duration;

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
    poll.poll(&mut Events::with_capacity(1000), Some(Duration::ZERO))
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

/// Room for events is clamped, never refused; and the room may change from one
/// `poll` to the next, in which nothing is lost.
#[test]
fn any_capacity_will_do_and_may_change() {
    let mut poll = Poll::new().unwrap();
    let mut all: Vec<_> = [0, 3, 1, usize::MAX, 2]
        .into_iter()
        .map(Events::with_capacity)
        .collect();
    let capacities: Vec<_> = all.iter().map(Events::capacity).collect();
    assert_eq!(capacities, [1, 3, 1, 65_536, 2]);
    for wakes in [1, 2, 40] {
        let wakers: Vec<_> = (0..wakes)
            .map(|token| Waker::new(poll.registrator(), Token(token)).unwrap())
            .collect();
        wakers.iter().for_each(|waker| waker.wake().unwrap());
        let mut tokens = Vec::new();
        for turn in 0.. {
            let events = &mut all[turn % capacities.len()];
            let found = poll.poll(events, Some(Duration::ZERO)).unwrap();
            assert_eq!(found, events.iter().count());
            assert_eq!(found == 0, events.is_empty());
            assert!(found <= events.capacity());
            if found == 0 {
                break;
            }
            tokens.extend(events.iter().map(|event| event.token().0));
        }
        assert_eq!(tokens, (0..wakes).collect::<Vec<_>>());
    }
}

#[test]
fn a_set_contains_another_wholly_or_not() {
    let both = Readiness::READABLE | Readiness::WRITABLE;
    assert!(!Readiness::READABLE.contains(both));
    assert!(both.contains(Readiness::READABLE) && both.contains(both));
    assert!(Readiness::EMPTY.is_empty() && both.contains(Readiness::EMPTY));
}

/// Interests pick the direction, that it has closed, and errors.
#[test]
fn interests_pick_what_concerns_them() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(1);
    let (mut registration, set_readiness) = Registration::new();
    for (interests, seen) in [
        (Interests::READABLE, [true, false, true, false]),
        (Interests::WRITABLE, [false, true, false, true]),
    ] {
        poll.registrator()
            .register(&mut registration, Token(0), interests)
            .unwrap();
        for (readiness, seen) in [
            (Readiness::READABLE, seen[0]),
            (Readiness::WRITABLE, seen[1]),
            (Readiness::READ_CLOSED, seen[2]),
            (Readiness::WRITE_CLOSED, seen[3]),
            (Readiness::ERROR, true),
        ] {
            set_readiness.set_readiness(readiness).unwrap();
            poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
            assert_eq!(!events.is_empty(), seen, "{readiness:?} of {interests:?}");
        }
        set_readiness.set_readiness(Readiness::EMPTY).unwrap();
        poll.registrator().deregister(&mut registration).unwrap();
    }
}

/// A thread that ends in a panic drops what it holds, and what others hold of
/// the same queue goes on.
#[test]
fn what_a_panic_drops_is_dropped_in_order() {
    let poll = Poll::new().unwrap();
    let registrator = poll.registrator().clone();
    let waker = Waker::new(&registrator, Token(0)).unwrap();
    let (mut registration, set_readiness) = Registration::new();
    let setter = set_readiness.clone();
    let holder = std::thread::spawn(move || {
        let _poll = poll;
        registrator
            .register(&mut registration, Token(1), Interests::READABLE)
            .unwrap();
        setter.set_readiness(Readiness::READABLE).unwrap();
        std::panic::resume_unwind(Box::new("on purpose, and without a message"));
    });
    assert!(holder.join().is_err());
    assert_eq!(waker.wake().unwrap_err().raw_os_error(), None);
    // Its registration is gone with the thread: there is nobody to refuse it.
    set_readiness.set_readiness(Readiness::WRITABLE).unwrap();
    assert_eq!(set_readiness.readiness(), Readiness::WRITABLE);
}

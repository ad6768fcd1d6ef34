use super::*;
use evq::{Events, Interests, Poll, Readiness, Registration, Token};

/// Registers a source that has no descriptor. It behaves the same on every system.
fn register(poll: &Poll) -> Registration {
    let (mut source, set_readiness) = Registration::new();
    set_readiness.set_readiness(Readiness::READABLE).unwrap();
    poll.registrator()
        .register(&mut source, Token(1), Interests::READABLE)
        .unwrap();
    source
}

#[test]
fn registered_twice() {
    let poll = Poll::new().unwrap();
    let mut source = register(&poll);
    let again = poll
        .registrator()
        .register(&mut source, Token(2), Interests::READABLE);
    let kind = again.unwrap_err().kind();
    assert!(
        TWICE == kind,
        "you predicted {TWICE:?}: the source remembers that it is registered"
    );
}

#[test]
fn deregistered_elsewhere() {
    let (here, elsewhere) = (Poll::new().unwrap(), Poll::new().unwrap());
    let mut source = register(&here);
    let removed = elsewhere.registrator().deregister(&mut source);
    let kind = removed.unwrap_err().kind();
    assert!(
        ELSEWHERE == kind,
        "you predicted {ELSEWHERE:?}: the source remembers its queue, and the registrator belongs to \
         another queue"
    );
}

#[test]
fn the_poll_is_gone() {
    let poll = Poll::new().unwrap();
    let registrator = poll.registrator().clone();
    drop(poll);
    let (mut source, _set_readiness) = Registration::new();
    let refused = registrator.register(&mut source, Token(1), Interests::READABLE);
    let kind = refused.unwrap_err().kind();
    assert!(
        OUTLIVED == kind,
        "you predicted {OUTLIVED:?}: the queue still exists, but it is closed, and no system call \
         returns its error"
    );
}

#[test]
fn the_loop_is_closed() {
    let mut poll = Poll::new().unwrap();
    let _source = register(&poll);
    poll.registrator().close_loop().unwrap();
    let mut events = Events::with_capacity(8);
    let said = CLOSED.map(|_| poll.poll(&mut events, None).ok());
    assert!(
        CLOSED == said,
        "you predicted {CLOSED:?}: what is ready is delivered first, and a batch with room left \
         is the last one"
    );
}

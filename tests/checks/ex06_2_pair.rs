use super::*;
use evq::{Events, Poll, Readiness, Registration, SetReadiness};
use std::io::ErrorKind;
use std::time::Duration;

fn pair() -> (Pair<Registration, Registration>, [SetReadiness; 2]) {
    let (first, set_first) = Registration::new();
    let (second, set_second) = Registration::new();
    (Pair { first, second }, [set_first, set_second])
}

fn register(poll: &Poll, source: &mut impl Source) -> io::Result<()> {
    poll.registrator()
        .register(source, Token(5), Interests::READABLE)
}

#[test]
fn both_report_with_the_pairs_token() {
    let mut poll = Poll::new().unwrap();
    let (mut pair, setters) = pair();
    register(&poll, &mut pair).unwrap();
    for setter in setters {
        setter.set_readiness(Readiness::READABLE).unwrap();
    }
    let mut events = Events::with_capacity(8);
    poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
    let tokens: Vec<Token> = events.iter().map(|event| event.token()).collect();
    assert_eq!(
        tokens,
        [Token(5); 2],
        "each half reports with the token of the pair"
    );
}

#[test]
fn a_refused_half_takes_the_other_with_it() {
    let poll = Poll::new().unwrap();
    for refuses in [0, 1] {
        let (mut pair, _setters) = pair();
        let half = [&mut pair.first, &mut pair.second].into_iter().nth(refuses);
        register(&poll, half.unwrap()).unwrap();
        let refused = register(&poll, &mut pair).unwrap_err();
        assert_eq!(
            refused.kind(),
            ErrorKind::AlreadyExists,
            "`register` returns the error of the half that refused"
        );
        let other = [&mut pair.second, &mut pair.first].into_iter().nth(refuses);
        let left = poll.registrator().deregister(other.unwrap());
        assert_eq!(
            left.map_err(|error| error.kind()),
            Err(ErrorKind::NotFound),
            "one half refused, and the other stayed registered: its events would carry the \
             token of a pair that is not registered"
        );
    }
}

#[test]
fn neither_half_stays_behind() {
    let poll = Poll::new().unwrap();
    let (mut pair, _setters) = pair();
    register(&poll, &mut pair.second).unwrap();
    let removed = poll.registrator().deregister(&mut pair);
    assert_eq!(
        removed.map_err(|error| error.kind()),
        Err(ErrorKind::NotFound),
        "the first half was not registered, and `deregister` must say so"
    );
    let second = poll.registrator().deregister(&mut pair.second);
    assert_eq!(
        second.map_err(|error| error.kind()),
        Err(ErrorKind::NotFound),
        "the error of the first half left the second one registered"
    );
}

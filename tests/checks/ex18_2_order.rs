use super::*;
use evq::{Events, Interests, Poll, Registration, Token, Trigger};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

/// How long a check waits for an event, or makes sure that none comes.
const MOMENT: Duration = Duration::from_millis(100);

struct Source {
    poll: Poll,
    _registration: Registration,
    shared: Arc<Shared>,
}

fn source(state: State, trigger: Trigger) -> Source {
    let (mut registration, set_readiness) = Registration::new();
    let poll = Poll::new().unwrap();
    if let State::Done(_) = state {
        set_readiness.set_readiness(Readiness::READABLE).unwrap();
    }
    poll.registrator()
        .register_with(&mut registration, Token(1), Interests::READABLE, trigger)
        .unwrap();
    let state = Mutex::new(state);
    Source {
        poll,
        _registration: registration,
        shared: Arc::new(Shared {
            state,
            set_readiness,
        }),
    }
}

impl Source {
    fn events(&mut self) -> usize {
        let mut events = Events::with_capacity(8);
        self.poll.poll(&mut events, Some(MOMENT)).unwrap()
    }

    fn take(&self) -> Result<String, ErrorKind> {
        take(&self.shared, || {}).map_err(|error| error.kind())
    }
}

/// Runs a check in a thread, because a wrong answer may wait for its own lock for ever.
fn within_five_seconds(check: fn()) {
    let (send, receive) = channel::<()>();
    let thread = thread::spawn(move || {
        let _alive = send;
        check()
    });
    match receive.recv_timeout(Duration::from_secs(5)) {
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
            panic!("`take` or `done` has not returned after five seconds: does it wait for a lock?")
        }
        _ => thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
    }
}

#[test]
fn an_operation_that_is_over_at_once() {
    within_five_seconds(|| {
        let mut source = source(State::Done("one".into()), Trigger::Edge);
        assert_eq!(source.events(), 1);
        let shared = Arc::clone(&source.shared);
        let mut poller = None;
        let text = take(&source.shared, || {
            let (over, waits) = channel();
            poller = Some(thread::spawn(move || {
                done(&shared, "two".into());
                let _ = over.send(());
            }));
            // `done` may wait for a lock that `take` holds.
            let _ = waits.recv_timeout(MOMENT);
        });
        assert_eq!(text.unwrap(), "one");
        poller
            .expect("`take` must call `lend` after it has taken a text")
            .join()
            .unwrap();
        assert_eq!(
            source.events(),
            1,
            "an event is lost: the operation was over before `lend` had returned, and a later EMPTY \
             has replaced its READABLE"
        );
        assert_eq!(source.take().as_deref(), Ok("two"));
    });
}

#[test]
fn an_event_means_that_there_is_something() {
    within_five_seconds(|| {
        let mut source = source(State::Lent, Trigger::Edge);
        let shared = Arc::clone(&source.shared);
        let locked = shared.state.lock().unwrap();
        let poller = thread::spawn({
            let shared = Arc::clone(&source.shared);
            move || done(&shared, "one".into())
        });
        let events = source.events();
        drop(locked);
        poller.join().unwrap();
        assert_eq!(
            events, 0,
            "an event came with nothing to be taken yet: a program that looks now gets WouldBlock, and no \
             other event comes for the text that is stored later"
        );
        assert_eq!(
            source.events(),
            1,
            "the operation is over: an event is owed"
        );
        assert_eq!(source.take().as_deref(), Ok("one"));
    });
}

#[test]
fn what_has_been_taken_is_not_announced_again() {
    within_five_seconds(|| {
        let mut source = source(State::Done("one".into()), Trigger::Level);
        assert_eq!(source.events(), 1);
        assert_eq!(source.take().as_deref(), Ok("one"));
        // The node may still be in the ready list, but it is no longer ready.
        assert_eq!(
            source.events(),
            0,
            "a level-triggered source is reported as long as it is READABLE, and nobody has \
             taken back what `done` set: the loop would spin"
        );
    });
}

#[test]
fn what_is_lent_is_not_lent_again() {
    within_five_seconds(|| {
        let source = source(State::Lent, Trigger::Edge);
        let mut lent = false;
        let error = take(&source.shared, || lent = true).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        assert!(
            !lent,
            "the kernel has the buffer, and it is lent a second time"
        );
    });
}

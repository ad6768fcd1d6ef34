use super::*;

const LENT: Writing = Writing::InFlight { from: 3, to: 100 };

/// A socket that is dropped. If a send is in flight, it has 97 bytes.
#[derive(Default)]
struct World {
    receiving: bool,
    sending: bool,
    connecting: bool,
    shut_down: bool,
    /// How many of the 97 bytes the peer gets.
    arrives: usize,
    waits: usize,
    closed: bool,
}

impl World {
    fn of(receiving: bool, writing: Writing) -> World {
        World {
            receiving,
            sending: matches!(writing, Writing::InFlight { .. }),
            connecting: writing == Writing::Connecting,
            ..World::default()
        }
    }

    fn take(&mut self, step: Step) {
        assert!(!self.closed, "{step:?} comes after `Close`");
        match step {
            Step::CancelReceive => {
                assert!(
                    self.receiving,
                    "`CancelReceive`, but no receive is in flight"
                );
                self.receiving = false;
            }
            Step::CancelOutput => {
                assert!(
                    self.sending || self.connecting,
                    "`CancelOutput`, but no connect and no send is in flight"
                );
                self.sending = false;
                self.connecting = false;
            }
            Step::ShutDown => {
                assert!(
                    !self.connecting,
                    "`ShutDown`, but there is no connection yet"
                );
                self.shut_down = true;
            }
            Step::AwaitOutput => {
                self.waits += 1;
                assert!(
                    !self.connecting,
                    "a connect may take a minute, and nobody wants its outcome: cancel it"
                );
                assert!(self.sending, "`AwaitOutput`, but nothing is in flight");
                assert!(
                    !self.receiving,
                    "the receive and its memory stay in flight during the wait for the last \
                     write: cancel the receive first"
                );
                assert!(
                    self.shut_down,
                    "the last bytes are sent, but nobody polls, so nobody closes: the peer waits \
                     for more bytes. End the stream before you wait"
                );
                self.arrives = 97;
                self.sending = false;
            }
            Step::Close => self.closed = true,
        }
    }
}

fn world(receiving: bool, writing: Writing) -> World {
    let mut world = World::of(receiving, writing);
    for step in goodbye(receiving, writing) {
        world.take(step);
    }
    assert!(world.closed, "{writing:?}: the socket is never closed");
    world
}

#[test]
fn what_was_taken_arrives() {
    for receiving in [false, true] {
        let world = world(receiving, LENT);
        assert_eq!(
            world.arrives, 97,
            "`write` had taken these bytes, but the peer gets fewer: both `CancelOutput` and \
             `Close` cancel a send in flight"
        );
    }
}

#[test]
fn nothing_waits_but_the_last_write() {
    let failed = Writing::Failed(10054);
    for writing in [Writing::Apart, Writing::Open, failed, Writing::Connecting] {
        for receiving in [false, true] {
            assert_eq!(world(receiving, writing).waits, 0, "{writing:?}");
        }
    }
}

#[test]
fn what_nobody_wants_is_cancelled() {
    assert!(
        !world(true, Writing::Open).receiving,
        "the receive is still in flight, with its buffer"
    );
    assert!(
        !world(false, Writing::Connecting).connecting,
        "the connect is still in flight"
    );
}

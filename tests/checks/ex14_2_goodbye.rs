use super::*;

const LENT: Writing = Writing::InFlight { from: 3, to: 100 };

/// What becomes of a socket in whose kernel 97 bytes are in flight, if any.
#[derive(Default)]
struct World {
    receiving: bool,
    sending: bool,
    connecting: bool,
    shut_down: bool,
    /// What the peer gets of the 97.
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
        assert!(!self.closed, "{step:?} of a socket that is closed");
        match step {
            Step::CancelReceive => {
                assert!(self.receiving, "there is no receive to be cancelled");
                self.receiving = false;
            }
            Step::CancelOutput => {
                assert!(
                    self.sending || self.connecting,
                    "there is no connect and no send to be cancelled"
                );
                self.sending = false;
                self.connecting = false;
            }
            Step::ShutDown => {
                assert!(!self.connecting, "there is no stream yet that could end");
                self.shut_down = true;
            }
            Step::AwaitOutput => {
                self.waits += 1;
                assert!(
                    !self.connecting,
                    "a connect may take a minute, and nobody wants its outcome: it is to be \
                     cancelled"
                );
                assert!(self.sending, "there is no packet to be awaited");
                assert!(
                    !self.receiving,
                    "the receive stays in flight while the last write is awaited, and its memory \
                     with it: cancel it first"
                );
                assert!(
                    self.shut_down,
                    "the last bytes are sent, and nobody polls, so nobody closes: the peer waits \
                     for more until the stream is ended behind them"
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
            "`write` had taken these bytes, and the peer gets fewer: a send in flight is cancelled \
             by `CancelOutput`, and by `Close`"
        );
    }
}

#[test]
fn nothing_else_is_waited_for() {
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

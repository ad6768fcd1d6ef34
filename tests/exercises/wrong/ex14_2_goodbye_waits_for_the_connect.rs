// Fails with: nobody wants its outcome
//! Exercise 14.2: a stream is dropped.

use evq::inside::writing::Writing;

/// What can be done with a socket that nobody needs any more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step {
    /// Cancels the receive that is in flight. Its packet comes soon.
    CancelReceive,
    /// Cancels the connect or the send that is in flight. Its packet comes soon.
    CancelOutput,
    /// Ends the stream: the peer reads to the last byte that was sent or is in flight, and then 0.
    ShutDown,
    /// Goes on with the next step only when the packet of the connect or the send has come.
    AwaitOutput,
    /// Closes the socket, which cancels whatever is in flight.
    Close,
}

pub fn goodbye(receiving: bool, writing: Writing) -> Vec<Step> {
    let mut steps = Vec::new();
    if receiving {
        steps.push(Step::CancelReceive);
    }
    match writing {
        Writing::Lent { .. } => steps.extend([Step::ShutDown, Step::AwaitOutput]),
        Writing::Connecting => steps.push(Step::AwaitOutput),
        Writing::Unconnected | Writing::Open | Writing::Failed { .. } => {}
    }
    steps.push(Step::Close);
    steps
}

#[cfg(test)]
#[path = "../../checks/ex14_2_goodbye.rs"]
mod checks;

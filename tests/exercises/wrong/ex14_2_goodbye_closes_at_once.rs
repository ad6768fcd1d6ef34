// Fails with: `Close` cancel a send in flight
//! Exercise 14.2: a stream is dropped.

/// How far a stream has come with connecting and writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// No connection, and none under way.
    Apart,
    Connecting,
    /// The socket takes what it has room for.
    Open,
    /// The kernel has a copy. These bytes of it are not sent yet.
    InFlight {
        from: usize,
        to: usize,
    },
    /// The last write has failed.
    Failed(i32),
}

/// A step with a socket that nobody needs any more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step {
    /// Cancels the receive in flight. Its packet comes soon.
    CancelReceive,
    /// Cancels the connect or the send in flight. Its packet comes soon.
    CancelOutput,
    /// Ends the stream. The peer reads all bytes that were sent or are in flight, and then 0.
    ShutDown,
    /// Waits for the packet of the connect or the send before the next step.
    AwaitOutput,
    /// Closes the socket, which cancels what is in flight.
    Close,
}

pub fn goodbye(receiving: bool, writing: Writing) -> Vec<Step> {
    let mut steps = Vec::new();
    if receiving {
        steps.push(Step::CancelReceive);
    }
    match writing {
        Writing::InFlight { .. } => steps.extend([Step::ShutDown]),
        Writing::Connecting => steps.push(Step::CancelOutput),
        Writing::Apart | Writing::Open | Writing::Failed(_) => {}
    }
    steps.push(Step::Close);
    steps
}

#[cfg(test)]
#[path = "../../checks/ex14_2_goodbye.rs"]
mod checks;

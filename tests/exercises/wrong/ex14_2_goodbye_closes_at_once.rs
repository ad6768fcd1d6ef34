// Fails with: and by `Close`
//! Exercise 14.2: a stream is dropped.

/// How far a stream has come with connecting and writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// Nobody has asked for a connection.
    Apart,
    Connecting,
    /// The socket takes what it has room for.
    Open,
    /// The kernel has a copy, and these bytes of it are not sent yet.
    InFlight {
        from: usize,
        to: usize,
    },
    /// The last write has failed.
    Failed(i32),
}

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

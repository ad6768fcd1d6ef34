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

/// The steps by which a stream is dropped, the last of which is `Close`. `receiving`: a receive is
/// in flight.
///
/// It compiles, and a peer misses the last bytes. Repair it. Nobody polls any more, perhaps not for
/// a while, so no other step may have to wait than the one that has to.
pub fn goodbye(receiving: bool, writing: Writing) -> Vec<Step> {
    let _ = (receiving, writing);
    vec![Step::CancelReceive, Step::CancelOutput, Step::Close]
}

#[cfg(test)]
#[path = "../checks/ex14_2_goodbye.rs"]
mod checks;

//! Named pipes, server's end and client's end, through the public functions.

#[cfg(windows)]
mod connecting;
#[cfg(windows)]
mod leaving;
#[cfg(windows)]
mod messages;
#[cfg(windows)]
mod support;
#[cfg(windows)]
mod talking;
#[cfg(windows)]
mod threads;

#[cfg(not(windows))]
#[test]
fn named_pipes_are_of_windows_alone_and_here_only_their_decisions_are_tested() {
    println!("the other tests of this target run on Windows: cargo test --test named_pipe");
    let mut outgoing = evq::inside::outgoing::Outgoing::Asked;
    assert!(
        outgoing.start() && !outgoing.start(),
        "a second connect was started"
    );
}

//! Named pipes, both ends, as their users see them.

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
    println!("on Windows, the rest of this target: cargo test --test named_pipe");
    let mut outgoing = evq::inside::outgoing::Outgoing::Asked;
    assert!(
        outgoing.start() && !outgoing.start(),
        "one connect at a time"
    );
}

//! Clause 16, in a process of its own, because it compares what two children find
//! open.

#[allow(dead_code, reason = "other tests use the rest")]
#[cfg_attr(unix, path = "contract/process.rs")]
#[cfg_attr(windows, path = "contract/process_windows.rs")]
mod process;

use std::env;
#[cfg(unix)]
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::net;
#[cfg(unix)]
use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use evq::net::{TcpListener, TcpStream};
use evq::{Events, Interests, Poll, Token};

#[cfg(unix)]
use process::closes_on_exec;
use process::{is_left_to_children, what_is_open};

/// Descriptors and handles belong to the whole process, so one test runs at a time.
static ALONE: Mutex<()> = Mutex::new(());

const TEST: &str = "c16_a_child_inherits_nothing";
const CHILD: &str = "EVQ_C16_CHILD";

fn this_program() -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args([TEST, "--exact", "--nocapture", "--test-threads=1"])
        .env(CHILD, "1");
    command
}

/// Starts this program as a child and returns what the child finds open. `None` if
/// it cannot start. (On Windows the standard library starts a child that inherits.)
fn found_by_a_child() -> Option<String> {
    let output = this_program().stdin(Stdio::null()).output();
    if process::is_emulated(&output) {
        eprintln!(
            "{TEST}: only the flag of each descriptor is tested here, because an emulated program \
             cannot start itself"
        );
        return None;
    }
    let said = String::from_utf8(output.unwrap().stdout).unwrap();
    let open = said.split_once("open: ").map(|(_, rest)| rest);
    let open = open.and_then(|rest| rest.lines().next());
    let open = open.unwrap_or_else(|| panic!("the child said {said:?}"));
    Some(open.to_owned())
}

/// When the process executes another program, the system closes every descriptor of
/// the crate: the queue's, its duplicates, and sockets that were made, connected,
/// accepted, cloned or taken over. So a child keeps no connection open and no port
/// in use. The test compares what a child finds open before and after it makes all
/// of these. (Apple's systems set close-on-exec in a second call. A child that
/// another thread starts between the two calls inherits the socket. This test
/// starts none then.)
#[test]
fn c16_a_child_inherits_nothing() {
    if env::var_os(CHILD).is_some() {
        let open = what_is_open();
        if cfg!(windows) {
            // Its own input and output have different numbers in each run.
            println!("\nopen: [{}]", open.len());
        } else {
            println!("\nopen: {open:?}");
        }
        // Lives until the parent closes its input.
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
        return;
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let without = found_by_a_child();
    let ours_before = what_is_open();

    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(4);
    let mut listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let mut connecting = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    poll.registrator()
        .register(&mut listener, Token(1), Interests::READABLE)
        .unwrap();
    poll.registrator()
        .register(&mut connecting, Token(2), Interests::WRITABLE)
        .unwrap();
    poll.poll(&mut events, None).unwrap();
    let accepted = loop {
        // The event may have been the connecting stream's.
        match listener.accept() {
            Ok((stream, _)) => break stream,
            Err(_) => poll.poll(&mut events, None).unwrap(),
        };
    };
    #[cfg(unix)]
    let _duplicate = poll.try_clone_to_owned_fd().unwrap();
    let listeners = [listener.try_clone().unwrap(), listener];
    let std_listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let std_stream = net::TcpStream::connect(std_listener.local_addr().unwrap()).unwrap();
    let from_std = TcpListener::from_std(std_listener).unwrap();
    let streams = [
        accepted.try_clone().unwrap(),
        accepted,
        connecting,
        TcpStream::from_std(std_stream).unwrap(),
    ];

    let with = found_by_a_child();
    assert_eq!(with, without, "a child inherited something");

    let mut ours = what_is_open();
    ours.retain(|number| !ours_before.contains(number));
    // On Windows clones share one handle.
    let least = if cfg!(windows) { 6 } else { 9 };
    assert!(ours.len() >= least, "{ours:?}");
    for number in ours {
        assert!(!is_left_to_children(number), "number {number}");
    }
    drop((from_std, streams));

    // A child does show a handle that it inherits. Otherwise this test would prove
    // nothing.
    #[cfg(windows)]
    {
        use std::os::windows::io::AsRawSocket;

        let shown = net::UdpSocket::bind("127.0.0.1:0").unwrap();
        process::leave_to_children(shown.as_raw_socket() as usize);
        assert_ne!(
            found_by_a_child(),
            without,
            "the child did not see an inherited handle"
        );
    }

    // Why it matters: a port is free again although a child lives.
    let mut child = this_program();
    let Ok(mut child) = child.stdin(Stdio::piped()).stdout(Stdio::null()).spawn() else {
        assert_eq!(without, None, "the first child could start, this one not");
        return;
    };
    let addr = listeners[0].local_addr().unwrap();
    drop((listeners, poll));
    let deadline = Instant::now() + Duration::from_secs(20);
    let error = loop {
        match net::TcpStream::connect(addr) {
            // Windows closes a listener with a delay. On other systems a child has
            // copies until it executes its program.
            Ok(_) => assert!(Instant::now() < deadline, "the listener stays open"),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert!(
        child.try_wait().unwrap().is_none(),
        "the child ended too early"
    );
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}

/// A duplicate of a queue's descriptor gets the lowest free number, like any new
/// descriptor. The test frees a number and expects it. (`F_DUPFD_CLOEXEC` takes the
/// lowest allowed number as an argument. A call without that argument passes
/// whatever the register holds: then the duplicate gets any number, or the call
/// fails.)
#[cfg(unix)]
#[test]
fn c16_a_duplicate_gets_the_lowest_free_number() {
    if env::var_os(CHILD).is_some() {
        return;
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let poll = Poll::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let free = File::open(env::current_exe().unwrap()).unwrap();
    let lowest = free.as_raw_fd();
    drop(free);
    let duplicate = poll.try_clone_to_owned_fd().unwrap();
    assert_eq!(duplicate.as_raw_fd(), lowest);
    assert_eq!(closes_on_exec(lowest), Some(true));
    assert_ne!(duplicate.as_raw_fd(), poll.fd_with_every_wake().as_raw_fd());
    drop(duplicate);
    let duplicate = listener.try_clone().unwrap();
    assert_eq!(duplicate.as_raw_fd(), lowest);
    assert_eq!(closes_on_exec(lowest), Some(true));
}

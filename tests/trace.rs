//! Feature `trace`: a program prints its own foreign calls. Without the feature
//! there is nothing to test.
#![cfg(all(
    feature = "trace",
    any(target_os = "linux", target_os = "android", windows)
))]

use std::io::{ErrorKind, Read, Write};
use std::process::{Command, Stdio};

use evq::net::TcpListener;
use evq::{Events, Interests, Poll, Token, Waker};

/// A test starts this test program again with this variable: then it is the traced program.
const CHILD: &str = "EVQ_TEST_TRACE_CHILD";

fn child() -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "the_traced_program", "--nocapture"])
        .env(CHILD, "1");
    command
}

#[test]
fn the_traced_program() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    // Wait until the parent has prepared everything and closes our standard input.
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    let mut listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    poll.registrator()
        .register(&mut listener, Token(10), Interests::READABLE)
        .unwrap();
    // The error must be the call's own, not an error of printing it.
    let error = listener.accept().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    let waker = Waker::new(poll.registrator(), Token(1)).unwrap();
    waker.wake().unwrap();
    poll.poll(&mut events, None).unwrap();
    std::io::stdout().write_all(b"the end\n").unwrap();
}

#[test]
fn every_call_is_printed_with_its_result() {
    let output = child().output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stderr).unwrap();
    let mut left = printed.as_str();
    for part in CALLS {
        let Some((_, rest)) = left.split_once(part) else {
            panic!("{part:?} is missing, or not in its place:\n{printed}");
        };
        left = rest;
    }
}

#[cfg(unix)]
const CALLS: &[&str] = &[
    "epoll_create1(CLOEXEC) = ",
    "eventfd(0, CLOEXEC|NONBLOCK) = ",
    ", ADD, ",
    "socket(2, 1|NONBLOCK|CLOEXEC, 0) = ",
    "bind(",
    "listen(",
    "{EPOLLIN | EPOLLRDHUP | EPOLLET, data: 10}) = 0\n",
    "accept4(",
    "NONBLOCK|CLOEXEC) = Resource temporarily unavailable (os error 11)\n",
    "epoll_wait(",
    ", 0) = 0\n",
    ", DEL, ",
];

#[cfg(windows)]
const CALLS: &[&str] = &[
    "CreateIoCompletionPort() = 0x",
    "WSASocketW(2, 1, 0, OVERLAPPED|NO_HANDLE_INHERIT) = ",
    "bind(",
    "listen(",
    "CreateIoCompletionPort(0x",
    "SetFileCompletionNotificationModes(0x",
    "AcceptEx(",
    "(os error 997)\n",
    "GetQueuedCompletionStatusEx(0x",
    ", [1], 0) = ",
    "(os error 258)\n",
    "CancelIoEx(0x",
    ", [1], 10) = 1\n",
];

/// The reader of the trace closes it early, like `head` in `2>&1 | head`.
#[test]
fn a_trace_that_nobody_reads_ends_nothing() {
    let mut running = child()
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    drop(running.stderr.take());
    // This first closes the program's standard input.
    let output = running.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("the end"));
}

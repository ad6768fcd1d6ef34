//! The kernel refuses a wait. The test needs a process of its own, in which it
//! replaces the epoll instance and puts it back.

#![cfg(all(target_os = "linux", not(evq_libkqueue), not(miri)))]

use std::ffi::c_int;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use evq::{Events, Poll, Token, Waker};

unsafe extern "C" {
    fn dup(fd: c_int) -> c_int;
    fn dup2(old: c_int, new: c_int) -> c_int;
}

/// The first descriptor whose link in `/proc` contains this text.
fn descriptor_of(kind: &str) -> c_int {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap();
    let mut paths = entries.map(|entry| entry.unwrap().path());
    let is_of_kind = |path: &PathBuf| {
        let link = std::fs::read_link(path).unwrap_or_default();
        link.to_string_lossy().contains(kind)
    };
    let path = paths.find(is_of_kind).unwrap();
    path.file_name().unwrap().to_str().unwrap().parse().unwrap()
}

#[test]
fn a_wait_that_fails_forgets_nothing_that_was_told_before() {
    let mut poll = Poll::new().unwrap();
    let mut events = Events::with_capacity(8);
    // We look in /proc: after `fd_with_every_wake`, each push would show in the
    // descriptor.
    let epoll = descriptor_of("eventpoll");
    let waker = Waker::new(poll.registrator(), Token(1)).unwrap();
    waker.wake().unwrap();
    let null = std::fs::File::open("/dev/null").unwrap();
    // SAFETY: the calls take numbers only. The duplicate keeps the epoll instance
    // open.
    let saved = unsafe { dup(epoll) };
    // SAFETY: as above.
    unsafe { dup2(null.as_raw_fd(), epoll) };
    // What came from the list is delivered before the error.
    let woken = poll.poll(&mut events, None);
    poll.registrator().close_loop().unwrap();
    let failed = poll.poll(&mut events, None);
    // SAFETY: as above.
    unsafe { dup2(saved, epoll) };
    assert_eq!(woken.unwrap(), 1);
    assert!(failed.unwrap_err().raw_os_error().is_some());

    let (done, finished) = mpsc::channel();
    std::thread::spawn(move || {
        while poll.poll(&mut events, None).is_ok() {}
        let _ = done.send(());
    });
    finished
        .recv_timeout(Duration::from_secs(5))
        .expect("`poll` sleeps although the loop is closed");
}

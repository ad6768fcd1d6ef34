//! Clause 11, as far as it concerns every system. `tests/c11_signals.rs` has the
//! signals themselves, in a process of its own.

use std::io::{self, ErrorKind, Write};
use std::net;

use evq::net::TcpListener;

use crate::common::{connection, until};
use crate::gone::is_gone;

/// A program writes to a peer that has closed. Sooner or later the write is an
/// error, and so is each further write. The test expects three errors, and no
/// success after the first.
#[test]
fn c11_writing_to_a_closed_peer_is_an_error() {
    let (mut ours, peer) = connection();
    drop(peer);
    breaks(|| ours.write(b"to nobody"));

    let listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let client = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let mut accepted = None;
    until(|| {
        accepted = listener.accept().ok();
        accepted.is_some()
    });
    let (mut accepted, _) = accepted.unwrap();
    drop(client);
    breaks(|| accepted.write(b"to nobody"));
}

fn breaks(mut write: impl FnMut() -> io::Result<usize>) {
    let mut errors = 0;
    until(|| {
        match write() {
            Ok(_) => assert_eq!(errors, 0, "a write succeeded after an error"),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => {
                assert!(is_gone(&error), "{error}");
                errors += 1;
            }
        }
        errors == 3
    });
}

/// Windows has no signals. Nearest to a signal is a procedure that another thread
/// queues for this thread. It neither ends nor prolongs the wait, and does not run
/// during it. The test queues one every 10 ms: a wait of 200 ms stays one of 200
/// ms.
#[cfg(windows)]
#[test]
fn c11_queued_procedures_neither_end_nor_prolong_a_wait() {
    use std::ffi::c_void;
    use std::os::windows::io::AsRawHandle;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{self, RecvTimeoutError};
    use std::thread;
    use std::time::{Duration, Instant};

    use evq::{Events, Poll};

    use crate::common::LIMIT;

    #[link(name = "kernel32")]
    unsafe extern "system" {
        /// <https://learn.microsoft.com/en-us/windows/win32/api/processthreadsapi/nf-processthreadsapi-queueuserapc>
        fn QueueUserAPC(
            procedure: unsafe extern "system" fn(usize),
            thread: *mut c_void,
            argument: usize,
        ) -> u32;
    }

    static CALLED: AtomicUsize = AtomicUsize::new(0);

    unsafe extern "system" fn count(_: usize) {
        CALLED.fetch_add(1, Ordering::Relaxed);
    }

    let wait = Duration::from_millis(200);
    let mut queued = 0;
    // On a busy machine one wait may see few procedures.
    while queued < 10 {
        let (done, is_done) = mpsc::channel();
        let thread = thread::spawn(move || {
            let mut poll = Poll::new().unwrap();
            let mut events = Events::with_capacity(4);
            let started = Instant::now();
            let before = CALLED.load(Ordering::Relaxed);
            let result = poll.poll(&mut events, Some(wait));
            let waited = started.elapsed();
            done.send(CALLED.load(Ordering::Relaxed) - before).unwrap();
            (result, waited)
        });
        let started = Instant::now();
        let called = loop {
            match is_done.recv_timeout(Duration::from_millis(10)) {
                Ok(called) => break called,
                Err(RecvTimeoutError::Disconnected) => panic!("the poller has panicked"),
                Err(RecvTimeoutError::Timeout) => {}
            }
            assert!(
                started.elapsed() < LIMIT,
                "each procedure restarts the wait"
            );
            // SAFETY: the thread's handle is open, and the procedure does
            // nothing but add to an atomic.
            queued += unsafe { QueueUserAPC(count, thread.as_raw_handle(), 0) };
        };
        let (result, waited) = thread.join().unwrap();
        assert_eq!(result.unwrap(), 0);
        assert!(waited >= wait, "ended after {waited:?}");
        assert_eq!(called, 0, "a procedure ran during the wait");
    }
}

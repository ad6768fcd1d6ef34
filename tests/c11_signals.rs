//! Clause 11, in a process of its own, because it handles signals.
#![cfg(unix)]

#[path = "contract/gone.rs"]
mod gone;

use std::ffi::c_int;
use std::io::{self, ErrorKind, IoSlice, Write};
use std::net;
use std::os::unix::thread::{JoinHandleExt, RawPthread};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use evq::net::TcpStream;
use evq::{Events, Interests, Poll, Token, Waker};

use gone::is_gone;

/// The same numbers on every Unix.
const SIGPIPE: c_int = 13;
const SIGALRM: c_int = 14;
const SIG_DFL: usize = 0;
const SIG_ERR: usize = usize::MAX;

/// Longer than any step takes here.
const LIMIT: Duration = Duration::from_secs(20);

unsafe extern "C" {
    /// <https://man7.org/linux/man-pages/man2/signal.2.html>
    fn signal(signum: c_int, handler: usize) -> usize;
    /// <https://man7.org/linux/man-pages/man3/siginterrupt.3.html>
    fn siginterrupt(signum: c_int, flag: c_int) -> c_int;
    /// <https://man7.org/linux/man-pages/man3/pthread_kill.3.html>
    fn pthread_kill(thread: RawPthread, signum: c_int) -> c_int;
}

static SIGNALS: AtomicUsize = AtomicUsize::new(0);

extern "C" fn count(_signal: c_int) {
    SIGNALS.fetch_add(1, Ordering::Relaxed);
}

/// From now on SIGALRM is counted. The handler is set without SA_RESTART.
fn handle_alarms() {
    let handler = count as extern "C" fn(c_int);
    // SAFETY: the handler has a handler's type and does nothing but add to an
    // atomic.
    let before = unsafe { signal(SIGALRM, handler as usize) };
    assert_ne!(before, SIG_ERR, "{}", io::Error::last_os_error());
    // SAFETY: no pointer is passed.
    let result = unsafe { siginterrupt(SIGALRM, 1) };
    assert_eq!(result, 0, "{}", io::Error::last_os_error());
}

/// Runs `wait` in another thread and sends it a signal every ten milliseconds,
/// until `wait` returns. Panics if `wait` does not return.
fn under_signals<T: Send + 'static>(wait: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, is_done) = mpsc::channel();
    let thread = thread::spawn(move || {
        let result = wait();
        let _ = done.send(());
        result
    });
    let started = Instant::now();
    while is_done.recv_timeout(Duration::from_millis(10)) == Err(RecvTimeoutError::Timeout) {
        assert!(started.elapsed() < LIMIT, "each signal restarts the wait");
        // SAFETY: the thread has not been joined yet, so its id is valid.
        let result = unsafe { pthread_kill(thread.as_pthread_t(), SIGALRM) };
        assert_eq!(result, 0);
    }
    thread.join().unwrap()
}

/// A signal is invisible. The wait goes on with the time that is left: it does not
/// end early, and does not start again. The test sends a signal every 10 ms, and a
/// wait of 200 ms stays one of 200 ms.
#[test]
fn c11_signals_neither_end_nor_prolong_a_wait() {
    handle_alarms();
    let wait = Duration::from_millis(200);
    let before = SIGNALS.load(Ordering::Relaxed);
    // On a busy machine one wait may see few signals.
    while SIGNALS.load(Ordering::Relaxed) < before + 10 {
        let (result, waited) = under_signals(move || {
            let mut poll = Poll::new().unwrap();
            let mut events = Events::with_capacity(4);
            let started = Instant::now();
            (poll.poll(&mut events, Some(wait)), started.elapsed())
        });
        assert_eq!(result.unwrap(), 0);
        assert!(waited >= wait, "ended after {waited:?}");
    }
}

/// Without a timeout, only an event ends the wait. The test sends signals, then
/// wakes the poller, and expects the waker's event.
#[test]
fn c11_signals_do_not_end_an_endless_wait() {
    handle_alarms();
    let before = SIGNALS.load(Ordering::Relaxed);
    while SIGNALS.load(Ordering::Relaxed) < before + 10 {
        let found = under_signals(|| {
            let mut poll = Poll::new().unwrap();
            let mut events = Events::with_capacity(4);
            let waker = Waker::new(poll.registrator(), Token(1)).unwrap();
            let (returned, has_returned) = mpsc::channel::<()>();
            let thread = thread::spawn(move || {
                let early = has_returned
                    .recv_timeout(Duration::from_millis(100))
                    .is_ok();
                waker.wake().unwrap();
                early
            });
            let result = poll.poll(&mut events, None);
            let _ = returned.send(());
            assert!(
                !thread.join().unwrap(),
                "poll returned before the wake: {result:?}"
            );
            result.unwrap()
        });
        assert_eq!(found, 1);
    }
}

/// Writes until the system says that the connection is broken.
fn write_until_it_breaks(mut write: impl FnMut() -> io::Result<usize>) {
    let started = Instant::now();
    loop {
        match write() {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return,
            Err(error) if is_gone(&error) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::yield_now(),
            Err(error) => panic!("{error}"),
            Ok(_) => {}
        }
        assert!(started.elapsed() < LIMIT, "the connection did not break");
    }
}

/// A write to a closed peer returns the error `BrokenPipe`, and raises no SIGPIPE.
/// That signal would end the process. (Rust's runtime ignores SIGPIPE, but a
/// program may use the crate without that runtime. So the test restores the default
/// first.)
#[test]
fn c11_writing_to_a_closed_peer_raises_no_sigpipe() {
    // SAFETY: SIG_DFL is the default, and no handler.
    let before = unsafe { signal(SIGPIPE, SIG_DFL) };
    assert_ne!(before, SIG_ERR, "{}", io::Error::last_os_error());

    let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let from_std = || TcpStream::from_std(net::TcpStream::connect(addr).unwrap()).unwrap();
    let connected = || {
        let mut stream = TcpStream::connect(addr).unwrap();
        let mut poll = Poll::new().unwrap();
        let mut events = Events::with_capacity(4);
        poll.registrator()
            .register(&mut stream, Token(1), Interests::WRITABLE)
            .unwrap();
        assert_eq!(poll.poll(&mut events, Some(LIMIT)).unwrap(), 1);
        stream
    };
    let streams: [&dyn Fn() -> TcpStream; 2] = [&from_std, &connected];
    for stream in streams {
        let mut plain = stream();
        drop(listener.accept().unwrap());
        write_until_it_breaks(|| plain.write(b"to nobody"));

        let mut vectored = stream();
        drop(listener.accept().unwrap());
        let parts = [IoSlice::new(b"to "), IoSlice::new(b"nobody")];
        write_until_it_breaks(|| vectored.write_vectored(&parts));
    }

    let server = evq::net::TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let client = net::TcpStream::connect(server.local_addr().unwrap()).unwrap();
    let (mut accepted, _) = accept(&server);
    drop(client);
    write_until_it_breaks(|| accepted.write(b"to nobody"));
}

fn accept(server: &evq::net::TcpListener) -> (TcpStream, net::SocketAddr) {
    let started = Instant::now();
    loop {
        match server.accept() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                assert!(started.elapsed() < LIMIT);
                thread::yield_now();
            }
            result => return result.unwrap(),
        }
    }
}

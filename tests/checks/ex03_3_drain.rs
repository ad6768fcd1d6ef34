use super::*;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// A non-blocking stream in memory: what has arrived, and whether the peer has closed.
#[derive(Default)]
struct Stream {
    arrived: Vec<u8>,
    closed: bool,
    refusals: u32,
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.arrived.is_empty() && !self.closed {
            self.refusals += 1;
            assert!(
                self.refusals < 1000,
                "`on_event` spins: after WouldBlock, return"
            );
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = self.arrived.as_slice().read(buffer)?;
        self.arrived.drain(..count);
        Ok(count)
    }
}

/// Runs `experiment` in another thread, so that an endless loop fails, too.
fn within_five_seconds(experiment: impl FnOnce() + Send + 'static) {
    let (done, finished) = mpsc::channel();
    let thread = thread::spawn(move || {
        experiment();
        let _ = done.send(());
    });
    if let Err(mpsc::RecvTimeoutError::Timeout) = finished.recv_timeout(Duration::from_secs(5)) {
        panic!("after five seconds, still waiting for `on_event` to return");
    }
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

fn failed(error: &io::Error) -> ! {
    match error.kind() {
        io::ErrorKind::WouldBlock => panic!(
            "`on_event` failed with WouldBlock, which is no failure here: it says that nothing is \
             left to read, and that you may wait"
        ),
        kind => panic!("`on_event` failed: {kind:?}"),
    }
}

/// Delivers each arrival, with one event for each. With the last one the peer closes, and one event
/// announces both.
fn deliver(arrivals: &'static [&'static [u8]], sent: &'static [u8]) {
    within_five_seconds(move || {
        let mut stream = Stream::default();
        let mut received = Vec::new();
        for (index, bytes) in arrivals.iter().enumerate() {
            stream.arrived.extend_from_slice(bytes);
            stream.closed = index + 1 == arrivals.len();
            stream.refusals = 0;
            let closed =
                on_event(&mut stream, &mut received).unwrap_or_else(|error| failed(&error));
            assert!(
                stream.arrived.is_empty(),
                "the loop waits for an event that will not come: an edge is announced once, and \
                 {} bytes are still unread",
                stream.arrived.len()
            );
            assert!(
                closed == stream.closed,
                "the loop waits for an event that will not come: one event announced the last bytes \
                 and the end of the stream, and you have not read the end"
            );
        }
        assert_eq!(received, sent, "bytes lost or repeated");
    });
}

#[test]
fn one_edge_may_hold_more_than_one_buffer() {
    deliver(&[b"ten bytes.", b""], b"ten bytes.");
}

#[test]
fn the_end_of_the_stream_may_share_its_edge_with_the_last_bytes() {
    deliver(&[b"abcd", b"ef"], b"abcdef");
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn with_a_socket_and_epoll() {
    use std::ffi::c_int;
    use std::io::Write;
    use std::net::Shutdown;
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
    use std::os::unix::net::UnixStream;

    #[derive(Clone, Copy)]
    #[repr(C)]
    #[cfg_attr(target_arch = "x86_64", repr(packed))]
    struct EpollEvent {
        events: u32,
        data: u64,
    }
    unsafe extern "C" {
        fn epoll_create1(flags: c_int) -> c_int;
        fn epoll_ctl(epfd: c_int, op: c_int, fd: c_int, event: *mut EpollEvent) -> c_int;
        fn epoll_wait(epfd: c_int, events: *mut EpollEvent, max: c_int, ms: c_int) -> c_int;
    }
    const EDGE_READ_CLOSED: u32 = 1 << 31 | 0x2000 | 1;

    within_five_seconds(|| {
        let (mut peer, mut stream) = UnixStream::pair().unwrap();
        stream.set_nonblocking(true).unwrap();
        peer.write_all(b"ten bytes.").unwrap();
        peer.shutdown(Shutdown::Write).unwrap();

        let mut event = EpollEvent {
            events: EDGE_READ_CLOSED,
            data: 0,
        };
        // SAFETY: no pointer is passed.
        let epfd = unsafe { epoll_create1(0x80000) };
        assert!(epfd >= 0, "{}", io::Error::last_os_error());
        // SAFETY: the kernel has just made the descriptor, and nobody else owns it.
        let epoll = unsafe { OwnedFd::from_raw_fd(epfd) };
        // SAFETY: `event` outlives the call.
        let added = unsafe { epoll_ctl(epoll.as_raw_fd(), 1, stream.as_raw_fd(), &mut event) };
        assert_eq!(added, 0, "{}", io::Error::last_os_error());

        let mut received = Vec::new();
        loop {
            // SAFETY: `event` is room for one event, and we ask for one.
            let count = unsafe { epoll_wait(epoll.as_raw_fd(), &mut event, 1, 1000) };
            assert_eq!(
                count,
                1,
                "epoll_wait slept a second for an event that will not come: an edge is announced \
                 once, and after {} of 10 bytes you have not read the rest, or the end of the stream",
                received.len()
            );
            match on_event(&mut stream, &mut received) {
                Ok(true) => break,
                Ok(false) => {}
                Err(error) => failed(&error),
            }
        }
        assert_eq!(received, b"ten bytes.", "bytes lost or repeated");
    });
}

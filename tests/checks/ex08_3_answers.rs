use super::*;
use evq::Interests;

/// Linux's answers. On Linux, the checks ask the kernel.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod kernel {
    use evq::inside::{ffi, mask};
    use evq::{Interests, Trigger};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;
    use std::process::{Command, Stdio};

    fn ask(fd: &impl AsFd, interests: Interests) -> u32 {
        wait_for(fd, mask::mask(interests, Trigger::Level))
    }

    fn wait_for(fd: &impl AsFd, events: u32) -> u32 {
        let epoll = ffi::epoll_create1().unwrap();
        let entry = ffi::epoll_event { events, data: 0 };
        ffi::epoll_ctl(epoll.as_fd(), ffi::EPOLL_CTL_ADD, fd.as_fd(), entry).unwrap();
        let mut room = [std::mem::MaybeUninit::uninit()];
        let answers = ffi::epoll_wait(epoll.as_fd(), &mut room, 2000).unwrap();
        answers.first().map_or(0, |answer| answer.events)
    }

    pub fn peer_closed() -> u32 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        drop(listener.accept().unwrap());
        ask(&near, Interests::READABLE)
    }

    pub fn writer_gone() -> u32 {
        let mut child = Command::new("true").stdout(Stdio::piped()).spawn().unwrap();
        child.wait().unwrap();
        ask(&child.stdout.unwrap(), Interests::READABLE)
    }

    pub fn reader_gone() -> u32 {
        let mut child = Command::new("true").stdin(Stdio::piped()).spawn().unwrap();
        let pipe = child.stdin.take().unwrap();
        child.wait().unwrap();
        // Another thread may start a child now. Until that child executes its
        // program, it holds the reading end, too. So wait for the error, which the
        // kernel reports even if nobody asks.
        wait_for(&pipe, 0);
        ask(&pipe, Interests::WRITABLE)
    }
}

/// The same answers, as Linux gave them.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod kernel {
    use evq::inside::mask::*;

    pub fn peer_closed() -> u32 {
        EPOLLIN | EPOLLRDHUP
    }

    pub fn writer_gone() -> u32 {
        EPOLLHUP
    }

    pub fn reader_gone() -> u32 {
        EPOLLOUT | EPOLLERR
    }
}

#[test]
fn the_peer_closed() {
    assert!(
        PEER_CLOSED == kernel::peer_closed(),
        "not {PEER_CLOSED:#x}: the peer's close tells us that it sends no more, which closes one \
         half; as far as our side knows, the other half is open"
    );
}

#[test]
fn the_writer_is_gone() {
    assert!(
        WRITER_GONE == kernel::writer_gone(),
        "not {WRITER_GONE:#x}: there is not a byte in the pipe, and a pipe has no half to close: \
         which bit is left?"
    );
}

#[test]
fn the_reader_is_gone() {
    assert!(
        READER_GONE == kernel::reader_gone(),
        "not {READER_GONE:#x}: the pipe has room, and a write into it returns an error"
    );
}

#[test]
fn none_of_them_says_nothing() {
    for (answer, interests) in [
        (PEER_CLOSED, Interests::READABLE),
        (WRITER_GONE, Interests::READABLE),
        (READER_GONE, Interests::WRITABLE),
    ] {
        let readiness = evq::inside::mask::readiness(answer);
        let asked_for = match interests.is_readable() {
            true => evq::Readiness::READABLE,
            false => evq::Readiness::WRITABLE,
        };
        assert!(
            readiness.contains(asked_for),
            "{answer:#x} would be an event that says nothing to a program with {interests:?}"
        );
    }
}

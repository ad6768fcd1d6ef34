use super::*;
use evq::Interests;

/// What Linux answers: asked here and now, if this is one.
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
        // A child of another thread's has the reading end, too, until it
        // executes its program. The error comes unasked.
        wait_for(&pipe, 0);
        ask(&pipe, Interests::WRITABLE)
    }
}

/// What Linux has answered.
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
        "predicted {PEER_CLOSED:#x}: a peer's close tells us only that it sends no more, which is \
         one half; the other half is open as far as this side knows"
    );
}

#[test]
fn the_writer_is_gone() {
    assert!(
        WRITER_GONE == kernel::writer_gone(),
        "predicted {WRITER_GONE:#x}: there is not a byte in the pipe, and a pipe has no half to \
         close: what is left to report?"
    );
}

#[test]
fn the_reader_is_gone() {
    assert!(
        READER_GONE == kernel::reader_gone(),
        "predicted {READER_GONE:#x}: the pipe has room, and whoever writes into it gets an error"
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
            "{answer:#x} would be an event of which {interests:?} hears nothing"
        );
    }
}

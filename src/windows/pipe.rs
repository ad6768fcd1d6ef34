//! What a named pipe does next: the decisions, without the calls.
//!
//! Chapter 17. Three operations make a pipe's readiness: a server's end waits for
//! a client, and both ends read into a buffer that they lend, and write from one.
//! `next_call` says which call is to be made, `lent` that it goes on, `finished` how it
//! ended; `named_pipe.rs` makes the calls. No system call is made here, so
//! this compiles, and is tested, everywhere.

use std::io::{self, ErrorKind};
use std::mem;
use std::ops::Range;
use std::ptr;

use crate::completion::buffer_pool::Buffer;
use crate::event::Readiness;
use crate::iocp::ffi::errors::*;

/// Bytes that are lent for each read.
const ROOM: usize = 4096;
/// A buffer for writing that is larger is not kept, in bytes.
const KEPT: usize = 64 * 1024;

/// A call that starts an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// `ConnectNamedPipe`
    Connect,
    /// `ReadFile`
    Read,
    /// `WriteFile`
    Write,
}

/// One end of a pipe.
#[derive(Debug)]
pub struct Pipe {
    link: Link,
    input: Input,
    output: Output,
    /// What an operation of the output's has failed with.
    error: Option<io::Error>,
    /// Whether a port takes the packets: before, no call may be made.
    bound: bool,
    /// Whether somebody reads, or waits to.
    reads: bool,
    /// Lent while `input` says so, and then nobody else's.
    in_buffer: Buffer,
    /// The same, of `output`.
    out_buffer: Vec<u8>,
    /// What the source was last announced to be ready for.
    announced: Readiness,
}

/// Whether there is another end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    /// Nobody knows: the handle is someone else's work.
    Unknown,
    /// No, and nobody is waited for.
    Apart,
    /// No, and a client is to be waited for, once that is possible.
    Asked,
    /// No, and a client is waited for.
    Connecting,
    /// Yes, or there was, and its bytes may be.
    Joined,
}

#[derive(Debug)]
enum Input {
    Empty,
    Lent,
    /// Lent, but what comes is of a connection that has been given up.
    Stale,
    /// These bytes of the buffer are still to be handed out.
    InHand(Range<usize>),
    Ended,
    Failed(io::Error),
}

#[derive(Debug, PartialEq, Eq)]
enum Output {
    Free,
    /// The bytes from here on are still to be written.
    Taken(usize),
    /// To connect, or to write from here on.
    Lent(usize),
    /// Lent, but for a connection that has been given up.
    Stale,
}

impl Pipe {
    fn new(link: Link) -> Pipe {
        Pipe {
            link,
            input: Input::Empty,
            output: Output::Free,
            error: None,
            bound: false,
            reads: false,
            in_buffer: Buffer::default(),
            out_buffer: Vec::new(),
            announced: Readiness::EMPTY,
        }
    }

    /// A server's end, just made.
    pub fn server() -> Pipe {
        Pipe::new(Link::Apart)
    }

    /// A client's end, just opened.
    pub fn client() -> Pipe {
        Pipe::new(Link::Joined)
    }

    /// Either, in whatever state.
    pub fn unknown() -> Pipe {
        Pipe::new(Link::Unknown)
    }

    /// A port takes its packets from now on, and somebody waits to read or not.
    pub fn registered(&mut self, reads: bool) {
        self.bound = true;
        self.reads = reads;
    }

    /// The call that is to be made now, if any.
    pub fn next_call(&mut self) -> Option<Call> {
        if !self.bound {
            return None;
        }
        match (self.link, &self.output, &self.input) {
            (Link::Asked, Output::Free, _) => Some(Call::Connect),
            (Link::Unknown | Link::Joined, Output::Taken(_), _) => Some(Call::Write),
            (Link::Unknown | Link::Joined, _, Input::Empty) if self.reads => {
                if self.in_buffer.size() == 0 {
                    self.in_buffer = Buffer::take(ROOM);
                }
                Some(Call::Read)
            }
            _ => None,
        }
    }

    /// The memory that the call lends.
    pub fn buffer(&mut self, call: Call) -> (*mut u8, usize) {
        match (call, &self.output) {
            (Call::Read, _) => (self.in_buffer.as_mut_ptr(), self.in_buffer.size()),
            (Call::Write, Output::Taken(from)) => {
                let (at, len) = (self.out_buffer.as_mut_ptr(), self.out_buffer.len());
                (at.wrapping_add(*from), len - from)
            }
            _ => (ptr::null_mut(), 0),
        }
    }

    /// The call has started an operation: its end comes by `finished`.
    pub fn lent(&mut self, call: Call) {
        match (call, &self.output) {
            (Call::Read, _) => self.input = Input::Lent,
            (Call::Write, Output::Taken(from)) => self.output = Output::Lent(*from),
            (Call::Write, _) => {}
            (Call::Connect, _) => {
                self.link = Link::Connecting;
                self.output = Output::Lent(0);
            }
        }
        if call == Call::Read && self.link == Link::Unknown {
            self.link = Link::Joined;
        }
    }

    /// A read has ended, or could not be started.
    pub fn finished_input(&mut self, result: io::Result<usize>) {
        if let Input::Stale = mem::replace(&mut self.input, Input::Empty) {
            return;
        }
        self.input = match result {
            // An empty message; or an empty write, which is none of a stream's.
            Ok(0) => Input::Empty,
            Ok(n) => Input::InHand(0..n.min(self.in_buffer.size())),
            // Not by us: the thread has ended that had lent the buffer.
            Err(error) if error.raw_os_error() == Some(ERROR_OPERATION_ABORTED) => Input::Empty,
            Err(error) if error.raw_os_error() == Some(ERROR_BROKEN_PIPE) => Input::Ended,
            Err(error) if self.learns_that_it_is_apart(&error) => Input::Empty,
            Err(error) => Input::Failed(error),
        };
        if let Input::Ended | Input::Failed(_) = self.input {
            self.in_buffer = Buffer::default();
        }
    }

    /// Waiting for a client, or a write, has ended, or could not be started.
    pub fn finished_output(&mut self, result: io::Result<usize>) {
        match (mem::replace(&mut self.output, Output::Free), self.link) {
            (Output::Stale, _) => {}
            (_, Link::Asked | Link::Connecting) => {
                self.link = Link::Joined;
                if let Err(error) = result {
                    if error.raw_os_error() == Some(ERROR_OPERATION_ABORTED) {
                        // The thread has ended that had begun to wait.
                        self.link = Link::Asked;
                    } else if !is_connected(&error) {
                        self.link = Link::Apart;
                        self.error = Some(error);
                    }
                }
                return;
            }
            (Output::Lent(from) | Output::Taken(from), _) => match result {
                Ok(0) => self.error = Some(ErrorKind::WriteZero.into()),
                Ok(n) if from + n < self.out_buffer.len() => {
                    self.output = Output::Taken(from + n);
                    return;
                }
                Ok(_) => {}
                Err(error) => {
                    self.learns_that_it_is_apart(&error);
                    self.error = Some(error);
                }
            },
            (Output::Free, _) => {}
        }
        if self.out_buffer.capacity() > KEPT {
            self.out_buffer = Vec::new();
        }
    }

    /// Of an end of which nobody knew: an error may tell.
    fn learns_that_it_is_apart(&mut self, error: &io::Error) -> bool {
        let apart = matches!(
            error.raw_os_error(),
            Some(ERROR_PIPE_LISTENING | ERROR_PIPE_NOT_CONNECTED)
        );
        if apart && self.link == Link::Unknown {
            self.link = Link::Apart;
            return true;
        }
        false
    }

    /// Asks for a client. To be asked again after the calls that `next_call` says: an
    /// answer may be there at once.
    pub fn connect(&mut self) -> io::Result<()> {
        match self.link {
            Link::Joined => Ok(()),
            Link::Asked | Link::Connecting => Err(ErrorKind::WouldBlock.into()),
            Link::Unknown | Link::Apart => {
                if let Some(error) = self.error.take() {
                    return Err(error);
                }
                self.link = Link::Asked;
                Err(ErrorKind::WouldBlock.into())
            }
        }
    }

    /// Whether a client is waited for, or to be.
    pub fn is_connecting(&self) -> bool {
        matches!(self.link, Link::Asked | Link::Connecting)
    }

    /// The connection is over, by our own will, and what was in hand goes with it.
    pub fn disconnected(&mut self) {
        self.link = Link::Apart;
        self.error = None;
        self.input = match self.input {
            Input::Lent | Input::Stale => Input::Stale,
            _ => Input::Empty,
        };
        self.output = match self.output {
            Output::Lent(_) | Output::Stale => Output::Stale,
            _ => Output::Free,
        };
    }

    /// Hands out what is in hand. To be asked again after the calls that `next_call`
    /// says, if there was nothing: one may have failed at once.
    pub fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        self.reads = true;
        match (&mut self.input, self.link) {
            (Input::InHand(range), _) => {
                let n = range.len().min(into.len());
                let from = &self.in_buffer[range.start..range.start + n];
                into[..n].copy_from_slice(from);
                range.start += n;
                if range.start == range.end {
                    self.input = Input::Empty;
                }
                Ok(n)
            }
            (Input::Ended, _) => Ok(0),
            (Input::Failed(_), _) => Err(self.take_input_error().expect("it has failed")),
            (_, Link::Apart) => Err(apart()),
            (Input::Empty | Input::Lent | Input::Stale, _) => Err(ErrorKind::WouldBlock.into()),
        }
    }

    /// Takes a copy of all the bytes. The call that `next_call` then says may fail at
    /// once, which `take_output_error` tells.
    pub fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        match (self.link, &self.output) {
            _ if from.is_empty() => Ok(0),
            (Link::Apart, _) => Err(apart()),
            (Link::Unknown | Link::Joined, Output::Free) if self.bound => {
                // One call takes no more.
                let n = from.len().min(u32::MAX as usize);
                self.out_buffer.clear();
                self.out_buffer.extend_from_slice(&from[..n]);
                self.output = Output::Taken(0);
                Ok(n)
            }
            _ => Err(ErrorKind::WouldBlock.into()),
        }
    }

    /// What waiting for a client or writing has failed with.
    pub fn take_output_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    /// What reading has failed with.
    pub fn take_input_error(&mut self) -> Option<io::Error> {
        match mem::replace(&mut self.input, Input::Empty) {
            Input::Failed(error) => Some(error),
            other => {
                self.input = other;
                None
            }
        }
    }

    /// Whether bytes are on their way that must not be cancelled.
    pub fn is_writing(&self) -> bool {
        matches!(self.output, Output::Lent(_)) && self.link != Link::Connecting
    }

    /// What it is ready for.
    fn readiness(&self) -> Readiness {
        let mut readiness = match self.input {
            Input::Empty | Input::Lent | Input::Stale => Readiness::EMPTY,
            Input::InHand(_) => Readiness::READABLE,
            // A pipe has no halves to close.
            Input::Ended => Readiness::READABLE | Readiness::READ_CLOSED | Readiness::WRITE_CLOSED,
            Input::Failed(_) => Readiness::READABLE | Readiness::ERROR,
        };
        if self.error.is_some() {
            readiness |= Readiness::WRITABLE | Readiness::ERROR;
        }
        let joined = matches!(self.link, Link::Unknown | Link::Joined);
        if joined && self.output == Output::Free {
            readiness |= Readiness::WRITABLE;
        }
        readiness
    }

    /// What it is ready for, if that is another than before; and whether it is now
    /// ready for something that it was not: an edge.
    pub fn news(&mut self) -> Option<(Readiness, bool)> {
        let (before, now) = (self.announced, self.readiness());
        self.announced = now;
        (before != now).then(|| (now, !before.contains(now)))
    }
}

/// How an operation went, by its packet.
pub fn outcome(status: io::Result<()>, bytes: usize) -> io::Result<usize> {
    match status {
        // The rest of the message comes with the next read.
        Err(error) if is_part_of_a_message(&error) => Ok(bytes),
        status => status.map(|()| bytes),
    }
}

/// Whether a read that failed so has read, and queues a packet: this is a warning.
pub fn is_part_of_a_message(error: &io::Error) -> bool {
    error.raw_os_error() == Some(ERROR_MORE_DATA)
}

/// Whether waiting for a client failed because one was there: it may have gone
/// again, but what it wrote is still to be read.
fn is_connected(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(ERROR_PIPE_CONNECTED | ERROR_NO_DATA)
    )
}

fn apart() -> io::Error {
    io::Error::new(
        ErrorKind::NotConnected,
        "the pipe has no client: connect waits for one",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(code: i32) -> io::Error {
        io::Error::from_raw_os_error(code)
    }

    /// Has all calls go on that are to be made, and says which they were.
    fn start(pipe: &mut Pipe) -> Vec<Call> {
        let mut calls = Vec::new();
        while let Some(call) = pipe.next_call() {
            let (at, len) = pipe.buffer(call);
            assert_eq!(at.is_null(), call == Call::Connect);
            assert_eq!(len == 0, call == Call::Connect);
            pipe.lent(call);
            calls.push(call);
        }
        calls
    }

    /// The kernel fills what is lent to it, and says so.
    fn arrive(pipe: &mut Pipe, bytes: &[u8]) {
        pipe.in_buffer[..bytes.len()].copy_from_slice(bytes);
        pipe.finished_input(Ok(bytes.len()));
    }

    fn joined() -> Pipe {
        let mut pipe = Pipe::client();
        pipe.registered(true);
        assert_eq!(start(&mut pipe), [Call::Read]);
        pipe
    }

    fn would_block<T: std::fmt::Debug>(result: io::Result<T>) {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::WouldBlock);
    }

    #[test]
    fn no_call_is_made_before_a_port_takes_the_packets() {
        let (mut server, mut client) = (Pipe::server(), Pipe::client());
        would_block(server.connect());
        would_block(client.read(&mut [0]));
        would_block(client.write(&[0]));
        assert_eq!((server.next_call(), client.next_call()), (None, None));
        server.registered(true);
        client.registered(true);
        assert_eq!(start(&mut server), [Call::Connect]);
        assert_eq!(start(&mut client), [Call::Read]);
    }

    #[test]
    fn a_client_that_was_there_first_is_a_client_though_it_has_gone() {
        for error in [ERROR_PIPE_CONNECTED, ERROR_NO_DATA] {
            let mut pipe = Pipe::server();
            pipe.registered(true);
            would_block(pipe.connect());
            assert_eq!(pipe.next_call(), Some(Call::Connect));
            pipe.finished_output(Err(code(error)));
            pipe.connect().unwrap();
            assert_eq!(pipe.next_call(), Some(Call::Read));
        }
    }

    #[test]
    fn waiting_for_a_client_that_fails_is_told_once_and_can_be_tried_again() {
        let mut pipe = Pipe::server();
        pipe.registered(true);
        would_block(pipe.connect());
        assert_eq!(start(&mut pipe), [Call::Connect]);
        pipe.finished_output(Err(code(5)));
        let (readiness, edge) = pipe.news().unwrap();
        assert!(readiness.contains(Readiness::WRITABLE | Readiness::ERROR) && edge);
        assert_eq!(pipe.connect().unwrap_err().raw_os_error(), Some(5));
        would_block(pipe.connect());
        assert_eq!(start(&mut pipe), [Call::Connect]);
    }

    #[test]
    fn what_was_cancelled_by_nobody_of_ours_is_begun_again() {
        let mut pipe = Pipe::server();
        pipe.registered(true);
        would_block(pipe.connect());
        assert_eq!(start(&mut pipe), [Call::Connect]);
        pipe.finished_output(Err(code(ERROR_OPERATION_ABORTED)));
        assert_eq!(start(&mut pipe), [Call::Connect]);
        pipe.finished_output(Ok(0));
        assert_eq!(start(&mut pipe), [Call::Read]);
        pipe.finished_input(Err(code(ERROR_OPERATION_ABORTED)));
        assert_eq!(start(&mut pipe), [Call::Read]);
        arrive(&mut pipe, b"abc");
        assert_eq!(pipe.read(&mut [0; 8]).unwrap(), 3);
    }

    #[test]
    fn what_arrives_is_handed_out_and_the_buffer_is_lent_again() {
        let mut pipe = joined();
        arrive(&mut pipe, b"abc");
        assert!(pipe.news().unwrap().1);
        let mut buffer = [0; 2];
        assert_eq!(pipe.read(&mut buffer).unwrap(), 2);
        assert_eq!(&buffer, b"ab");
        assert_eq!(pipe.next_call(), None);
        assert!(pipe.news().is_none(), "a part is left, and no news");
        assert_eq!(pipe.read(&mut buffer).unwrap(), 1);
        assert_eq!(start(&mut pipe), [Call::Read]);
        assert!(!pipe.news().unwrap().1);
        would_block(pipe.read(&mut buffer));
    }

    #[test]
    fn an_empty_message_is_nothing_and_the_end_is_the_end() {
        let mut pipe = joined();
        pipe.finished_input(Ok(0));
        assert_eq!(start(&mut pipe), [Call::Read]);
        pipe.finished_input(Err(code(ERROR_BROKEN_PIPE)));
        assert_eq!(pipe.next_call(), None);
        for _ in 0..2 {
            assert_eq!(pipe.read(&mut [0]).unwrap(), 0);
        }
    }

    #[test]
    fn a_part_of_a_message_is_bytes() {
        let more = code(ERROR_MORE_DATA);
        assert!(is_part_of_a_message(&more));
        assert_eq!(outcome(Err(more), 4096).unwrap(), 4096);
        assert_eq!(outcome(Ok(()), 7).unwrap(), 7);
        assert!(outcome(Err(code(ERROR_BROKEN_PIPE)), 7).is_err());
    }

    #[test]
    fn one_write_is_on_its_way_and_its_rest_goes_on() {
        let mut pipe = joined();
        assert_eq!(pipe.write(b"0123456789").unwrap(), 10);
        let (at, len) = pipe.buffer(Call::Write);
        assert_eq!(start(&mut pipe), [Call::Write]);
        assert!(pipe.is_writing());
        would_block(pipe.write(b"!"));
        pipe.finished_output(Ok(4));
        assert_eq!(pipe.buffer(Call::Write), (at.wrapping_add(4), len - 4));
        assert_eq!(start(&mut pipe), [Call::Write]);
        pipe.finished_output(Ok(6));
        assert!(!pipe.is_writing());
        assert_eq!(pipe.write(b"!").unwrap(), 1);
        // A call that writes nothing would be made for ever.
        pipe.finished_output(Ok(0));
        assert_eq!(pipe.write(b"!").unwrap_err().kind(), ErrorKind::WriteZero);
    }

    #[test]
    fn a_failed_write_is_kept_until_it_has_been_told() {
        let mut pipe = joined();
        assert_eq!(pipe.write(b"abc").unwrap(), 3);
        start(&mut pipe);
        pipe.finished_output(Err(code(ERROR_NO_DATA)));
        assert!(pipe.news().unwrap().0.contains(Readiness::ERROR));
        let error = pipe.write(b"abc").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(ERROR_NO_DATA));
        assert_eq!(pipe.write(b"abc").unwrap(), 3);
    }

    #[test]
    fn what_a_given_up_connection_lent_comes_back_to_nobody() {
        let mut pipe = Pipe::server();
        pipe.registered(true);
        would_block(pipe.connect());
        start(&mut pipe);
        pipe.finished_output(Ok(0));
        assert_eq!(start(&mut pipe), [Call::Read]);
        pipe.write(b"old").unwrap();
        assert_eq!(start(&mut pipe), [Call::Write]);

        pipe.disconnected();
        assert!(!pipe.is_writing());
        let error = pipe.read(&mut [0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotConnected);
        would_block(pipe.connect());
        assert_eq!(pipe.next_call(), None, "the memory is lent");
        pipe.finished_output(Err(code(ERROR_PIPE_NOT_CONNECTED)));
        assert_eq!(start(&mut pipe), [Call::Connect]);
        pipe.finished_output(Ok(0));
        assert_eq!(pipe.next_call(), None, "the buffer is lent");
        would_block(pipe.read(&mut [0]));
        arrive(&mut pipe, b"old");
        would_block(pipe.read(&mut [0]));
        assert_eq!(start(&mut pipe), [Call::Read]);
        arrive(&mut pipe, b"new");
        assert_eq!(pipe.read(&mut [0; 8]).unwrap(), 3);
    }

    #[test]
    fn of_an_unknown_end_the_first_call_tells() {
        for error in [ERROR_PIPE_LISTENING, ERROR_PIPE_NOT_CONNECTED] {
            let mut pipe = Pipe::unknown();
            pipe.registered(true);
            assert_eq!(pipe.next_call(), Some(Call::Read));
            pipe.finished_input(Err(code(error)));
            assert_eq!(pipe.next_call(), None);
            would_block(pipe.connect());
            assert_eq!(start(&mut pipe), [Call::Connect]);
        }
        let mut pipe = Pipe::unknown();
        pipe.registered(true);
        assert_eq!(start(&mut pipe), [Call::Read]);
        pipe.connect().unwrap();
        pipe.finished_input(Err(code(ERROR_PIPE_NOT_CONNECTED)));
        assert!(pipe.read(&mut [0]).is_err(), "its client was told to go");
    }

    #[test]
    fn a_large_buffer_is_not_kept() {
        let mut pipe = joined();
        for (len, kept) in [(KEPT, true), (KEPT + 1, false)] {
            assert_eq!(pipe.write(&vec![0; len]).unwrap(), len);
            start(&mut pipe);
            pipe.finished_output(Ok(len));
            assert_eq!(pipe.out_buffer.capacity() > 0, kept);
        }
    }
}

use super::*;
use std::collections::VecDeque;

/// A kernel with one socket. Bytes that arrive go into the lent buffer first.
#[derive(Default)]
struct Kernel {
    lent: bool,
    arrived: VecDeque<u8>,
    /// The bytes in the lent buffer, until its packet is dequeued.
    filled: Option<Vec<u8>>,
    lendings: usize,
}

impl Kernel {
    fn send(&mut self, bytes: &[u8]) {
        let mut bytes = bytes;
        if self.lent && self.filled.is_none() {
            let (now, later) = bytes.split_at(bytes.len().min(8));
            self.filled = Some(now.to_vec());
            bytes = later;
        }
        self.arrived.extend(bytes);
    }

    /// Dequeues the packet. `true`: there was one, and it wakes the program.
    fn packet(&mut self, stream: &mut Stream) -> bool {
        let Some(bytes) = self.filled.take() else {
            return false;
        };
        self.lent = false;
        assert!(
            matches!(stream.reading, Reading::InFlight(_)),
            "the packet of a lent buffer came, but the stream is {:?}: it stays `InFlight` until \
             the buffer is back",
            stream.reading
        );
        stream.buffer[..bytes.len()].copy_from_slice(&bytes);
        stream.reading = stream.reading.came_back(Ok(bytes.len()));
        true
    }
}

impl Socket for Kernel {
    fn lend(&mut self, buffer: &mut [u8; 8]) -> Option<usize> {
        assert!(
            !self.lent,
            "the buffer was lent a second time while the kernel had it"
        );
        self.lendings += 1;
        if self.arrived.is_empty() {
            self.lent = true;
            buffer.fill(b'?'); // the kernel has it now
            return None;
        }
        let count = self.arrived.len().min(8);
        for byte in &mut buffer[..count] {
            *byte = self.arrived.pop_front().expect("there are that many");
        }
        Some(count)
    }

    fn recv(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.arrived.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = self.arrived.len().min(into.len());
        for byte in &mut into[..count] {
            *byte = self.arrived.pop_front().expect("there are that many");
        }
        Ok(count)
    }
}

fn lent() -> (Stream, Kernel) {
    let (mut stream, mut kernel) = (
        Stream {
            reading: Reading::InFlight(8),
            buffer: [0; 8],
        },
        Kernel::default(),
    );
    assert!(kernel.lend(&mut stream.buffer).is_none());
    (stream, kernel)
}

/// Reads until `WouldBlock`.
fn drain(stream: &mut Stream, kernel: &mut Kernel, bite: usize) -> Vec<u8> {
    let (mut all, mut buffer) = (Vec::new(), vec![0; bite]);
    loop {
        assert!(
            all.len() < 1000,
            "`read` returned more bytes than were sent"
        );
        match read(stream, kernel, &mut buffer) {
            Ok(0) => panic!("`read` returned 0, but the stream has not ended"),
            Ok(count) => all.extend(&buffer[..count]),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock, "`read` failed");
                return all;
            }
        }
    }
}

#[test]
fn bytes_keep_their_order_while_a_buffer_is_lent() {
    let (mut stream, mut kernel) = lent();
    kernel.send(b"the first and the second");
    // The packet is in the port. The program reads before it polls.
    let early = drain(&mut stream, &mut kernel, 100);
    assert_eq!(
        String::from_utf8_lossy(&early),
        "",
        "these bytes were read while older bytes were in the lent buffer: do not ask the socket \
         while a buffer is in flight"
    );
    assert!(kernel.packet(&mut stream));
    assert_eq!(
        String::from_utf8_lossy(&drain(&mut stream, &mut kernel, 100)),
        "the first and the second"
    );
}

#[test]
fn after_a_refusal_the_next_bytes_wake_the_program() {
    for bite in [1, 3, 8, 100] {
        let (mut stream, mut kernel) = lent();
        for text in ["one", "another", "much more than eight bytes", "!"] {
            kernel.send(text.as_bytes());
            assert!(
                kernel.packet(&mut stream),
                "{text:?} arrived, but no packet came, because nothing was lent: lend the buffer \
                 again before `read` returns `WouldBlock`"
            );
            let got = drain(&mut stream, &mut kernel, bite);
            assert_eq!(String::from_utf8_lossy(&got), text, "read by {bite}");
        }
    }
}

#[test]
fn what_is_in_hand_is_read_before_the_buffer_is_lent_again() {
    let (mut stream, mut kernel) = lent();
    kernel.send(b"eight...");
    assert!(kernel.packet(&mut stream));
    let lendings = kernel.lendings;
    read(&mut stream, &mut kernel, &mut [0; 3]).expect("there are bytes in hand");
    assert_eq!(
        kernel.lendings, lendings,
        "the buffer was lent with unread bytes in it: the kernel writes over them"
    );
    assert_eq!(drain(&mut stream, &mut kernel, 100), b"ht...");
    assert_eq!(
        kernel.lendings,
        lendings + 1,
        "everything in hand was read, but the buffer was not lent again: if nothing is in flight, \
         no packet ever comes"
    );
}

#[test]
fn the_end_is_0_bytes_and_not_a_refusal() {
    let (mut stream, mut kernel) = lent();
    stream.reading = stream.reading.came_back(Ok(0));
    let ended = read(&mut stream, &mut kernel, &mut [0; 8]);
    assert_eq!(ended.expect("the end"), 0);
}

use super::*;

/// A socket with a send buffer of 20 bytes. Its peer empties the buffer.
#[derive(Default)]
struct Kernel {
    room: usize,
    arrived: Vec<u8>,
    /// The bytes in flight.
    lent: Option<Vec<u8>>,
}

impl Socket for Kernel {
    fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(self.room);
        if count == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        assert!(
            self.lent.is_none(),
            "`send` got bytes while earlier bytes are in flight: the newer bytes overtake them"
        );
        self.room -= count;
        self.arrived.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn lend(&mut self, bytes: &[u8]) {
        assert!(
            self.lent.is_none(),
            "a second WSASend was started while the first has the buffer: the first loses its \
             bytes"
        );
        assert!(!bytes.is_empty(), "an empty buffer was lent");
        self.lent = Some(bytes.to_vec());
    }
}

impl Kernel {
    /// The peer reads. The lent bytes are sent, but at most `most` at a time.
    fn peer_reads(&mut self, stream: &mut Stream, most: usize) {
        if let Some(bytes) = self.lent.take() {
            let count = bytes.len().min(most);
            self.arrived.extend_from_slice(&bytes[..count]);
            packet(stream, self, count);
        }
        self.room = 20;
    }
}

/// Writes everything, as a program does: after an event it tries the refused bytes again.
fn sent(length: usize, most: usize) -> (Vec<u8>, Vec<u8>) {
    let bytes: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
    let (mut kernel, mut stream) = (
        Kernel {
            room: 20,
            ..Kernel::default()
        },
        Stream {
            writing: Writing::Open,
            buffer: [0; 8],
        },
    );
    let mut taken = 0;
    for _ in 0..10 * length {
        while taken < length {
            match write(&mut stream, &mut kernel, &bytes[taken..]) {
                Ok(count) => {
                    assert!(count > 0, "`write` took nothing, but returned no error");
                    taken += count;
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock, "`write` failed");
                    assert!(
                        matches!(stream.writing, Writing::InFlight { .. }) && kernel.lent.is_some(),
                        "`write` refused, but nothing is lent: no packet will ever tell of room"
                    );
                    break;
                }
            }
        }
        if taken == length && kernel.lent.is_none() {
            break;
        }
        kernel.peer_reads(&mut stream, most);
    }
    (bytes, kernel.arrived)
}

fn compare(length: usize, most: usize) {
    let (bytes, arrived) = sent(length, most);
    let same = bytes.iter().zip(&arrived).take_while(|(a, b)| a == b);
    let same = same.count();
    assert!(
        arrived.len() >= bytes.len(),
        "{} of {length} bytes arrived: after a packet for a part, lend the rest again",
        arrived.len()
    );
    assert!(
        bytes == arrived,
        "of {length} bytes, {same} arrived in order, and then wrong ones: what is copied is taken. \
         If `write` does not count it, its caller writes it once more. What a packet has not sent \
         goes first"
    );
}

#[test]
fn what_a_full_socket_refuses_is_copied_once() {
    compare(200, 8);
}

#[test]
fn what_was_sent_in_part_is_lent_again() {
    compare(200, 3);
}

#[test]
fn what_fits_is_not_copied() {
    let (mut kernel, mut stream) = (
        Kernel {
            room: 20,
            ..Kernel::default()
        },
        Stream {
            writing: Writing::Open,
            buffer: [0; 8],
        },
    );
    let taken = write(&mut stream, &mut kernel, &[7; 15]).expect("there is room");
    assert_eq!(taken, 15);
    assert_eq!(stream.writing, Writing::Open);
    assert!(kernel.lent.is_none(), "there was room, but a copy was lent");
}

use super::*;

/// A socket with a send buffer of 20 bytes, which its peer empties.
#[derive(Default)]
struct Kernel {
    room: usize,
    arrived: Vec<u8>,
    /// What is in flight.
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
            "`send` was given bytes while earlier ones are lent: they overtake them"
        );
        self.room -= count;
        self.arrived.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn lend(&mut self, bytes: &[u8]) {
        assert!(
            self.lent.is_none(),
            "a second WSASend was begun while the first has the buffer: what it was to send is \
             written over"
        );
        assert!(!bytes.is_empty(), "there is nothing to be lent");
        self.lent = Some(bytes.to_vec());
    }
}

impl Kernel {
    /// The peer reads. What is lent is sent, but no more than `most` at a time.
    fn peer_reads(&mut self, stream: &mut Stream, most: usize) {
        if let Some(bytes) = self.lent.take() {
            let count = bytes.len().min(most);
            self.arrived.extend_from_slice(&bytes[..count]);
            packet(stream, self, count);
        }
        self.room = 20;
    }
}

/// Writes all of it, as a program does: what is refused is offered again after an event.
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
                    assert!(count > 0, "`write` took nothing, and did not refuse");
                    taken += count;
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock, "`write` failed");
                    assert!(
                        matches!(stream.writing, Writing::InFlight { .. }) && kernel.lent.is_some(),
                        "`write` refused with nothing lent: no packet will ever tell that there \
                         is room"
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
        "{} of {length} bytes arrived: after a packet for a part of what was lent, the rest has \
         to be lent again",
        arrived.len()
    );
    assert!(
        bytes == arrived,
        "of {length} bytes {same} arrived, and then others: what is copied is taken, so `write` \
         says so, or its caller offers it once more; and what a packet has not sent goes first"
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
    assert!(
        kernel.lent.is_none(),
        "there was room, and yet a copy was lent"
    );
}

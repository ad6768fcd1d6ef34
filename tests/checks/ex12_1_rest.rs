use super::*;

/// A connection in memory. It holds the bytes that the peer has sent. The server's bytes go into a
/// send buffer of 8,000 bytes, and leave it only when the peer reads.
#[derive(Default)]
struct Connection {
    arrived: Vec<u8>,
    ended: bool,
    send_buffer: usize,
    written: Vec<u8>,
    refusals: u32,
}

const SEND_BUFFER: usize = 8_000;

impl Connection {
    fn refuse<T>(&mut self) -> io::Result<T> {
        self.refusals += 1;
        assert!(
            self.refusals < 1000,
            "after WouldBlock, return and wait for the next event; this one spins"
        );
        Err(ErrorKind::WouldBlock.into())
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.arrived.is_empty() && !self.ended {
            return self.refuse();
        }
        let count = self.arrived.as_slice().read(buffer)?;
        self.arrived.drain(..count);
        Ok(count)
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = bytes.len().min(SEND_BUFFER - self.send_buffer);
        if count == 0 && !bytes.is_empty() {
            return self.refuse();
        }
        self.send_buffer += count;
        self.written.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The peer sends `total` bytes, then reads `bite` bytes before each event.
fn echoed(total: usize, bite: usize, ended: bool) {
    let sent: Vec<u8> = (0..total).map(|n| (n % 251) as u8).collect();
    let mut connection = Connection {
        arrived: sent.clone(),
        ended,
        ..Connection::default()
    };
    let mut echo = Echo {
        buffer: [0; 1024],
        unsent: 0..0,
    };
    for _ in 0..=total / bite {
        connection.refusals = 0;
        let over = match on_event(&mut connection, &mut echo) {
            Ok(over) => over,
            Err(error) => panic!(
                "`on_event` failed with {:?}: a full socket is no failure; keep the bytes that it did \
                 not take",
                error.kind()
            ),
        };
        assert!(
            !over || connection.arrived.is_empty() && echo.unsent.is_empty(),
            "`on_event` returned true, but some bytes have not gone back: a read into a buffer \
             without room answers 0 too, and after the real end the peer still waits for unsent bytes"
        );
        if over || !ended && connection.written.len() == total {
            break;
        }
        connection.send_buffer -= bite.min(connection.send_buffer);
    }
    let back = connection.written.len();
    assert!(
        back == total,
        "the peer sent {total} bytes and read slowly, but only {back} came back: a write may take \
         less than it is offered, and you must keep the rest"
    );
    assert!(
        connection.written == sent,
        "{back} bytes came back in another order"
    );
}

#[test]
fn a_slow_reader_gets_everything() {
    echoed(100_000, 700, true);
}

#[test]
fn a_slow_reader_that_stays_gets_everything() {
    echoed(100_000, 700, false);
}

#[test]
fn a_fast_reader_gets_everything() {
    echoed(5_000, 5_000, true);
}

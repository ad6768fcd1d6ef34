use super::*;

/// A socket, its receive of nothing, and its registered stream.
struct World {
    reading: Reading,
    level: bool,
    arrived: usize,
    ended: bool,
    in_flight: bool,
    receives: usize,
    /// An event is owed.
    event: bool,
}

impl World {
    fn new(level: bool) -> World {
        let mut world = World {
            reading: Reading::Idle,
            level,
            arrived: 0,
            ended: false,
            in_flight: false,
            receives: 0,
            event: false,
        };
        world.receive_nothing();
        world
    }

    fn receive_nothing(&mut self) {
        assert!(
            !self.in_flight,
            "a receive of nothing was started while another was in flight: `InFlight(0)` is not \
             back yet"
        );
        self.receives += 1;
        self.reading = Reading::InFlight(0);
        self.in_flight = true;
        self.complete();
    }

    /// The receive of nothing completes if there is something, and makes an event.
    fn complete(&mut self) {
        if self.in_flight && (self.arrived > 0 || self.ended) {
            self.in_flight = false;
            self.reading = self.reading.came_back(Ok(0));
            self.event = true;
        }
    }

    fn send(&mut self, bytes: usize) {
        self.arrived += bytes;
        self.complete();
    }

    /// One read of at most this many bytes.
    fn read(&mut self, most: usize) -> Received {
        let received = match self.arrived.min(most) {
            0 if self.ended => Received::Bytes(0),
            0 => Received::WouldBlock,
            count => Received::Bytes(count),
        };
        if let Received::Bytes(count) = received {
            self.arrived -= count;
        }
        self.reading = asked(self.reading, received, self.level);
        if self.reading == Reading::Idle {
            self.receive_nothing();
        }
        received
    }

    /// Polls: takes the event that is owed.
    fn poll(&mut self) -> bool {
        std::mem::take(&mut self.event)
    }
}

#[test]
fn an_edge_comes_again_after_a_refusal() {
    let mut world = World::new(false);
    for bytes in [5, 1, 300] {
        world.send(bytes);
        assert!(
            world.poll(),
            "{bytes} bytes arrived after a refused read, but no receive of nothing was in flight: \
             a refusal must start one"
        );
        while world.read(100) != Received::WouldBlock {}
        assert!(!world.poll(), "nothing has arrived");
    }
}

#[test]
fn an_edge_needs_one_receive_for_each_event() {
    let mut world = World::new(false);
    world.send(10);
    assert!(world.poll());
    while world.read(1) != Received::WouldBlock {}
    assert_eq!(
        world.receives, 2,
        "the count of receives of nothing, for one event and eleven reads: edge-triggered, only \
         the refusal needs a new one"
    );
}

#[test]
fn level_reports_what_a_read_has_left() {
    let mut world = World::new(true);
    world.send(10);
    for _ in 0..5 {
        assert!(
            world.poll(),
            "level-triggered, each read took two bytes of ten, but the rest was not reported"
        );
        world.read(2);
    }
    assert!(!world.poll(), "everything was read, but an event came");
    world.send(1);
    assert!(world.poll(), "a byte arrived after everything was read");
}

#[test]
fn a_read_before_the_packet_leaves_the_receive_in_flight() {
    for level in [false, true] {
        let mut world = World::new(level);
        assert_eq!(world.read(10), Received::WouldBlock);
        assert_eq!(world.receives, 1);
        world.send(3);
        assert!(world.poll());
    }
}

#[test]
fn the_end_stays_the_end() {
    let mut world = World::new(true);
    world.ended = true;
    world.complete();
    assert!(world.poll());
    assert_eq!(world.read(10), Received::Bytes(0));
    assert_eq!(
        world.reading,
        Reading::Ended,
        "0 bytes into a buffer with room are the end: there is nothing to wait for"
    );
}

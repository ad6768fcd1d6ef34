use super::*;

#[test]
fn in_flight_it_is_lent_until_the_packet() {
    for skips_packets in [false, true] {
        let memory = Memory::new();
        start(&memory, skips_packets, || Answer::Pending);
        assert_eq!(memory.counts(), 2, "in flight: the kernel has a count");
        memory.give_back();
        assert_eq!(memory.counts(), 1, "the packet has given the count back");
    }
}

/// Another thread may dequeue and deliver the packet before the call has returned.
#[test]
fn a_packet_may_be_faster_than_its_call() {
    for (skips_packets, answer) in [
        (false, Answer::Pending),
        (true, Answer::Pending),
        (false, Answer::DoneAtOnce),
    ] {
        let memory = Memory::new();
        start(&memory, skips_packets, || {
            assert!(
                memory.counts() > 1,
                "the packet was delivered before the call had returned, and the kernel had no \
                 count to give back: it takes the source's count, and the memory is freed too early"
            );
            memory.give_back();
            answer
        });
        assert_eq!(
            memory.counts(),
            1,
            "{answer:?}, and the packet was delivered during the call: nobody gives back a count \
             that is lent after that, and the memory is leaked"
        );
    }
}

#[test]
fn done_at_once_queues_a_packet_too() {
    let memory = Memory::new();
    start(&memory, false, || Answer::DoneAtOnce);
    assert_eq!(
        memory.counts(),
        2,
        "this handle queues a packet for an operation that is done at once, and the memory must \
         stay until that packet has been delivered"
    );
}

#[test]
fn done_at_once_on_a_handle_that_skips_packets() {
    let memory = Memory::new();
    start(&memory, true, || Answer::DoneAtOnce);
    assert_eq!(
        memory.counts(),
        1,
        "the kernel has a count, and no packet comes that would give it back: the memory is leaked"
    );
}

#[test]
fn refused() {
    for skips_packets in [false, true] {
        let memory = Memory::new();
        start(&memory, skips_packets, || Answer::Refused);
        assert_eq!(
            memory.counts(),
            1,
            "what was refused never brings a packet to give the count back: the memory is leaked"
        );
    }
}

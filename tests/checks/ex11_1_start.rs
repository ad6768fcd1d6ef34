use super::*;

#[test]
fn in_flight_it_is_lent_until_the_packet() {
    for skips_packets in [false, true] {
        let memory = Memory::new();
        start(&memory, skips_packets, || Answer::Pending);
        assert_eq!(memory.counts(), 2, "in flight, it is the kernel's as well");
        memory.give_back();
        assert_eq!(memory.counts(), 1, "the packet has brought it back");
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
                "the packet was delivered before the call had returned, and gave back what had not \
                 been lent yet: the memory is freed under its owner"
            );
            memory.give_back();
            answer
        });
        assert_eq!(
            memory.counts(),
            1,
            "{answer:?}, and its packet was delivered within the call: nobody gives back what is \
             lent after that, and it is leaked"
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
        "this handle queues a packet also for what is done at once, and until that is delivered \
         the memory must stay"
    );
}

#[test]
fn done_at_once_on_a_handle_that_skips_packets() {
    let memory = Memory::new();
    start(&memory, true, || Answer::DoneAtOnce);
    assert_eq!(
        memory.counts(),
        1,
        "no packet comes that would give it back: it is leaked"
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
            "what was refused never brings a packet: it is leaked"
        );
    }
}

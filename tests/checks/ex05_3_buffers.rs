use super::*;

#[test]
fn bytes_come_to_the_connection_that_the_buffer_was_lent_for() {
    let mut buffers = Buffers::new(2);
    let first = buffers.lend(7).unwrap();
    let second = buffers.lend(8).unwrap();
    assert_eq!(buffers.lend(9), None, "both buffers are lent");
    assert_eq!(buffers.packet(second), Some(8));
    assert_eq!(buffers.packet(first), Some(7));
}

#[test]
fn a_cancelled_buffer_stays_lent_until_its_packet() {
    let mut buffers = Buffers::new(1);
    let buffer = buffers.lend(7).unwrap();
    buffers.close(7);
    assert_eq!(
        buffers.lend(8),
        None,
        "buffer {buffer} is still lent: cancelling only asks, and the kernel may write the old \
         connection's bytes into it until its packet is dequeued"
    );
    assert_eq!(
        buffers.packet(buffer),
        None,
        "this packet brings bytes of a closed connection, and another connection may have its \
         number by now"
    );
    assert_eq!(
        buffers.lend(8),
        Some(buffer),
        "buffer {buffer} has come back with its packet, but it can never be lent again"
    );
    assert_eq!(buffers.packet(buffer), Some(8));
}

#[test]
fn no_buffer_is_lent_twice() {
    let mut buffers = Buffers::new(3);
    let lent: Vec<usize> = (0..3).map(|_| buffers.lend(7).unwrap()).collect();
    buffers.close(7);
    for buffer in lent {
        buffers.packet(buffer);
    }
    let mut again: Vec<usize> = (0..4).filter_map(|_| buffers.lend(8)).collect();
    again.sort();
    assert_eq!(
        again,
        [0, 1, 2],
        "each of the three buffers is free once: if one is lent twice, two operations write \
         into it"
    );
}

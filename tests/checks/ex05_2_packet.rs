use super::*;

const STATUS_CANCELLED: u32 = 0xC000_0120;
const STATUS_CONNECTION_RESET: u32 = 0xC000_020D;

#[test]
fn the_count_says_how_much_of_the_buffer_is_new() {
    let packet = Packet {
        status: 0,
        bytes: 1,
    };
    assert_eq!(
        outcome(b"!ello...", &packet),
        Outcome::Bytes(b"!"),
        "the packet brings one byte: the bytes behind it are padding, and what was there before"
    );
    let packet = Packet {
        status: 0,
        bytes: 8,
    };
    assert_eq!(outcome(b"greeting", &packet), Outcome::Bytes(b"greeting"));
}

#[test]
fn no_bytes_in_a_buffer_with_room_are_the_end() {
    let packet = Packet {
        status: 0,
        bytes: 0,
    };
    assert_eq!(
        outcome(b"!ello...", &packet),
        Outcome::End,
        "the buffer had room for eight bytes, and none came: the peer will send no more"
    );
}

#[test]
fn no_bytes_where_none_were_asked_for_are_no_end() {
    let packet = Packet {
        status: 0,
        bytes: 0,
    };
    assert_eq!(
        outcome(b"", &packet),
        Outcome::TryNow,
        "nothing was lent to be filled, so 0 bytes do not mean the end of the stream"
    );
}

#[test]
fn a_failed_receive_is_neither_bytes_nor_the_end() {
    for status in [STATUS_CANCELLED, STATUS_CONNECTION_RESET] {
        for lent in [&b"!ello..."[..], b""] {
            assert_eq!(
                outcome(lent, &Packet { status, bytes: 0 }),
                Outcome::Failed(status),
                "status {status:#x}: this receive has failed, and the number of bytes does not \
                 say so"
            );
        }
    }
}

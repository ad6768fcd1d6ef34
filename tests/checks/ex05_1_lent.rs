use super::*;

const SOCKET_ERROR: i32 = -1;
const WSAECONNRESET: i32 = 10054;

#[test]
fn what_is_pending_is_lent() {
    for skips in [false, true] {
        assert_eq!(
            after_the_call(SOCKET_ERROR, WSA_IO_PENDING, skips),
            Now::Lent,
            "997 is WSA_IO_PENDING: the receive is in flight, and the kernel will write into the \
             buffer when bytes arrive, even if you use it for something else by then"
        );
    }
}

#[test]
fn what_is_done_at_once_still_has_its_packet() {
    assert_eq!(
        after_the_call(0, 0, false),
        Now::Lent,
        "the bytes are there, but a packet is queued for them too, and it points to this \
         OVERLAPPED: the memory is yours when that packet has been dequeued"
    );
}

#[test]
fn unless_the_socket_skips_it() {
    assert_eq!(
        after_the_call(0, 0, true),
        Now::Back,
        "this socket skips the packet of a call that succeeds: no packet will come, and if you \
         wait for it, you wait for ever"
    );
}

#[test]
fn a_success_does_not_ask_for_an_error() {
    assert_eq!(
        after_the_call(0, WSA_IO_PENDING, true),
        Now::Back,
        "the call answered 0, which is success: the 997 is left over from an earlier call"
    );
}

#[test]
fn what_is_refused_has_no_packet() {
    for skips in [false, true] {
        assert_eq!(
            after_the_call(SOCKET_ERROR, WSAECONNRESET, skips),
            Now::Refused(WSAECONNRESET),
            "any error but 997 means that no operation was started: no packet will come"
        );
    }
}

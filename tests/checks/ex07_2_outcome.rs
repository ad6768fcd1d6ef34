use super::*;

fn failed(call: Call, returned: isize, reason: i32) -> Outcome {
    outcome(call, returned, || reason)
}

fn done(call: Call, returned: isize, why: &str) {
    let ask = || panic!("{call:?} returned {returned}, so do not ask for a reason: {why}");
    assert_eq!(
        outcome(call, returned, ask),
        Outcome::Done,
        "{call:?}: {why}"
    );
}

#[test]
fn getpeername_stays_as_it_was() {
    assert_eq!(failed(Call::GetPeerName, -1, 107), Outcome::Failed(107));
    done(Call::GetPeerName, 0, "0 is success");
}

#[test]
fn a_handle_that_is_none_has_two_values() {
    assert_eq!(
        failed(Call::CreateIoCompletionPort, 0, 87),
        Outcome::Failed(87),
        "a port that could not be made is a null handle"
    );
    done(Call::CreateIoCompletionPort, 0x44, "a handle");
    assert_eq!(
        failed(Call::CreateFileW, -1, 2),
        Outcome::Failed(2),
        "the answer of a failed CreateFileW is no null handle: it is INVALID_HANDLE_VALUE, -1"
    );
    done(Call::CreateFileW, 0x48, "a handle");
}

#[test]
fn a_bool_is_true_if_it_is_not_0() {
    assert_eq!(
        failed(Call::WriteFile, 0, 232),
        Outcome::Failed(232),
        "a BOOL of 0 means failure"
    );
    for returned in [1, 2, -1] {
        done(
            Call::WriteFile,
            returned,
            "a BOOL is an int, and true is whatever is not 0",
        );
    }
}

#[test]
fn an_operation_in_flight_has_not_failed() {
    for (call, returned) in [(Call::WriteFile, 0), (Call::WSARecv, -1)] {
        assert_eq!(
            failed(call, returned, ERROR_IO_PENDING),
            Outcome::Pending,
            "{call:?}: the operation is in flight, and its packet is on its way"
        );
    }
    assert_eq!(
        failed(Call::WSARecv, -1, 10054),
        Outcome::Failed(10054),
        "only {ERROR_IO_PENDING} means that the operation is in flight"
    );
    done(
        Call::WSARecv,
        0,
        "a receive that succeeds at once returns 0",
    );
    assert_eq!(
        failed(Call::CreateFileW, -1, ERROR_IO_PENDING),
        Outcome::Failed(ERROR_IO_PENDING),
        "CreateFileW starts no operation that a packet could end"
    );
}

#[test]
fn wsastartup_has_no_reason_but_what_it_returns() {
    done(Call::WSAStartup, 0, "0 is success");
    assert_eq!(
        failed(Call::WSAStartup, 10092, 0),
        Outcome::Failed(10092),
        "WSAStartup's answer itself is the reason, and the system keeps no other"
    );
}

use super::*;
use std::cell::Cell;

/// The reasons that an earlier call, the call under test, and the trace leave in errno. The numbers
/// are Linux's.
const ENOENT: i32 = 2;
const EINVAL: i32 = 22;
const EAGAIN: i32 = 11;

fn traced(answer: i32, left_in_errno: i32) -> Result<i32, i32> {
    let errno = Cell::new(left_in_errno);
    let seen = Cell::new(None);
    let trace = |answer| {
        seen.set(Some(answer));
        errno.set(EAGAIN);
    };
    let result = checked(answer, || errno.get(), trace);
    assert_eq!(
        seen.get(),
        Some(answer),
        "call `trace` once, with the answer"
    );
    result
}

#[test]
fn errno_is_not_asked_after_a_success() {
    for answer in [3, 0] {
        assert_eq!(
            traced(answer, ENOENT),
            Ok(answer),
            "a call that answers {answer} has succeeded; the {ENOENT} in errno is left over from an \
             earlier call, because no call sets errno back to 0"
        );
    }
}

#[test]
fn only_minus_one_says_that_errno_has_a_reason() {
    for answer in [-2, -20, i32::MIN] {
        assert_eq!(
            traced(answer, ENOENT),
            Ok(answer),
            "{answer} is not -1, so errno says nothing about this call: getpriority, for one, \
             answers -2 for a process with that priority; hand the number on"
        );
    }
}

#[test]
fn a_failure_keeps_its_own_reason() {
    assert_eq!(
        traced(-1, EINVAL),
        Err(EINVAL),
        "the call failed with {EINVAL}, but the trace has overwritten errno with {EAGAIN}"
    );
}

use super::*;
use std::cell::Cell;

/// What an earlier call, the traced one, and the trace itself leave in errno (the numbers are
/// Linux's).
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
        "`trace` should have been called with the answer"
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
             earlier call, and no call sets it back to 0"
        );
    }
}

#[test]
fn a_failure_keeps_its_own_reason() {
    assert_eq!(
        traced(-1, EINVAL),
        Err(EINVAL),
        "the call failed with {EINVAL}; errno has been overwritten with {EAGAIN} by the trace"
    );
}

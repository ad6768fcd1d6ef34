//! Exercise 3.1: -1 and errno.

/// What a C function answered, as a `Result`: `errno` tells the reason of a failure, `trace` is
/// called once with the answer. Like `eprintln!`, it makes calls of its own.
// ANCHOR: answer
pub fn checked(answer: i32, errno: impl Fn() -> i32, trace: impl FnOnce(i32)) -> Result<i32, i32> {
    let result = match answer {
        -1 => Err(errno()),
        _ => Ok(answer),
    };
    trace(answer);
    result
}
// ANCHOR_END: answer

#[cfg(test)]
#[path = "../checks/ex03_1_errno.rs"]
mod checks;

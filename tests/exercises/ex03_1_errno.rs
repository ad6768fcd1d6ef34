//! Exercise 3.1: -1 and errno.

/// Makes a `Result` of what a C function answered. If the function failed, it answered -1, and
/// `errno` returns the reason. `trace` must be called once, with the answer. Like `eprintln!`, it
/// makes calls of its own.
///
/// This one compiles, but it is wrong in two ways. Repair it.
pub fn checked(answer: i32, errno: impl Fn() -> i32, trace: impl FnOnce(i32)) -> Result<i32, i32> {
    trace(answer);
    match errno() {
        0 => Ok(answer),
        reason => Err(reason),
    }
}

#[cfg(test)]
#[path = "../checks/ex03_1_errno.rs"]
mod checks;

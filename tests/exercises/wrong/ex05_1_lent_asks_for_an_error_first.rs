// Fails with: left over
//! Exercise 5.1: who has the buffer.

/// Who has buffer and OVERLAPPED after a call of WSARecv.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Now {
    /// The kernel. A packet brings them back.
    Lent,
    /// The program, with the bytes that were received. No packet comes.
    Back,
    /// The program, and nothing has been started. No packet comes.
    Refused(i32),
}

pub const WSA_IO_PENDING: i32 = 997;

/// Decides it by what the call answered, what WSAGetLastError would say now, and whether the
/// socket was told to skip the packet of a call that succeeds.
pub fn after_the_call(answer: i32, last_error: i32, skips: bool) -> Now {
    match (answer, last_error) {
        (_, WSA_IO_PENDING) => Now::Lent,
        (0, _) if skips => Now::Back,
        (0, _) => Now::Lent,
        (_, error) => Now::Refused(error),
    }
}

#[cfg(test)]
#[path = "../../checks/ex05_1_lent.rs"]
mod checks;

//! Exercise 5.1: who has the buffer.

/// Who has the buffer and the OVERLAPPED after a call of WSARecv.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Now {
    /// The kernel. A packet will bring them back.
    Lent,
    /// The program, with the bytes that the kernel has received. No packet will come.
    Back,
    /// The program. No operation was started, and no packet will come.
    Refused(i32),
}

pub const WSA_IO_PENDING: i32 = 997;

// ANCHOR: answer
/// Decides by three things: what the call answered, what WSAGetLastError would say now, and whether
/// the socket was told to skip the packet of a call that succeeds.
pub fn after_the_call(answer: i32, last_error: i32, skips: bool) -> Now {
    match (answer, last_error) {
        (0, _) if skips => Now::Back,
        (0, _) | (_, WSA_IO_PENDING) => Now::Lent,
        (_, error) => Now::Refused(error),
    }
}
// ANCHOR_END: answer

#[cfg(test)]
#[path = "../checks/ex05_1_lent.rs"]
mod checks;

//! Exercise 3.2: twelve bytes.

/// `struct epoll_event` on a machine that packs nothing. The gap is a field here.
#[repr(C)]
pub struct Padded {
    pub events: u32,
    pub padding: u32,
    pub data: u64,
}

/// `struct epoll_event` of x86-64 Linux. It must have that layout on every machine.
#[repr(C)]
pub struct Packed {
    pub events: u32,
    pub data: u64,
}

/// An x86-64 kernel has written two events into a buffer of zeros. The first has mask 1 and token 7,
/// the second has mask 1 and token 8. A program reads the buffer as `[Padded; 2]`. Which tokens does
/// it find?
pub const TOKENS_READ: [u64; 2] = [7, 8];

#[cfg(test)]
#[path = "../checks/ex03_2_layout.rs"]
mod checks;

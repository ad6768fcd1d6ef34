//! Exercise 3.2: twelve bytes.

/// `struct epoll_event` where nothing is packed, padding written out.
#[repr(C)]
pub struct Padded {
    pub events: u32,
    pub padding: u32,
    pub data: u64,
}

// ANCHOR: answer
/// `struct epoll_event` of an x86-64 Linux. Give it that layout, whatever machine this is.
#[repr(C, packed)]
pub struct Packed {
    pub events: u32,
    pub data: u64,
}

/// An x86-64 kernel has written two events into a buffer of zeros, the first with mask 1 and
/// token 7, the second with mask 1 and token 8. A program takes the buffer for `[Padded; 2]`.
/// Which tokens does it read?
pub const TOKENS_READ: [u64; 2] = [1 << 32, 0];
// ANCHOR_END: answer

#[cfg(test)]
#[path = "../checks/ex03_2_layout.rs"]
mod checks;

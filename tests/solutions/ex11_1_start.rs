//! Exercise 11.1: when the memory is lent.

use std::cell::Cell;

/// How many owners an operation's memory has: its source, and the kernel once for each operation.
#[derive(Debug)]
pub struct Memory {
    counts: Cell<usize>,
}

impl Memory {
    /// Memory that the source owns alone.
    pub fn new() -> Memory {
        Memory {
            counts: Cell::new(1),
        }
    }

    pub fn counts(&self) -> usize {
        self.counts.get()
    }

    /// Gives the kernel a count.
    pub fn lend(&self) {
        self.counts.set(self.counts.get() + 1);
    }

    /// Takes the kernel's count back.
    pub fn give_back(&self) {
        assert!(self.counts.get() > 1, "given back, and never lent");
        self.counts.set(self.counts.get() - 1);
    }
}

/// The answer of the call that starts an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The operation is in flight.
    Pending,
    /// The operation is over.
    DoneAtOnce,
    /// No operation was started.
    Refused,
}

// ANCHOR: answer
/// Starts an operation by `call`. If a packet comes, its function calls `give_back`; you do not.
/// `skips_packets`: the handle queues no packet for an operation that is done at once.
pub fn start(memory: &Memory, skips_packets: bool, call: impl FnOnce() -> Answer) {
    memory.lend();
    let packet_comes = match call() {
        Answer::Pending => true,
        Answer::DoneAtOnce => !skips_packets,
        Answer::Refused => false,
    };
    if !packet_comes {
        memory.give_back();
    }
}
// ANCHOR_END: answer

#[cfg(test)]
#[path = "../checks/ex11_1_start.rs"]
mod checks;

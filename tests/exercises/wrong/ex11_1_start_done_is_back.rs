// Fails with: this handle queues a packet
//! Exercise 11.1: when the memory is lent.

use std::cell::Cell;

/// Who holds on to an operation's memory: its owner, and the kernel for each time that it is lent.
#[derive(Debug)]
pub struct Memory {
    counts: Cell<usize>,
}

impl Memory {
    /// Held by its owner.
    pub fn new() -> Memory {
        Memory {
            counts: Cell::new(1),
        }
    }

    pub fn counts(&self) -> usize {
        self.counts.get()
    }

    /// Counts the kernel.
    pub fn lend(&self) {
        self.counts.set(self.counts.get() + 1);
    }

    /// Takes the kernel's count back.
    pub fn give_back(&self) {
        assert!(self.counts.get() > 1, "given back, and never lent");
        self.counts.set(self.counts.get() - 1);
    }
}

/// What the call that starts an operation says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It is in flight.
    Pending,
    /// It is over.
    DoneAtOnce,
    /// It was never begun.
    Refused,
}

/// Starts an operation by `call`. When a packet has been delivered, `give_back` is called for it,
/// and not by you. `skips_packets` says whether the handle queues none for what is done at once.
pub fn start(memory: &Memory, skips_packets: bool, call: impl FnOnce() -> Answer) {
    let _ = skips_packets;
    memory.lend();
    if call() != Answer::Pending {
        memory.give_back();
    }
}

#[cfg(test)]
#[path = "../../checks/ex11_1_start.rs"]
mod checks;

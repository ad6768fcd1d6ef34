//! Exercise 10.1: no wake lost.

/// The poller is awake. Nothing has been pushed since its last look.
pub const EMPTY: u8 = 0;
/// The poller sleeps, or is about to sleep. The next push must wake it.
pub const ASLEEP: u8 = 1;
/// Something has been pushed. The poller must look before it sleeps.
pub const NOTIFIED: u8 = 2;

/// What the threads share: a list, one atomic byte, and the kernel. The check plays all three. At
/// each call it lets every thread go first, so it tries all possible orders.
#[allow(dead_code)] // Not every answer needs every call.
pub trait Shared {
    /// Adds a node to the list.
    fn list(&self);
    /// Takes all nodes out of the list, and returns their number.
    fn drain(&self) -> usize;
    /// Reads the byte. At first it is `EMPTY`.
    fn load(&self) -> u8;
    /// Writes the byte.
    fn store(&self, new: u8);
    /// Writes the byte, and returns its old value.
    fn swap(&self, new: u8) -> u8;
    /// Writes the byte if it is `old`, and returns whether it was.
    fn compare_exchange(&self, old: u8, new: u8) -> bool;
    /// The system call that ends the current wait, or else the next one.
    fn wake(&self);
    /// The system call that sleeps until `wake` is called.
    fn wait(&self);
}

/// Lists a node, and wakes the poller if it sleeps. Any thread calls this.
pub fn push(shared: &impl Shared) {
    shared.list();
    if shared.load() == ASLEEP {
        shared.store(NOTIFIED);
        shared.wake();
    }
}

/// Waits for a node. Takes all nodes, and returns their number. One thread calls this.
pub fn poll(shared: &impl Shared) -> usize {
    loop {
        let found = shared.drain();
        if found > 0 {
            return found;
        }
        shared.store(ASLEEP);
        shared.wait();
        shared.store(EMPTY);
    }
}

#[cfg(test)]
#[path = "../checks/ex10_1_wake.rs"]
mod checks;

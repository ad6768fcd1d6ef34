// Fails with: the poller spins
//! Exercise 10.1: no wake lost.

/// The poller is awake, and nothing has been pushed since it last looked.
pub const EMPTY: u8 = 0;
/// The poller sleeps, or is about to: whoever pushes must wake it.
pub const ASLEEP: u8 = 1;
/// Something has been pushed: the poller must look before it sleeps.
pub const NOTIFIED: u8 = 2;

/// What the threads share: a list, one atomic byte, and the kernel. The check plays it, and lets
/// every thread go first at every call, in all possible orders.
#[allow(dead_code)] // Not every answer needs every call.
pub trait Shared {
    /// Adds a node to the list.
    fn list(&self);
    /// Takes all nodes out of the list, and returns how many they were.
    fn drain(&self) -> usize;
    /// Reads the byte, which is `EMPTY` at first.
    fn load(&self) -> u8;
    /// Writes the byte.
    fn store(&self, new: u8);
    /// Writes the byte, and returns what it was.
    fn swap(&self, new: u8) -> u8;
    /// Writes the byte if it is `old`, and returns whether it was.
    fn compare_exchange(&self, old: u8, new: u8) -> bool;
    /// The system call that ends the wait that is going on, or else the next one.
    fn wake(&self);
    /// The system call that sleeps until `wake` is called.
    fn wait(&self);
}

/// Lists a node, and wakes the poller if it sleeps. Called by any thread.
pub fn push(shared: &impl Shared) {
    shared.list();
    if shared.swap(NOTIFIED) == ASLEEP {
        shared.wake();
    }
}

/// Waits until there is a node, and returns how many there are. Called by one thread.
pub fn poll(shared: &impl Shared) -> usize {
    loop {
        let found = shared.drain();
        if found > 0 {
            return found;
        }
        if shared.compare_exchange(EMPTY, ASLEEP) {
            shared.wait();
            shared.swap(EMPTY);
        }
    }
}

#[cfg(test)]
#[path = "../../checks/ex10_1_wake.rs"]
mod checks;

//! Exercise 1.1: a pool of threads.

/// Six clients wait in this order: silent, talker, silent, talker, silent, talker. A silent one
/// says nothing until the end; a talker has sent its line, and waits for an answer. The threads of
/// the pool each take the next client, serve it to its end by blocking reads, and take the next.
/// How many of the three talkers are answered while the silent ones are silent, by a pool of one
/// thread, of two, and of three?
pub const ANSWERED_BY_A_POOL: [usize; 3] = [9, 9, 9];

/// And how many by one thread with an event queue?
pub const ANSWERED_WITH_A_QUEUE: usize = 9;

#[cfg(test)]
#[path = "../checks/ex01_1_pool.rs"]
mod checks;

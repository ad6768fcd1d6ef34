//! Exercise 1.1: a pool of threads.

/// Six clients wait in this order: silent, talker, silent, talker, silent, talker. A silent client
/// sends nothing until the end. A talker has sent its line and waits for an answer. Each thread of
/// the pool takes the next client, serves it with blocking reads until it is finished, and takes the
/// next. While the silent clients are silent, how many of the three talkers get an answer from a
/// pool of one thread, of two, and of three?
// ANCHOR: answer
pub const ANSWERED_BY_A_POOL: [usize; 3] = [0, 1, 2];

/// And how many of them from one thread with an event queue?
pub const ANSWERED_WITH_A_QUEUE: usize = 3;
// ANCHOR_END: answer

#[cfg(test)]
#[path = "../checks/ex01_1_pool.rs"]
mod checks;

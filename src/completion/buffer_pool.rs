//! Buffers to lend, used again and again.
//!
//! Chapter 13. A buffer that has come back serves the next who asks for one of
//! its size, so that in steady state nothing is allocated. What a buffer holds
//! from its last use is overwritten, or lies beyond the count of what has come.

use std::mem;
use std::ops::{Deref, DerefMut};
use std::sync::Mutex;

use crate::ready::lock;

// ANCHOR: buffer
/// A buffer from the pool, which goes back there when it is dropped.
///
/// While it is lent to the kernel, it is neither read nor written: not even a
/// reference to its bytes is made.
#[derive(Debug, Default)]
pub struct Buffer(Vec<u8>);

/// What lies in the pool: the last is the one that came back last.
static POOL: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
/// How many lie there at most.
const MOST: usize = 64;
/// Larger ones are not kept, in bytes. No stream lends a larger one, for each read
/// would allocate it again.
pub const LARGEST: usize = 128 * 1024;
// ANCHOR_END: buffer

// ANCHOR: take
impl Buffer {
    /// Takes a buffer of `len` bytes, whatever these may be.
    pub fn take(len: usize) -> Buffer {
        let mut pool = lock(&POOL);
        let at = pool.iter().rposition(|buffer| buffer.len() == len);
        let old = at.map(|at| pool.remove(at));
        drop(pool);
        Buffer(old.unwrap_or_else(|| vec![0; len]))
    }
    // ANCHOR_END: take

    // ANCHOR: bytes
    /// How long it is, whoever has it.
    pub fn size(&self) -> usize {
        self.0.len()
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}
// ANCHOR_END: bytes

// ANCHOR: drop
impl Drop for Buffer {
    fn drop(&mut self) {
        if self.0.is_empty() || self.0.len() > LARGEST {
            return;
        }
        let mut pool = lock(&POOL);
        if pool.len() == MOST {
            // The one that nobody has asked for longest: perhaps nobody has use
            // for its size any more.
            pool.remove(0);
        }
        pool.push(mem::take(&mut self.0));
    }
}
// ANCHOR_END: drop

#[cfg(test)]
mod tests {
    use super::*;

    /// One test, because there is one pool. Other tests use the pool meanwhile, so
    /// this one looks only for buffers of its own sizes.
    #[test]
    fn a_buffer_that_came_back_is_used_again_and_the_pool_does_not_grow_for_ever() {
        let holds = |len| lock(&POOL).iter().any(|buffer| buffer.len() == len);
        let mut first = Buffer::take(4321);
        first[0] = 7;
        let at = first.as_mut_ptr();
        drop(first);
        let mut second = Buffer::take(4321);
        assert_eq!((second.as_mut_ptr(), second[0]), (at, 7));
        let mut third = Buffer::take(4321);
        assert_ne!(third.as_mut_ptr(), at, "the second has it");
        let many: Vec<_> = (0..3 * MOST).map(|_| Buffer::take(4321)).collect();
        drop(many);
        assert!(lock(&POOL).len() <= MOST);

        // Other sizes take the place of those that are asked for no more.
        drop(Buffer::take(1234));
        assert!(holds(1234));
        drop(Buffer::take(LARGEST + 1));
        drop(Buffer::default());
        assert!(!holds(LARGEST + 1) && !holds(0));
    }
}

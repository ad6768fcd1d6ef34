//! Buffers to lend, used again and again.
//!
//! Chapter 13. A buffer that comes back to the pool serves the next caller that asks
//! for its size. So in steady state nothing is allocated. A buffer still holds the
//! bytes of its last use. New bytes overwrite them, and their count says where the
//! old ones begin.

use std::mem;
use std::ops::{Deref, DerefMut};
use std::sync::Mutex;

use crate::ready::lock;

// ANCHOR: buffer
/// A buffer from the pool. Dropping it puts it back.
///
/// While the kernel has it, nobody reads or writes it. Nobody makes a reference to
/// its bytes.
#[derive(Debug, Default)]
pub struct Buffer(Vec<u8>);

/// The buffers in the pool, in the order in which they came back.
static POOL: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
/// How many buffers the pool keeps.
const MOST: usize = 64;
/// The longest buffer that the pool keeps, in bytes. No stream lends a longer one,
/// because each read would allocate it again.
pub const LARGEST: usize = 128 * 1024;
// ANCHOR_END: buffer

// ANCHOR: take
impl Buffer {
    /// Takes a buffer of `len` bytes. They hold what the last user left, or zeros.
    pub fn take(len: usize) -> Buffer {
        let mut pool = lock(&POOL);
        let at = pool.iter().rposition(|buffer| buffer.len() == len);
        let old = at.map(|at| pool.remove(at));
        drop(pool);
        Buffer(old.unwrap_or_else(|| vec![0; len]))
    }
    // ANCHOR_END: take

    // ANCHOR: bytes
    /// The length, without a reference to the bytes: the kernel may have them.
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
            // The oldest: perhaps nobody asks for its size any more.
            pool.remove(0);
        }
        pool.push(mem::take(&mut self.0));
    }
}
// ANCHOR_END: drop

#[cfg(test)]
mod tests {
    use super::*;

    /// One test, because there is one pool. Other tests use the pool at the same
    /// time, so this test looks only for buffers of its own sizes.
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
        assert_ne!(third.as_mut_ptr(), at, "`second` still has that buffer");
        let many: Vec<_> = (0..3 * MOST).map(|_| Buffer::take(4321)).collect();
        drop(many);
        assert!(lock(&POOL).len() <= MOST);

        // A new size takes the place of one that nobody asks for any more.
        drop(Buffer::take(1234));
        assert!(holds(1234));
        drop(Buffer::take(LARGEST + 1));
        drop(Buffer::default());
        assert!(!holds(LARGEST + 1) && !holds(0));
    }
}

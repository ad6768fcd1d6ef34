//! Exercise 6.2: one source made of two.

use evq::{Interests, Registrator, Source, Token, Watch};
use std::io;

/// Two sources that are registered together, with one token.
///
/// Both are registered or neither is, even if one of them refuses.
pub struct Pair<A, B> {
    pub first: A,
    pub second: B,
}

// ANCHOR: answer
impl<A: Source, B: Source> Source for Pair<A, B> {
    fn register(&mut self, registrator: &Registrator, watch: Watch) -> io::Result<()> {
        self.first.register(registrator, watch)?;
        let second = self.second.register(registrator, watch);
        if second.is_err() {
            let _ = self.first.deregister(registrator);
        }
        second
    }

    fn reregister(&mut self, registrator: &Registrator, watch: Watch) -> io::Result<()> {
        self.first.reregister(registrator, watch)?;
        self.second.reregister(registrator, watch)
    }

    fn deregister(&mut self, registrator: &Registrator) -> io::Result<()> {
        let first = self.first.deregister(registrator);
        let second = self.second.deregister(registrator);
        first.and(second)
    }
}
// ANCHOR_END: answer

#[cfg(test)]
#[path = "../checks/ex06_2_pair.rs"]
mod checks;

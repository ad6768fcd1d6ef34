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

impl<A: Source, B: Source> Source for Pair<A, B> {
    fn register(&mut self, registrator: &Registrator, watch: Watch) -> io::Result<()> {
        let _ = (registrator, watch);
        todo!("register both, or neither")
    }

    fn reregister(&mut self, registrator: &Registrator, watch: Watch) -> io::Result<()> {
        self.first.reregister(registrator, watch)?;
        self.second.reregister(registrator, watch)
    }

    fn deregister(&mut self, registrator: &Registrator) -> io::Result<()> {
        let _ = registrator;
        todo!("leave neither registered, and return the first error")
    }
}

#[cfg(test)]
#[path = "../checks/ex06_2_pair.rs"]
mod checks;

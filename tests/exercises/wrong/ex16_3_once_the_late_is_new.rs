// Fails with: in another order than they were sent in
//! Exercise 16.3, answered wrongly: any number but the last is a new question.

use std::collections::HashMap;
use std::net::SocketAddr;

/// A server that adds. A question may come twice, late, or not at all, and so may an answer.
#[derive(Default)]
pub struct Server {
    pub total: u64,
    /// Each client's last question, by its number, and the answer to it.
    pub answered: HashMap<SocketAddr, (u32, u64)>,
}

impl Server {
    /// A question has arrived. A client numbers its questions from 1 up. It asks the next one when it
    /// has its answer; until then it asks again, with the same number.
    ///
    /// Returns the answer to send, which is the total after the addition, or `None` to send nothing.
    pub fn question(&mut self, from: SocketAddr, number: u32, amount: u64) -> Option<u64> {
        if let Some((last, answer)) = self.answered.get(&from) {
            if number == *last {
                return Some(*answer);
            }
        }
        self.total += amount;
        self.answered.insert(from, (number, self.total));
        Some(self.total)
    }
}

#[cfg(test)]
#[path = "../../checks/ex16_3_once.rs"]
mod checks;

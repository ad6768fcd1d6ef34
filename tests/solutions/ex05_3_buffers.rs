//! Exercise 5.3: whose packet it is.

/// Buffers, known by number, which a server lends to the kernel for its connections.
pub struct Buffers {
    /// Those that may be lent.
    free: Vec<usize>,
    /// For each buffer: the connection it is lent for.
    lent_for: Vec<Option<usize>>,
}

impl Buffers {
    pub fn new(count: usize) -> Buffers {
        Buffers {
            free: (0..count).collect(),
            lent_for: vec![None; count],
        }
    }

    /// Lends a buffer, if one is free: the kernel writes into it from now on.
    pub fn lend(&mut self, connection: usize) -> Option<usize> {
        let buffer = self.free.pop()?;
        self.lent_for[buffer] = Some(connection);
        Some(buffer)
    }

    // ANCHOR: answer
    /// The connection has been closed, and what was lent for it cancelled.
    pub fn close(&mut self, connection: usize) {
        for owner in &mut self.lent_for {
            if *owner == Some(connection) {
                *owner = None;
            }
        }
    }

    /// A packet for `buffer` has been dequeued. Answers whose bytes it brings, if that connection
    /// is still there.
    pub fn packet(&mut self, buffer: usize) -> Option<usize> {
        self.free.push(buffer);
        self.lent_for[buffer].take()
    }
    // ANCHOR_END: answer
}

#[cfg(test)]
#[path = "../checks/ex05_3_buffers.rs"]
mod checks;

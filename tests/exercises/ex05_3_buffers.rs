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

    /// The connection has been closed, and what was lent for it cancelled.
    ///
    /// It compiles, and lends what is lent. Repair it.
    pub fn close(&mut self, connection: usize) {
        for buffer in 0..self.lent_for.len() {
            if self.lent_for[buffer] == Some(connection) {
                self.lent_for[buffer] = None;
                self.free.push(buffer);
            }
        }
    }

    /// A packet for `buffer` has been dequeued. Answers whose bytes it brings, if that connection
    /// is still there.
    pub fn packet(&mut self, buffer: usize) -> Option<usize> {
        self.free.push(buffer);
        self.lent_for[buffer].take()
    }
}

#[cfg(test)]
#[path = "../checks/ex05_3_buffers.rs"]
mod checks;

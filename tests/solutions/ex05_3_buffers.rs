//! Exercise 5.3: whose packet it is.

/// Buffers that a server lends to the kernel for its connections. Each has a number.
pub struct Buffers {
    /// The numbers of those that may be lent.
    free: Vec<usize>,
    /// For each buffer: the connection for which it is lent.
    lent_for: Vec<Option<usize>>,
}

impl Buffers {
    pub fn new(count: usize) -> Buffers {
        Buffers {
            free: (0..count).collect(),
            lent_for: vec![None; count],
        }
    }

    /// Lends a buffer, if one is free. From now on the kernel may write into it.
    pub fn lend(&mut self, connection: usize) -> Option<usize> {
        let buffer = self.free.pop()?;
        self.lent_for[buffer] = Some(connection);
        Some(buffer)
    }

    // ANCHOR: answer
    /// The server has closed the connection and cancelled its operations.
    pub fn close(&mut self, connection: usize) {
        for owner in &mut self.lent_for {
            if *owner == Some(connection) {
                *owner = None;
            }
        }
    }

    /// A packet for `buffer` has been dequeued. Returns the connection whose bytes it brings, if
    /// that connection is still open.
    pub fn packet(&mut self, buffer: usize) -> Option<usize> {
        self.free.push(buffer);
        self.lent_for[buffer].take()
    }
    // ANCHOR_END: answer
}

#[cfg(test)]
#[path = "../checks/ex05_3_buffers.rs"]
mod checks;

//! Exercise 18.1: what has changed.

/// A change of a file in a watched directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Added(String),
    Removed(String),
    RenamedFrom(String),
    RenamedTo(String),
    /// More than the kernel had room for: the program has to look for itself.
    TooMany,
}

/// Takes a buffer apart that `ReadDirectoryChangesW` has filled, or not: the packet says how many
/// bytes. What lies behind them was there before.
///
/// Records follow one another. Each has, in little-endian order:
///
/// | at byte | bytes | |
/// |---|---|---|
/// | 0 | 4 | how far it is from here to the next record; 0 in the last one |
/// | 4 | 4 | 1 added, 2 removed, 4 the old name of a renamed file, 5 its new name |
/// | 8 | 4 | the length of the name, in bytes |
/// | 12 | | the name, in UTF-16, without a zero at its end |
///
/// Other numbers than these four are passed over.
pub fn changes(buffer: &[u8], count: usize) -> Vec<Change> {
    todo!("{count} of {} bytes are to be taken apart", buffer.len())
}

#[cfg(test)]
#[path = "../checks/ex18_1_records.rs"]
mod checks;

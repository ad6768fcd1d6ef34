//! Exercise 18.1: what has changed.

/// A change of a file in a watched directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Added(String),
    Removed(String),
    RenamedFrom(String),
    RenamedTo(String),
    /// More has changed than the kernel had room for. The program must read the directory itself.
    TooMany,
}

/// Splits a buffer that `ReadDirectoryChangesW` has filled into its records. `count` is the number of
/// bytes that the packet reports, and may be 0. The bytes after them are old.
///
/// Each record has these fields, in little-endian order:
///
/// | at byte | bytes | |
/// |---|---|---|
/// | 0 | 4 | the distance from this record to the next; 0 in the last record |
/// | 4 | 4 | the action: 1 added, 2 removed, 4 renamed from this name, 5 renamed to this name |
/// | 8 | 4 | the length of the name, in bytes |
/// | 12 | | the name in UTF-16, without a zero at its end |
///
/// Ignore a record with another action.
pub fn changes(buffer: &[u8], count: usize) -> Vec<Change> {
    todo!("{count} of {} bytes are to be taken apart", buffer.len())
}

#[cfg(test)]
#[path = "../checks/ex18_1_records.rs"]
mod checks;

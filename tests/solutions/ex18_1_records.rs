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
// ANCHOR: answer
pub fn changes(buffer: &[u8], count: usize) -> Vec<Change> {
    let mut bytes = &buffer[..count];
    if bytes.is_empty() {
        return vec![Change::TooMany];
    }
    let mut changes = Vec::new();
    loop {
        let number = |at: usize| {
            let number = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
            u32::from_le_bytes(number) as usize
        };
        let (next, action, length) = (number(0), number(4), number(8));
        let units: Vec<u16> = bytes[12..12 + length]
            .chunks_exact(2)
            .map(|unit| u16::from_le_bytes([unit[0], unit[1]]))
            .collect();
        let name = String::from_utf16_lossy(&units);
        match action {
            1 => changes.push(Change::Added(name)),
            2 => changes.push(Change::Removed(name)),
            4 => changes.push(Change::RenamedFrom(name)),
            5 => changes.push(Change::RenamedTo(name)),
            _ => {}
        }
        if next == 0 {
            return changes;
        }
        bytes = &bytes[next..];
    }
}
// ANCHOR_END: answer

#[cfg(test)]
#[path = "../checks/ex18_1_records.rs"]
mod checks;

use super::*;

/// A buffer as the kernel fills it. Each record begins at a multiple of four bytes. After the last
/// record stand the bytes of an earlier operation.
fn filled(records: &[(u32, &str)]) -> ([u8; 512], usize) {
    let mut buffer = [0; 512];
    let left: Vec<u8> = "left".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for record in buffer.chunks_exact_mut(20) {
        record[..12].copy_from_slice(&[20, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0]);
        record[12..].copy_from_slice(&left);
    }
    buffer[480..484].fill(0); // the last old record

    let (mut at, mut count) = (0, 0);
    for (n, (action, name)) in records.iter().enumerate() {
        let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        count = at + 12 + name.len();
        let next = if n + 1 < records.len() {
            count.next_multiple_of(4) - at
        } else {
            0
        };
        buffer[at..at + 4].copy_from_slice(&(next as u32).to_le_bytes());
        buffer[at + 4..at + 8].copy_from_slice(&action.to_le_bytes());
        buffer[at + 8..at + 12].copy_from_slice(&(name.len() as u32).to_le_bytes());
        buffer[at + 12..count].copy_from_slice(&name);
        at += next;
    }
    (buffer, count)
}

fn added(name: &str) -> Change {
    Change::Added(name.into())
}

#[test]
fn a_single_record() {
    let (buffer, count) = filled(&[(1, "one.txt")]);
    let changes = changes(&buffer, count);
    assert!(
        !changes.is_empty(),
        "the last record is one, too: a 0 in its first field says that no other record follows"
    );
    assert!(
        changes == [added("one.txt")],
        "one.txt became {changes:?}: the length of a name is in bytes, two for each unit of UTF-16"
    );
}

#[test]
fn several_records() {
    let (buffer, count) = filled(&[(1, "a"), (4, "odd"), (5, "even"), (3, "x"), (2, "ünï.txt")]);
    let expected = [
        added("a"),
        Change::RenamedFrom("odd".into()),
        Change::RenamedTo("even".into()),
        Change::Removed("ünï.txt".into()),
    ];
    // A wrong answer may read past the buffer, and panic.
    let changes = std::panic::catch_unwind(|| changes(&buffer, count));
    let changes = changes.unwrap_or_default();
    if changes.len() == 3 && changes == expected[..3] {
        panic!("{changes:?}: the last record is one, too");
    }
    assert!(
        changes == expected,
        "{changes:?}: records begin at multiples of four bytes, and the first field of each says \
         where the next one begins"
    );
}

#[test]
fn no_bytes_at_all() {
    let (buffer, _) = filled(&[]);
    let changes = changes(&buffer, 0);
    assert!(
        changes == [Change::TooMany],
        "{changes:?}: no bytes, and yet a packet: more has changed than the kernel had room for"
    );
}

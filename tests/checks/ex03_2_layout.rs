use super::*;
use std::mem::offset_of;

/// The buffer as the kernel has written it: mask, token, mask, token, without gaps.
fn written_by_the_kernel() -> [u8; size_of::<[Padded; 2]>()] {
    let mut buffer = [0; size_of::<[Padded; 2]>()];
    for (index, token) in [7_u64, 8].into_iter().enumerate() {
        let start = 12 * index;
        buffer[start..start + 4].copy_from_slice(&1_u32.to_le_bytes());
        buffer[start + 4..start + 12].copy_from_slice(&token.to_le_bytes());
    }
    buffer
}

fn token(buffer: &[u8], index: usize, size: usize, offset: usize) -> u64 {
    let start = index * size + offset;
    u64::from_le_bytes(buffer[start..start + 8].try_into().unwrap())
}

#[test]
fn the_packed_struct_finds_both_tokens() {
    let (size, offset) = (size_of::<Packed>(), offset_of!(Packed, data));
    assert_eq!(
        (size, offset),
        (12, 4),
        "an x86-64 kernel's epoll_event is packed: 12 bytes, its data at byte 4"
    );
    let buffer = written_by_the_kernel();
    let tokens = [0, 1].map(|index| token(&buffer, index, size, offset));
    assert_eq!(
        tokens,
        [7, 8],
        "the packed struct must find the kernel's own tokens"
    );
}

#[test]
fn the_padded_struct_reads_these_tokens() {
    let (size, offset) = (size_of::<Padded>(), offset_of!(Padded, data));
    let buffer = written_by_the_kernel();
    for (index, predicted) in TOKENS_READ.into_iter().enumerate() {
        let read = token(&buffer, index, size, offset);
        assert!(
            predicted == read,
            "the program does not read token {predicted} for event {index}: the kernel's events lie \
             12 bytes apart, and the program looks for a token in bytes {} to {}",
            index * size + offset,
            index * size + offset + 7
        );
    }
}

//! Exercise 7.1: where C puts a struct's fields.

/// A field: its size, and the alignment that C gives its type on this machine.
#[derive(Clone, Copy)]
pub struct Field {
    pub size: usize,
    pub align: usize,
}

/// The offsets of the fields, and the size and the alignment of the whole struct.
#[derive(Debug, PartialEq)]
pub struct Layout {
    pub offsets: Vec<usize>,
    pub size: usize,
    pub align: usize,
}

// ANCHOR: answer
/// Lays out a struct by C's rules. In a packed struct, no field's alignment counts for more than
/// `packing`: 1 for `packed`, 4 for `packed(4)`.
pub fn layout(fields: &[Field], packing: Option<usize>) -> Layout {
    let most = packing.unwrap_or(usize::MAX);
    let (mut offsets, mut end, mut align) = (Vec::new(), 0_usize, 1);
    for field in fields {
        let own = field.align.min(most);
        end = end.next_multiple_of(own);
        offsets.push(end);
        end += field.size;
        align = align.max(own);
    }
    let size = end.next_multiple_of(align);
    Layout {
        offsets,
        size,
        align,
    }
}
// ANCHOR_END: answer

#[cfg(test)]
#[path = "../checks/ex07_1_layout.rs"]
mod checks;

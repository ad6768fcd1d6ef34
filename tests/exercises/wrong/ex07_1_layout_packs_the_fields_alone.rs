// Fails with: alignment of the whole
//! Exercise 7.1: where C puts a struct's fields.

/// A field: its size, and the alignment that this machine's C gives its type.
#[derive(Clone, Copy)]
pub struct Field {
    pub size: usize,
    pub align: usize,
}

/// Where the fields are, and what the whole is.
#[derive(Debug, PartialEq)]
pub struct Layout {
    pub offsets: Vec<usize>,
    pub size: usize,
    pub align: usize,
}

/// Lays out a struct by C's rules. Of a packed one no field's alignment counts for more than
/// `packing`: 1 for `packed`, 4 for `packed(4)`.
pub fn layout(fields: &[Field], packing: Option<usize>) -> Layout {
    let most = packing.unwrap_or(usize::MAX);
    let (mut offsets, mut end, mut align) = (Vec::new(), 0_usize, 1);
    for field in fields {
        let own = field.align.min(most);
        end = end.next_multiple_of(own);
        offsets.push(end);
        end += field.size;
        align = align.max(field.align);
    }
    let size = end.next_multiple_of(align);
    Layout {
        offsets,
        size,
        align,
    }
}

#[cfg(test)]
#[path = "../../checks/ex07_1_layout.rs"]
mod checks;

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

/// Lays out a struct by C's rules. In a packed struct, no field's alignment counts for more than
/// `packing`: 1 for `packed`, 4 for `packed(4)`.
pub fn layout(_fields: &[Field], _packing: Option<usize>) -> Layout {
    todo!()
}

#[cfg(test)]
#[path = "../checks/ex07_1_layout.rs"]
mod checks;

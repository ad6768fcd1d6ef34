//! `cargo workbook`: the companion of the book.
fn main() {}

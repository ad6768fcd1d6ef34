//! The blanks, and wrong answers to them: built and run by `tests/workbook.rs`, never by `cargo test` itself.

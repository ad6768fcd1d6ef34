//! The exercises' blanks, and wrong answers to each. All of them fail; `tests/workbook.rs` runs
//! them and sees to it. The blanks are never edited: `cargo workbook check` works on a copy.

// Every blank and its wrong answers take in the same checks.
#![allow(clippy::duplicate_mod)]

#[path = "ex03_1_errno.rs"]
mod ex03_1_errno;
#[path = "wrong/ex03_1_errno_asked_after_success.rs"]
mod ex03_1_errno_asked_after_success;
#[path = "wrong/ex03_1_errno_read_too_late.rs"]
mod ex03_1_errno_read_too_late;
#[path = "ex03_2_layout.rs"]
mod ex03_2_layout;
#[path = "wrong/ex03_2_layout_one_event_at_a_time.rs"]
mod ex03_2_layout_one_event_at_a_time;
#[path = "ex03_3_drain.rs"]
mod ex03_3_drain;
#[path = "wrong/ex03_3_drain_short_read.rs"]
mod ex03_3_drain_short_read;
#[path = "wrong/ex03_3_drain_would_block_is_an_error.rs"]
mod ex03_3_drain_would_block_is_an_error;

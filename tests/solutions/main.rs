//! The exercises' answers, under the same checks as the reader's own.

#[path = "ex03_1_errno.rs"]
mod ex03_1_errno;
#[path = "ex03_2_layout.rs"]
mod ex03_2_layout;
#[path = "ex03_3_drain.rs"]
mod ex03_3_drain;

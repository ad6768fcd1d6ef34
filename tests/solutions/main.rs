//! The exercises' answers, under the same checks as the reader's own.

#[path = "ex03_1_layout.rs"]
mod ex03_1_layout;
#[path = "ex03_2_drain.rs"]
mod ex03_2_drain;

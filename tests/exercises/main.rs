//! The exercises' blanks. All of them fail; `tests/workbook.rs` runs them, with the wrong answers in
//! `wrong/`, and sees to it. Nobody edits the blanks: `cargo workbook check` works on a copy.

mod ex01_1_pool;
mod ex01_2_half_a_line;
mod ex02_1_announced;
mod ex02_2_done_from_ready;
mod ex03_1_errno;
mod ex03_2_layout;
mod ex03_3_drain;
mod ex05_1_lent;
mod ex05_2_packet;
mod ex05_3_buffers;
mod ex06_1_answers;
mod ex06_2_pair;
mod ex07_1_layout;
mod ex07_2_outcome;
mod ex07_3_prototypes;
mod ex08_1_mask;
mod ex08_2_deadline;
mod ex08_3_answers;
mod ex10_1_wake;
mod ex10_2_events;
mod ex11_1_start;
mod ex11_2_wait;
mod ex12_1_rest;
mod ex12_2_half_closed;
mod ex12_3_batch;
mod ex13_1_lent;
mod ex13_2_nothing;
mod ex14_1_taken;
mod ex14_2_goodbye;
mod ex16_1_arrives;
mod ex16_2_receive;
mod ex16_3_once;
mod ex18_1_records;
mod ex18_2_order;

//! The exercises' answers, under the same checks as the reader's own.

#[path = "ex01_1_pool.rs"]
mod ex01_1_pool;
#[path = "ex01_2_half_a_line.rs"]
mod ex01_2_half_a_line;
#[path = "ex02_1_announced.rs"]
mod ex02_1_announced;
#[path = "ex02_2_done_from_ready.rs"]
mod ex02_2_done_from_ready;
#[path = "ex03_1_errno.rs"]
mod ex03_1_errno;
#[path = "ex03_2_layout.rs"]
mod ex03_2_layout;
#[path = "ex03_3_drain.rs"]
mod ex03_3_drain;
#[path = "ex05_1_lent.rs"]
mod ex05_1_lent;
#[path = "ex05_2_packet.rs"]
mod ex05_2_packet;
#[path = "ex05_3_buffers.rs"]
mod ex05_3_buffers;
#[path = "ex06_1_answers.rs"]
mod ex06_1_answers;
#[path = "ex06_2_pair.rs"]
mod ex06_2_pair;
#[path = "ex07_1_layout.rs"]
mod ex07_1_layout;
#[path = "ex07_2_outcome.rs"]
mod ex07_2_outcome;
#[path = "ex07_3_prototypes.rs"]
mod ex07_3_prototypes;
#[path = "ex08_1_mask.rs"]
mod ex08_1_mask;
#[path = "ex08_2_deadline.rs"]
mod ex08_2_deadline;
#[path = "ex08_3_answers.rs"]
mod ex08_3_answers;
#[path = "ex10_1_wake.rs"]
mod ex10_1_wake;
#[path = "ex10_2_events.rs"]
mod ex10_2_events;
#[path = "ex11_1_start.rs"]
mod ex11_1_start;
#[path = "ex11_2_wait.rs"]
mod ex11_2_wait;
#[path = "ex12_1_rest.rs"]
mod ex12_1_rest;
#[path = "ex12_2_half_closed.rs"]
mod ex12_2_half_closed;
#[path = "ex12_3_batch.rs"]
mod ex12_3_batch;
#[path = "ex13_1_lent.rs"]
mod ex13_1_lent;
#[path = "ex13_2_nothing.rs"]
mod ex13_2_nothing;
#[path = "ex14_1_taken.rs"]
mod ex14_1_taken;
#[path = "ex14_2_goodbye.rs"]
mod ex14_2_goodbye;
#[path = "ex16_1_arrives.rs"]
mod ex16_1_arrives;
#[path = "ex16_2_receive.rs"]
mod ex16_2_receive;
#[path = "ex16_3_once.rs"]
mod ex16_3_once;
#[path = "ex18_1_records.rs"]
mod ex18_1_records;
#[path = "ex18_2_order.rs"]
mod ex18_2_order;

//! The exercises' blanks, and wrong answers to each. All of them fail; `tests/workbook.rs` runs
//! them and sees to it. The blanks are never edited: `cargo workbook check` works on a copy.

// Every blank and its wrong answers take in the same checks.
#![allow(clippy::duplicate_mod)]

#[path = "ex01_1_pool.rs"]
mod ex01_1_pool;
#[path = "wrong/ex01_1_pool_each_thread_answers_one.rs"]
mod ex01_1_pool_each_thread_answers_one;
#[path = "wrong/ex01_1_pool_one_thread_serves_one.rs"]
mod ex01_1_pool_one_thread_serves_one;
#[path = "ex01_2_half_a_line.rs"]
mod ex01_2_half_a_line;
#[path = "wrong/ex01_2_half_a_line_forgets_the_half.rs"]
mod ex01_2_half_a_line_forgets_the_half;
#[path = "wrong/ex01_2_half_a_line_thinks_a_read_is_a_line.rs"]
mod ex01_2_half_a_line_thinks_a_read_is_a_line;
#[path = "ex02_1_announced.rs"]
mod ex02_1_announced;
#[path = "wrong/ex02_1_announced_an_edge_is_repeated.rs"]
mod ex02_1_announced_an_edge_is_repeated;
#[path = "wrong/ex02_1_announced_each_write_is_an_event.rs"]
mod ex02_1_announced_each_write_is_an_event;
#[path = "ex02_2_done_from_ready.rs"]
mod ex02_2_done_from_ready;
#[path = "wrong/ex02_2_done_from_ready_reports_would_block.rs"]
mod ex02_2_done_from_ready_reports_would_block;
#[path = "wrong/ex02_2_done_from_ready_waits_for_another_edge.rs"]
mod ex02_2_done_from_ready_waits_for_another_edge;
#[path = "ex03_1_errno.rs"]
mod ex03_1_errno;
#[path = "wrong/ex03_1_errno_asked_after_success.rs"]
mod ex03_1_errno_asked_after_success;
#[path = "wrong/ex03_1_errno_every_negative_is_a_failure.rs"]
mod ex03_1_errno_every_negative_is_a_failure;
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
#[path = "ex05_1_lent.rs"]
mod ex05_1_lent;
#[path = "wrong/ex05_1_lent_always_a_packet.rs"]
mod ex05_1_lent_always_a_packet;
#[path = "wrong/ex05_1_lent_asks_for_an_error_first.rs"]
mod ex05_1_lent_asks_for_an_error_first;
#[path = "wrong/ex05_1_lent_done_is_back.rs"]
mod ex05_1_lent_done_is_back;
#[path = "ex05_2_packet.rs"]
mod ex05_2_packet;
#[path = "wrong/ex05_2_packet_no_look_at_the_status.rs"]
mod ex05_2_packet_no_look_at_the_status;
#[path = "wrong/ex05_2_packet_the_whole_buffer.rs"]
mod ex05_2_packet_the_whole_buffer;
#[path = "wrong/ex05_2_packet_zero_is_the_end.rs"]
mod ex05_2_packet_zero_is_the_end;
#[path = "ex05_3_buffers.rs"]
mod ex05_3_buffers;
#[path = "wrong/ex05_3_buffers_bytes_for_a_closed_connection.rs"]
mod ex05_3_buffers_bytes_for_a_closed_connection;
#[path = "wrong/ex05_3_buffers_cancelled_is_back.rs"]
mod ex05_3_buffers_cancelled_is_back;
#[path = "wrong/ex05_3_buffers_never_back.rs"]
mod ex05_3_buffers_never_back;
#[path = "ex06_1_answers.rs"]
mod ex06_1_answers;
#[path = "wrong/ex06_1_answers_any_queue_will_do.rs"]
mod ex06_1_answers_any_queue_will_do;
#[path = "wrong/ex06_1_answers_closed_at_once.rs"]
mod ex06_1_answers_closed_at_once;
#[path = "ex06_2_pair.rs"]
mod ex06_2_pair;
#[path = "wrong/ex06_2_pair_half_registered.rs"]
mod ex06_2_pair_half_registered;
#[path = "wrong/ex06_2_pair_stops_at_the_first_error.rs"]
mod ex06_2_pair_stops_at_the_first_error;
#[path = "ex07_1_layout.rs"]
mod ex07_1_layout;
#[path = "wrong/ex07_1_layout_ends_at_its_last_field.rs"]
mod ex07_1_layout_ends_at_its_last_field;
#[path = "wrong/ex07_1_layout_packing_pads.rs"]
mod ex07_1_layout_packing_pads;
#[path = "wrong/ex07_1_layout_packs_the_fields_alone.rs"]
mod ex07_1_layout_packs_the_fields_alone;
#[path = "ex07_2_outcome.rs"]
mod ex07_2_outcome;
#[path = "wrong/ex07_2_outcome_asks_after_wsastartup.rs"]
mod ex07_2_outcome_asks_after_wsastartup;
#[path = "wrong/ex07_2_outcome_null_is_no_handle.rs"]
mod ex07_2_outcome_null_is_no_handle;
#[path = "wrong/ex07_2_outcome_pending_is_failure.rs"]
mod ex07_2_outcome_pending_is_failure;
#[path = "wrong/ex07_2_outcome_true_is_one.rs"]
mod ex07_2_outcome_true_is_one;
#[path = "ex07_3_prototypes.rs"]
mod ex07_3_prototypes;
#[path = "wrong/ex07_3_prototypes_a_bool_is_a_bool.rs"]
mod ex07_3_prototypes_a_bool_is_a_bool;
#[path = "wrong/ex07_3_prototypes_a_count_is_an_int.rs"]
mod ex07_3_prototypes_a_count_is_an_int;
#[path = "wrong/ex07_3_prototypes_a_long_is_64_bits.rs"]
mod ex07_3_prototypes_a_long_is_64_bits;
#[path = "wrong/ex07_3_prototypes_not_variadic.rs"]
mod ex07_3_prototypes_not_variadic;
#[path = "ex08_1_mask.rs"]
mod ex08_1_mask;
#[path = "wrong/ex08_1_mask_no_rdhup.rs"]
mod ex08_1_mask_no_rdhup;
#[path = "wrong/ex08_1_mask_one_direction_only.rs"]
mod ex08_1_mask_one_direction_only;
#[path = "ex08_2_deadline.rs"]
mod ex08_2_deadline;
#[path = "wrong/ex08_2_deadline_a_signal_ends_it.rs"]
mod ex08_2_deadline_a_signal_ends_it;
#[path = "wrong/ex08_2_deadline_below_zero.rs"]
mod ex08_2_deadline_below_zero;
#[path = "wrong/ex08_2_deadline_overflows.rs"]
mod ex08_2_deadline_overflows;
#[path = "ex08_3_answers.rs"]
mod ex08_3_answers;
#[path = "wrong/ex08_3_answers_closed_is_hung_up.rs"]
mod ex08_3_answers_closed_is_hung_up;
#[path = "wrong/ex08_3_answers_end_is_readable.rs"]
mod ex08_3_answers_end_is_readable;
#[path = "ex10_1_wake.rs"]
mod ex10_1_wake;
#[path = "wrong/ex10_1_wake_announced_whatever_happened.rs"]
mod ex10_1_wake_announced_whatever_happened;
#[path = "wrong/ex10_1_wake_every_push_pays.rs"]
mod ex10_1_wake_every_push_pays;
#[path = "wrong/ex10_1_wake_load_then_store.rs"]
mod ex10_1_wake_load_then_store;
#[path = "wrong/ex10_1_wake_notified_before_listed.rs"]
mod ex10_1_wake_notified_before_listed;
#[path = "wrong/ex10_1_wake_stays_notified.rs"]
mod ex10_1_wake_stays_notified;
#[path = "ex10_2_events.rs"]
mod ex10_2_events;
#[path = "wrong/ex10_2_events_listed_is_delivered.rs"]
mod ex10_2_events_listed_is_delivered;
#[path = "wrong/ex10_2_events_one_for_each_wake.rs"]
mod ex10_2_events_one_for_each_wake;
#[path = "ex11_1_start.rs"]
mod ex11_1_start;
#[path = "wrong/ex11_1_start_done_brings_a_packet.rs"]
mod ex11_1_start_done_brings_a_packet;
#[path = "wrong/ex11_1_start_done_is_back.rs"]
mod ex11_1_start_done_is_back;
#[path = "wrong/ex11_1_start_refused_stays_lent.rs"]
mod ex11_1_start_refused_stays_lent;
#[path = "ex11_2_wait.rs"]
mod ex11_2_wait;
#[path = "wrong/ex11_2_wait_any_packet_ends_it.rs"]
mod ex11_2_wait_any_packet_ends_it;
#[path = "wrong/ex11_2_wait_follows_null.rs"]
mod ex11_2_wait_follows_null;
#[path = "wrong/ex11_2_wait_sleeps_while_it_delivers.rs"]
mod ex11_2_wait_sleeps_while_it_delivers;
#[path = "wrong/ex11_2_wait_waits_the_whole_again.rs"]
mod ex11_2_wait_waits_the_whole_again;
#[path = "ex12_1_rest.rs"]
mod ex12_1_rest;
#[path = "wrong/ex12_1_rest_no_room_is_the_end.rs"]
mod ex12_1_rest_no_room_is_the_end;
#[path = "wrong/ex12_1_rest_reads_on.rs"]
mod ex12_1_rest_reads_on;
#[path = "wrong/ex12_1_rest_tries_again.rs"]
mod ex12_1_rest_tries_again;
#[path = "wrong/ex12_1_rest_writes_all.rs"]
mod ex12_1_rest_writes_all;
#[path = "ex12_2_half_closed.rs"]
mod ex12_2_half_closed;
#[path = "wrong/ex12_2_half_closed_end_is_over.rs"]
mod ex12_2_half_closed_end_is_over;
#[path = "wrong/ex12_2_half_closed_reads_on.rs"]
mod ex12_2_half_closed_reads_on;
#[path = "wrong/ex12_2_half_closed_reads_the_end_again.rs"]
mod ex12_2_half_closed_reads_the_end_again;
#[path = "ex12_3_batch.rs"]
mod ex12_3_batch;
#[path = "wrong/ex12_3_batch_first_in_first_out.rs"]
mod ex12_3_batch_first_in_first_out;
#[path = "wrong/ex12_3_batch_forgets_places.rs"]
mod ex12_3_batch_forgets_places;
#[path = "wrong/ex12_3_batch_frees_twice.rs"]
mod ex12_3_batch_frees_twice;
#[path = "wrong/ex12_3_batch_never_reuses.rs"]
mod ex12_3_batch_never_reuses;
#[path = "ex13_1_lent.rs"]
mod ex13_1_lent;
#[path = "wrong/ex13_1_lent_asks_the_socket_meanwhile.rs"]
mod ex13_1_lent_asks_the_socket_meanwhile;
#[path = "wrong/ex13_1_lent_lends_after_each_read.rs"]
mod ex13_1_lent_lends_after_each_read;
#[path = "wrong/ex13_1_lent_lends_once.rs"]
mod ex13_1_lent_lends_once;
#[path = "ex13_2_nothing.rs"]
mod ex13_2_nothing;
#[path = "wrong/ex13_2_nothing_after_each_read.rs"]
mod ex13_2_nothing_after_each_read;
#[path = "wrong/ex13_2_nothing_forgets_level.rs"]
mod ex13_2_nothing_forgets_level;
#[path = "wrong/ex13_2_nothing_one_more_in_flight.rs"]
mod ex13_2_nothing_one_more_in_flight;
#[path = "ex14_1_taken.rs"]
mod ex14_1_taken;
#[path = "wrong/ex14_1_taken_forgets_the_rest.rs"]
mod ex14_1_taken_forgets_the_rest;
#[path = "wrong/ex14_1_taken_never_lends.rs"]
mod ex14_1_taken_never_lends;
#[path = "wrong/ex14_1_taken_says_refused.rs"]
mod ex14_1_taken_says_refused;
#[path = "wrong/ex14_1_taken_writes_over_what_is_lent.rs"]
mod ex14_1_taken_writes_over_what_is_lent;
#[path = "ex14_2_goodbye.rs"]
mod ex14_2_goodbye;
#[path = "wrong/ex14_2_goodbye_closes_at_once.rs"]
mod ex14_2_goodbye_closes_at_once;
#[path = "wrong/ex14_2_goodbye_does_not_end_the_stream.rs"]
mod ex14_2_goodbye_does_not_end_the_stream;
#[path = "wrong/ex14_2_goodbye_waits_for_the_connect.rs"]
mod ex14_2_goodbye_waits_for_the_connect;
#[path = "ex16_1_arrives.rs"]
mod ex16_1_arrives;
#[path = "wrong/ex16_1_arrives_empty_is_the_end.rs"]
mod ex16_1_arrives_empty_is_the_end;
#[path = "wrong/ex16_1_arrives_strangers_are_heard.rs"]
mod ex16_1_arrives_strangers_are_heard;
#[path = "wrong/ex16_1_arrives_the_rest_comes_later.rs"]
mod ex16_1_arrives_the_rest_comes_later;
#[path = "ex16_2_receive.rs"]
mod ex16_2_receive;
#[path = "wrong/ex16_2_receive_every_error_is_survived.rs"]
mod ex16_2_receive_every_error_is_survived;
#[path = "wrong/ex16_2_receive_full_is_too_long.rs"]
mod ex16_2_receive_full_is_too_long;
#[path = "wrong/ex16_2_receive_waits_after_a_refusal.rs"]
mod ex16_2_receive_waits_after_a_refusal;
#[path = "ex16_3_once.rs"]
mod ex16_3_once;
#[path = "wrong/ex16_3_once_adds_again.rs"]
mod ex16_3_once_adds_again;
#[path = "wrong/ex16_3_once_forgets_what_it_said.rs"]
mod ex16_3_once_forgets_what_it_said;
#[path = "wrong/ex16_3_once_says_it_once.rs"]
mod ex16_3_once_says_it_once;
#[path = "wrong/ex16_3_once_the_late_is_new.rs"]
mod ex16_3_once_the_late_is_new;
#[path = "ex18_1_records.rs"]
mod ex18_1_records;
#[path = "wrong/ex18_1_records_counts_characters.rs"]
mod ex18_1_records_counts_characters;
#[path = "wrong/ex18_1_records_loses_the_last.rs"]
mod ex18_1_records_loses_the_last;
#[path = "wrong/ex18_1_records_next_where_the_name_ends.rs"]
mod ex18_1_records_next_where_the_name_ends;
#[path = "wrong/ex18_1_records_no_bytes_no_changes.rs"]
mod ex18_1_records_no_bytes_no_changes;
#[path = "wrong/ex18_1_records_reads_what_was_there.rs"]
mod ex18_1_records_reads_what_was_there;
#[path = "ex18_2_order.rs"]
mod ex18_2_order;
#[path = "wrong/ex18_2_order_announces_first.rs"]
mod ex18_2_order_announces_first;
#[path = "wrong/ex18_2_order_lends_what_is_lent.rs"]
mod ex18_2_order_lends_what_is_lent;
#[path = "wrong/ex18_2_order_takes_it_back_last.rs"]
mod ex18_2_order_takes_it_back_last;
#[path = "wrong/ex18_2_order_takes_nothing_back.rs"]
mod ex18_2_order_takes_nothing_back;

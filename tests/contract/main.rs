//! The contract, clause by clause: what every system keeps.
//!
//! A test's name begins with its clause. Tests of exhausted descriptors, counted
//! allocations, signals and children need a process of their own: each has a file
//! beside this folder.
//!
//! The table lists what goes wrong in event queues. A real project has met each of
//! these faults. The last column names the test that shows that it does not happen
//! here. (Rows 27 to 52 concern completion ports alone; a test that needs a
//! completion port runs on Windows.)
//!
//! | | what goes wrong | shown by |
//! |---|---|---|
//! | 1 | `epoll_event` is declared packed where C's is not, or unpacked where C's is packed | `every_declaration_has_its_row_and_every_row_its_declaration`, whose table asserts each size and offset |
//! | 2 | a duplicate keeps a registration alive | `c05_a_duplicate_does_not_keep_a_registration_alive` |
//! | 3 | the kernel refuses a new file because it has the number of a closed one | `c07_a_descriptor_number_can_be_registered_again` |
//! | 4 | an event later in the batch names a source that is gone | `c05_a_source_removed_by_an_earlier_event_is_in_this_batch_and_in_no_other` |
//! | 5 | a timeout below a millisecond becomes zero | `c10_a_hundred_microseconds_are_not_a_millisecond`, `milliseconds_are_rounded_up_and_never_overflow` |
//! | 6 | a timeout of zero becomes a millisecond | `c10_zero_returns_at_once` |
//! | 7 | a long timeout overflows | `c10_thirty_days_and_the_longest_duration_are_waited` |
//! | 8 | an old kernel waits for ever if the timeout is long | `a_long_wait_is_asked_for_a_day_at_a_time` |
//! | 9 | a signal restarts the timeout | `c11_signals_neither_end_nor_prolong_a_wait` |
//! | 10 | a pipe without a reader gives an event without readiness | `c08_a_pipe_without_a_reader_is_write_closed` |
//! | 11 | a closed half is taken for a hang-up | `c08_a_closed_half_is_read_to_its_last_byte_and_written_to` |
//! | 12 | a program reads a part and waits for an edge that does not come | `c02_a_partial_read_leaves_edge_silent_and_the_rest_readable`, `c03_level_reports_what_a_partial_read_leaves` |
//! | 13 | an eventfd's counter is full | `a_full_eventfd_still_wakes` |
//! | 14 | a regular file is refused with an error that explains nothing | `c07_a_regular_file_is_refused_where_it_cannot_be_watched` |
//! | 15 | kqueue: a receipt is taken for an error | every registration has a receipt there: `c06_a_thousand_registrations_are_as_one` |
//! | 16 | kqueue: a pipe whose other end is closed is refused | `c08_a_pipe_that_ended_before_it_was_registered_is_reported` |
//! | 17 | kqueue: a knote is deleted that does not exist | `from_every_registration_the_changes_lead_to_every_other` |
//! | 18 | kqueue: a signal interrupts a change list | not here: no test can send a signal during that one call |
//! | 19 | kqueue: reading and writing are two answers | `c13_room_for_one_event_loses_no_direction` |
//! | 20 | kqueue: bytes are still unread when the end is reported | `c08_a_closed_peer_is_read_to_its_last_byte` |
//! | 21 | kqueue: the program looks for the error in the wrong field | `c08_a_reset_is_an_error_that_take_error_has`, `at_the_end_the_error_is_in_fflags` |
//! | 22 | kqueue: one wake is reported again and again | `c12_a_wake_of_a_sleeping_poller_comes_once` |
//! | 23 | kqueue: a second EV_ADD overwrites, and a change of an unknown source fails | `c07_registering_a_registered_source_is_refused_and_changes_nothing`, `c07_an_unregistered_source_is_not_found` |
//! | 24 | macOS: `/dev/tty` is refused | not here: a test has no terminal; the documentation of `SourceFd` says it |
//! | 25 | kqueue: a forked child does not inherit the queue | not here: a Rust program forks only to execute another program, which inherits nothing from us |
//! | 26 | a duplicate survives exec, or gets an unexpected number | `c16_a_child_inherits_nothing`, `c16_a_duplicate_gets_the_lowest_free_number` |
//! | 27 | IOCP: the memory of a cancelled operation is freed too early | `every_operation_comes_back_whatever_is_dropped_when`, `ten_thousand_operations_come_back_whoever_goes_first` |
//! | 28 | IOCP: the completion comes before the call has returned, and finds no memory | `registering_deregistering_and_completing_race_without_loss` |
//! | 29 | IOCP: an operation that succeeds at once is reported twice, or never | `what_was_there_before_is_one_event_however_it_is_told` |
//! | 30 | IOCP: a socket queues packets although it was told to skip them | `datagrams_that_were_there_come_once_each` |
//! | 31 | IOCP: a handle belongs to its port for good | `c07_a_source_moves_to_another_queue_once_deregistered`, `c06_registering_again_loses_no_bytes` |
//! | 32 | IOCP: ConnectEx has a socket that is not bound, or is not updated afterwards | `c09_a_connection_that_is_made_is_a_writable_event` |
//! | 33 | IOCP: an accepted socket does not know its listener | `c09_one_loop_connects_and_accepts` |
//! | 34 | IOCP: a refused connection is never reported | `c09_a_refused_connection_is_a_writable_event_with_its_error` |
//! | 35 | IOCP: a datagram to a closed port ends the receiving of all datagrams | `a_server_hears_nothing_of_clients_that_are_gone` |
//! | 36 | IOCP: dropping a stream cancels its last write | `c14_a_dropped_stream_still_delivers_what_it_took` |
//! | 37 | IOCP: an event comes after `deregister` | `c05_after_deregister_nothing_is_delivered_even_if_it_was_queued` |
//! | 38 | AFD: the bit for a connection stays set | not here: AFD watches no source yet |
//! | 39 | AFD: two polls of one socket take events from each other | not here: AFD watches no source yet |
//! | 40 | IOCP: a registration is missed while the poller falls asleep | `c01_a_source_registered_while_poll_blocks_is_reported`, `c12_what_another_thread_registers_joins_the_wait` |
//! | 41 | IOCP: a packet without an event ends a wait | `c10_a_packet_of_a_dropped_stream_does_not_end_a_wait` |
//! | 42 | IOCP: after a peek that finds nothing, no event comes | `a_peek_that_finds_nothing_waits_for_more` |
//! | 43 | IOCP: the null pointer of a wake-up packet is followed | `wakes_and_completions_come_in_one_batch` |
//! | 44 | IOCP: an operation succeeds at once and still queues a packet | `datagrams_that_were_there_come_once_each` |
//! | 45 | IOCP: a read returns more of the buffer than has arrived | `a_lent_buffer_is_read_by_the_count_that_came` |
//! | 46 | IOCP: bytes fill a buffer after `deregister`, and are lost | `c06_registering_again_loses_no_bytes`, `a_dropped_read_takes_no_bytes_along` |
//! | 47 | IOCP: a zero-byte receive is taken for the end of the stream | `nothing_received_is_the_end_only_if_something_was_lent` |
//! | 48 | IOCP: the program reads all bytes that have arrived, and no new read is started | `reading_just_what_was_in_hand_waits_for_more` |
//! | 49 | IOCP: closing with a write in flight loses its bytes | `c14_a_dropped_stream_still_delivers_what_it_took`, `c14_a_stream_dropped_in_the_midst_of_writing_loses_nothing` |
//! | 50 | IOCP: two reads in flight on one socket split its stream | `c07_a_duplicate_shares_the_registration` |
//! | 51 | IOCP: a completion wakes the poller that is handling it | `a_completion_posts_no_packet_of_its_own` |
//! | 52 | IOCP: a client that gives up ends the listener | `a_client_that_gives_up_is_not_the_listeners_error` |
//! | 53 | kqueue: a registration changed from edge to level stays edge | `c03_edge_changed_to_level_is_level`, `from_every_registration_the_changes_lead_to_every_other` |
//! | 54 | a source is listed again during delivery, and is in the batch twice | `c03_a_source_that_a_busy_thread_sets_is_in_a_batch_once`, `c03_both_directions_of_a_source_are_one_event`, `a_drain_takes_what_was_listed_when_it_began` |
//! | 55 | -1, which means the default hop limit, is read as 4294967295 | `a_hop_limit_that_the_system_does_not_tell_is_an_error` |
//! | 56 | kqueue: NetBSD refuses a pipe without a reader with a different error | `c08_a_pipe_that_ended_before_it_was_registered_is_reported` |
//! | 57 | a refused `reregister` removes the old registration | `c07_a_change_that_the_kernel_refuses_changes_nothing`, `a_change_that_could_not_be_announced_changes_nothing` |
//! | 58 | a port that is bound but not listening does not refuse a connection | `c09_a_refused_connection_is_a_writable_event_with_its_error` |
//! | 59 | a wait ends only at the system's next tick | `c10_a_wait_is_not_prolonged` |
//! | 60 | small writes are held back for 200 ms | `c02_drain_then_wait_moves_every_byte` |
//! | 61 | only some systems give an accepted socket the listener's time to live | `ttl_is_set_and_read_on_ipv4` |
//! | 62 | after a reset, `send` fails with an error that only this system has | `c11_writing_to_a_closed_peer_is_an_error` |
//! | 63 | IOCP: two threads register one handle at once | `one_handle_may_be_registered_by_two_threads_at_once` |
//! | 64 | IOCP: a read that fails for lack of memory ends the stream | `too_little_memory_is_no_failure_and_no_end_and_is_told` |
//! | 65 | IOCP: a layered provider loses completions if packets are skipped | not here: no tester has such a provider; the crate asks each socket's provider |
//! | 66 | shutting down reading tells the peer nothing, and may reset on Windows | not here: the call's documentation says it |
//! | 67 | NetBSD: the writer of a full pipe does not learn that the reader has gone | not here: the kernel does not tell |

mod bench;
mod c01;
mod c02;
mod c03;
mod c04;
mod c05;
mod c06;
mod c07;
mod c08;
mod c09;
mod c10;
mod c11;
mod c12;
mod c13;
mod c14;
mod c15;
mod c18;
mod c20;
mod common;
mod gone;
#[cfg(windows)]
mod named_pipes;
#[cfg(unix)]
mod nested;
mod nobody;
#[cfg(windows)]
mod port;
#[cfg(windows)]
mod windows;

/// The tests that only Unix has, with the reason.
const NOT_ON_WINDOWS: &[(&str, &[&str])] = &[
    (
        "a completion port does not watch descriptors",
        &[
            "a_source_holds_a_descriptor_as_it_was_given",
            "c02_drain_then_wait_moves_every_byte_between_descriptors",
            "c03_level_reports_what_a_partial_read_of_a_descriptor_leaves",
            "c05_a_duplicate_descriptor_does_not_keep_a_registration_alive",
            "c07_a_regular_file_is_refused_where_it_cannot_be_watched",
            "c07_a_second_source_of_one_descriptor_is_refused_by_epoll",
            "c07_a_descriptor_number_can_be_registered_again",
            "c08_a_closed_half_of_a_socket_pair_is_read_to_its_last_byte",
            "c08_a_closed_peer_of_a_socket_pair_is_read_to_its_last_byte",
            "c08_a_pipe_without_a_writer_is_read_to_its_last_byte",
            "c08_a_pipe_without_a_reader_is_write_closed",
            "c08_a_pipe_that_ended_before_it_was_registered_is_reported",
            "c16_a_duplicate_gets_the_lowest_free_number",
            "c20_a_regular_file_is_refused_in_words_or_watched",
            "descriptors_can_be_borrowed_for_other_calls",
            "what_is_written_is_reported_once_until_deregistered",
            "another_thread_registers_writes_and_wakes",
            "everything_can_be_dropped_after_its_queue",
        ],
    ),
    (
        "no queue can watch a completion port",
        &[
            "c01_an_outer_queue_sees_what_the_inner_one_would_find",
            "c01_an_outer_queue_sees_what_was_listed_before",
            "c01_an_outer_queue_sees_what_the_inner_one_left_over",
            "c01_an_outer_queue_has_sources_of_its_own",
            "c01_an_outer_queue_is_not_told_that_nothing_is_ready",
            "c01_an_outer_queue_sees_what_came_while_the_inner_one_slept",
            "c03_a_watched_queue_stays_readable_while_a_level_source_is_ready",
            "c07_a_refused_registration_is_none_in_part_either",
            "c07_a_change_that_the_kernel_refuses_changes_nothing",
            "c13_a_look_is_not_empty_for_a_wake_up_of_the_queues_own",
            "c20_a_queue_in_itself_is_harmless",
        ],
    ),
    (
        "clones of a socket share its one registration, and \
         c07_a_duplicate_shares_the_registration tests that",
        &[
            "a_second_handle_has_a_registration_of_its_own",
            "c07_a_duplicate_is_registered_by_itself",
        ],
    ),
    (
        "a connection begins with its registration, and \
         c09_a_connection_begins_with_its_registration tests that",
        &["c09_an_outcome_before_the_registration_is_reported"],
    ),
    (
        "Windows has no signals; c11_queued_procedures_neither_end_nor_prolong_a_wait and \
         c11_writing_to_a_closed_peer_is_an_error test what is nearest",
        &[
            "c11_signals_neither_end_nor_prolong_a_wait",
            "c11_signals_do_not_end_an_endless_wait",
            "c11_writing_to_a_closed_peer_raises_no_sigpipe",
        ],
    ),
    (
        "there are sixteen million handles; \
         c19_running_out_of_sockets_leaves_the_queue_working uses up what Wine limits",
        &["c19_running_out_of_descriptors_leaves_the_queue_working"],
    ),
    (
        "there is no poll(2)",
        &["level_agrees_with_poll_2_after_each_of_many_random_steps"],
    ),
    (
        "a port's handle cannot be taken away and given back",
        &["a_wait_that_fails_forgets_nothing_that_was_told_before"],
    ),
];

/// If a test runs on every Unix but is not built for Windows, `NOT_ON_WINDOWS` must
/// say why. A test of one system alone (`target_os`) needs no reason.
#[test]
fn what_windows_has_no_counterpart_of_is_named() {
    let mut alone = std::collections::BTreeSet::new();
    let mut of_one_system = std::collections::BTreeSet::new();
    for folder in ["tests", "tests/contract"] {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let source = std::fs::read_to_string(&path).unwrap();
            let source = source.replace("\r\n", "\n");
            let condition = source.split_once("\n#![cfg(");
            let condition = condition.map(|(_, rest)| rest.split("\n\n").next().unwrap());
            let whole = path.ends_with("nested.rs")
                || condition.is_some_and(|condition| !condition.contains("windows"));
            for (at, _) in source.match_indices("#[test]\nfn ") {
                let before = source[..at].lines().next_back().unwrap();
                let is_unix = before.starts_with("#[cfg(") && !before.contains("windows");
                if whole || is_unix {
                    let name = source[at..].lines().nth(1).unwrap();
                    let name = name.trim_start_matches("fn ");
                    let name = name.split('(').next().unwrap().to_owned();
                    let one = |condition: &str| condition.contains("target_os");
                    if condition.is_some_and(one) || one(before) {
                        of_one_system.insert(name.clone());
                    }
                    alone.insert(name);
                }
            }
        }
    }
    for (why, tests) in NOT_ON_WINDOWS {
        for test in *tests {
            assert!(alone.remove(*test), "{test} is gone, or not for Unix alone");
            if cfg!(windows) {
                eprintln!("{test}: cannot run here, because {why}");
            }
        }
    }
    let silent: Vec<_> = alone.difference(&of_one_system).collect();
    assert!(
        silent.is_empty(),
        "NOT_ON_WINDOWS does not say why: {silent:?}"
    );
}

#[test]
fn every_test_that_the_table_names_exists() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = String::new();
    let mut folders = vec![root.join("src"), root.join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources += &std::fs::read_to_string(path).unwrap();
            }
        }
    }

    let mut numbers = Vec::new();
    for row in include_str!("main.rs").lines() {
        let Some(row) = row.strip_prefix("//! | ") else {
            continue;
        };
        let cells: Vec<&str> = row.split(" | ").collect();
        let Ok(number) = cells[0].parse::<u32>() else {
            continue;
        };
        numbers.push(number);
        let shown = cells[2];
        let mut named = 0;
        for test in shown.split('`').skip(1).step_by(2) {
            if test.contains('_') {
                let function = format!("fn {test}()");
                assert!(sources.contains(&function), "{number}: there is no {test}");
                named += 1;
            }
        }
        assert_eq!(
            named == 0,
            shown.starts_with("not here: "),
            "{number}: {shown}"
        );
    }
    // New rows go at the end.
    assert!(numbers.iter().copied().eq(1..=numbers.len() as u32));
}

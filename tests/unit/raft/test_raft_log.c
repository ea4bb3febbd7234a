/* SPDX-License-Identifier: Apache-2.0 */
/* The in-memory log: a ring that grows, forgets a prefix, loses a suffix, and knows what is
 * durable. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "multicast/raft/raft_log.h"

static void append(struct raft_log *log, uint64_t term, uint64_t sequence)
{
    struct wire_entry *entry = wire_entry_new(WIRE_ENTRY_CMD, (kv_slice){0});
    entry->index.value = log->last.value + 1;
    entry->term.value = term;
    entry->reach.value = entry->index.value * 10;
    raft_log_append(log, entry, sequence);
    wire_entry_drop(&entry);
}

static void
an_entry_is_found_at_its_index_however_often_the_ring_has_grown_and_wrapped(void **state)
{
    (void)state;
    struct raft_log log;
    raft_log_init(&log);
    for (uint64_t i = 1; i <= 1000; i++) {
        append(&log, 1 + i / 10, i);
        if (i % 7 == 0) { /* the ring's first slot moves on, so that it wraps at many places */
            kv_index index = {log.base.value + 3};
            raft_log_drop_prefix(&log, index, raft_log_term(&log, index),
                                 raft_log_reach(&log, index));
        }
        for (uint64_t j = log.base.value + 1; j <= i; j++) {
            assert_int_equal(raft_log_entry(&log, (kv_index){j})->index.value, j);
        }
    }
    assert_true(log.capacity >= 512);
    raft_log_close(&log);
}

static void the_base_keeps_term_and_reach_of_the_last_dropped_entry(void **state)
{
    (void)state;
    struct raft_log log;
    raft_log_init(&log);
    assert_int_equal(raft_log_term(&log, log.last).value, 0);
    append(&log, 3, 1);
    append(&log, 4, 2);
    raft_log_drop_prefix(&log, (kv_index){1}, (kv_term){3}, (kv_clock){10});
    assert_int_equal(raft_log_term(&log, (kv_index){1}).value, 3);
    assert_int_equal(raft_log_reach(&log, (kv_index){1}).value, 10);
    assert_int_equal(raft_log_term(&log, (kv_index){2}).value, 4);
    raft_log_close(&log);
}

static void a_truncated_suffix_is_gone_and_its_references_are_given_back(void **state)
{
    (void)state;
    struct raft_log log;
    raft_log_init(&log);
    append(&log, 1, 1);
    struct wire_entry *kept = wire_entry_new(WIRE_ENTRY_CMD, (kv_slice){0});
    kept->index.value = 2;
    kept->term.value = 1;
    kept->reach.value = 20;
    raft_log_append(&log, kept, 2);
    assert_int_equal(kept->references, 2);
    raft_log_truncate(&log, (kv_index){2});
    assert_int_equal(kept->references, 1);
    assert_int_equal(log.last.value, 1);
    assert_int_equal(log.truncations, 1);
    wire_entry_drop(&kept);
    raft_log_close(&log);
}

static void durable_follows_the_records_and_falls_back_on_truncation(void **state)
{
    (void)state;
    struct raft_log log;
    raft_log_init(&log);
    append(&log, 1, 2); /* a hard state may have been record 1 */
    append(&log, 1, 3);
    append(&log, 1, 5);
    raft_log_set_durable(&log, 1);
    assert_int_equal(log.durable.value, 0);
    raft_log_set_durable(&log, 4);
    assert_int_equal(log.durable.value, 2);
    raft_log_truncate(&log, (kv_index){2});
    assert_int_equal(log.durable.value, 1);
    append(&log, 2, 6);
    raft_log_set_durable(&log, 5); /* that was the entry that has been replaced */
    assert_int_equal(log.durable.value, 1);
    raft_log_set_durable(&log, 6);
    assert_int_equal(log.durable.value, 2);
    raft_log_close(&log);
}

static void a_reset_log_begins_behind_the_snapshot(void **state)
{
    (void)state;
    struct raft_log log;
    raft_log_init(&log);
    append(&log, 1, 1);
    append(&log, 1, 2);
    raft_log_reset(&log, (kv_index){50}, (kv_term){7}, (kv_clock){500});
    assert_int_equal(log.last.value, 50);
    assert_int_equal(log.durable.value, 50);
    append(&log, 7, 3);
    assert_int_equal(raft_log_entry(&log, (kv_index){51})->term.value, 7);
    raft_log_close(&log);
}

static void the_last_index_of_a_term_is_found_as_by_a_linear_search(void **state)
{
    (void)state;
    static const uint64_t terms[] = {1, 1, 2, 2, 2, 5, 7, 7, 7, 7, 9};
    const uint64_t count = sizeof terms / sizeof terms[0];
    struct raft_log log;
    raft_log_init(&log);
    for (uint64_t i = 0; i < count; i++) {
        append(&log, terms[i], i + 1);
    }
    for (uint64_t from = 0; from <= count; from++) {
        for (uint64_t term = 0; term <= 10; term++) {
            uint64_t expected = from;
            while (expected > 0 && terms[expected - 1] > term) {
                expected--;
            }
            kv_index found =
                raft_log_last_with_term_at_most(&log, (kv_index){from}, (kv_term){term});
            assert_int_equal(found.value, expected);
        }
    }
    raft_log_close(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            an_entry_is_found_at_its_index_however_often_the_ring_has_grown_and_wrapped),
        cmocka_unit_test(the_base_keeps_term_and_reach_of_the_last_dropped_entry),
        cmocka_unit_test(a_truncated_suffix_is_gone_and_its_references_are_given_back),
        cmocka_unit_test(durable_follows_the_records_and_falls_back_on_truncation),
        cmocka_unit_test(a_reset_log_begins_behind_the_snapshot),
        cmocka_unit_test(the_last_index_of_a_term_is_found_as_by_a_linear_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

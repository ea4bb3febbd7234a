/* SPDX-License-Identifier: Apache-2.0 */
/* node: records survive the way to the log and back; waiters are found once, and the oldest go first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "multicast/node/node_records.h"
#include "multicast/node/node_waiters.h"

static struct kv_buffer scratch;

static struct raft_persist there_and_back(const struct raft_persist *persist)
{
    struct log_record record;
    node_record_encode(persist, (kv_group_id){3}, &scratch, &record);
    assert_int_equal(record.group.value, 3);
    struct raft_persist back;
    assert_int_equal(node_record_decode(&record, &back), STATUS_OK);
    assert_int_equal(back.kind, persist->kind);
    return back;
}

static void every_kind_of_record_comes_back_as_it_was(void **state)
{
    (void)state;
    struct raft_persist hard = {
        .kind = RAFT_PERSIST_HARD_STATE, .term = {9}, .vote = {KV_NODES_MAX}};
    struct raft_persist back = there_and_back(&hard);
    assert_int_equal(back.term.value, 9);
    assert_int_equal(back.vote.value, KV_NODES_MAX);
    assert_int_equal(back.roll.origin, RAFT_ORIGIN_NONE);

    hard.roll = (struct raft_roll){.origin = RAFT_ORIGIN_ADMITTED, .admitted = {UINT64_MAX}};
    back = there_and_back(&hard);
    assert_int_equal(back.roll.admitted.value, UINT64_MAX);
    assert_int_equal(back.roll.origin, RAFT_ORIGIN_ADMITTED);
    assert_int_equal(back.roll.founders.count, 0);

    hard.roll =
        (struct raft_roll){.origin = RAFT_ORIGIN_FOUNDED,
                           .founders = {.count = 2, .members = {{{2}, {UINT64_MAX}}, {{7}, {5}}}}};
    back = there_and_back(&hard);
    assert_int_equal(back.roll.origin, RAFT_ORIGIN_FOUNDED);
    assert_int_equal(back.roll.founders.count, 2);
    assert_int_equal(back.roll.founders.members[0].tag.value, UINT64_MAX);
    assert_int_equal(back.roll.founders.members[1].node.value, 7);

    struct wire_entry *entry = wire_entry_new(WIRE_ENTRY_CMD, kv_slice_of("payload", 7));
    entry->index = (kv_index){5};
    entry->term = (kv_term){2};
    entry->reach = (kv_clock){77};
    entry->timestamp = (kv_timestamp){{77}, {3}};
    entry->id.sequence = 12;
    entry->destinations = kv_group_set_of((kv_group_id){3});
    struct raft_persist written = {.kind = RAFT_PERSIST_ENTRY, .entry = entry};
    back = there_and_back(&written);
    assert_int_equal(back.entry->index.value, 5);
    assert_int_equal(back.entry->reach.value, 77);
    assert_true(kv_message_id_equal(back.entry->id, entry->id));
    assert_true(kv_slice_equal(wire_entry_body(back.entry), wire_entry_body(entry)));
    wire_entry_drop(&back.entry);
    wire_entry_drop(&entry);

    struct raft_persist snapshot = {
        .kind = RAFT_PERSIST_SNAPSHOT,
        .keeps_log = true,
        .point = {.index = {4}, .term = {2}, .reach = {70}, .config = {.count = 1}}};
    snapshot.point.config.members[0] = (struct wire_config_member){{2}, true};
    back = there_and_back(&snapshot);
    assert_true(back.keeps_log);
    assert_int_equal(back.point.index.value, 4);
    assert_int_equal(back.point.reach.value, 70);
    assert_int_equal(back.point.config.members[0].node.value, 2);
}

static void a_record_of_any_other_size_is_corrupt(void **state)
{
    (void)state;
    struct raft_persist hard = {.kind = RAFT_PERSIST_HARD_STATE, .term = {9}, .vote = {1}};
    struct log_record record;
    node_record_encode(&hard, (kv_group_id){0}, &scratch, &record);
    struct raft_persist back;
    kv_slice whole = record.payload;
    for (size_t size = 0; size < whole.size; size++) {
        record.payload = kv_slice_of(whole.data, size);
        assert_int_equal(node_record_decode(&record, &back), STATUS_CORRUPT);
        record.kind = LOG_RECORD_SNAPSHOT;
        assert_int_equal(node_record_decode(&record, &back), STATUS_CORRUPT);
        record.kind = LOG_RECORD_HARD_STATE;
    }
    hard.roll = (struct raft_roll){.origin = RAFT_ORIGIN_FOUNDED,
                                   .founders = {.count = 1, .members = {{{2}, {3}}}}};
    node_record_encode(&hard, (kv_group_id){0}, &scratch, &record);
    whole = record.payload;
    for (size_t size = 17; size < whole.size; size++) { /* 16: one without founders */
        record.payload = kv_slice_of(whole.data, size);
        assert_int_equal(node_record_decode(&record, &back), STATUS_CORRUPT);
    }
    hard.roll = (struct raft_roll){.origin = RAFT_ORIGIN_ADMITTED,
                                   .founders = {.count = 1, .members = {{{2}, {3}}}}};
    node_record_encode(&hard, (kv_group_id){0}, &scratch, &record);
    assert_int_equal(node_record_decode(&record, &back), STATUS_CORRUPT);
    hard.roll = (struct raft_roll){0};
    hard.vote = (kv_node_id){KV_NODES_MAX + 1};
    node_record_encode(&hard, (kv_group_id){0}, &scratch, &record);
    assert_int_equal(node_record_decode(&record, &back), STATUS_CORRUPT);
}

static kv_message_id id_of(uint64_t sequence)
{
    return (kv_message_id){.session = {{{1}, {0}}}, .sequence = sequence};
}

static void a_waiter_is_found_once_and_under_its_own_group_only(void **state)
{
    (void)state;
    struct node_waiters waiters = {0};
    struct net_route route = {.size = 1, .bytes = {7}}, found;
    node_waiters_add(&waiters, (kv_group_id){1}, id_of(1), &route);
    assert_false(node_waiters_take(&waiters, (kv_group_id){2}, id_of(1), &found));
    assert_false(node_waiters_take(&waiters, (kv_group_id){1}, id_of(2), &found));
    assert_true(node_waiters_take(&waiters, (kv_group_id){1}, id_of(1), &found));
    assert_int_equal(found.bytes[0], 7);
    assert_false(node_waiters_take(&waiters, (kv_group_id){1}, id_of(1), &found));
    node_waiters_close(&waiters);
}

static void a_resend_moves_the_answer_to_the_newest_route(void **state)
{
    (void)state;
    struct node_waiters waiters = {0};
    struct net_route old = {.size = 1, .bytes = {1}}, new = {.size = 1, .bytes = {2}}, found;
    node_waiters_add(&waiters, (kv_group_id){1}, id_of(1), &old);
    node_waiters_add(&waiters, (kv_group_id){1}, id_of(1), &new);
    assert_int_equal(waiters.count, 1);
    assert_true(node_waiters_take(&waiters, (kv_group_id){1}, id_of(1), &found));
    assert_int_equal(found.bytes[0], 2);
    node_waiters_close(&waiters);
}

static void beyond_the_limit_the_oldest_waiter_is_forgotten(void **state)
{
    (void)state;
    struct node_waiters waiters = {0};
    struct net_route route = {.size = 1}, found;
    for (uint64_t i = 0; i < NODE_WAITERS_MAX + 2; i++) {
        node_waiters_add(&waiters, (kv_group_id){1}, id_of(i), &route);
    }
    assert_int_equal(waiters.count, NODE_WAITERS_MAX);
    assert_false(node_waiters_take(&waiters, (kv_group_id){1}, id_of(1), &found));
    assert_true(node_waiters_take(&waiters, (kv_group_id){1}, id_of(2), &found));
    node_waiters_close(&waiters);
}

static int close_scratch(void **state)
{
    (void)state;
    kv_buffer_close(&scratch);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_record_comes_back_as_it_was),
        cmocka_unit_test(a_record_of_any_other_size_is_corrupt),
        cmocka_unit_test(a_waiter_is_found_once_and_under_its_own_group_only),
        cmocka_unit_test(a_resend_moves_the_answer_to_the_newest_route),
        cmocka_unit_test(beyond_the_limit_the_oldest_waiter_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, close_scratch);
}

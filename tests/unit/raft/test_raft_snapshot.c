/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots: handed over in pieces that can be resumed, swapped in whole; and what a restart
 * accepts from the disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/raft/raft_cluster.h"

#define PIECES ((CLUSTER_SNAPSHOT_SIZE + CLUSTER_CHUNK_SIZE - 1) / CLUSTER_CHUNK_SIZE)

static struct cluster cluster;

static const struct raft *member(uint32_t node)
{
    return cluster_raft(&cluster, node);
}

/* Member 1 leads; 3 was away while 10 entries were committed and then dropped behind a snapshot. */
static void open_with_gap(void)
{
    cluster_open_plain(&cluster, 3, 100);
    cluster_make_leader(&cluster, 1);
    cluster_isolate(&cluster, 3, true);
    for (uint64_t i = 0; i < 10; i++) {
        assert_int_equal(cluster_propose(&cluster, 1, i), STATUS_OK);
    }
    cluster_settle(&cluster);
    cluster_snapshot(&cluster, 1);
    assert_int_equal(raft_snapshot_index(member(1)).value, 11);
    assert_null(raft_entry(member(1), (kv_index){11}));
}

static void a_member_that_needs_dropped_entries_gets_the_snapshot_and_goes_on(void **state)
{
    (void)state;
    open_with_gap();
    assert_int_equal(cluster_propose(&cluster, 1, 99), STATUS_OK);
    cluster_heal(&cluster);
    cluster_run(&cluster, 3 * CLUSTER_ELECTION_US);
    assert_int_equal(cluster.snapshots_installed, 1);
    assert_int_equal(cluster.pieces, PIECES);
    assert_int_equal(raft_snapshot_index(member(3)).value, 11);
    assert_int_equal(raft_commit(member(3)).value, 12);
    assert_int_equal(cluster.elections, 1);
    assert_false(raft_is_sending_snapshot(member(1)));
    cluster_check_logs(&cluster);
    cluster_close(&cluster);
}

static void one_piece_is_under_way_at_a_time_and_heartbeats_go_on(void **state)
{
    (void)state;
    open_with_gap();
    cluster_heal(&cluster);
    uint32_t heartbeats = 0;
    while (cluster.pieces < 2) {
        cluster_run(&cluster, 100);
    }
    assert_true(raft_is_sending_snapshot(member(1)));
    cluster_drop_all(&cluster); /* the piece is lost: no other one leaves until it is given up */
    for (int i = 0; i < 3; i++) {
        cluster_tick(&cluster, 1);
        heartbeats += cluster_count(&cluster, WIRE_MESSAGE_APPEND, 3);
        assert_int_equal(cluster_count(&cluster, WIRE_MESSAGE_SNAPSHOT_CHUNK, 3), 0);
        cluster_run(&cluster, 5 * CLUSTER_MS);
    }
    assert_int_equal(heartbeats, 3);
    assert_int_equal(raft_leader(member(3)).value, 1);
    cluster_close(&cluster);
}

static void a_transfer_resumes_where_it_was_interrupted(void **state)
{
    (void)state;
    open_with_gap();
    cluster_heal(&cluster);
    while (cluster.members[3].received < 2 * CLUSTER_CHUNK_SIZE) {
        cluster_run(&cluster, 100);
    }
    cluster_isolate(&cluster, 3, true);
    cluster_run(&cluster, 3 * CLUSTER_ELECTION_US);
    cluster_heal(&cluster);
    uint64_t before = cluster.pieces;
    cluster_run(&cluster, 3 * CLUSTER_ELECTION_US);
    assert_int_equal(cluster.snapshots_installed, 1);
    assert_in_range(cluster.pieces - before, 1, PIECES - 1);
    cluster_close(&cluster);
}

static void a_member_that_restarts_in_the_middle_begins_again(void **state)
{
    (void)state;
    open_with_gap();
    cluster_heal(&cluster);
    while (cluster.members[3].received < 2 * CLUSTER_CHUNK_SIZE) {
        cluster_run(&cluster, 100);
    }
    cluster_crash(&cluster, 3, 0);
    cluster_restart(&cluster, 3);
    cluster_run(&cluster, 5 * CLUSTER_ELECTION_US);
    assert_int_equal(cluster.snapshots_installed, 1);
    assert_int_equal(raft_commit(member(3)).value, raft_commit(member(1)).value);
    cluster_crash(&cluster, 3, 0);
    cluster_restart(&cluster, 3);
    assert_int_equal(raft_snapshot_index(member(3)).value, 11);
    cluster_close(&cluster);
}

static void a_later_snapshot_of_the_leader_replaces_the_one_being_sent(void **state)
{
    (void)state;
    open_with_gap();
    cluster_heal(&cluster);
    while (cluster.members[3].received < 2 * CLUSTER_CHUNK_SIZE) {
        cluster_run(&cluster, 100);
    }
    cluster.cut[1][3] = true;
    assert_int_equal(cluster_propose(&cluster, 1, 99), STATUS_OK);
    cluster_run(&cluster, 3 * CLUSTER_MS);
    cluster_snapshot(&cluster, 1);
    cluster_heal(&cluster);
    cluster_run(&cluster, 3 * CLUSTER_ELECTION_US);
    assert_int_equal(raft_snapshot_index(member(3)).value, 12);
    assert_int_equal(cluster.snapshots_installed, 1);
    cluster_close(&cluster);
}

static struct wire_message *forge_chunk(uint32_t from, uint64_t term, uint64_t index,
                                        uint64_t offset, uint64_t total)
{
    struct wire_message *message = cluster_forge(WIRE_MESSAGE_SNAPSHOT_CHUNK, from, 1);
    message->as.snapshot_chunk = (struct wire_snapshot_chunk){.term = {term},
                                                              .index = {index},
                                                              .index_term = {1},
                                                              .reach = {index * 10},
                                                              .config = cluster_config(3, 0),
                                                              .total = total,
                                                              .offset = offset};
    return message;
}

/* Feed a message to member 1 alone and say whether it offered a piece. */
static bool offers(const struct wire_message *message, struct raft_effects *effects)
{
    struct raft_event event = {.kind = RAFT_EVENT_MESSAGE, .now = cluster.now, .message = message};
    raft_effects_clear(effects);
    assert_int_equal(raft_step(cluster_raft(&cluster, 1), &event, effects), STATUS_OK);
    return effects->has_chunk_received;
}

static void only_the_next_piece_of_a_needed_snapshot_is_offered(void **state)
{
    (void)state;
    static const uint64_t terms[] = {1, 1, 1, 1, 1};
    struct raft_effects effects = {0};
    cluster_open_plain(&cluster, 3, 0);
    cluster_inject_append(&cluster, 2, 1,
                          &(struct wire_append){.term = {1}, .count = 5, .commit = {5}}, terms);
    assert_false(offers(forge_chunk(2, 1, 5, 0, 100), &effects)); /* committed already */
    assert_int_equal(effects.sends[0].message.as.append_reply.match.value, 5);
    assert_false(offers(forge_chunk(2, 1, 9, 50, 100), &effects)); /* not the first piece */
    assert_int_equal(effects.sends[0].message.as.snapshot_reply.received, 0);
    assert_false(offers(forge_chunk(2, 0, 9, 0, 100), &effects));   /* no term */
    assert_false(offers(forge_chunk(3, 1, 9, 0, 100), &effects));   /* not the leader */
    assert_false(offers(forge_chunk(2, 1, 9, 101, 100), &effects)); /* behind its end */
    assert_true(offers(forge_chunk(2, 1, 9, 0, 100), &effects));
    struct raft_snapshot_point point = {.index = {9}};
    struct raft_event stored = {
        .kind = RAFT_EVENT_SNAPSHOT_RECEIVED, .now = cluster.now, .point = &point, .offset = 40};
    assert_int_equal(raft_step(cluster_raft(&cluster, 1), &stored, &effects), STATUS_OK);
    assert_false(offers(forge_chunk(2, 1, 9, 0, 100), &effects)); /* a duplicate */
    assert_int_equal(effects.sends[0].message.as.snapshot_reply.received, 40);
    assert_true(offers(forge_chunk(2, 1, 9, 40, 100), &effects));
    raft_effects_close(&effects);
    cluster_close(&cluster);
}

static void a_malformed_piece_is_ignored(void **state)
{
    (void)state;
    struct raft_effects effects = {0};
    cluster_open_plain(&cluster, 3, 0);
    for (int variant = 0; variant < 6; variant++) {
        struct wire_message *message = forge_chunk(2, 3, 9, 0, 100);
        struct wire_snapshot_chunk *chunk = &message->as.snapshot_chunk;
        switch (variant) {
        case 0:
            chunk->index.value = 0;
            break;
        case 1:
            chunk->index.value = UINT64_MAX;
            break;
        case 2:
            chunk->index_term.value = 4; /* above the leader's */
            break;
        case 3:
            chunk->bytes.size = 101; /* more than the whole */
            break;
        case 4:
            chunk->config.members[1].node = chunk->config.members[0].node;
            break;
        case 5:
            chunk->bytes.size = KV_SNAPSHOT_CHUNK_BYTES_MAX + 1;
            chunk->total = UINT64_MAX;
            break;
        }
        assert_false(offers(message, &effects));
        assert_int_equal(effects.send_count, 0);
        assert_int_equal(raft_term(member(1)).value, 0);
    }
    raft_effects_close(&effects);
    cluster_close(&cluster);
}

/* Member 1 has entries 1..5 of term 1, the first two committed, and installs a snapshot at
 * `index` of `term`. */
static enum status install(uint64_t index, uint64_t term, struct raft_effects *effects)
{
    static const uint64_t terms[] = {1, 1, 1, 1, 1};
    cluster_open_plain(&cluster, 3, UINT64_MAX);
    cluster_inject_append(&cluster, 2, 1,
                          &(struct wire_append){.term = {2}, .count = 5, .commit = {2}}, terms);
    struct raft_snapshot_point point = {
        .index = {index}, .term = {term}, .reach = {index * 10}, .config = cluster_config(2, 0)};
    struct raft_event event = {
        .kind = RAFT_EVENT_SNAPSHOT_INSTALLED, .now = cluster.now, .point = &point};
    return raft_step(cluster_raft(&cluster, 1), &event, effects);
}

static void an_installed_snapshot_keeps_the_log_behind_it_if_that_continues_it(void **state)
{
    (void)state;
    struct raft_effects effects = {0};
    assert_int_equal(install(3, 1, &effects), STATUS_OK);
    assert_int_equal(raft_commit(member(1)).value, 3);
    assert_int_equal(raft_last(member(1)).value, 5);
    assert_int_equal(raft_config(member(1))->count, 2);
    assert_true(effects.persists[0].keeps_log);
    assert_int_equal(effects.truncated_from.value, 0);
    assert_true(effects.commit_advanced);
    raft_check_full(member(1));
    raft_effects_close(&effects);
    cluster_close(&cluster);
}

static void an_installed_snapshot_discards_a_log_that_does_not_continue_it(void **state)
{
    (void)state;
    for (int variant = 0; variant < 2; variant++) {
        struct raft_effects effects = {0};
        assert_int_equal(variant == 0 ? install(4, 2, &effects) : install(8, 1, &effects),
                         STATUS_OK);
        uint64_t index = variant == 0 ? 4 : 8;
        assert_int_equal(raft_last(member(1)).value, index);
        assert_int_equal(raft_snapshot_index(member(1)).value, index);
        assert_false(effects.persists[0].keeps_log);
        assert_int_equal(effects.truncated_from.value, 3); /* the first that was not committed */
        assert_int_equal(raft_entry(member(1), (kv_index){index}), NULL);
        /* The leader may count on it only when the record is durable. */
        assert_int_equal(effects.sends[0].message.as.append_reply.match.value, index);
        assert_int_equal(effects.sends[0].after, raft_persist_sequence(member(1)));
        raft_check_full(member(1));
        raft_effects_close(&effects);
        cluster_close(&cluster);
    }
}

static void a_snapshot_that_the_log_has_overtaken_is_not_installed(void **state)
{
    (void)state;
    struct raft_effects effects = {0};
    assert_int_equal(install(2, 1, &effects), STATUS_INVALID);
    assert_int_equal(raft_last(member(1)).value, 5);
    assert_int_equal(effects.persist_count, 0);
    raft_effects_close(&effects);
    cluster_close(&cluster);
}

static void an_own_snapshot_drops_the_log_up_to_it_and_an_older_one_nothing(void **state)
{
    (void)state;
    static const uint64_t terms[] = {1, 1, 1, 1, 1};
    cluster_open_plain(&cluster, 3, 0);
    cluster_inject_append(&cluster, 2, 1,
                          &(struct wire_append){.term = {1}, .count = 5, .commit = {4}}, terms);
    struct raft_snapshot_point older = raft_snapshot_point_at(member(1), (kv_index){2});
    cluster_snapshot(&cluster, 1);
    assert_int_equal(raft_snapshot_index(member(1)).value, 4);
    assert_int_equal(raft_last(member(1)).value, 5);
    struct raft_event late = {.kind = RAFT_EVENT_SNAPSHOT_SAVED, .point = &older};
    assert_int_equal(cluster_step(&cluster, 1, late), STATUS_OK);
    assert_int_equal(raft_snapshot_index(member(1)).value, 4);
    cluster_crash(&cluster, 1, UINT32_MAX);
    cluster_restart(&cluster, 1);
    assert_int_equal(raft_commit(member(1)).value, 4);
    assert_int_equal(raft_last(member(1)).value, 5);
    cluster_close(&cluster);
}

static enum status restore_entry(struct raft *raft, uint64_t index, uint64_t term)
{
    struct raft_persist record = {.kind = RAFT_PERSIST_ENTRY, .entry = cluster_entry(index, term)};
    enum status status = raft_restore(raft, &record);
    wire_entry_drop(&record.entry);
    return status;
}

static enum status restore_term(struct raft *raft, uint64_t term, uint16_t vote)
{
    return raft_restore(raft, &(struct raft_persist){
                                  .kind = RAFT_PERSIST_HARD_STATE, .term = {term}, .vote = {vote}});
}

static enum status restore_snapshot(struct raft *raft, uint64_t index, uint64_t term,
                                    bool keeps_log)
{
    return raft_restore(raft, &(struct raft_persist){.kind = RAFT_PERSIST_SNAPSHOT,
                                                     .point = {.index = {index},
                                                               .term = {term},
                                                               .reach = {index * 10},
                                                               .config = cluster_config(3, 0)},
                                                     .keeps_log = keeps_log});
}

static void a_record_that_does_not_continue_the_others_is_corrupt(void **state)
{
    (void)state;
    cluster_open_plain(&cluster, 3, 0);
    struct raft *raft = cluster_raft(&cluster, 1);
    assert_int_equal(restore_entry(raft, 1, 1),
                     STATUS_CORRUPT); /* of a term that was never entered */
    assert_int_equal(restore_term(raft, 4, 2), STATUS_OK);
    assert_int_equal(restore_term(raft, 3, 0), STATUS_CORRUPT);  /* terms go down */
    assert_int_equal(restore_term(raft, 4, 3), STATUS_CORRUPT);  /* a second vote */
    assert_int_equal(restore_entry(raft, 2, 1), STATUS_CORRUPT); /* a gap */
    assert_int_equal(restore_entry(raft, 0, 1), STATUS_CORRUPT);
    assert_int_equal(restore_entry(raft, 1, 2), STATUS_OK);
    assert_int_equal(restore_entry(raft, 2, 1), STATUS_CORRUPT); /* term below the one before */
    assert_int_equal(restore_entry(raft, 2, 2), STATUS_OK);
    assert_int_equal(restore_entry(raft, 3, 3), STATUS_OK);
    assert_int_equal(restore_entry(raft, 2, 4), STATUS_OK); /* replaces 2 and 3 */
    assert_int_equal(raft_last(raft).value, 2);
    assert_int_equal(restore_snapshot(raft, 2, 3, true),
                     STATUS_CORRUPT); /* not the entry of the log */
    assert_int_equal(restore_snapshot(raft, 2, 5, false), STATUS_CORRUPT); /* a term not entered */
    assert_int_equal(restore_snapshot(raft, 2, 4, true), STATUS_OK);
    assert_int_equal(raft_commit(raft).value, 2);
    assert_int_equal(restore_snapshot(raft, 1, 2, true), STATUS_CORRUPT); /* an older one */
    assert_int_equal(restore_entry(raft, 2, 4), STATUS_CORRUPT);          /* below the snapshot */
    assert_int_equal(restore_entry(raft, 3, 4), STATUS_OK);
    assert_int_equal(restore_snapshot(raft, 9, 4, true),
                     STATUS_OK); /* the log was pruned behind it */
    assert_int_equal(raft_last(raft).value, 9);
    struct wire_entry *broken = cluster_entry(10, 4);
    broken->kind = WIRE_ENTRY_CONFIG;
    struct raft_persist record = {.kind = RAFT_PERSIST_ENTRY, .entry = broken};
    assert_int_equal(raft_restore(raft, &record), STATUS_CORRUPT);
    wire_entry_drop(&broken);
    raft_check_full(raft);
    cluster_close(&cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_member_that_needs_dropped_entries_gets_the_snapshot_and_goes_on),
        cmocka_unit_test(one_piece_is_under_way_at_a_time_and_heartbeats_go_on),
        cmocka_unit_test(a_transfer_resumes_where_it_was_interrupted),
        cmocka_unit_test(a_member_that_restarts_in_the_middle_begins_again),
        cmocka_unit_test(a_later_snapshot_of_the_leader_replaces_the_one_being_sent),
        cmocka_unit_test(only_the_next_piece_of_a_needed_snapshot_is_offered),
        cmocka_unit_test(a_malformed_piece_is_ignored),
        cmocka_unit_test(an_installed_snapshot_keeps_the_log_behind_it_if_that_continues_it),
        cmocka_unit_test(an_installed_snapshot_discards_a_log_that_does_not_continue_it),
        cmocka_unit_test(a_snapshot_that_the_log_has_overtaken_is_not_installed),
        cmocka_unit_test(an_own_snapshot_drops_the_log_up_to_it_and_an_older_one_nothing),
        cmocka_unit_test(a_record_that_does_not_continue_the_others_is_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

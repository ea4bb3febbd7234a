/* SPDX-License-Identifier: Apache-2.0 */
/* A leader: what it sends and when, and when an entry is committed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/raft/raft_cluster.h"

#define MANUAL UINT64_MAX

static struct cluster cluster;

static struct raft *leader(void)
{
    return cluster_raft(&cluster, 1);
}

static uint64_t commit_of(uint32_t node)
{
    return raft_commit(cluster_raft(&cluster, node)).value;
}

static void inject_reply(uint32_t from, struct wire_append_reply reply)
{
    struct wire_message *message = cluster_forge(WIRE_MESSAGE_APPEND_REPLY, from, 1);
    message->as.append_reply = reply;
    cluster_inject(&cluster, message);
}

/* Member 1 leads term 1 of three; everything is settled up to its NOOP. */
static void open_led(uint64_t sync_us)
{
    cluster_open_plain(&cluster, 3, 0);
    cluster_make_leader(&cluster, 1);
    cluster_drop_all(&cluster);
    cluster.options.sync_us = sync_us;
}

/* [Raft thesis, figure 3.7] An entry of an old term on a majority is not committed until one of
 * the own term is. */
static void an_entry_of_an_old_term_is_not_committed_by_counting(void **state)
{
    (void)state;
    static const uint64_t s1[] = {1, 2};
    static const uint64_t s5[] = {1, 3};
    static const uint64_t rest[] = {1};
    cluster_open_plain(&cluster, 5, 100);
    for (uint32_t node = 1; node <= 5; node++) {
        const uint64_t *terms = node <= 2 ? s1 : node == 5 ? s5 : rest;
        cluster_preset(&cluster, node, 3, terms, node == 3 || node == 4 ? 1 : 2);
    }
    /* S5 is away; S1 leads term 4 and copies entry 2 of term 2 to S3, but its own NOOP reaches
     * nobody. */
    cluster_isolate(&cluster, 5, true);
    cluster_tick(&cluster, 1);
    for (int i = 0; i < 100 && raft_role(leader()) != RAFT_LEADER; i++) {
        cluster_run(&cluster, 100);
    }
    cluster_sync(&cluster, 1);
    assert_int_equal(raft_last(leader()).value, 3);
    cluster_drop_all(&cluster);
    struct wire_message *message = cluster_forge(WIRE_MESSAGE_APPEND_REPLY, 3, 1);
    message->as.append_reply =
        (struct wire_append_reply){.term = {4}, .success = true, .match = {2}};
    cluster_inject(&cluster, message);
    message = cluster_forge(WIRE_MESSAGE_APPEND_REPLY, 2, 1);
    message->as.append_reply =
        (struct wire_append_reply){.term = {4}, .success = true, .match = {2}};
    cluster_inject(&cluster, message);
    assert_int_equal(commit_of(1), 0); /* figure 3.7 (c): S5 may still overwrite entry 2 */
    message = cluster_forge(WIRE_MESSAGE_APPEND_REPLY, 3, 1);
    message->as.append_reply =
        (struct wire_append_reply){.term = {4}, .success = true, .match = {3}};
    cluster_inject(&cluster, message);
    message = cluster_forge(WIRE_MESSAGE_APPEND_REPLY, 2, 1);
    message->as.append_reply =
        (struct wire_append_reply){.term = {4}, .success = true, .match = {3}};
    cluster_inject(&cluster, message);
    assert_int_equal(commit_of(1), 3); /* (e): now it cannot */
    cluster_close(&cluster);
}

static void an_append_leaves_before_it_is_durable_and_the_leader_counts_itself_after(void **state)
{
    (void)state;
    open_led(MANUAL);
    assert_int_equal(cluster_propose(&cluster, 1, 5), STATUS_OK);
    assert_int_equal(cluster_find(&cluster, WIRE_MESSAGE_APPEND, 2)->as.append.count, 1);
    inject_reply(2, (struct wire_append_reply){.term = {1}, .success = true, .match = {2}});
    assert_int_equal(commit_of(1), 1); /* one of three */
    cluster_sync(&cluster, 1);
    assert_int_equal(commit_of(1), 2);
    cluster_close(&cluster);
}

static void two_followers_commit_without_the_leaders_disk(void **state)
{
    (void)state;
    open_led(MANUAL);
    assert_int_equal(cluster_propose(&cluster, 1, 5), STATUS_OK);
    inject_reply(2, (struct wire_append_reply){.term = {1}, .success = true, .match = {2}});
    inject_reply(3, (struct wire_append_reply){.term = {1}, .success = true, .match = {2}});
    assert_int_equal(commit_of(1), 2);
    cluster_close(&cluster);
}

static void a_sole_voter_commits_when_its_own_disk_has_it(void **state)
{
    (void)state;
    cluster_open_plain(&cluster, 1, 0);
    cluster_make_leader(&cluster, 1);
    cluster.options.sync_us = MANUAL;
    assert_int_equal(cluster_propose(&cluster, 1, 5), STATUS_OK);
    assert_int_equal(commit_of(1), 1);
    cluster_sync(&cluster, 1);
    assert_int_equal(commit_of(1), 2);
    cluster_close(&cluster);
}

static void without_a_pause_for_news_a_new_commit_index_is_sent_at_once(void **state)
{
    (void)state;
    open_led(0);
    assert_int_equal(cluster_propose(&cluster, 1, 5), STATUS_OK);
    cluster_drop_all(&cluster);
    inject_reply(2, (struct wire_append_reply){.term = {1}, .success = true, .match = {2}});
    for (uint32_t node = 2; node <= 3; node++) {
        const struct cluster_message *message = cluster_find(&cluster, WIRE_MESSAGE_APPEND, node);
        assert_non_null(message);
        assert_int_equal(message->as.append.commit.value, 2);
        assert_int_equal(message->as.append.count, 0);
    }
    cluster_drop_all(&cluster);
    assert_int_equal(cluster_step(&cluster, 1, (struct raft_event){.kind = RAFT_EVENT_FLUSH}),
                     STATUS_OK);
    assert_int_equal(cluster.bag_count, 0); /* and not again */
    cluster_close(&cluster);
}

static void a_new_commit_index_waits_for_entries_but_no_longer_than_for_news_us(void **state)
{
    (void)state;
    const uint64_t news_us = CLUSTER_HEARTBEAT_US / 4;
    cluster_open(&cluster, &(struct cluster_options){.voters = 3, .seed = 1, .news_us = news_us});
    cluster_make_leader(&cluster, 1);
    cluster_drop_all(&cluster);

    /* With entries that come in time it travels. */
    assert_int_equal(cluster_propose(&cluster, 1, 5), STATUS_OK);
    const kv_instant sent = cluster.now;
    cluster_drop_all(&cluster);
    inject_reply(2, (struct wire_append_reply){.term = {1}, .success = true, .match = {2}});
    assert_int_equal(commit_of(1), 2);
    assert_null(cluster_find(&cluster, WIRE_MESSAGE_APPEND, 2));
    assert_int_equal(raft_deadline(leader()).us, sent.us + news_us);
    assert_int_equal(cluster_propose(&cluster, 1, 6), STATUS_OK);
    const struct cluster_message *message = cluster_find(&cluster, WIRE_MESSAGE_APPEND, 2);
    assert_non_null(message);
    assert_int_equal(message->as.append.count, 1);
    assert_int_equal(message->as.append.commit.value, 2);
    cluster_drop_all(&cluster);

    /* By itself when none come. */
    inject_reply(2, (struct wire_append_reply){.term = {1}, .success = true, .match = {3}});
    cluster.now.us += news_us - 1;
    const struct raft_event tick = {.kind = RAFT_EVENT_TICK};
    assert_int_equal(cluster_step(&cluster, 1, tick), STATUS_OK);
    assert_null(cluster_find(&cluster, WIRE_MESSAGE_APPEND, 2));
    cluster.now.us++;
    assert_int_equal(cluster_step(&cluster, 1, tick), STATUS_OK);
    message = cluster_find(&cluster, WIRE_MESSAGE_APPEND, 2);
    assert_non_null(message);
    assert_int_equal(message->as.append.count, 0);
    assert_int_equal(message->as.append.commit.value, 3);
    cluster_close(&cluster);
}

static void proposals_of_one_batch_leave_in_one_append(void **state)
{
    (void)state;
    open_led(0);
    struct raft_effects effects = {0};
    for (uint64_t i = 0; i < 50; i++) {
        struct wire_entry *entry = wire_entry_new(WIRE_ENTRY_CMD, (kv_slice){0});
        entry->reach.value = 100 + i;
        struct raft_event event = {.kind = RAFT_EVENT_PROPOSE, .now = cluster.now, .entry = entry};
        assert_int_equal(raft_step(leader(), &event, &effects), STATUS_OK);
        wire_entry_drop(&entry);
    }
    assert_int_equal(effects.send_count, 0);
    struct raft_event flush = {.kind = RAFT_EVENT_FLUSH, .now = cluster.now};
    assert_int_equal(raft_step(leader(), &flush, &effects), STATUS_OK);
    assert_int_equal(effects.send_count, 2);
    assert_int_equal(effects.sends[0].message.as.append.count, 50);
    assert_int_equal(effects.sends[0].after, 0);
    assert_ptr_equal(effects.sends[0].message.as.append.entries,
                     effects.sends[1].message.as.append.entries);
    raft_effects_close(&effects);
    cluster_close(&cluster);
}

static void large_and_many_entries_are_split_at_the_limits(void **state)
{
    (void)state;
    open_led(0);
    struct raft_effects effects = {0};
    static uint8_t body[KV_APPEND_BYTES_MAX * 3 / 4];
    for (uint64_t i = 0; i < KV_APPEND_ENTRIES_MAX + 3; i++) {
        struct wire_entry *entry =
            wire_entry_new(WIRE_ENTRY_CMD, (kv_slice){body, i < 2 ? sizeof body : 0});
        entry->reach.value = 100 + i;
        struct raft_event event = {.kind = RAFT_EVENT_PROPOSE, .now = cluster.now, .entry = entry};
        assert_int_equal(raft_step(leader(), &event, &effects), STATUS_OK);
        wire_entry_drop(&entry);
    }
    struct raft_event flush = {.kind = RAFT_EVENT_FLUSH, .now = cluster.now};
    assert_int_equal(raft_step(leader(), &flush, &effects), STATUS_OK);
    uint64_t next = 2;
    uint32_t appends = 0;
    for (uint32_t i = 0; i < effects.send_count; i++) {
        const struct wire_message *message = &effects.sends[i].message;
        if (message->to.value == 2) {
            assert_int_equal(message->as.append.previous_index.value + 1, next);
            assert_in_range(message->as.append.count, 1, KV_APPEND_ENTRIES_MAX);
            next += message->as.append.count;
            appends++;
        }
    }
    assert_int_equal(next, 2 + KV_APPEND_ENTRIES_MAX + 3);
    assert_in_range(appends, 3, 4);
    raft_effects_close(&effects);
    cluster_close(&cluster);
}

static void no_more_than_the_limit_of_appends_is_in_flight_to_one_follower(void **state)
{
    (void)state;
    open_led(0);
    for (uint64_t i = 0; i < KV_APPEND_INFLIGHT_MAX + 10; i++) {
        assert_int_equal(cluster_propose(&cluster, 1, i), STATUS_OK);
    }
    assert_int_equal(cluster_count(&cluster, WIRE_MESSAGE_APPEND, 2), KV_APPEND_INFLIGHT_MAX);
    cluster_drop_all(&cluster);
    inject_reply(2, (struct wire_append_reply){.term = {1}, .success = true, .match = {3}});
    const struct cluster_message *message = cluster_find(&cluster, WIRE_MESSAGE_APPEND, 2);
    assert_int_equal(message->as.append.previous_index.value, KV_APPEND_INFLIGHT_MAX + 1);
    assert_int_equal(message->as.append.count, 10);
    cluster_close(&cluster);
}

static void proposals_beyond_the_uncommitted_limit_are_refused_and_change_nothing(void **state)
{
    (void)state;
    open_led(0);
    struct raft_effects effects = {0};
    enum status status = STATUS_OK;
    uint64_t taken = 0;
    for (; status == STATUS_OK; taken++) {
        struct wire_entry *entry = wire_entry_new(WIRE_ENTRY_CMD, (kv_slice){0});
        entry->reach.value = 100 + taken;
        struct raft_event event = {.kind = RAFT_EVENT_PROPOSE, .now = cluster.now, .entry = entry};
        status = raft_step(leader(), &event, &effects);
        wire_entry_drop(&entry);
    }
    assert_int_equal(status, STATUS_FULL);
    assert_int_equal(taken - 1, KV_UNCOMMITTED_ENTRIES_MAX);
    assert_int_equal(raft_last(leader()).value, 1 + KV_UNCOMMITTED_ENTRIES_MAX);
    raft_effects_close(&effects);
    cluster_close(&cluster);
}

static void the_bytes_of_uncommitted_entries_are_bounded_too(void **state)
{
    (void)state;
    open_led(0);
    struct raft_effects effects = {0};
    static uint8_t body[KV_BODY_BYTES_MAX];
    const uint64_t fit = KV_UNCOMMITTED_BYTES_MAX / sizeof body;
    for (uint64_t i = 0; i <= fit; i++) {
        struct wire_entry *entry = wire_entry_new(WIRE_ENTRY_CMD, (kv_slice){body, sizeof body});
        entry->reach.value = 100 + i;
        struct raft_event event = {.kind = RAFT_EVENT_PROPOSE, .now = cluster.now, .entry = entry};
        assert_int_equal(raft_step(leader(), &event, &effects), i < fit ? STATUS_OK : STATUS_FULL);
        wire_entry_drop(&entry);
    }
    raft_effects_clear(&effects);
    inject_reply(2, (struct wire_append_reply){.term = {1}, .success = true, .match = {2}});
    inject_reply(3, (struct wire_append_reply){.term = {1}, .success = true, .match = {2}});
    assert_int_equal(cluster_propose(&cluster, 1, 1),
                     STATUS_OK); /* one is committed: there is room */
    raft_effects_close(&effects);
    cluster_close(&cluster);
}

static void a_follower_takes_no_proposal(void **state)
{
    (void)state;
    open_led(0);
    assert_int_equal(cluster_propose(&cluster, 2, 1), STATUS_NOT_LEADER);
    assert_int_equal(raft_last(cluster_raft(&cluster, 2)).value, 1);
    cluster_close(&cluster);
}

static void a_lost_append_is_found_by_the_next_one_and_sent_again(void **state)
{
    (void)state;
    open_led(100);
    assert_int_equal(cluster_propose(&cluster, 1, 1), STATUS_OK);
    cluster_drop_all(&cluster);
    assert_int_equal(cluster_propose(&cluster, 1, 2), STATUS_OK);
    cluster_settle(&cluster);
    assert_int_equal(commit_of(1), 3);
    assert_int_equal(commit_of(2), 3);
    cluster_close(&cluster);
}

static void a_lost_last_append_is_found_by_a_heartbeat(void **state)
{
    (void)state;
    open_led(100);
    assert_int_equal(cluster_propose(&cluster, 1, 1), STATUS_OK);
    cluster_drop_all(&cluster);
    cluster_run(&cluster, 2 * CLUSTER_HEARTBEAT_US);
    assert_int_equal(commit_of(1), 2);
    cluster_close(&cluster);
}

static void stale_and_impossible_answers_are_ignored(void **state)
{
    (void)state;
    open_led(0);
    assert_int_equal(cluster_propose(&cluster, 1, 5), STATUS_OK);
    inject_reply(2, (struct wire_append_reply){.term = {1}, .success = true, .match = {99}});
    inject_reply(
        2, (struct wire_append_reply){.term = {1}, .success = true, .match = {2}, .round = 1000});
    inject_reply(2, (struct wire_append_reply){.term = {0}, .success = true, .match = {2}});
    inject_reply(2, (struct wire_append_reply){.term = {1}, .conflict = {0}});
    inject_reply(2, (struct wire_append_reply){.term = {1}, .conflict = {99}});
    assert_int_equal(commit_of(1), 1);
    inject_reply(2, (struct wire_append_reply){.term = {1}, .success = true, .match = {2}});
    assert_int_equal(commit_of(1), 2);
    cluster_drop_all(&cluster);
    /* It has said that it has entry 2 on disk: a late refusal cannot be true any more. */
    inject_reply(2, (struct wire_append_reply){.term = {1}, .conflict = {1}, .conflict_term = {1}});
    assert_null(cluster_find(&cluster, WIRE_MESSAGE_APPEND, 2));
    cluster_close(&cluster);
}

static void refusals_of_what_was_pipelined_behind_a_loss_cause_one_probe(void **state)
{
    (void)state;
    open_led(0);
    for (uint64_t i = 0; i < 5; i++) {
        assert_int_equal(cluster_propose(&cluster, 1, i), STATUS_OK);
    }
    cluster_drop_all(&cluster);
    for (int i = 0; i < 4; i++) {
        inject_reply(2, (struct wire_append_reply){.term = {1}, .conflict = {2}});
    }
    assert_int_equal(cluster_count(&cluster, WIRE_MESSAGE_APPEND, 2), 1);
    assert_int_equal(cluster_find(&cluster, WIRE_MESSAGE_APPEND, 2)->as.append.count, 5);
    cluster_close(&cluster);
}

static void a_silent_follower_gets_heartbeats_but_no_entries(void **state)
{
    (void)state;
    open_led(100);
    cluster_isolate(&cluster, 3, true);
    cluster_run(&cluster, 3 * CLUSTER_ELECTION_US);
    cluster.cut[1][3] = false;
    assert_int_equal(cluster_propose(&cluster, 1, 5), STATUS_OK);
    assert_null(cluster_find(&cluster, WIRE_MESSAGE_APPEND, 3));
    cluster_tick(&cluster, 1);
    assert_int_equal(cluster_find(&cluster, WIRE_MESSAGE_APPEND, 3)->as.append.count, 0);
    cluster_heal(&cluster);
    cluster_run(&cluster, 3 * CLUSTER_HEARTBEAT_US);
    assert_int_equal(commit_of(3), raft_last(leader()).value);
    cluster_close(&cluster);
}

static void acknowledged_entries_survive_a_crash_of_everybody(void **state)
{
    (void)state;
    cluster_open_plain(&cluster, 3, 500);
    uint32_t first = cluster_elect(&cluster);
    for (uint64_t i = 0; i < 20; i++) {
        assert_int_equal(cluster_propose(&cluster, first, i), STATUS_OK);
        cluster_run(&cluster, 300);
    }
    uint64_t committed = cluster.committed_last.value;
    assert_true(committed > 2);
    for (uint32_t node = 1; node <= 3; node++) {
        cluster_crash(&cluster, node, 0);
    }
    cluster_drop_all(&cluster);
    for (uint32_t node = 1; node <= 3; node++) {
        cluster_restart(&cluster, node);
    }
    uint32_t second = cluster_elect(&cluster);
    assert_true(commit_of(second) > committed);
    cluster_check_logs(&cluster);
    cluster_close(&cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_of_an_old_term_is_not_committed_by_counting),
        cmocka_unit_test(an_append_leaves_before_it_is_durable_and_the_leader_counts_itself_after),
        cmocka_unit_test(two_followers_commit_without_the_leaders_disk),
        cmocka_unit_test(a_sole_voter_commits_when_its_own_disk_has_it),
        cmocka_unit_test(without_a_pause_for_news_a_new_commit_index_is_sent_at_once),
        cmocka_unit_test(a_new_commit_index_waits_for_entries_but_no_longer_than_for_news_us),
        cmocka_unit_test(proposals_of_one_batch_leave_in_one_append),
        cmocka_unit_test(large_and_many_entries_are_split_at_the_limits),
        cmocka_unit_test(no_more_than_the_limit_of_appends_is_in_flight_to_one_follower),
        cmocka_unit_test(proposals_beyond_the_uncommitted_limit_are_refused_and_change_nothing),
        cmocka_unit_test(the_bytes_of_uncommitted_entries_are_bounded_too),
        cmocka_unit_test(a_follower_takes_no_proposal),
        cmocka_unit_test(a_lost_append_is_found_by_the_next_one_and_sent_again),
        cmocka_unit_test(a_lost_last_append_is_found_by_a_heartbeat),
        cmocka_unit_test(stale_and_impossible_answers_are_ignored),
        cmocka_unit_test(refusals_of_what_was_pipelined_behind_a_loss_cause_one_probe),
        cmocka_unit_test(a_silent_follower_gets_heartbeats_but_no_entries),
        cmocka_unit_test(acknowledged_entries_survive_a_crash_of_everybody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

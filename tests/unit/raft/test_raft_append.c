/* SPDX-License-Identifier: Apache-2.0 */
/* APPEND at a follower and the repair of logs that differ: nothing committed is ever touched,
 * nothing durable is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/raft/raft_cluster.h"

#define MANUAL UINT64_MAX

static struct cluster cluster;

static const struct raft *follower(void)
{
    return cluster_raft(&cluster, 1);
}

static uint64_t last_of(uint32_t node)
{
    return raft_last(cluster_raft(&cluster, node)).value;
}

static uint64_t term_at(uint32_t node, uint64_t index)
{
    return raft_entry(cluster_raft(&cluster, node), (kv_index){index})->term.value;
}

static const struct wire_append_reply *reply_to(uint32_t to)
{
    const struct cluster_message *message = cluster_find(&cluster, WIRE_MESSAGE_APPEND_REPLY, to);
    return message == NULL ? NULL : &message->as.append_reply;
}

/* [Raft paper, figure 7] A leader of term 8 and six followers whose logs differ in every
 * possible way. */
static void every_follower_of_figure_7_becomes_equal_to_the_leader(void **state)
{
    (void)state;
    static const uint64_t leader[] = {1, 1, 1, 4, 4, 5, 5, 6, 6, 6};
    static const uint64_t a[] = {1, 1, 1, 4, 4, 5, 5, 6, 6};
    static const uint64_t b[] = {1, 1, 1, 4};
    static const uint64_t c[] = {1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6};
    static const uint64_t d[] = {1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7};
    static const uint64_t e[] = {1, 1, 1, 4, 4, 4, 4};
    static const uint64_t f[] = {1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3};
    static const struct {
        const uint64_t *terms;
        uint32_t count;
    } logs[] = {{leader, 10}, {a, 9}, {b, 4}, {c, 11}, {d, 12}, {e, 7}, {f, 11}};
    cluster_open_plain(&cluster, 7, 100);
    for (uint32_t node = 1; node <= 7; node++) {
        cluster_preset(&cluster, node, 7, logs[node - 1].terms, logs[node - 1].count);
    }
    cluster_make_leader(&cluster, 1);
    assert_int_equal(raft_commit(cluster_raft(&cluster, 1)).value, 11);
    for (uint32_t node = 2; node <= 7; node++) {
        assert_int_equal(last_of(node), 11);
        for (uint64_t i = 1; i <= 10; i++) {
            assert_int_equal(term_at(node, i), leader[i - 1]);
        }
        assert_int_equal(term_at(node, 11), 8);
    }
    cluster_check_logs(&cluster);
    cluster_close(&cluster);
}

static void a_conflict_of_a_thousand_entries_in_few_terms_is_found_in_few_messages(void **state)
{
    (void)state;
    static uint64_t leader[1000], other[1000];
    for (int i = 0; i < 1000; i++) {
        leader[i] = i < 10 ? 1 : i < 500 ? 4 : 6;
        other[i] = i < 10 ? 1 : i < 400 ? 2 : i < 700 ? 3 : 5;
    }
    cluster_open_plain(&cluster, 3, 100);
    cluster_preset(&cluster, 1, 6, leader, 1000);
    cluster_preset(&cluster, 2, 6, other, 1000);
    cluster_preset(&cluster, 3, 6, leader, 1000);
    cluster.options.trace = TRACE_DETAIL;
    cluster.trace.level = TRACE_DECISION;
    cluster_make_leader(&cluster, 1);
    const char *trace = cluster_take_trace(&cluster);
    int refusals = 0;
    for (const char *at = trace; (at = strstr(at, "-> refuse")) != NULL; at++) {
        refusals++;
    }
    assert_in_range(refusals, 1, 3); /* one per differing term, at most */
    assert_int_equal(last_of(2), 1001);
    cluster_check_logs(&cluster);
    cluster_close(&cluster);
}

static void an_append_behind_the_end_is_refused_with_the_end_as_hint(void **state)
{
    (void)state;
    static const uint64_t terms[] = {1, 1, 2};
    cluster_open_plain(&cluster, 3, 0);
    cluster_preset(&cluster, 1, 2, terms, 3);
    cluster_inject_append(
        &cluster, 2, 1,
        &(struct wire_append){.term = {5}, .previous_index = {9}, .previous_term = {5}}, NULL);
    assert_false(reply_to(2)->success);
    assert_int_equal(reply_to(2)->conflict.value, 4);
    assert_int_equal(reply_to(2)->conflict_term.value, 0);
    cluster_close(&cluster);
}

static void a_differing_entry_is_refused_with_the_first_of_its_term_as_hint(void **state)
{
    (void)state;
    static const uint64_t terms[] = {1, 2, 2, 2, 4, 4};
    static const struct {
        uint64_t previous, previous_term, conflict, conflict_term;
    } cases[] = {{4, 3, 2, 2}, {6, 5, 5, 4}, {6, 3, 5, 4}, {6, 1, 2, 2}, {3, 1, 2, 2}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cluster_open_plain(&cluster, 3, 0);
        cluster_preset(&cluster, 1, 4, terms, 6);
        cluster_inject_append(&cluster, 2, 1,
                              &(struct wire_append){.term = {7},
                                                    .previous_index = {cases[i].previous},
                                                    .previous_term = {cases[i].previous_term}},
                              NULL);
        assert_false(reply_to(2)->success);
        assert_int_equal(reply_to(2)->conflict.value, cases[i].conflict);
        assert_int_equal(reply_to(2)->conflict_term.value, cases[i].conflict_term);
        assert_int_equal(last_of(1), 6); /* a refusal removes nothing */
        cluster_close(&cluster);
    }
}

static void a_conflicting_suffix_is_replaced_and_reported_as_truncated(void **state)
{
    (void)state;
    static const uint64_t terms[] = {1, 1, 2, 2};
    static const uint64_t news[] = {1, 3};
    cluster_open_plain(&cluster, 3, 0);
    cluster_preset(&cluster, 1, 2, terms, 4);
    struct wire_entry *entries[2] = {cluster_entry(2, news[0]), cluster_entry(3, news[1])};
    struct wire_message *message = cluster_forge(WIRE_MESSAGE_APPEND, 2, 1);
    message->as.append = (struct wire_append){
        .term = {3}, .previous_index = {1}, .previous_term = {1}, .count = 2, .entries = entries};
    struct raft_effects effects = {0};
    struct raft_event event = {.kind = RAFT_EVENT_MESSAGE, .message = message};
    assert_int_equal(raft_step(cluster_raft(&cluster, 1), &event, &effects), STATUS_OK);
    assert_int_equal(effects.truncated_from.value, 3); /* entry 2 was equal and stays */
    assert_int_equal(last_of(1), 3);
    assert_int_equal(term_at(1, 3), 3);
    assert_int_equal(effects.persist_count, 2); /* the term, and entry 3 */
    raft_effects_close(&effects);
    wire_entry_drop(&entries[0]);
    wire_entry_drop(&entries[1]);
    cluster_close(&cluster);
}

static void a_late_duplicate_does_not_remove_what_came_after_it(void **state)
{
    (void)state;
    static const uint64_t terms[] = {3, 3, 3};
    cluster_open_plain(&cluster, 3, 0);
    cluster_inject_append(&cluster, 2, 1, &(struct wire_append){.term = {3}, .count = 3}, terms);
    cluster_inject_append(&cluster, 2, 1, &(struct wire_append){.term = {3}, .count = 1}, terms);
    assert_int_equal(last_of(1), 3);
    cluster_close(&cluster);
}

static void appends_that_overtake_each_other_are_repaired(void **state)
{
    (void)state;
    static const uint64_t terms[] = {3, 3};
    cluster_open_plain(&cluster, 3, 0);
    cluster_inject_append(
        &cluster, 2, 1,
        &(struct wire_append){.term = {3}, .previous_index = {2}, .previous_term = {3}, .count = 1},
        terms);
    assert_false(reply_to(2)->success);
    cluster_drop_all(&cluster);
    cluster_inject_append(&cluster, 2, 1, &(struct wire_append){.term = {3}, .count = 2}, terms);
    assert_int_equal(reply_to(2)->match.value, 2);
    cluster_close(&cluster);
}

static void an_entry_is_acknowledged_only_when_it_is_durable(void **state)
{
    (void)state;
    static const uint64_t terms[] = {3, 3};
    cluster_open_plain(&cluster, 3, MANUAL);
    cluster_inject_append(&cluster, 2, 1, &(struct wire_append){.term = {3}, .count = 2}, terms);
    assert_null(reply_to(2));
    cluster_sync(&cluster, 1);
    assert_int_equal(reply_to(2)->match.value, 2);
    cluster_close(&cluster);
}

static void a_new_round_is_answered_at_once_with_what_is_durable(void **state)
{
    (void)state;
    static const uint64_t terms[] = {3, 3};
    cluster_open_plain(&cluster, 3, MANUAL);
    cluster_inject_append(&cluster, 2, 1, &(struct wire_append){.term = {3}, .count = 1}, terms);
    cluster_sync(&cluster, 1);
    cluster_drop_all(&cluster);
    cluster_inject_append(
        &cluster, 2, 1,
        &(struct wire_append){
            .term = {3}, .previous_index = {1}, .previous_term = {3}, .round = 9, .count = 1},
        terms);
    assert_int_equal(reply_to(2)->match.value, 1);
    assert_int_equal(reply_to(2)->round, 9);
    cluster_drop_all(&cluster);
    cluster_sync(&cluster, 1);
    assert_int_equal(reply_to(2)->match.value, 2);
    cluster_close(&cluster);
}

static void entries_of_an_old_leader_are_acknowledged_to_the_new_one_only_when_durable(void **state)
{
    (void)state;
    static const uint64_t terms[] = {3};
    cluster_open_plain(&cluster, 3, MANUAL);
    cluster_inject_append(&cluster, 2, 1, &(struct wire_append){.term = {3}, .count = 1}, terms);
    cluster_inject_append(
        &cluster, 3, 1,
        &(struct wire_append){.term = {4}, .previous_index = {1}, .previous_term = {3}}, NULL);
    assert_null(reply_to(3));
    cluster_sync(&cluster, 1);
    assert_int_equal(reply_to(3)->match.value, 1);
    cluster_close(&cluster);
}

static void commit_goes_no_further_than_what_the_message_has_verified(void **state)
{
    (void)state;
    static const uint64_t terms[] = {1, 1, 1, 1};
    cluster_open_plain(&cluster, 3, 0);
    cluster_preset(&cluster, 1, 1, terms, 4);
    cluster_inject_append(
        &cluster, 2, 1,
        &(struct wire_append){
            .term = {2}, .previous_index = {2}, .previous_term = {1}, .commit = {9}},
        NULL);
    assert_int_equal(raft_commit(follower()).value, 2);
    cluster_inject_append(
        &cluster, 2, 1,
        &(struct wire_append){
            .term = {2}, .previous_index = {4}, .previous_term = {1}, .commit = {1}},
        NULL);
    assert_int_equal(raft_commit(follower()).value, 2);
    cluster_close(&cluster);
}

static void an_empty_append_that_teaches_nothing_is_not_answered(void **state)
{
    (void)state;
    static const uint64_t terms[] = {3};
    cluster_open_plain(&cluster, 3, 0);
    cluster_inject_append(&cluster, 2, 1,
                          &(struct wire_append){.term = {3}, .count = 1, .round = 1}, terms);
    cluster_drop_all(&cluster);
    struct wire_append commit = {
        .term = {3}, .previous_index = {1}, .previous_term = {3}, .commit = {1}, .round = 1};
    cluster_inject_append(&cluster, 2, 1, &commit, NULL);
    assert_int_equal(raft_commit(follower()).value, 1);
    assert_null(reply_to(2));
    commit.round = 2; /* a heartbeat */
    cluster_inject_append(&cluster, 2, 1, &commit, NULL);
    assert_non_null(reply_to(2));
    cluster_close(&cluster);
}

static void
an_append_of_an_old_term_is_answered_with_the_present_one_and_changes_nothing(void **state)
{
    (void)state;
    static const uint64_t terms[] = {3};
    cluster_open_plain(&cluster, 3, 0);
    cluster_preset(&cluster, 1, 5, NULL, 0);
    cluster_inject_append(&cluster, 2, 1,
                          &(struct wire_append){.term = {3}, .count = 1, .round = 4}, terms);
    assert_int_equal(last_of(1), 0);
    assert_int_equal(raft_leader(follower()).value, 0);
    assert_int_equal(reply_to(2)->term.value, 5);
    assert_false(reply_to(2)->success);
    cluster_close(&cluster);
}

/* What no correct peer sends: it is ignored whole, says nothing, changes nothing, and stops
 * nobody. */
static void an_append_that_contradicts_what_is_committed_is_ignored(void **state)
{
    (void)state;
    static const uint64_t terms[] = {1, 1, 1};
    static const uint64_t other[] = {2, 2, 2};
    for (int variant = 0; variant < 3; variant++) {
        cluster_open_plain(&cluster, 3, 0);
        cluster_inject_append(&cluster, 2, 1,
                              &(struct wire_append){.term = {1}, .count = 3, .commit = {2}}, terms);
        cluster_drop_all(&cluster);
        struct wire_append bad = {.term = {2}, .count = variant == 0 ? 3 : 1};
        if (variant == 1) {
            bad.previous_index.value = 1;
            bad.previous_term.value = 1;
        } else if (variant == 2) {
            bad.previous_index.value = 2;
            bad.previous_term.value = 2;
        }
        cluster_inject_append(&cluster, 3, 1, &bad, other);
        assert_int_equal(cluster.bag_count, 0);
        assert_int_equal(last_of(1), 3);
        assert_int_equal(term_at(1, 2), 1);
        assert_int_equal(raft_term(follower()).value, 1);
        cluster_close(&cluster);
    }
}

static void entries_that_are_not_monotone_are_refused_whole(void **state)
{
    (void)state;
    for (int variant = 0; variant < 8; variant++) {
        cluster_open_plain(&cluster, 3, 0);
        static const uint64_t terms[] = {1, 1};
        cluster_inject_append(&cluster, 2, 1, &(struct wire_append){.term = {3}, .count = 2},
                              terms);
        cluster_drop_all(&cluster);
        struct wire_entry *entries[2] = {cluster_entry(3, 3), cluster_entry(4, 3)};
        struct wire_message *message = cluster_forge(WIRE_MESSAGE_APPEND, 2, 1);
        message->as.append = (struct wire_append){.term = {3},
                                                  .previous_index = {2},
                                                  .previous_term = {1},
                                                  .count = 2,
                                                  .entries = entries};
        struct wire_append *append = &message->as.append;
        switch (variant) {
        case 0:
            entries[1]->index.value = 5; /* a gap */
            break;
        case 1:
            entries[1]->term.value = 2; /* terms go down */
            break;
        case 2:
            entries[1]->term.value = 4; /* above the leader's */
            break;
        case 3:
            entries[1]->reach.value = 29; /* reach goes down */
            break;
        case 4:
            entries[0]->reach.value = 19; /* reach below the log's */
            break;
        case 5:
            entries[1]->kind = WIRE_ENTRY_CONFIG; /* its body is none */
            break;
        case 6:
            append->previous_term.value = 4; /* above the leader's */
            break;
        case 7:
            entries[1]->reach.value = UINT64_MAX; /* nothing could be ordered behind it */
            break;
        }
        cluster_inject(&cluster, message);
        assert_int_equal(last_of(1), 2);
        assert_int_equal(cluster.bag_count, 0);
        wire_entry_drop(&entries[0]);
        wire_entry_drop(&entries[1]);
        cluster_close(&cluster);
    }
}

static void an_append_that_begins_below_the_snapshot_is_taken_from_there_on(void **state)
{
    (void)state;
    static const uint64_t terms[] = {1, 1, 1, 1, 1};
    cluster_open_plain(&cluster, 3, 0);
    cluster_inject_append(&cluster, 2, 1,
                          &(struct wire_append){.term = {1}, .count = 3, .commit = {3}}, terms);
    cluster_snapshot(&cluster, 1);
    assert_int_equal(raft_snapshot_index(follower()).value, 3);
    cluster_drop_all(&cluster);
    cluster_inject_append(&cluster, 2, 1,
                          &(struct wire_append){.term = {1}, .count = 5, .commit = {3}}, terms);
    assert_int_equal(last_of(1), 5);
    assert_int_equal(reply_to(2)->match.value, 5);
    cluster_drop_all(&cluster);
    cluster_inject_append(&cluster, 2, 1, &(struct wire_append){.term = {1}, .count = 1}, terms);
    assert_int_equal(reply_to(2)->match.value, 3); /* what is committed is equal */
    cluster_close(&cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_follower_of_figure_7_becomes_equal_to_the_leader),
        cmocka_unit_test(a_conflict_of_a_thousand_entries_in_few_terms_is_found_in_few_messages),
        cmocka_unit_test(an_append_behind_the_end_is_refused_with_the_end_as_hint),
        cmocka_unit_test(a_differing_entry_is_refused_with_the_first_of_its_term_as_hint),
        cmocka_unit_test(a_conflicting_suffix_is_replaced_and_reported_as_truncated),
        cmocka_unit_test(a_late_duplicate_does_not_remove_what_came_after_it),
        cmocka_unit_test(appends_that_overtake_each_other_are_repaired),
        cmocka_unit_test(an_entry_is_acknowledged_only_when_it_is_durable),
        cmocka_unit_test(a_new_round_is_answered_at_once_with_what_is_durable),
        cmocka_unit_test(
            entries_of_an_old_leader_are_acknowledged_to_the_new_one_only_when_durable),
        cmocka_unit_test(commit_goes_no_further_than_what_the_message_has_verified),
        cmocka_unit_test(an_empty_append_that_teaches_nothing_is_not_answered),
        cmocka_unit_test(
            an_append_of_an_old_term_is_answered_with_the_present_one_and_changes_nothing),
        cmocka_unit_test(an_append_that_contradicts_what_is_committed_is_ignored),
        cmocka_unit_test(entries_that_are_not_monotone_are_refused_whole),
        cmocka_unit_test(an_append_that_begins_below_the_snapshot_is_taken_from_there_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

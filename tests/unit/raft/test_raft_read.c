/* SPDX-License-Identifier: Apache-2.0 */
/* Linearizable reads by ReadIndex, and the hand-over of leadership. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/raft/raft_cluster.h"

#define MANUAL UINT64_MAX

static struct cluster cluster;

static void open_led(void)
{
    cluster_open_plain(&cluster, 3, 0);
    cluster_make_leader(&cluster, 1);
    cluster_drop_all(&cluster);
}

static void inject_reply(uint32_t from, struct wire_append_reply reply)
{
    struct wire_message *message = cluster_forge(WIRE_MESSAGE_APPEND_REPLY, from, 1);
    message->as.append_reply = reply;
    cluster_inject(&cluster, message);
}

static uint64_t round_sent(uint32_t to)
{
    const struct cluster_message *message = cluster_find(&cluster, WIRE_MESSAGE_APPEND, to);
    assert_non_null(message);
    return message->as.append.round;
}

static uint32_t ready(uint32_t node)
{
    return cluster.members[node].reads_ready;
}
static uint32_t failed(uint32_t node)
{
    return cluster.members[node].reads_failed;
}

static void a_read_waits_for_a_majority_of_its_own_round(void **state)
{
    (void)state;
    open_led();
    assert_int_equal(cluster_read(&cluster, 1), STATUS_OK);
    uint64_t round = round_sent(2);
    assert_int_equal(ready(1), 0);
    inject_reply(2, (struct wire_append_reply){
                        .term = {1}, .success = true, .match = {1}, .round = round - 1});
    assert_int_equal(ready(1), 0); /* said before the read arrived */
    inject_reply(
        2, (struct wire_append_reply){.term = {1}, .success = true, .match = {1}, .round = round});
    assert_int_equal(ready(1), 1);
    cluster_close(&cluster);
}

static void a_refusal_of_the_same_term_confirms_the_leadership_too(void **state)
{
    (void)state;
    open_led();
    assert_int_equal(cluster_read(&cluster, 1), STATUS_OK);
    inject_reply(2,
                 (struct wire_append_reply){.term = {1}, .conflict = {1}, .round = round_sent(2)});
    assert_int_equal(ready(1), 1);
    cluster_close(&cluster);
}

static void reads_of_one_batch_share_one_round(void **state)
{
    (void)state;
    open_led();
    struct raft_effects effects = {0};
    struct raft_event event = {.kind = RAFT_EVENT_READ, .now = cluster.now};
    for (event.token = 0; event.token < 1000; event.token++) {
        assert_int_equal(raft_step(cluster_raft(&cluster, 1), &event, &effects), STATUS_OK);
    }
    event.kind = RAFT_EVENT_FLUSH;
    assert_int_equal(raft_step(cluster_raft(&cluster, 1), &event, &effects), STATUS_OK);
    assert_int_equal(effects.send_count, 2);
    uint64_t round = effects.sends[0].message.as.append.round;
    raft_effects_clear(&effects);
    struct wire_message *message = cluster_forge(WIRE_MESSAGE_APPEND_REPLY, 3, 1);
    message->as.append_reply =
        (struct wire_append_reply){.term = {1}, .success = true, .match = {1}, .round = round};
    event.kind = RAFT_EVENT_MESSAGE;
    event.message = message;
    assert_int_equal(raft_step(cluster_raft(&cluster, 1), &event, &effects), STATUS_OK);
    assert_int_equal(effects.read_count, 1000);
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(effects.reads[i].token, i);
        assert_int_equal(effects.reads[i].index.value, 1);
        assert_true(effects.reads[i].ready);
    }
    raft_effects_close(&effects);
    cluster_close(&cluster);
}

static void reads_beyond_the_limit_are_refused(void **state)
{
    (void)state;
    open_led();
    struct raft_effects effects = {0};
    struct raft_event event = {.kind = RAFT_EVENT_READ, .now = cluster.now};
    for (event.token = 0; event.token < RAFT_READS_MAX; event.token++) {
        assert_int_equal(raft_step(cluster_raft(&cluster, 1), &event, &effects), STATUS_OK);
    }
    assert_int_equal(raft_step(cluster_raft(&cluster, 1), &event, &effects), STATUS_FULL);
    raft_effects_close(&effects);
    cluster_close(&cluster);
}

static void a_read_before_the_first_own_commit_waits_for_it(void **state)
{
    (void)state;
    cluster_open_plain(&cluster, 3, 0);
    cluster_tick(&cluster, 1);
    while (raft_role(cluster_raft(&cluster, 1)) != RAFT_LEADER) {
        cluster_run(&cluster, 100);
    }
    cluster_drop_all(&cluster);
    assert_int_equal(cluster_read(&cluster, 1), STATUS_OK);
    uint64_t round = round_sent(2);
    inject_reply(
        2, (struct wire_append_reply){.term = {1}, .success = true, .match = {0}, .round = round});
    assert_int_equal(ready(1), 0);
    inject_reply(
        2, (struct wire_append_reply){.term = {1}, .success = true, .match = {1}, .round = round});
    assert_int_equal(ready(1), 1);
    cluster_close(&cluster);
}

static void a_deposed_leader_serves_no_read_and_fails_those_that_wait(void **state)
{
    (void)state;
    cluster_open_plain(&cluster, 3, 100);
    uint32_t old = cluster_elect(&cluster);
    cluster_isolate(&cluster, old, true);
    assert_int_equal(cluster_read(&cluster, old), STATUS_OK);
    uint32_t before = ready(old);
    cluster_run(&cluster, 5 * CLUSTER_ELECTION_US);
    uint32_t new = cluster_leader(&cluster);
    assert_int_not_equal(new, old);
    assert_int_equal(cluster_propose(&cluster, new, 1), STATUS_OK);
    cluster_run(&cluster, CLUSTER_ELECTION_US);
    assert_int_equal(ready(old), before);
    assert_int_equal(failed(old), 1);
    assert_int_equal(cluster_read(&cluster, old), STATUS_NOT_LEADER);
    cluster_close(&cluster);
}

static void a_sole_voter_confirms_itself_at_the_flush(void **state)
{
    (void)state;
    cluster_open_plain(&cluster, 1, 0);
    cluster_make_leader(&cluster, 1);
    assert_int_equal(cluster_read(&cluster, 1), STATUS_OK);
    assert_int_equal(ready(1), 1);
    cluster_close(&cluster);
}

static void a_hand_over_moves_the_leadership_without_waiting_for_a_timeout(void **state)
{
    (void)state;
    open_led();
    uint64_t begun = cluster.now.us;
    assert_int_equal(cluster_transfer(&cluster, 1, 3), STATUS_OK);
    cluster_run(&cluster, 10 * CLUSTER_MS);
    assert_int_equal(cluster_leader(&cluster), 3);
    assert_true(raft_can_serve(cluster_raft(&cluster, 3)));
    assert_int_equal(raft_role(cluster_raft(&cluster, 1)), RAFT_FOLLOWER);
    assert_true(cluster.now.us - begun < CLUSTER_ELECTION_US / 2);
    cluster_close(&cluster);
}

static void
a_leader_that_hands_over_takes_nothing_new_and_brings_the_target_up_to_date_first(void **state)
{
    (void)state;
    open_led();
    assert_int_equal(cluster_propose(&cluster, 1, 5), STATUS_OK);
    assert_int_equal(cluster_transfer(&cluster, 1, 2), STATUS_OK);
    assert_null(cluster_find(&cluster, WIRE_MESSAGE_TIMEOUT_NOW, 2));
    struct wire_config config = cluster_config(2, 1);
    assert_int_equal(cluster_propose(&cluster, 1, 6), STATUS_NOT_LEADER);
    assert_int_equal(cluster_read(&cluster, 1), STATUS_NOT_LEADER);
    assert_int_equal(cluster_change(&cluster, 1, &config), STATUS_NOT_LEADER);
    assert_int_equal(cluster_transfer(&cluster, 1, 3), STATUS_NOT_LEADER);
    inject_reply(2, (struct wire_append_reply){.term = {1}, .success = true, .match = {2}});
    assert_non_null(cluster_find(&cluster, WIRE_MESSAGE_TIMEOUT_NOW, 2));
    cluster_settle(&cluster);
    assert_int_equal(cluster_leader(&cluster), 2);
    cluster_close(&cluster);
}

static void a_hand_over_without_a_target_picks_the_voter_that_has_most(void **state)
{
    (void)state;
    open_led();
    assert_int_equal(cluster_propose(&cluster, 1, 5), STATUS_OK);
    inject_reply(3, (struct wire_append_reply){.term = {1}, .success = true, .match = {2}});
    cluster_drop_all(&cluster);
    assert_int_equal(cluster_transfer(&cluster, 1, 0), STATUS_OK);
    assert_non_null(cluster_find(&cluster, WIRE_MESSAGE_TIMEOUT_NOW, 3));
    cluster_close(&cluster);
}

static void a_hand_over_that_fails_is_given_up_after_an_election_timeout(void **state)
{
    (void)state;
    open_led();
    cluster.options.sync_us = 100;
    assert_int_equal(cluster_transfer(&cluster, 1, 3), STATUS_OK);
    cluster_crash(&cluster, 3, 0);
    cluster_run(&cluster, CLUSTER_ELECTION_US / 2);
    assert_int_equal(cluster_propose(&cluster, 1, 5), STATUS_NOT_LEADER);
    cluster_run(&cluster, CLUSTER_ELECTION_US);
    assert_int_equal(cluster_propose(&cluster, 1, 5), STATUS_OK);
    cluster_close(&cluster);
}

static void nobody_hands_over_to_itself_a_stranger_a_learner_or_a_silent_voter(void **state)
{
    (void)state;
    struct cluster_options options = {.voters = 3,
                                      .learners = 1,
                                      .spare = 1,
                                      .seed = 7,
                                      .delay_min_us = 1000,
                                      .delay_max_us = 1000};
    cluster_open(&cluster, &options);
    cluster_make_leader(&cluster, 1);
    assert_int_equal(cluster_transfer(&cluster, 1, 1), STATUS_INVALID);
    assert_int_equal(cluster_transfer(&cluster, 1, 4), STATUS_INVALID);
    assert_int_equal(cluster_transfer(&cluster, 1, 5), STATUS_INVALID);
    assert_int_equal(cluster_transfer(&cluster, 2, 3), STATUS_NOT_LEADER);
    cluster_isolate(&cluster, 3, true);
    cluster_run(&cluster, 2 * CLUSTER_ELECTION_US);
    assert_int_equal(cluster_transfer(&cluster, 1, 3), STATUS_INVALID);
    cluster_close(&cluster);
}

static void an_order_to_take_over_counts_only_from_the_leader_of_this_term(void **state)
{
    (void)state;
    open_led();
    struct wire_message *message = cluster_forge(WIRE_MESSAGE_TIMEOUT_NOW, 3, 2);
    message->as.timeout_now.term.value = 1;
    cluster_inject(&cluster, message);
    message = cluster_forge(WIRE_MESSAGE_TIMEOUT_NOW, 1, 2);
    message->as.timeout_now.term.value = 0;
    cluster_inject(&cluster, message);
    assert_int_equal(raft_role(cluster_raft(&cluster, 2)), RAFT_FOLLOWER);
    message->as.timeout_now.term.value = 1;
    cluster_inject(&cluster, message);
    assert_int_equal(raft_role(cluster_raft(&cluster, 2)), RAFT_CANDIDATE);
    assert_int_equal(raft_term(cluster_raft(&cluster, 2)).value, 2);
    cluster_inject(&cluster, message); /* a duplicate is of an old term now */
    assert_int_equal(raft_term(cluster_raft(&cluster, 2)).value, 2);
    cluster_close(&cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_read_waits_for_a_majority_of_its_own_round),
        cmocka_unit_test(a_refusal_of_the_same_term_confirms_the_leadership_too),
        cmocka_unit_test(reads_of_one_batch_share_one_round),
        cmocka_unit_test(reads_beyond_the_limit_are_refused),
        cmocka_unit_test(a_read_before_the_first_own_commit_waits_for_it),
        cmocka_unit_test(a_deposed_leader_serves_no_read_and_fails_those_that_wait),
        cmocka_unit_test(a_sole_voter_confirms_itself_at_the_flush),
        cmocka_unit_test(a_hand_over_moves_the_leadership_without_waiting_for_a_timeout),
        cmocka_unit_test(
            a_leader_that_hands_over_takes_nothing_new_and_brings_the_target_up_to_date_first),
        cmocka_unit_test(a_hand_over_without_a_target_picks_the_voter_that_has_most),
        cmocka_unit_test(a_hand_over_that_fails_is_given_up_after_an_election_timeout),
        cmocka_unit_test(nobody_hands_over_to_itself_a_stranger_a_learner_or_a_silent_voter),
        cmocka_unit_test(an_order_to_take_over_counts_only_from_the_leader_of_this_term),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

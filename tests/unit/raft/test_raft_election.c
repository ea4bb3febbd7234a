/* SPDX-License-Identifier: Apache-2.0 */
/* Elections: votes are durable before they are told, nobody disturbs a live leader, a leader
 * without a majority goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/raft/raft_cluster.h"

#define MANUAL UINT64_MAX /* syncs happen when the test says so */

static struct cluster cluster;

static void inject_vote_request(uint32_t from, uint32_t to, struct wire_vote_request request)
{
    struct wire_message *message = cluster_forge(WIRE_MESSAGE_VOTE_REQUEST, from, to);
    message->as.vote_request = request;
    cluster_inject(&cluster, message);
}

static void inject_vote_reply(uint32_t from, uint32_t to, struct wire_vote_reply reply)
{
    struct wire_message *message = cluster_forge(WIRE_MESSAGE_VOTE_REPLY, from, to);
    message->as.vote_reply = reply;
    cluster_inject(&cluster, message);
}

static bool reply_grants(uint32_t to)
{
    const struct cluster_message *reply = cluster_find(&cluster, WIRE_MESSAGE_VOTE_REPLY, to);
    assert_non_null(reply);
    return reply->as.vote_reply.granted;
}

static enum raft_role role(uint32_t node)
{
    return raft_role(cluster_raft(&cluster, node));
}

static uint64_t term(uint32_t node)
{
    return raft_term(cluster_raft(&cluster, node)).value;
}

static void a_sole_voter_leads_after_its_first_tick_and_sync_without_waiting(void **state)
{
    (void)state;
    cluster_open_plain(&cluster, 1, MANUAL);
    assert_true(kv_instant_reached(raft_deadline(cluster_raft(&cluster, 1)), (kv_instant){0}));
    cluster_tick(&cluster, 1);
    assert_int_equal(role(1), RAFT_CANDIDATE);
    assert_int_equal(cluster.now.us, 0);
    cluster_sync(&cluster, 1);
    assert_int_equal(role(1), RAFT_LEADER);
    assert_false(raft_can_serve(cluster_raft(&cluster, 1)));
    cluster_sync(&cluster, 1);
    assert_true(raft_can_serve(cluster_raft(&cluster, 1)));
    cluster_close(&cluster);
}

static void three_members_elect_exactly_one_leader(void **state)
{
    (void)state;
    cluster_open_plain(&cluster, 3, 100);
    uint32_t leader = cluster_elect(&cluster);
    cluster_run(&cluster, CLUSTER_ELECTION_US * 3);
    assert_int_equal(cluster_leader(&cluster), leader);
    assert_int_equal(cluster.elections, 1);
    for (uint32_t node = 1; node <= 3; node++) {
        assert_int_equal(raft_leader(cluster_raft(&cluster, node)).value, leader);
        assert_int_equal(role(node), node == leader ? RAFT_LEADER : RAFT_FOLLOWER);
    }
    cluster_close(&cluster);
}

static void a_candidacy_is_announced_only_when_it_is_durable(void **state)
{
    (void)state;
    cluster_open_plain(&cluster, 3, MANUAL);
    cluster_tick(&cluster, 1);
    assert_int_equal(cluster_count(&cluster, WIRE_MESSAGE_VOTE_REQUEST, 2),
                     1); /* the pre-vote needs no disk */
    cluster_drop_all(&cluster);
    inject_vote_reply(2, 1, (struct wire_vote_reply){.term = {1}, .pre = true, .granted = true});
    assert_int_equal(term(1), 1);
    assert_null(cluster_find(&cluster, WIRE_MESSAGE_VOTE_REQUEST, 2));
    cluster_sync(&cluster, 1);
    assert_false(cluster_find(&cluster, WIRE_MESSAGE_VOTE_REQUEST, 2)->as.vote_request.pre);
    cluster_close(&cluster);
}

static void a_candidate_counts_its_own_vote_only_when_it_is_durable(void **state)
{
    (void)state;
    cluster_open_plain(&cluster, 3, MANUAL);
    cluster_tick(&cluster, 1);
    inject_vote_reply(2, 1, (struct wire_vote_reply){.term = {1}, .pre = true, .granted = true});
    inject_vote_reply(2, 1, (struct wire_vote_reply){.term = {1}, .granted = true});
    assert_int_equal(role(1), RAFT_CANDIDATE);
    cluster_sync(&cluster, 1);
    assert_int_equal(role(1), RAFT_LEADER);
    cluster_close(&cluster);
}

static void a_vote_leaves_only_when_it_is_durable(void **state)
{
    (void)state;
    cluster_open_plain(&cluster, 3, MANUAL);
    inject_vote_request(2, 1, (struct wire_vote_request){.term = {5}});
    assert_null(cluster_find(&cluster, WIRE_MESSAGE_VOTE_REPLY, 2));
    cluster_sync(&cluster, 1);
    assert_true(reply_grants(2));
    assert_int_equal(cluster.members[1].disk->vote.value, 2);
    cluster_close(&cluster);
}

static void a_member_votes_once_per_term_and_repeats_that_vote_after_a_restart(void **state)
{
    (void)state;
    cluster_open_plain(&cluster, 3, 0);
    inject_vote_request(2, 1, (struct wire_vote_request){.term = {5}});
    assert_true(reply_grants(2));
    inject_vote_request(3, 1, (struct wire_vote_request){.term = {5}});
    assert_false(reply_grants(3));
    cluster_crash(&cluster, 1, 0);
    cluster_restart(&cluster, 1);
    cluster_drop_all(&cluster);
    inject_vote_request(3, 1, (struct wire_vote_request){.term = {5}});
    assert_false(reply_grants(3));
    inject_vote_request(2, 1, (struct wire_vote_request){.term = {5}});
    assert_true(reply_grants(2));
    cluster_close(&cluster);
}

static void a_vote_goes_only_to_a_log_that_is_at_least_as_up_to_date(void **state)
{
    (void)state;
    static const struct {
        uint64_t last_index, last_term;
        bool granted;
    } cases[] = {{3, 2, false}, {9, 1, false}, {2, 3, false},
                 {3, 3, true},  {4, 3, true},  {1, 4, true}};
    static const uint64_t terms[] = {1, 2, 3};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int pre = 0; pre <= 1; pre++) {
            cluster_open_plain(&cluster, 3, 0);
            cluster_preset(&cluster, 1, 5, terms, 3);
            inject_vote_request(2, 1,
                                (struct wire_vote_request){.term = {6},
                                                           .last_index = {cases[i].last_index},
                                                           .last_term = {cases[i].last_term},
                                                           .pre = pre == 1});
            assert_int_equal(reply_grants(2), cases[i].granted);
            assert_int_equal(term(1), pre == 1 ? 5 : 6);
            cluster_close(&cluster);
        }
    }
}

static void a_pre_vote_changes_neither_term_nor_vote_nor_disk(void **state)
{
    (void)state;
    cluster_open_plain(&cluster, 3, 0);
    uint32_t records = cluster.members[1].record_count;
    inject_vote_request(2, 1, (struct wire_vote_request){.term = {1}, .pre = true});
    assert_true(reply_grants(2));
    inject_vote_request(3, 1, (struct wire_vote_request){.term = {1}, .pre = true});
    assert_true(reply_grants(3)); /* a pre-vote is no promise: both may have one */
    assert_int_equal(term(1), 0);
    assert_int_equal(cluster.members[1].record_count, records);
    cluster_close(&cluster);
}

static void a_member_that_hears_its_leader_refuses_both_kinds_of_vote(void **state)
{
    (void)state;
    cluster_open_plain(&cluster, 3, 0);
    cluster_make_leader(&cluster, 1);
    cluster_drop_all(&cluster);
    for (uint32_t node = 1; node <= 2; node++) { /* the leader itself, and a follower */
        inject_vote_request(3, node,
                            (struct wire_vote_request){
                                .term = {2}, .last_index = {99}, .last_term = {1}, .pre = true});
        assert_int_equal(cluster_count(&cluster, WIRE_MESSAGE_VOTE_REPLY, 3), 1);
        assert_false(reply_grants(3));
        cluster_drop_all(&cluster);
        inject_vote_request(
            3, node, (struct wire_vote_request){.term = {2}, .last_index = {99}, .last_term = {1}});
        assert_null(cluster_find(&cluster, WIRE_MESSAGE_VOTE_REPLY, 3));
        assert_int_equal(term(node), 1);
    }
    cluster_close(&cluster);
}

static void a_vote_that_the_leader_asked_for_is_granted_at_once(void **state)
{
    (void)state;
    cluster_open_plain(&cluster, 3, 0);
    cluster_make_leader(&cluster, 1);
    inject_vote_request(3, 2,
                        (struct wire_vote_request){
                            .term = {2}, .last_index = {1}, .last_term = {1}, .transfer = true});
    assert_true(reply_grants(3));
    cluster_close(&cluster);
}

static void a_member_that_was_cut_off_returns_without_a_new_term(void **state)
{
    (void)state;
    cluster_open_plain(&cluster, 3, 100);
    uint32_t leader = cluster_elect(&cluster);
    uint32_t lost = leader % 3 + 1;
    cluster_isolate(&cluster, lost, true);
    cluster_run(&cluster, 10 * CLUSTER_ELECTION_US);
    assert_int_equal(role(lost), RAFT_CANDIDATE);
    assert_int_equal(term(lost), 1);
    cluster_heal(&cluster);
    cluster_run(&cluster, 2 * CLUSTER_ELECTION_US);
    assert_int_equal(cluster_leader(&cluster), leader);
    assert_int_equal(term(leader), 1);
    assert_int_equal(role(lost), RAFT_FOLLOWER);
    cluster_close(&cluster);
}

static void a_member_stuck_in_a_higher_term_is_taken_back(void **state)
{
    (void)state;
    cluster_open_plain(&cluster, 3, 100);
    uint32_t leader = cluster_elect(&cluster);
    uint32_t stuck = leader % 3 + 1;
    static const uint64_t terms[] = {1};
    cluster_preset(&cluster, stuck, 9, terms,
                   0); /* e.g. it was a candidate before it lost contact */
    cluster_run(&cluster, 5 * CLUSTER_ELECTION_US);
    assert_true(cluster_leader(&cluster) != 0);
    assert_true(term(stuck) >= 9);
    assert_int_equal(raft_leader(cluster_raft(&cluster, stuck)).value, cluster_leader(&cluster));
    cluster_close(&cluster);
}

static void a_leader_that_hears_no_majority_steps_down_within_two_timeouts(void **state)
{
    (void)state;
    cluster_open_plain(&cluster, 3, 100);
    uint32_t leader = cluster_elect(&cluster);
    for (uint32_t other = 1; other <= 3; other++) {
        cluster.cut[other][leader] = other != leader; /* it can send, but not hear (N2) */
    }
    cluster_run(&cluster, 2 * CLUSTER_ELECTION_US);
    assert_int_not_equal(role(leader), RAFT_LEADER);
    cluster_run(&cluster, 4 * CLUSTER_ELECTION_US);
    assert_int_not_equal(cluster_leader(&cluster), leader);
    assert_int_not_equal(cluster_leader(&cluster), 0);
    cluster_close(&cluster);
}

static void a_leader_that_hears_one_of_two_followers_stays(void **state)
{
    (void)state;
    cluster_open_plain(&cluster, 3, 100);
    uint32_t leader = cluster_elect(&cluster);
    cluster_isolate(&cluster, leader % 3 + 1, true);
    cluster_run(&cluster, 20 * CLUSTER_ELECTION_US);
    assert_int_equal(cluster_leader(&cluster), leader);
    assert_int_equal(cluster.elections, 1);
    cluster_close(&cluster);
}

static void a_bridge_between_two_that_do_not_see_each_other_has_a_stable_leader(void **state)
{
    (void)state;
    cluster_open_plain(&cluster, 3, 100);
    cluster.cut[1][3] = true;
    cluster.cut[3][1] = true;
    cluster_elect(&cluster);
    cluster_run(&cluster, 5 * CLUSTER_ELECTION_US);
    uint32_t leader = cluster_leader(&cluster);
    uint64_t settled_term = term(leader);
    cluster_run(&cluster, 50 * CLUSTER_ELECTION_US);
    assert_int_equal(cluster_leader(&cluster), leader);
    assert_int_equal(term(leader), settled_term);
    cluster_close(&cluster);
}

static void a_candidate_whose_disk_is_stuck_does_not_climb_through_terms(void **state)
{
    (void)state;
    cluster_open_plain(&cluster, 3, MANUAL);
    cluster_tick(&cluster, 1);
    inject_vote_reply(2, 1, (struct wire_vote_reply){.term = {1}, .pre = true, .granted = true});
    for (int i = 0; i < 5; i++) {
        cluster_tick(&cluster, 1);
    }
    assert_int_equal(term(1), 1);
    cluster_close(&cluster);
}

static void votes_of_strangers_learners_and_old_elections_do_not_count(void **state)
{
    (void)state;
    struct cluster_options options = {.voters = 3,
                                      .learners = 1,
                                      .spare = 1,
                                      .seed = 7,
                                      .delay_min_us = 1000,
                                      .delay_max_us = 1000};
    cluster_open(&cluster, &options);
    cluster_tick(&cluster, 1);
    inject_vote_reply(
        4, 1, (struct wire_vote_reply){.term = {1}, .pre = true, .granted = true}); /* learner */
    inject_vote_reply(
        5, 1, (struct wire_vote_reply){.term = {1}, .pre = true, .granted = true}); /* no member */
    inject_vote_reply(
        2, 1,
        (struct wire_vote_reply){.term = {2}, .pre = true, .granted = true}); /* another term */
    inject_vote_reply(
        2, 1,
        (struct wire_vote_reply){.term = {0}, .pre = false, .granted = true}); /* another kind */
    assert_int_equal(term(1), 0);
    inject_vote_reply(2, 1, (struct wire_vote_reply){.term = {1}, .pre = true, .granted = true});
    assert_int_equal(term(1), 1);
    inject_vote_reply(
        2, 1,
        (struct wire_vote_reply){.term = {1}, .pre = true, .granted = true}); /* late duplicate */
    assert_int_equal(role(1), RAFT_CANDIDATE);
    cluster_close(&cluster);
}

static void a_term_out_of_range_is_ignored_in_every_message(void **state)
{
    (void)state;
    cluster_open_plain(&cluster, 3, 0);
    kv_term huge = {UINT64_MAX};
    inject_vote_request(2, 1, (struct wire_vote_request){.term = huge});
    inject_vote_request(2, 1, (struct wire_vote_request){.term = {0}});
    inject_vote_reply(2, 1, (struct wire_vote_reply){.term = huge});
    cluster_inject_append(&cluster, 2, 1, &(struct wire_append){.term = huge}, NULL);
    cluster_inject_append(&cluster, 2, 1, &(struct wire_append){.term = {0}}, NULL);
    struct wire_message *message = cluster_forge(WIRE_MESSAGE_APPEND_REPLY, 2, 1);
    message->as.append_reply.term = huge;
    cluster_inject(&cluster, message);
    message = cluster_forge(WIRE_MESSAGE_SNAPSHOT_CHUNK, 2, 1);
    message->as.snapshot_chunk.term = huge;
    cluster_inject(&cluster, message);
    message = cluster_forge(WIRE_MESSAGE_SNAPSHOT_REPLY, 2, 1);
    message->as.snapshot_reply.term = huge;
    cluster_inject(&cluster, message);
    message = cluster_forge(WIRE_MESSAGE_TIMEOUT_NOW, 2, 1);
    message->as.timeout_now.term = huge;
    cluster_inject(&cluster, message);
    assert_int_equal(term(1), 0);
    assert_int_equal(cluster.bag_count, 0);
    cluster_close(&cluster);
}

static void a_misaddressed_message_is_ignored(void **state)
{
    (void)state;
    for (int wrong = 0; wrong < 4; wrong++) {
        cluster_open_plain(&cluster, 3, 0);
        struct wire_message *message = cluster_forge(WIRE_MESSAGE_VOTE_REQUEST, 2, 1);
        message->as.vote_request.term.value = 5;
        message->group.value = wrong == 0 ? CLUSTER_GROUP + 1 : CLUSTER_GROUP;
        message->to.value = wrong == 1 ? 3 : 1;
        message->from.value = wrong == 2 ? 0 : wrong == 3 ? 1 : 2;
        struct raft_event event = {.kind = RAFT_EVENT_MESSAGE, .message = message};
        assert_int_equal(cluster_step(&cluster, 1, event), STATUS_OK);
        assert_int_equal(term(1), 0);
        assert_int_equal(cluster.bag_count, 0);
        cluster_close(&cluster);
    }
}

static void a_second_leader_of_one_term_is_not_believed(void **state)
{
    (void)state;
    cluster_open_plain(&cluster, 3, 0);
    cluster_inject_append(&cluster, 2, 1, &(struct wire_append){.term = {4}}, NULL);
    assert_int_equal(raft_leader(cluster_raft(&cluster, 1)).value, 2);
    cluster_drop_all(&cluster);
    static const uint64_t terms[] = {4};
    cluster_inject_append(&cluster, 3, 1, &(struct wire_append){.term = {4}, .count = 1}, terms);
    assert_int_equal(raft_leader(cluster_raft(&cluster, 1)).value, 2);
    assert_int_equal(raft_last(cluster_raft(&cluster, 1)).value, 0);
    assert_int_equal(cluster.bag_count, 0);
    cluster_close(&cluster);
}

static void a_learner_never_stands_for_election_but_votes(void **state)
{
    (void)state;
    struct cluster_options options = {
        .voters = 1, .learners = 1, .seed = 7, .delay_min_us = 1000, .delay_max_us = 1000};
    cluster_open(&cluster, &options);
    assert_int_equal(role(2), RAFT_LEARNER);
    assert_int_equal(raft_deadline(cluster_raft(&cluster, 2)).us, KV_INSTANT_NEVER.us);
    /* The candidate may know of a configuration in which we are a voter. */
    inject_vote_request(1, 2, (struct wire_vote_request){.term = {5}});
    assert_true(reply_grants(1));
    cluster_close(&cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sole_voter_leads_after_its_first_tick_and_sync_without_waiting),
        cmocka_unit_test(three_members_elect_exactly_one_leader),
        cmocka_unit_test(a_candidacy_is_announced_only_when_it_is_durable),
        cmocka_unit_test(a_candidate_counts_its_own_vote_only_when_it_is_durable),
        cmocka_unit_test(a_vote_leaves_only_when_it_is_durable),
        cmocka_unit_test(a_member_votes_once_per_term_and_repeats_that_vote_after_a_restart),
        cmocka_unit_test(a_vote_goes_only_to_a_log_that_is_at_least_as_up_to_date),
        cmocka_unit_test(a_pre_vote_changes_neither_term_nor_vote_nor_disk),
        cmocka_unit_test(a_member_that_hears_its_leader_refuses_both_kinds_of_vote),
        cmocka_unit_test(a_vote_that_the_leader_asked_for_is_granted_at_once),
        cmocka_unit_test(a_member_that_was_cut_off_returns_without_a_new_term),
        cmocka_unit_test(a_member_stuck_in_a_higher_term_is_taken_back),
        cmocka_unit_test(a_leader_that_hears_no_majority_steps_down_within_two_timeouts),
        cmocka_unit_test(a_leader_that_hears_one_of_two_followers_stays),
        cmocka_unit_test(a_bridge_between_two_that_do_not_see_each_other_has_a_stable_leader),
        cmocka_unit_test(a_candidate_whose_disk_is_stuck_does_not_climb_through_terms),
        cmocka_unit_test(votes_of_strangers_learners_and_old_elections_do_not_count),
        cmocka_unit_test(a_term_out_of_range_is_ignored_in_every_message),
        cmocka_unit_test(a_misaddressed_message_is_ignored),
        cmocka_unit_test(a_second_leader_of_one_term_is_not_believed),
        cmocka_unit_test(a_learner_never_stands_for_election_but_votes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

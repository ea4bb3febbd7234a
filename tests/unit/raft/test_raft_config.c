/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of the members: one voter at a time, in force at once, taken back with the log,
 * harmless to a live group. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/raft/raft_cluster.h"

static struct cluster cluster;

static const struct wire_config *config_of(uint32_t node)
{
    return raft_config(cluster_raft(&cluster, node));
}

static enum raft_role role(uint32_t node)
{
    return raft_role(cluster_raft(&cluster, node));
}

/* Member 1 leads `voters` of `nodes` nodes. */
static void open_led(uint32_t voters, uint32_t nodes)
{
    struct cluster_options options = {.voters = voters,
                                      .spare = nodes - voters,
                                      .seed = 7,
                                      .delay_min_us = 1000,
                                      .delay_max_us = 1000,
                                      .sync_us = 100};
    cluster_open(&cluster, &options);
    cluster_make_leader(&cluster, 1);
}

/* Voters and learners by their bits: bit n stands for node n. */
static struct wire_config config_bits(uint32_t voters, uint32_t learners)
{
    struct wire_config config = {0};
    for (uint16_t node = 1; node <= CLUSTER_NODES_MAX; node++) {
        if (((voters | learners) >> node & 1) != 0) {
            config.members[config.count].node.value = node;
            config.members[config.count++].voter = (voters >> node & 1) != 0;
        }
    }
    return config;
}

/* 1: one step; voters 1..3 and learner 4 are in force. */
static void a_change_is_one_voter_or_any_learners(void **state)
{
    (void)state;
    static const struct {
        uint32_t voters, learners;
        enum status status;
    } cases[] = {
        {0x1e, 0x00, STATUS_OK},      /* learner 4 becomes a voter */
        {0x0e, 0x00, STATUS_OK},      /* learner 4 goes */
        {0x0e, 0x70, STATUS_OK},      /* two more learners */
        {0x0e, 0x60, STATUS_OK},      /* learners are exchanged */
        {0x06, 0x18, STATUS_OK},      /* voter 3 becomes a learner */
        {0x06, 0x10, STATUS_OK},      /* voter 3 goes */
        {0x2e, 0x10, STATUS_OK},      /* voter 5 comes without having been a learner */
        {0x0e, 0x10, STATUS_OK},      /* nothing changes: harmless */
        {0x2e, 0x40, STATUS_OK},      /* one voter and several learners at once */
        {0x16, 0x00, STATUS_INVALID}, /* 3 goes and 4 becomes a voter: two steps */
        {0x3e, 0x00, STATUS_INVALID}, /* two new voters */
        {0x02, 0x10, STATUS_INVALID}, /* two voters go */
        {0x00, 0x1e, STATUS_INVALID}, /* no voter is left */
        {0x00, 0x00, STATUS_INVALID}, /* nobody is left */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        open_led(3, 6);
        struct wire_config base = config_bits(0x0e, 0x10);
        assert_int_equal(cluster_change(&cluster, 1, &base), STATUS_OK);
        cluster_run(&cluster, 2 * CLUSTER_HEARTBEAT_US); /* 4 has it */
        uint64_t last = raft_last(cluster_raft(&cluster, 1)).value;
        struct wire_config config = config_bits(cases[i].voters, cases[i].learners);
        assert_int_equal(cluster_change(&cluster, 1, &config), cases[i].status);
        assert_int_equal(raft_last(cluster_raft(&cluster, 1)).value,
                         last + (cases[i].status == STATUS_OK ? 1 : 0));
        cluster_close(&cluster);
    }
}

static void a_malformed_configuration_is_refused(void **state)
{
    (void)state;
    open_led(3, 3);
    struct wire_config twice = cluster_config(3, 1);
    twice.members[3].node.value = 2;
    struct wire_config none = cluster_config(3, 1);
    none.members[3].node.value = 0;
    struct wire_config absurd = cluster_config(3, 1);
    absurd.members[3].node.value = KV_NODES_MAX + 1;
    struct wire_config many = cluster_config(3, 0);
    many.count = KV_MEMBERS_MAX + 1;
    assert_int_equal(cluster_change(&cluster, 1, &twice), STATUS_INVALID);
    assert_int_equal(cluster_change(&cluster, 1, &none), STATUS_INVALID);
    assert_int_equal(cluster_change(&cluster, 1, &absurd), STATUS_INVALID);
    assert_int_equal(cluster_change(&cluster, 1, &many), STATUS_INVALID);
    cluster_close(&cluster);
}

static void
a_change_is_in_force_when_it_is_appended_and_blocks_the_next_until_committed(void **state)
{
    (void)state;
    open_led(3, 5);
    struct wire_config four = cluster_config(4, 0);
    struct wire_config five = cluster_config(5, 0);
    assert_int_equal(cluster_change(&cluster, 1, &four), STATUS_OK);
    assert_int_equal(config_of(1)->count, 4);
    assert_int_equal(config_of(2)->count, 3);
    assert_int_equal(cluster_change(&cluster, 1, &five), STATUS_FULL);
    cluster_settle(&cluster);
    assert_int_equal(config_of(2)->count, 4);
    assert_int_equal(cluster_change(&cluster, 1, &five), STATUS_OK);
    assert_int_equal(cluster_change(&cluster, 2, &five), STATUS_NOT_LEADER);
    cluster_close(&cluster);
}

static void a_new_leader_takes_no_change_before_an_entry_of_its_own_term_is_committed(void **state)
{
    (void)state;
    open_led(3, 4);
    cluster_isolate(&cluster, 1, true);
    while (cluster_leader(&cluster) < 2) {
        cluster_run(&cluster, 100);
    }
    uint32_t leader = cluster_leader(&cluster);
    struct wire_config four = cluster_config(4, 0);
    assert_false(raft_can_serve(cluster_raft(&cluster, leader)));
    assert_int_equal(cluster_change(&cluster, leader, &four), STATUS_FULL);
    cluster_run(&cluster, 10 * CLUSTER_MS);
    assert_int_equal(cluster_change(&cluster, leader, &four), STATUS_OK);
    cluster_close(&cluster);
}

static void a_change_that_is_truncated_is_taken_back(void **state)
{
    (void)state;
    open_led(3, 4);
    cluster_isolate(&cluster, 1, true);
    struct wire_config two = config_bits(0x06, 0);
    assert_int_equal(cluster_change(&cluster, 1, &two), STATUS_OK);
    assert_int_equal(config_of(1)->count, 2);
    cluster_run(&cluster, 5 * CLUSTER_ELECTION_US);
    assert_int_equal(config_of(1)->count, 2); /* in its log still */
    cluster_heal(&cluster);
    uint32_t leader = cluster_elect(&cluster);
    cluster_run(&cluster, 2 * CLUSTER_ELECTION_US);
    assert_int_not_equal(leader, 1);
    assert_int_equal(config_of(1)->count, 3);
    cluster_check_logs(&cluster);
    cluster_close(&cluster);
}

static void a_new_member_gets_the_whole_log_and_then_counts(void **state)
{
    (void)state;
    open_led(1, 3);
    for (uint64_t i = 0; i < 100; i++) {
        assert_int_equal(cluster_propose(&cluster, 1, i), STATUS_OK);
    }
    struct wire_config learner = cluster_config(1, 1);
    assert_int_equal(cluster_change(&cluster, 1, &learner), STATUS_OK);
    cluster_run(&cluster, 2 * CLUSTER_HEARTBEAT_US);
    assert_int_equal(raft_last(cluster_raft(&cluster, 2)).value,
                     raft_last(cluster_raft(&cluster, 1)).value);
    assert_int_equal(role(2), RAFT_LEARNER);
    struct wire_config voter = cluster_config(2, 0);
    assert_int_equal(cluster_change(&cluster, 1, &voter), STATUS_OK);
    cluster_run(&cluster, 2 * CLUSTER_HEARTBEAT_US);
    assert_int_equal(role(2), RAFT_FOLLOWER);
    cluster_crash(&cluster, 2, 0);
    assert_int_equal(cluster_propose(&cluster, 1, 1), STATUS_OK);
    uint64_t commit = raft_commit(cluster_raft(&cluster, 1)).value;
    cluster_settle(&cluster);
    assert_int_equal(raft_commit(cluster_raft(&cluster, 1)).value,
                     commit); /* two voters need both */
    cluster_close(&cluster);
}

/* R11: it would not vote before it has what admitted it. */
static void a_learner_without_the_configuration_in_force_is_made_no_voter(void **state)
{
    (void)state;
    open_led(3, 4);
    cluster_isolate(&cluster, 4, true);
    struct wire_config learner = cluster_config(3, 1), voter = cluster_config(4, 0);
    assert_int_equal(cluster_change(&cluster, 1, &learner), STATUS_OK);
    cluster_run(&cluster, 2 * CLUSTER_HEARTBEAT_US);
    assert_int_equal(cluster_change(&cluster, 1, &voter), STATUS_FULL);
    cluster_heal(&cluster);
    cluster_run(&cluster, 4 * CLUSTER_HEARTBEAT_US);
    assert_int_equal(cluster_change(&cluster, 1, &voter), STATUS_OK);
    cluster_close(&cluster);
}

static void learners_do_not_count_for_commit_votes_or_contact(void **state)
{
    (void)state;
    struct cluster_options options = {.voters = 3,
                                      .learners = 2,
                                      .seed = 7,
                                      .delay_min_us = 1000,
                                      .delay_max_us = 1000,
                                      .sync_us = 100};
    cluster_open(&cluster, &options);
    cluster_make_leader(&cluster, 1);
    cluster_isolate(&cluster, 2, true);
    cluster_isolate(&cluster, 3, true);
    assert_int_equal(cluster_propose(&cluster, 1, 1), STATUS_OK);
    cluster_settle(&cluster);
    assert_int_equal(raft_last(cluster_raft(&cluster, 4)).value, 2);
    assert_int_equal(raft_commit(cluster_raft(&cluster, 1)).value, 1);
    cluster_run(&cluster, 10 * CLUSTER_ELECTION_US);
    assert_int_equal(cluster_leader(&cluster), 0);
    cluster_close(&cluster);
}

static void fewer_voters_commit_what_was_waiting(void **state)
{
    (void)state;
    open_led(2, 2);
    cluster_crash(&cluster, 2, 0);
    assert_int_equal(cluster_propose(&cluster, 1, 1), STATUS_OK);
    struct wire_config alone = cluster_config(1, 0);
    assert_int_equal(cluster_change(&cluster, 1, &alone), STATUS_OK);
    cluster_settle(&cluster);
    assert_int_equal(raft_commit(cluster_raft(&cluster, 1)).value, 3);
    cluster_close(&cluster);
}

static void a_leader_that_is_removed_leads_until_that_is_committed_and_hands_over(void **state)
{
    (void)state;
    open_led(3, 3);
    struct wire_config others = config_bits(0x0c, 0);
    assert_int_equal(cluster_change(&cluster, 1, &others), STATUS_OK);
    while (raft_commit(cluster_raft(&cluster, 1)).value < 2) {
        assert_int_equal(role(1), RAFT_LEADER);
        cluster_run(&cluster, 100);
    }
    assert_int_equal(role(1), RAFT_LEARNER); /* at once: nobody has been able to depose it */
    cluster_run(&cluster, CLUSTER_ELECTION_US / 2);
    assert_true(cluster_leader(&cluster) >= 2); /* sooner than an election timeout */
    cluster_run(&cluster, 20 * CLUSTER_ELECTION_US);
    assert_int_equal(cluster.elections, 2);
    cluster_close(&cluster);
}

static void a_removed_leader_does_not_count_itself(void **state)
{
    (void)state;
    open_led(3, 3);
    cluster_isolate(&cluster, 3, true);
    struct wire_config others = config_bits(0x0c, 0);
    assert_int_equal(cluster_change(&cluster, 1, &others), STATUS_OK);
    cluster_settle(&cluster);
    assert_int_equal(raft_commit(cluster_raft(&cluster, 1)).value,
                     1); /* it and 2 are not two of {2, 3} */
    cluster_close(&cluster);
}

static void a_removed_member_disturbs_nobody(void **state)
{
    (void)state;
    open_led(4, 4);
    struct wire_config three = cluster_config(3, 0);
    assert_int_equal(cluster_change(&cluster, 1, &three), STATUS_OK); /* 4 is not told */
    cluster_run(&cluster, 20 * CLUSTER_ELECTION_US);
    assert_int_equal(role(4), RAFT_CANDIDATE);
    assert_int_equal(cluster_leader(&cluster), 1);
    assert_int_equal(raft_term(cluster_raft(&cluster, 1)).value, 1);
    cluster_close(&cluster);
}

/* [Raft thesis 4.2.2] Only the old leader of {1, 2} has the entry that removes it; 2 refuses to
 * be elected without it. */
static void a_member_whose_removal_is_not_committed_still_stands_for_election(void **state)
{
    (void)state;
    open_led(2, 2);
    cluster_isolate(&cluster, 1, true);
    struct wire_config two = config_bits(0x04, 0);
    assert_int_equal(cluster_change(&cluster, 1, &two), STATUS_OK);
    cluster_run(&cluster, 100);
    cluster_crash(&cluster, 1, 0);
    cluster_drop_all(&cluster);
    cluster_heal(&cluster);
    cluster_restart(&cluster, 1);
    assert_int_equal(role(1), RAFT_FOLLOWER);
    cluster_run(&cluster, 20 * CLUSTER_ELECTION_US);
    assert_int_equal(role(2), RAFT_LEADER);
    assert_int_equal(role(1), RAFT_LEARNER);
    cluster_close(&cluster);
}

static void the_members_survive_a_restart_with_the_log(void **state)
{
    (void)state;
    open_led(3, 5);
    struct wire_config four = cluster_config(4, 1);
    assert_int_equal(cluster_change(&cluster, 1, &four), STATUS_OK);
    cluster_settle(&cluster);
    cluster_crash(&cluster, 2, 0);
    cluster_restart(&cluster, 2);
    assert_int_equal(config_of(2)->count, 5);
    cluster_snapshot(&cluster, 3);
    cluster_crash(&cluster, 3, UINT32_MAX);
    cluster_restart(&cluster, 3);
    assert_int_equal(config_of(3)->count, 5);
    cluster_close(&cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_change_is_one_voter_or_any_learners),
        cmocka_unit_test(a_malformed_configuration_is_refused),
        cmocka_unit_test(
            a_change_is_in_force_when_it_is_appended_and_blocks_the_next_until_committed),
        cmocka_unit_test(a_new_leader_takes_no_change_before_an_entry_of_its_own_term_is_committed),
        cmocka_unit_test(a_change_that_is_truncated_is_taken_back),
        cmocka_unit_test(a_new_member_gets_the_whole_log_and_then_counts),
        cmocka_unit_test(a_learner_without_the_configuration_in_force_is_made_no_voter),
        cmocka_unit_test(learners_do_not_count_for_commit_votes_or_contact),
        cmocka_unit_test(fewer_voters_commit_what_was_waiting),
        cmocka_unit_test(a_leader_that_is_removed_leads_until_that_is_committed_and_hands_over),
        cmocka_unit_test(a_removed_leader_does_not_count_itself),
        cmocka_unit_test(a_removed_member_disturbs_nobody),
        cmocka_unit_test(a_member_whose_removal_is_not_committed_still_stands_for_election),
        cmocka_unit_test(the_members_survive_a_restart_with_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The roll call: who has an empty disk promises nothing, a new group founds itself, and a member
 * whose disk was emptied gets its place back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/raft/raft_cluster.h"

/* Longer than any readmission: calls come at least once in an election timeout. */
#define A_WHILE_US (20 * (uint64_t)CLUSTER_ELECTION_US)

static struct cluster cluster;

static void open_new(uint32_t voters)
{
    struct cluster_options options = {.voters = voters,
                                      .roll_calls = true,
                                      .seed = 7,
                                      .delay_min_us = 1000,
                                      .delay_max_us = 1000,
                                      .sync_us = 100};
    cluster_open(&cluster, &options);
}

static bool is_blank(uint32_t node)
{
    return raft_is_blank(cluster_raft(&cluster, node));
}

static void take_down(uint32_t node)
{
    cluster_crash(&cluster, node, 0 /* kept */);
}

static void empty(uint32_t node)
{
    take_down(node);
    cluster_empty(&cluster, node);
    cluster_restart(&cluster, node);
}

/* A group of three with a few entries; returns its leader. */
static uint32_t open_founded(void)
{
    open_new(3);
    uint32_t leader = cluster_elect(&cluster);
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(cluster_propose(&cluster, leader, i), STATUS_OK);
    }
    cluster_run(&cluster, A_WHILE_US);
    return leader;
}

static uint32_t another(uint32_t a, uint32_t b)
{
    uint32_t node = 1;
    while (node == a || node == b) {
        node++;
    }
    return node;
}

static bool is_voter(uint32_t leader, uint32_t node)
{
    const struct wire_config *config = raft_config(cluster_raft(&cluster, leader));
    for (uint32_t i = 0; i < config->count; i++) {
        if (config->members[i].node.value == node) {
            return config->members[i].voter;
        }
    }
    return false;
}

static void assert_all_equal(void)
{
    uint32_t leader = cluster_elect(&cluster);
    cluster_run(&cluster, A_WHILE_US);
    for (uint32_t node = 1; node <= cluster.node_count; node++) {
        assert_false(is_blank(node));
        assert_true(is_voter(leader, node));
        assert_int_equal(raft_commit(cluster_raft(&cluster, node)).value,
                         raft_last(cluster_raft(&cluster, leader)).value);
    }
    cluster_check_logs(&cluster);
}

static void a_new_group_founds_itself_when_all_of_its_members_are_up(void **state)
{
    (void)state;
    open_new(3);
    cluster_isolate(&cluster, 3, true);
    cluster_run(&cluster, A_WHILE_US);
    for (uint32_t node = 1; node <= 3; node++) {
        assert_true(is_blank(node));
        assert_int_equal(raft_role(cluster_raft(&cluster, node)), RAFT_LEARNER);
    }
    cluster_heal(&cluster);
    assert_all_equal();
    assert_int_equal(raft_roll(cluster_raft(&cluster, 2))->origin, RAFT_ORIGIN_FOUNDED);
    cluster_close(&cluster);
}

static void a_group_of_one_has_nobody_to_ask(void **state)
{
    (void)state;
    open_new(1);
    cluster_tick(&cluster, 1);
    assert_false(is_blank(1));
    assert_int_equal(cluster_elect(&cluster), 1);
    cluster_close(&cluster);
}

/* Founders that nobody heard of tell the others, who were on their list, even after a restart. */
static void a_founder_keeps_its_proof_for_the_others(void **state)
{
    (void)state;
    for (int forgets = 0; forgets < 2; forgets++) {
        open_new(3);
        cluster.cut[2][3] = cluster.cut[3][2] = true; /* only 1 hears from all */
        while (is_blank(1)) {
            cluster_run(&cluster, 1000);
        }
        if (!forgets) {
            cluster_sync(&cluster, 1);
        }
        take_down(1);
        cluster_restart(&cluster, 1);
        assert_int_equal(is_blank(1), forgets);
        for (uint32_t node = 2; node <= 3; node++) {
            assert_true(is_blank(node));
            take_down(node); /* what 1 said when it was blank is forgotten */
            cluster_restart(&cluster, node);
        }
        cluster_drop_all(&cluster);
        cluster_heal(&cluster);
        assert_all_equal();
        cluster_close(&cluster);
    }
}

static void an_emptied_member_promises_nothing(void **state)
{
    (void)state;
    uint32_t leader = open_founded();
    uint32_t node = another(leader, 0);
    uint32_t third = another(leader, node);
    take_down(node);
    cluster_empty(&cluster, node);
    cluster_isolate(&cluster, node, true);
    cluster_restart(&cluster, node);
    static const enum wire_message_kind kinds[] = {WIRE_MESSAGE_VOTE_REQUEST, WIRE_MESSAGE_APPEND,
                                                   WIRE_MESSAGE_SNAPSHOT_CHUNK,
                                                   WIRE_MESSAGE_TIMEOUT_NOW};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct wire_message *message = cluster_forge(kinds[i], third, node);
        message->as.vote_request.term.value = 9; /* each of them begins with a term */
        message->as.vote_request.last_index.value = 100;
        message->as.vote_request.last_term.value = 9;
        if (kinds[i] == WIRE_MESSAGE_APPEND) {
            message->as.append = (struct wire_append){.term = {9}};
        } else if (kinds[i] == WIRE_MESSAGE_SNAPSHOT_CHUNK) {
            message->as.snapshot_chunk = (struct wire_snapshot_chunk){
                .term = {9}, .index = {5}, .index_term = {1}, .config = cluster_config(3, 0)};
        }
        cluster_inject(&cluster, message);
        assert_true(is_blank(node));
        assert_int_equal(raft_term(cluster_raft(&cluster, node)).value, 0);
    }
    for (enum wire_message_kind kind = WIRE_MESSAGE_VOTE_REQUEST; kind <= WIRE_MESSAGE_TIMEOUT_NOW;
         kind++) {
        assert_null(cluster_find(&cluster, kind, third));
    }
    assert_int_equal(cluster_read(&cluster, node), STATUS_NOT_LEADER);
    cluster_run(&cluster, A_WHILE_US);
    assert_true(is_blank(node));
    cluster_close(&cluster);
}

/* One was emptied, one never had anything, and the one that has everything is down. */
static void a_majority_of_empty_disks_founds_nothing(void **state)
{
    (void)state;
    uint32_t leader = open_founded();
    uint32_t second = another(leader, 0), third = another(leader, second);
    take_down(leader);
    empty(second);
    empty(third);
    cluster_run(&cluster, A_WHILE_US);
    assert_true(is_blank(second) && is_blank(third));
    cluster_restart(&cluster, leader);
    cluster_run(&cluster, A_WHILE_US);
    assert_true(is_blank(second) && is_blank(third));
    assert_int_equal(cluster_leader(&cluster), 0);
    cluster_close(&cluster);
}

static void an_emptied_member_comes_back_as_a_voter_with_the_log(void **state)
{
    (void)state;
    uint32_t leader = open_founded();
    empty(another(leader, 0));
    cluster_run(&cluster, A_WHILE_US);
    assert_all_equal();
    empty(leader);
    cluster_run(&cluster, A_WHILE_US);
    assert_all_equal();
    cluster_close(&cluster);
}

static void an_emptied_member_comes_back_by_a_snapshot(void **state)
{
    (void)state;
    uint32_t leader = open_founded();
    cluster_snapshot(&cluster, leader);
    empty(another(leader, 0));
    cluster_run(&cluster, A_WHILE_US);
    assert_all_equal();
    assert_int_equal(cluster.snapshots_installed, 1);
    cluster_close(&cluster);
}

/* The next leader finishes what the one before has begun, wherever that stopped. */
static void a_new_leader_goes_on_with_a_readmission(void **state)
{
    (void)state;
    for (uint64_t us = 0; us < 3 * CLUSTER_ELECTION_US; us += CLUSTER_HEARTBEAT_US / 2) {
        uint32_t leader = open_founded();
        empty(another(leader, 0));
        cluster_run(&cluster, us);
        take_down(leader);
        cluster_run(&cluster, us);
        cluster_restart(&cluster, leader);
        cluster_run(&cluster, A_WHILE_US);
        assert_all_equal();
        cluster_close(&cluster);
    }
}

/* Nor when it crashes itself, and has forgotten all or nothing of what it had learned. */
static void a_readmitted_member_may_crash(void **state)
{
    (void)state;
    for (uint64_t us = 0; us < 3 * CLUSTER_ELECTION_US; us += CLUSTER_HEARTBEAT_US / 4) {
        uint32_t node = another(open_founded(), 0);
        empty(node);
        cluster_run(&cluster, us);
        cluster_crash(&cluster, node, (uint32_t)(us % 3));
        cluster_restart(&cluster, node);
        cluster_run(&cluster, A_WHILE_US);
        assert_all_equal();
        cluster_close(&cluster);
    }
}

/* The emptied member is a learner of the leader that is returned, and has not been told. */
static uint32_t open_with_learner(uint32_t *ret_leader)
{
    uint32_t leader = open_founded();
    uint32_t node = another(leader, 0);
    empty(node);
    cluster_isolate(&cluster, node, true);
    struct wire_message *call = cluster_forge(WIRE_MESSAGE_ROLL_CALL, node, leader);
    call->as.roll_call.tag = cluster_tag(&cluster, node);
    call->as.roll_call.term = raft_term(cluster_raft(&cluster, leader));
    cluster_inject(&cluster, call);
    cluster_run(&cluster, CLUSTER_HEARTBEAT_US);
    assert_false(is_voter(leader, node));
    assert_true(raft_config_is_settled(cluster_raft(&cluster, leader)));
    *ret_leader = leader;
    return node;
}

static void acknowledgements_of_a_former_life_do_not_count(void **state)
{
    (void)state;
    uint32_t leader;
    uint32_t node = open_with_learner(&leader);
    struct wire_message *late = cluster_forge(WIRE_MESSAGE_APPEND_REPLY, node, leader);
    late->as.append_reply =
        (struct wire_append_reply){.term = raft_term(cluster_raft(&cluster, leader)),
                                   .success = true,
                                   .match = raft_last(cluster_raft(&cluster, leader)),
                                   .round = 1};
    cluster_inject(&cluster, late);
    cluster_run(&cluster, A_WHILE_US);
    assert_false(is_voter(leader, node)); /* it would be one if that counted */
    assert_true(is_blank(node));
    cluster_heal(&cluster);
    assert_all_equal();
    cluster_close(&cluster);
}

/* A candidate that has lost this term may not know that the member is no voter any more. */
static void an_admitted_member_has_voted_for_the_leader_of_that_term(void **state)
{
    (void)state;
    uint32_t leader;
    uint32_t node = open_with_learner(&leader);
    uint32_t third = another(leader, node);
    kv_term term = raft_term(cluster_raft(&cluster, leader));
    struct wire_message *admitted = cluster_forge(WIRE_MESSAGE_ADMITTED, leader, node);
    kv_index index = raft_last(cluster_raft(&cluster, leader)); /* of the configuration */
    admitted->as.admitted = (struct wire_admitted){cluster_tag(&cluster, node), term, index};
    cluster_inject(&cluster, admitted);
    assert_false(is_blank(node));
    assert_int_equal(raft_role(cluster_raft(&cluster, node)), RAFT_LEARNER);
    assert_int_equal(raft_vote(cluster_raft(&cluster, node)).value, leader);
    cluster_sync(&cluster, node);
    take_down(node);
    cluster_restart(&cluster, node);
    assert_int_equal(raft_vote(cluster_raft(&cluster, node)).value, leader);
    assert_int_equal(raft_role(cluster_raft(&cluster, node)), RAFT_LEARNER);
    struct wire_message *ask = cluster_forge(WIRE_MESSAGE_VOTE_REQUEST, third, node);
    ask->as.vote_request = (struct wire_vote_request){
        .term = term, .last_index = {100}, .last_term = term, .transfer = true};
    cluster_inject(&cluster, ask);
    assert_int_equal(raft_vote(cluster_raft(&cluster, node)).value, leader);
    /* Nor for anybody in a later term, until its log has that configuration. */
    for (int knows = 0; knows < 2; knows++) {
        term = raft_term(cluster_raft(&cluster, node));
        ask = cluster_forge(WIRE_MESSAGE_VOTE_REQUEST, third, node);
        ask->as.vote_request = (struct wire_vote_request){
            .term = {term.value + 1}, .last_index = {100}, .last_term = term, .transfer = true};
        cluster_inject(&cluster, ask);
        assert_int_equal(raft_vote(cluster_raft(&cluster, node)).value, knows ? third : 0);
        cluster_heal(&cluster);
        (void)cluster_elect(&cluster);
        cluster_run(&cluster, A_WHILE_US);
    }
    cluster_heal(&cluster);
    assert_all_equal();
    cluster_close(&cluster);
}

static void what_was_meant_for_another_life_is_ignored(void **state)
{
    (void)state;
    uint32_t leader;
    uint32_t node = open_with_learner(&leader);
    struct wire_message *message = cluster_forge(WIRE_MESSAGE_ADMITTED, leader, node);
    message->as.admitted = (struct wire_admitted){{1}, {1}, {1}};
    cluster_inject(&cluster, message);
    assert_true(is_blank(node));
    message = cluster_forge(WIRE_MESSAGE_ROLL_REPLY, leader, node);
    message->as.roll_reply =
        (struct wire_roll_reply){.tag = cluster_tag(&cluster, leader),
                                 .asked = cluster_tag(&cluster, node),
                                 .state = WIRE_ROLL_FOUNDED,
                                 .founders = raft_roll(cluster_raft(&cluster, leader))->founders};
    cluster_inject(&cluster, message); /* names the former life */
    assert_true(is_blank(node));
    for (uint32_t other = 1; other <= 3; other++) {
        message = cluster_forge(WIRE_MESSAGE_ROLL_REPLY, other, node);
        message->as.roll_reply = (struct wire_roll_reply){
            .tag = cluster_tag(&cluster, other), .asked = {1}, .state = WIRE_ROLL_BLANK};
        cluster_inject(&cluster, message);
    }
    assert_true(is_blank(node));
    cluster_close(&cluster);
}

static void a_late_roll_call_takes_no_voter_away(void **state)
{
    (void)state;
    uint32_t leader = open_founded();
    uint32_t node = another(leader, 0);
    empty(node);
    cluster_run(&cluster, A_WHILE_US);
    assert_true(is_voter(leader, node));
    kv_index last = raft_last(cluster_raft(&cluster, leader));
    uint64_t term = raft_term(cluster_raft(&cluster, leader)).value;
    for (uint64_t named = 0; named <= term + 1; named++) {
        struct wire_message *late = cluster_forge(WIRE_MESSAGE_ROLL_CALL, node, leader);
        late->as.roll_call = (struct wire_roll_call){cluster_tag(&cluster, node), {named}};
        cluster_inject(&cluster, late);
    }
    cluster_run(&cluster, A_WHILE_US);
    assert_int_equal(raft_last(cluster_raft(&cluster, leader)).value, last.value);
    /* A new leader knows of no life; a call of before its term is none of now. */
    assert_int_equal(cluster_transfer(&cluster, leader, another(leader, node)), STATUS_OK);
    cluster_run(&cluster, A_WHILE_US);
    leader = cluster_elect(&cluster);
    last = raft_last(cluster_raft(&cluster, leader));
    struct wire_message *late = cluster_forge(WIRE_MESSAGE_ROLL_CALL, node, leader);
    late->as.roll_call = (struct wire_roll_call){cluster_tag(&cluster, node), {term}};
    cluster_inject(&cluster, late);
    cluster_run(&cluster, A_WHILE_US);
    assert_int_equal(raft_last(cluster_raft(&cluster, leader)).value, last.value);
    cluster_close(&cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_group_founds_itself_when_all_of_its_members_are_up),
        cmocka_unit_test(a_group_of_one_has_nobody_to_ask),
        cmocka_unit_test(a_founder_keeps_its_proof_for_the_others),
        cmocka_unit_test(an_emptied_member_promises_nothing),
        cmocka_unit_test(a_majority_of_empty_disks_founds_nothing),
        cmocka_unit_test(an_emptied_member_comes_back_as_a_voter_with_the_log),
        cmocka_unit_test(an_emptied_member_comes_back_by_a_snapshot),
        cmocka_unit_test(a_new_leader_goes_on_with_a_readmission),
        cmocka_unit_test(a_readmitted_member_may_crash),
        cmocka_unit_test(acknowledgements_of_a_former_life_do_not_count),
        cmocka_unit_test(an_admitted_member_has_voted_for_the_leader_of_that_term),
        cmocka_unit_test(what_was_meant_for_another_life_is_ignored),
        cmocka_unit_test(a_late_roll_call_takes_no_voter_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

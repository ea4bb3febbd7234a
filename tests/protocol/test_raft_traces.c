/* SPDX-License-Identifier: Apache-2.0 */
/* Golden traces: each phase of the protocol, told by the members themselves. docs/protocol/raft.md
 * numbers the steps.
 *
 * A line is "[time in us] group/node role+term function: facts -> decision"; roles: f follower,
 * p pre-candidate, c candidate, L leader, l learner. When a change of the code changes a trace
 * on purpose, run with KV_RAFT_TRACE_PRINT=1 and read what is printed before copying it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/raft/raft_cluster.h"

static struct cluster cluster;

static void open_group(uint32_t voters, enum trace_level level)
{
    struct cluster_options options = {.voters = voters,
                                      .seed = 7,
                                      .delay_min_us = 1000,
                                      .delay_max_us = 1000,
                                      .sync_us = 100,
                                      .trace = level};
    cluster_open(&cluster, &options);
}

/* The trace since the last call is exactly `expected`. */
static void assert_trace(const char *expected)
{
    const char *actual = cluster_take_trace(&cluster);
    if (getenv("KV_RAFT_TRACE_PRINT") != NULL) {
        printf("%s----\n", actual);
        return;
    }
    if (strcmp(actual, expected) != 0) {
        print_error("the trace is\n%s\nbut should be\n%s\n", actual, expected);
    }
    assert_string_equal(actual, expected);
}

static void forget_trace(void)
{
    (void)cluster_take_trace(&cluster);
}

static void an_election_asks_first_then_votes_durably_and_commits_a_noop(void **state)
{
    (void)state;
    open_group(3, TRACE_DECISION);
    cluster_make_leader(&cluster, 1);
    assert_trace(
        "[103262] 3/1 f0 raft_become_pre_candidate: nothing heard from leader 0 -> ask whether "
        "term 1 can be won\n"
        "[104262] 3/2 f0 raft_on_pre_vote_request: 1 asks before term 1, last (0, term 0) -> yes\n"
        "[104262] 3/3 f0 raft_on_pre_vote_request: 1 asks before term 1, last (0, term 0) -> yes\n"
        "[105262] 3/1 p0 raft_on_vote_reply: pre-vote of 2 is yes -> count\n"
        "[105262] 3/1 c1 raft_become_candidate: last entry (0, term 0) -> stand for election\n"
        "[106362] 3/2 f1 raft_become_follower: term 1, leader 0 -> follow\n"
        "[106362] 3/2 f1 raft_on_vote_request: 1 asks for term 1, last (0, term 0), vote of this "
        "term 1 -> granted\n"
        "[106362] 3/3 f1 raft_become_follower: term 1, leader 0 -> follow\n"
        "[106362] 3/3 f1 raft_on_vote_request: 1 asks for term 1, last (0, term 0), vote of this "
        "term 1 -> granted\n"
        "[107462] 3/1 c1 raft_on_vote_reply: vote of 2 is yes -> count\n"
        "[107462] 3/1 L1 raft_become_leader: majority of votes -> lead, term begins at 1\n"
        "[108462] 3/2 f1 raft_become_follower: term 1, leader 1 -> follow\n"
        "[108462] 3/3 f1 raft_become_follower: term 1, leader 1 -> follow\n"
        "[109562] 3/1 L1 raft_advance_peer: 2 is equal up to 1 -> pipeline from 2\n"
        "[109562] 3/1 L1 raft_advance_peer: 3 is equal up to 1 -> pipeline from 2\n");
    cluster_close(&cluster);
}

static void a_member_that_was_cut_off_is_refused_a_pre_vote(void **state)
{
    (void)state;
    open_group(3, TRACE_DECISION);
    cluster_make_leader(&cluster, 1);
    cluster_isolate(&cluster, 3, true);
    cluster_run(&cluster, raft_deadline(cluster_raft(&cluster, 3)).us - cluster.now.us - 1);
    cluster_heal(&cluster);
    cluster_drop_all(&cluster);
    forget_trace();
    cluster_tick(&cluster, 3);
    cluster_settle(&cluster);
    cluster_tick(&cluster, 1); /* the next heartbeat takes it back */
    cluster_settle(&cluster);
    assert_trace("[222318] 3/3 f1 raft_become_pre_candidate: nothing heard from leader 1 -> ask "
                 "whether term 2 can be won\n"
                 "[223318] 3/1 L1 raft_on_pre_vote_request: 3 asks before term 2, last (1, term "
                 "1), leader alive -> no\n"
                 "[223318] 3/2 f1 raft_on_pre_vote_request: 3 asks before term 2, last (1, term "
                 "1), leader alive -> no\n"
                 "[224318] 3/3 p1 raft_on_vote_reply: pre-vote of 1 is no -> count\n"
                 "[224318] 3/3 p1 raft_on_vote_reply: pre-vote of 2 is no -> count\n"
                 "[230562] 3/3 f1 raft_become_follower: term 1, leader 1 -> follow\n"
                 "[231562] 3/1 L1 raft_advance_peer: 3 is equal up to 1 -> pipeline from 2\n");
    cluster_close(&cluster);
}

static void a_proposal_is_sent_synced_acknowledged_and_committed(void **state)
{
    (void)state;
    open_group(3, TRACE_DECISION);
    cluster_make_leader(&cluster, 1);
    cluster.trace.level = TRACE_DETAIL;
    forget_trace();
    assert_int_equal(cluster_propose(&cluster, 1, 42), STATUS_OK);
    cluster_settle(&cluster);
    assert_trace(
        "[110562] 3/1 L1 raft_on_propose: CMD -> append at 2\n"
        "[110562] 3/1 L1 raft_send_append: 2 has up to 1 -> send 1 entries, commit 1, round 0\n"
        "[110562] 3/1 L1 raft_send_append: 3 has up to 1 -> send 1 entries, commit 1, round 0\n"
        "[111562] 3/2 f1 raft_send_success: equal up to 2, durable up to 1, round 0 -> answer "
        "after record 3\n"
        "[111562] 3/3 f1 raft_send_success: equal up to 2, durable up to 1, round 0 -> answer "
        "after record 3\n"
        "[112662] 3/1 L1 raft_maybe_commit: a majority has it -> commit 2\n"
        "[112662] 3/1 L1 raft_send_append: 2 has up to 2 -> send 0 entries, commit 2, round 0\n"
        "[112662] 3/1 L1 raft_send_append: 3 has up to 2 -> send 0 entries, commit 2, round 0\n"
        "[113662] 3/2 f1 raft_on_append: leader has committed 2, logs equal up to 2 -> commit 2\n"
        "[113662] 3/3 f1 raft_on_append: leader has committed 2, logs equal up to 2 -> commit 2\n");
    cluster_close(&cluster);
}

static void a_differing_log_is_repaired_from_the_hint(void **state)
{
    (void)state;
    static const uint64_t leader[] = {1, 1, 3, 3};
    static const uint64_t other[] = {1, 1, 2, 2, 2};
    open_group(3, TRACE_NONE);
    cluster_preset(&cluster, 1, 3, leader, 4);
    cluster_preset(&cluster, 2, 3, other, 5);
    cluster_preset(&cluster, 3, 3, leader, 4);
    cluster.trace.level = TRACE_DECISION;
    cluster_make_leader(&cluster, 1);
    assert_trace(
        "[164877] 3/1 f3 raft_become_pre_candidate: nothing heard from leader 0 -> ask whether "
        "term 4 can be won\n"
        "[165877] 3/2 f3 raft_on_pre_vote_request: 1 asks before term 4, last (4, term 3) -> yes\n"
        "[165877] 3/3 f3 raft_on_pre_vote_request: 1 asks before term 4, last (4, term 3) -> yes\n"
        "[166877] 3/1 p3 raft_on_vote_reply: pre-vote of 2 is yes -> count\n"
        "[166877] 3/1 c4 raft_become_candidate: last entry (4, term 3) -> stand for election\n"
        "[167977] 3/2 f4 raft_become_follower: term 4, leader 0 -> follow\n"
        "[167977] 3/2 f4 raft_on_vote_request: 1 asks for term 4, last (4, term 3), vote of this "
        "term 1 -> granted\n"
        "[167977] 3/3 f4 raft_become_follower: term 4, leader 0 -> follow\n"
        "[167977] 3/3 f4 raft_on_vote_request: 1 asks for term 4, last (4, term 3), vote of this "
        "term 1 -> granted\n"
        "[169077] 3/1 c4 raft_on_vote_reply: vote of 2 is yes -> count\n"
        "[169077] 3/1 L4 raft_become_leader: majority of votes -> lead, term begins at 5\n"
        "[170077] 3/2 f4 raft_become_follower: term 4, leader 1 -> follow\n"
        "[170077] 3/2 f4 raft_send_reject: append after (4, term 3), last is 5 -> refuse, hint (3, "
        "term 2)\n"
        "[170077] 3/3 f4 raft_become_follower: term 4, leader 1 -> follow\n"
        "[171077] 3/1 L4 raft_rewind_peer: 2 refuses, hint (3, term 2), next was 5 -> probe from "
        "3\n"
        "[171177] 3/1 L4 raft_advance_peer: 3 is equal up to 5 -> pipeline from 6\n"
        "[172077] 3/2 f4 raft_append_new: entry 3 is of term 2, leader's of term 3 -> truncate\n"
        "[173177] 3/1 L4 raft_advance_peer: 2 is equal up to 5 -> pipeline from 6\n");
    cluster_close(&cluster);
}

static void a_hand_over_skips_the_pre_vote(void **state)
{
    (void)state;
    open_group(3, TRACE_DECISION);
    cluster_make_leader(&cluster, 1);
    forget_trace();
    assert_int_equal(cluster_transfer(&cluster, 1, 2), STATUS_OK);
    cluster_settle(&cluster);
    assert_trace(
        "[110562] 3/1 L1 raft_on_transfer: 2 has 1 of 1 -> hand over to it, no more proposals\n"
        "[110562] 3/1 L1 raft_transfer_progress: 2 has the whole log -> it shall take over now\n"
        "[111562] 3/2 c2 raft_become_candidate: last entry (1, term 1), leader hands over -> stand "
        "for election\n"
        "[112662] 3/1 f2 raft_become_follower: term 2, leader 0 -> follow\n"
        "[112662] 3/1 f2 raft_on_vote_request: 2 asks for term 2, last (1, term 1), vote of this "
        "term 2 -> granted\n"
        "[112662] 3/3 f2 raft_become_follower: term 2, leader 0 -> follow\n"
        "[112662] 3/3 f2 raft_on_vote_request: 2 asks for term 2, last (1, term 1), vote of this "
        "term 2 -> granted\n"
        "[113762] 3/2 c2 raft_on_vote_reply: vote of 1 is yes -> count\n"
        "[113762] 3/2 L2 raft_become_leader: majority of votes -> lead, term begins at 2\n"
        "[114762] 3/1 f2 raft_become_follower: term 2, leader 2 -> follow\n"
        "[114762] 3/3 f2 raft_become_follower: term 2, leader 2 -> follow\n"
        "[115862] 3/2 L2 raft_advance_peer: 1 is equal up to 2 -> pipeline from 3\n"
        "[115862] 3/2 L2 raft_advance_peer: 3 is equal up to 2 -> pipeline from 3\n");
    cluster_close(&cluster);
}

static void a_read_is_confirmed_by_a_round(void **state)
{
    (void)state;
    open_group(3, TRACE_DECISION);
    cluster_make_leader(&cluster, 1);
    cluster.trace.level = TRACE_DETAIL;
    forget_trace();
    assert_int_equal(cluster_read(&cluster, 1), STATUS_OK);
    cluster_settle(&cluster);
    assert_trace(
        "[110562] 3/1 L1 raft_send_append: 2 has up to 1 -> send 0 entries, commit 1, round 1\n"
        "[110562] 3/1 L1 raft_send_append: 3 has up to 1 -> send 0 entries, commit 1, round 1\n"
        "[111562] 3/2 f1 raft_send_success: equal up to 1, durable up to 1, round 1 -> answer "
        "after record 1\n"
        "[111562] 3/3 f1 raft_send_success: equal up to 1, durable up to 1, round 1 -> answer "
        "after record 1\n"
        "[112562] 3/1 L1 raft_reads_serve: a majority has answered round 1 -> 1 reads may run\n");
    cluster_close(&cluster);
}

static void a_leader_without_a_majority_steps_down(void **state)
{
    (void)state;
    open_group(3, TRACE_DECISION);
    cluster_make_leader(&cluster, 1);
    cluster_crash(&cluster, 2, 0);
    cluster_crash(&cluster, 3, 0);
    assert_int_equal(cluster_read(&cluster, 1), STATUS_OK);
    forget_trace();
    while (raft_role(cluster_raft(&cluster, 1)) == RAFT_LEADER) {
        cluster_run(&cluster, 1000);
    }
    assert_trace(
        "[210562] 3/1 L1 raft_on_tick: no majority heard for an election timeout -> step down\n"
        "[210562] 3/1 L1 raft_reads_fail: leadership ends -> 1 waiting reads fail\n"
        "[210562] 3/1 f1 raft_become_follower: term 1, leader 0 -> follow\n");
    cluster_close(&cluster);
}

static void a_member_that_is_far_behind_gets_a_snapshot(void **state)
{
    (void)state;
    open_group(3, TRACE_NONE);
    cluster_make_leader(&cluster, 1);
    cluster_isolate(&cluster, 3, true);
    assert_int_equal(cluster_propose(&cluster, 1, 42), STATUS_OK);
    cluster_settle(&cluster);
    cluster_snapshot(&cluster, 1);
    cluster_heal(&cluster);
    cluster.trace.level = TRACE_DECISION;
    cluster_tick(&cluster, 1);
    cluster_settle(&cluster);
    assert_trace(
        "[133662] 3/3 f1 raft_send_reject: append after (2, term 1), last is 1 -> refuse, hint (2, "
        "term 0)\n"
        "[134662] 3/1 L1 raft_rewind_peer: 3 refuses, hint (2, term 0), next was 3 -> probe from "
        "2\n"
        "[134662] 3/1 L1 raft_flush_peer: 3 needs entry 2, log begins behind 2 -> send the "
        "snapshot\n"
        "[134662] 3/1 L1 raft_flush_snapshot: 3 has 0 bytes of snapshot 2 -> send the next piece\n"
        "[135662] 3/3 f1 raft_ensure_incoming: 1 sends snapshot 2 of 1000 bytes, commit is 1 -> "
        "receive it\n"
        "[136662] 3/1 L1 raft_flush_snapshot: 3 has 300 bytes of snapshot 2 -> send the next "
        "piece\n"
        "[138662] 3/1 L1 raft_flush_snapshot: 3 has 600 bytes of snapshot 2 -> send the next "
        "piece\n"
        "[140662] 3/1 L1 raft_flush_snapshot: 3 has 900 bytes of snapshot 2 -> send the next "
        "piece\n"
        "[141662] 3/3 f1 raft_on_snapshot_installed: snapshot 2 of term 1, last is 1 -> install, "
        "discard the log\n"
        "[142762] 3/1 L1 raft_advance_peer: 3 is equal up to 2 -> pipeline from 3\n");
    cluster_close(&cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_election_asks_first_then_votes_durably_and_commits_a_noop),
        cmocka_unit_test(a_member_that_was_cut_off_is_refused_a_pre_vote),
        cmocka_unit_test(a_proposal_is_sent_synced_acknowledged_and_committed),
        cmocka_unit_test(a_differing_log_is_repaired_from_the_hint),
        cmocka_unit_test(a_hand_over_skips_the_pre_vote),
        cmocka_unit_test(a_read_is_confirmed_by_a_round),
        cmocka_unit_test(a_leader_without_a_majority_steps_down),
        cmocka_unit_test(a_member_that_is_far_behind_gets_a_snapshot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

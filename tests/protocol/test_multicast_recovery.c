/* SPDX-License-Identifier: Apache-2.0 */
/* Atomic multicast when leaders change, members crash, and groups stand still. See test_multicast_traces.c for how to read a trace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/protocol/order_cluster.h"

#define SHOW_BUT_DONE (CLUSTER_SHOW_DELIVERIES | CLUSTER_SHOW_LOG | CLUSTER_SHOW_TALK)
#define SHOW_ORDER    (CLUSTER_SHOW_DELIVERIES | CLUSTER_SHOW_LOG)

static struct cluster *cluster_of(uint32_t groups)
{
    return cluster_new(
        &(struct cluster_settings){.groups = groups, .retry_us = 20 * CLUSTER_UNIT_US});
}

static void expect_delivered(struct cluster *cluster, uint32_t group, const char *expected)
{
    for (uint32_t member = 1; member <= CLUSTER_MEMBERS; member++) {
        assert_string_equal(cluster_delivered(cluster, 10 * group + member), expected);
    }
}

/* The old leader comes back, and everybody catches up with the help of heartbeats. */
static void bring_back(struct cluster *cluster, uint32_t node)
{
    cluster_restart(cluster, node);
    cluster_run_timers(cluster, 300);
}

/* Nobody but 11 had the PROPOSE: it is gone with it. The new leader proposes a again, with another timestamp; the SOFT of the first one
 * was never a fact. */
static void a_proposal_that_is_lost_with_its_leader_is_made_again(void **state)
{
    (void)state;
    struct cluster *cluster = cluster_of(2);
    cluster_show(cluster, SHOW_BUT_DONE);
    cluster_rule(cluster, CLUSTER_DROP, WIRE_MESSAGE_APPEND, 11, 0);
    cluster_submit_to(cluster, 'a', "12", "1");
    cluster_run(cluster, 1.5);
    cluster_crash(cluster, 11);
    cluster_rules_clear(cluster);
    cluster_elect(cluster, 12);
    cluster_run_timers(cluster, 30);
    cluster_expect(cluster, "1     11  appends PROPOSE a 11000\n"
                            "1     11  SOFT a 11000 -> 21\n"
                            "1     11  ACK a 11000 -> 21\n"
                            "2     21  appends PROPOSE a 12000\n"
                            "2     21  SOFT a 12000 -> 11\n"
                            "2     21  ACK a 12000 -> 11\n"
                            "3     22  ACK a 12000 -> 11\n"
                            "3     23  ACK a 12000 -> 11\n"
                            "3.5   12  leads term 2\n"
                            "4     21  commits PROPOSE a\n"
                            "4     21  FIX a 12000 -> 11\n"
                            "22    21  SOFT a 12000 -> 11 12 13\n"
                            "23    12  appends PROPOSE a 33000\n"
                            "23    12  SOFT a 33000 -> 21\n"
                            "23    12  ACK a 33000 -> 21\n"
                            "24    13  ACK a 33000 -> 21\n"
                            "24    21  appends CLOCK 34000\n"
                            "24    21  FIX a 12000 -> 12\n"
                            "25    12  commits PROPOSE a\n"
                            "25    12  appends RESOLVE a 33000\n"
                            "25    12  FIX a 33000 -> 21\n"
                            "25    12  delivers a 33000@1\n"
                            "25    21  appends RESOLVE a 33000\n"
                            "26    13  delivers a 33000@1\n"
                            "26    21  delivers a 33000@1\n"
                            "27    12  commits RESOLVE a\n"
                            "27    21  commits RESOLVE a\n"
                            "27    22  delivers a 33000@1\n"
                            "27    23  delivers a 33000@1\n");
    bring_back(cluster, 11);
    expect_delivered(cluster, 1, "a");
    expect_delivered(cluster, 2, "a");
    assert_int_equal(cluster_entries(cluster, 11, WIRE_ENTRY_PROPOSE, 'a'), 1);
    cluster_free(&cluster);
}

/* The PROPOSE is committed, and nobody was told. The new leader says so, and asks everyone for what it lacks: two delays. */
static void a_new_leader_tells_and_asks_when_the_old_one_committed_in_silence(void **state)
{
    (void)state;
    struct cluster *cluster = cluster_of(2);
    cluster_show(cluster, SHOW_BUT_DONE);
    cluster_rule(cluster, CLUSTER_DROP, WIRE_MESSAGE_ACK, 0, 0);
    cluster_rule(cluster, CLUSTER_DROP, WIRE_MESSAGE_FIX, 0, 0);
    cluster_submit(cluster, 'a', "12");
    cluster_run(cluster, 3.5);
    cluster_crash(cluster, 11);
    cluster_run(cluster, 1);
    cluster_forget_trace(cluster);
    cluster_rules_clear(cluster);
    cluster_elect(cluster, 12);
    cluster_run(cluster, 15);
    cluster_expect(cluster, "6.5   12  leads term 2\n"
                            "6.5   12  SOFT a 11000 -> 21 22 23\n"
                            "7.5   21  FIX a 11000 -> 12\n"
                            "7.5   22  FIX a 11000 -> 12\n"
                            "7.5   23  FIX a 11000 -> 12\n"
                            "8.5   12  appends RESOLVE a 11000\n"
                            "8.5   12  delivers a 11000@2\n"
                            "9.5   13  delivers a 11000@2\n"
                            "10.5  12  commits RESOLVE a\n");
    bring_back(cluster, 11);
    expect_delivered(cluster, 1, "a");
    expect_delivered(cluster, 2, "a");
    cluster_free(&cluster);
}

/* 11 has delivered a; the RESOLVE that says so to its followers is lost. They come to the same timestamp by themselves. */
static void a_final_timestamp_that_its_leader_takes_along_is_found_again(void **state)
{
    (void)state;
    struct cluster *cluster = cluster_of(2);
    cluster_show(cluster, SHOW_BUT_DONE);
    cluster_submit(cluster, 'a', "12");
    cluster_run(cluster, 2.5);
    cluster_rule(cluster, CLUSTER_DROP, WIRE_MESSAGE_APPEND, 11, 0);
    cluster_run(cluster, 1);
    assert_string_equal(cluster_delivered(cluster, 11), "a");
    cluster_crash(cluster, 11);
    cluster_rules_clear(cluster);
    cluster_run(cluster, 3);
    assert_string_equal(cluster_delivered(cluster, 12), "");
    cluster_forget_trace(cluster);
    cluster_elect(cluster, 12);
    cluster_run(cluster, 10);
    cluster_expect(cluster, "8.5   12  leads term 2\n"
                            "8.5   12  SOFT a 11000 -> 21 22 23\n"
                            "9.5   21  FIX a 11000 -> 12\n"
                            "9.5   22  FIX a 11000 -> 12\n"
                            "9.5   23  FIX a 11000 -> 12\n"
                            "10.5  12  commits PROPOSE a\n"
                            "10.5  12  appends RESOLVE a 11000\n"
                            "10.5  12  FIX a 11000 -> 21\n"
                            "10.5  12  delivers a 11000@2\n"
                            "11.5  13  delivers a 11000@2\n"
                            "12.5  12  commits RESOLVE a\n");
    bring_back(cluster, 11);
    expect_delivered(cluster, 1, "a");
    assert_int_equal(cluster_entries(cluster, 12, WIRE_ENTRY_RESOLVE, 'a'), 1);
    cluster_free(&cluster);
}

/* Everybody has delivered a; only group 2 does not know that group 1 is done. The new leader of group 1 finishes what is left. */
static void a_new_leader_finishes_the_forgetting(void **state)
{
    (void)state;
    struct cluster *cluster = cluster_of(2);
    cluster_show(cluster, CLUSTER_SHOW_DELIVERIES | CLUSTER_SHOW_DONE);
    cluster_rule(cluster, CLUSTER_DROP, WIRE_MESSAGE_DONE, 0, 0);
    cluster_submit(cluster, 'a', "12");
    cluster_run(cluster, 7);
    cluster_crash(cluster, 11);
    cluster_rules_clear(cluster);
    cluster_forget_trace(cluster);
    cluster_elect(cluster, 12);
    cluster_run_timers(cluster, 40);
    cluster_expect(cluster, "9     12  leads term 2\n"
                            "25    21  DONE_REQUEST a -> 11 12 13\n"
                            "26    12  DONE a -> 21\n"
                            "26    13  DONE a -> 21\n"
                            "27    21  FORGET a -> 22 23\n"
                            "29    12  DONE_REQUEST a -> 21 22 23\n"
                            "30    21  DONE a -> 12\n"
                            "30    22  DONE a -> 12\n"
                            "30    23  DONE a -> 12\n"
                            "31    12  FORGET a -> 11 13\n");
    for (uint32_t node = 12; node <= 23; node += node == 13 ? 8 : 1) {
        assert_int_equal(order_records(cluster_order(cluster, node)), 0);
    }
    bring_back(cluster, 11);
    expect_delivered(cluster, 1, "a");
    cluster_run_timers(cluster, 6000); /* a member that came too late to be told asks for itself */
    assert_int_equal(order_records(cluster_order(cluster, 11)), 0);
    cluster_free(&cluster);
}

/* 11 is cut off from 12 and 13 only, and does not know it. What it proposes meanwhile is never a fact, what it delivers is nothing. */
static void a_stale_leader_proposes_in_vain(void **state)
{
    (void)state;
    struct cluster *cluster = cluster_of(2);
    cluster_show(cluster, SHOW_ORDER);
    for (uint32_t node = 12; node <= 13; node++) {
        cluster_rule(cluster, CLUSTER_DROP, 0, 11, node);
        cluster_rule(cluster, CLUSTER_DROP, 0, node, 11);
    }
    cluster_submit_to(cluster, 'b', "1", "1");   /* to 11 */
    cluster_submit_to(cluster, 'a', "12", "12"); /* to 11 and 21 */
    cluster_elect(cluster, 12);
    cluster_run(cluster, 10);
    cluster_submit_to(cluster, 'c', "12", "12"); /* to 12 and 21 */
    cluster_run_timers(cluster, 40);
    cluster_expect(cluster, "1     11  appends CMD b 11000\n"
                            "1     11  appends PROPOSE a 11001\n"
                            "1     21  appends PROPOSE a 11000\n"
                            "2     12  leads term 2\n"
                            "2     21  appends CLOCK 12000\n"
                            "3     21  commits PROPOSE a\n"
                            "11    12  appends PROPOSE c 21000\n"
                            "11    21  appends PROPOSE c 21000\n"
                            "12    11  appends PROPOSE c 22000\n"
                            "13    12  commits PROPOSE c\n"
                            "13    21  commits PROPOSE c\n"
                            "13    21  appends RESOLVE c 21000\n"
                            "13    21  appends CLOCK 23000\n"
                            "14    12  appends RESOLVE c 21000\n"
                            "14    12  delivers c 21000@2\n"
                            "15    13  delivers c 21000@2\n"
                            "15    21  commits RESOLVE c\n"
                            "16    12  commits RESOLVE c\n"
                            "22    12  appends PROPOSE a 32000\n"
                            "23    21  appends CLOCK 33000\n"
                            "24    12  commits PROPOSE a\n"
                            "24    12  appends RESOLVE a 32000\n"
                            "24    12  delivers a 32000@1\n"
                            "24    21  appends RESOLVE a 32000\n"
                            "24    21  delivers c 21000@2\n"
                            "25    13  delivers a 32000@1\n"
                            "25    21  delivers a 32000@1\n"
                            "25    22  delivers c 21000@2\n"
                            "25    23  delivers c 21000@2\n"
                            "26    12  commits RESOLVE a\n"
                            "26    21  commits RESOLVE a\n"
                            "26    22  delivers a 32000@1\n"
                            "26    23  delivers a 32000@1\n");
    assert_string_equal(cluster_delivered(cluster, 11), "");
    cluster_rules_clear(cluster);
    cluster_submit_to(cluster, 'b', "1", "1"); /* the client tries the new leader */
    cluster_run_timers(cluster, 300);
    expect_delivered(cluster, 1, "cab");
    expect_delivered(cluster, 2, "ca");
    cluster_free(&cluster);
}

/* One ack of the first proposal and one of the second are two members of group 1, but no majority for anything. */
static void acks_of_two_terms_are_not_added_up(void **state)
{
    (void)state;
    struct cluster *cluster = cluster_of(2);
    cluster_show(cluster, SHOW_BUT_DONE);
    cluster_rule(cluster, CLUSTER_DROP, WIRE_MESSAGE_APPEND, 11, 0);
    cluster_submit(cluster, 'a', "12");
    cluster_run(cluster, 4);
    cluster_crash(cluster, 11);
    cluster_rules_clear(cluster);
    cluster_rule(cluster, CLUSTER_DROP, WIRE_MESSAGE_SOFT, 2, 1);
    cluster_elect(cluster, 12);
    cluster_run(cluster, 4);
    cluster_forget_trace(cluster);
    cluster_rule(cluster, CLUSTER_HOLD, WIRE_MESSAGE_APPEND, 12, 13);
    cluster_submit_to(cluster, 'a', "12", "1");
    cluster_run(cluster, 5);
    cluster_expect(cluster, "9     12  appends PROPOSE a 19000\n"
                            "9     12  SOFT a 19000 -> 21\n"
                            "9     12  ACK a 19000 -> 21\n"
                            "10    21  appends CLOCK 20000\n"
                            "10    21  FIX a 11000 -> 12\n");
    assert_string_equal(cluster_delivered(cluster, 21), "");
    cluster_release(cluster);
    cluster_run(cluster, 6);
    cluster_expect(cluster, "14    13  ACK a 19000 -> 21\n"
                            "15    12  commits PROPOSE a\n"
                            "15    12  appends RESOLVE a 19000\n"
                            "15    12  FIX a 19000 -> 21\n"
                            "15    12  delivers a 19000@1\n"
                            "15    21  appends RESOLVE a 19000\n"
                            "15    21  delivers a 19000@1\n"
                            "16    13  delivers a 19000@1\n"
                            "16    22  delivers a 19000@1\n"
                            "16    23  delivers a 19000@1\n"
                            "17    12  commits RESOLVE a\n"
                            "17    21  commits RESOLVE a\n");
    cluster_free(&cluster);
}

/* The ack of an older term that comes late does not replace what a newer one has said. */
static void a_late_ack_of_an_older_term_is_ignored(void **state)
{
    (void)state;
    struct cluster *cluster = cluster_of(2);
    cluster_show(cluster, CLUSTER_SHOW_DELIVERIES);
    cluster_rule(cluster, CLUSTER_DROP, WIRE_MESSAGE_APPEND, 11, 0);
    cluster_rule(cluster, CLUSTER_HOLD, WIRE_MESSAGE_ACK, 11, 0);
    cluster_rule(cluster, CLUSTER_DROP, WIRE_MESSAGE_SOFT, 0, 0);
    cluster_submit(cluster, 'a', "12");
    cluster_run(cluster, 2);
    cluster_crash(cluster, 11);
    cluster_elect(cluster, 12);
    cluster_run(cluster, 4);
    cluster_rule(cluster, CLUSTER_DROP, WIRE_MESSAGE_ACK, 13, 0);
    cluster_rule(cluster, CLUSTER_DROP, WIRE_MESSAGE_FIX, 0, 0);
    cluster_submit_to(cluster, 'a', "12", "1");
    cluster_run(cluster, 4); /* 21 has one ack of the new term */
    cluster_forget_trace(cluster);
    cluster_release(cluster); /* and now one of the old */
    cluster_run(cluster, 4);
    assert_string_equal(cluster_delivered(cluster, 21), "");
    cluster_run_timers(cluster, 60); /* FIX tells */
    cluster_expect(cluster, "25    21  delivers a 17000@1\n"
                            "26    22  delivers a 17000@1\n"
                            "26    23  delivers a 17000@1\n"
                            "29    12  delivers a 17000@1\n"
                            "30    13  delivers a 17000@1\n");
    cluster_free(&cluster);
}

/* Group 2 has lost its majority. Group 1 orders, commits and delivers what does not wait for it; even a new leader does. */
static void a_group_without_quorum_delays_only_what_waits_for_it(void **state)
{
    (void)state;
    struct cluster *cluster = cluster_of(3);
    cluster_show(cluster, SHOW_ORDER);
    cluster_crash(cluster, 22);
    cluster_crash(cluster, 23);
    cluster_submit(cluster, 'b', "1");
    cluster_run(cluster, 1);
    cluster_submit(cluster, 'a', "12");
    cluster_run(cluster, 1);
    cluster_submit(cluster, 'c', "1");  /* behind a: committed, and waits */
    cluster_submit(cluster, 'd', "13"); /* behind a in group 1 only */
    cluster_submit(cluster, 'e', "3");
    cluster_run(cluster, 8);
    cluster_expect(cluster, "1     11  appends CMD b 11000\n"
                            "2     11  appends PROPOSE a 12000\n"
                            "2     21  appends PROPOSE a 12000\n"
                            "3     11  commits CMD b\n"
                            "3     11  appends CMD c 13000\n"
                            "3     11  appends PROPOSE d 13001\n"
                            "3     11  delivers b 11000@1\n"
                            "3     31  appends PROPOSE d 13000\n"
                            "3     31  appends CMD e 13001\n"
                            "4     11  commits PROPOSE a\n"
                            "4     12  delivers b 11000@1\n"
                            "4     13  delivers b 11000@1\n"
                            "5     11  commits CMD c\n"
                            "5     11  commits PROPOSE d\n"
                            "5     11  appends RESOLVE d 13001\n"
                            "5     31  commits PROPOSE d\n"
                            "5     31  commits CMD e\n"
                            "5     31  appends RESOLVE d 13001\n"
                            "5     31  delivers d 13001@1\n"
                            "5     31  delivers e 13001@3\n"
                            "6     32  delivers d 13001@1\n"
                            "6     32  delivers e 13001@3\n"
                            "6     33  delivers d 13001@1\n"
                            "6     33  delivers e 13001@3\n"
                            "7     11  commits RESOLVE d\n"
                            "7     31  commits RESOLVE d\n");
    cluster_crash(cluster, 11);
    cluster_elect(cluster, 12);
    cluster_run(cluster, 5);
    cluster_submit(cluster, 'f', "1");
    cluster_run(cluster, 5);
    cluster_expect(cluster, "12    12  leads term 2\n"
                            "16    12  appends CMD f 26000\n"
                            "18    12  commits CMD f\n");
    cluster_restart(cluster, 22);
    cluster_run_timers(cluster, 150);
    cluster_expect(cluster, "106   21  commits PROPOSE a\n"
                            "106   21  appends RESOLVE a 12000\n"
                            "106   21  delivers a 12000@2\n"
                            "107   12  appends RESOLVE a 12000\n"
                            "107   12  delivers a 12000@2\n"
                            "107   12  delivers c 13000@1\n"
                            "107   12  delivers d 13001@1\n"
                            "107   12  delivers f 26000@1\n"
                            "107   22  delivers a 12000@2\n"
                            "108   13  delivers a 12000@2\n"
                            "108   13  delivers c 13000@1\n"
                            "108   13  delivers d 13001@1\n"
                            "108   13  delivers f 26000@1\n"
                            "108   21  commits RESOLVE a\n"
                            "109   12  commits RESOLVE a\n");
    cluster_free(&cluster);
}

/* A snapshot holds the pending message with its body. After it, the log of 12 is empty, and 12 leads: from the record alone it says SOFT, learns
 * the fact, resolves and delivers. 13 was away and gets the snapshot. */
static void a_pending_message_lives_on_in_a_snapshot(void **state)
{
    (void)state;
    struct cluster *cluster = cluster_of(2);
    cluster_show(cluster, SHOW_BUT_DONE);
    cluster_cut(cluster, 13);
    cluster_rule(cluster, CLUSTER_HOLD, 0, 2, 1);
    cluster_submit(cluster, 'b', "1");
    cluster_submit_to(cluster, 'a', "12", "1");
    cluster_submit(cluster, 'c', "1");
    cluster_run(cluster, 6);
    assert_string_equal(cluster_delivered(cluster, 12), "b");
    cluster_snapshot(cluster, 12);
    assert_int_equal(cluster_entries(cluster, 12, WIRE_ENTRY_PROPOSE, 'a'), 0);
    cluster_crash(cluster, 12);
    cluster_restart(cluster, 12);
    assert_string_equal(cluster_delivered(cluster, 12), "b");
    assert_int_equal(order_undelivered(cluster_order(cluster, 12)), 2);
    cluster_run_timers(cluster, 100); /* hears of its leader by a heartbeat */
    cluster_forget_trace(cluster);
    cluster_crash(cluster, 11);
    cluster_release(cluster);
    cluster_elect(cluster, 12);
    cluster_run(cluster, 12);
    cluster_expect(cluster, "108   12  leads term 2\n"
                            "108   12  SOFT a 11001 -> 21 22 23\n"
                            "109   21  FIX a 12000 -> 12\n"
                            "109   22  FIX a 12000 -> 12\n"
                            "109   23  FIX a 12000 -> 12\n"
                            "110   12  appends RESOLVE a 12000\n"
                            "110   12  delivers c 11002@1\n"
                            "113   13  delivers c 11002@1\n"
                            "114   12  commits RESOLVE a\n"
                            "114   12  delivers a 12000@2\n"
                            "115   13  delivers a 12000@2\n");
    assert_string_equal(cluster_delivered(cluster, 13), "bca");
    bring_back(cluster, 11);
    expect_delivered(cluster, 1, "bca");
    expect_delivered(cluster, 2, "a");
    cluster_free(&cluster);
}

/* [rule 30] 11 had delivered a when it was cut off. The snapshot that brings it back is of a member that had not: a is a candidate again,
 * with the own proposal as key, until its final timestamp is known and found to be at the cursor. */
static void a_message_at_or_below_the_cursor_is_not_delivered_again(void **state)
{
    (void)state;
    struct cluster *cluster = cluster_of(2);
    cluster_show(cluster, SHOW_ORDER);
    cluster_submit(cluster, 'a', "12");
    cluster_run(cluster, 2.5);
    cluster_cut(cluster, 11); /* the followers get neither commit nor RESOLVE */
    cluster_run(cluster, 1);
    assert_string_equal(cluster_delivered(cluster, 11), "a");
    cluster_rule(cluster, CLUSTER_DROP, 0, 2, 1); /* 12 learns no fact */
    cluster_elect(cluster, 12);
    cluster_run(cluster, 5);
    cluster_submit(cluster, 'b', "1");
    cluster_run(cluster, 5);
    assert_string_equal(cluster_delivered(cluster, 12), "");
    cluster_snapshot(cluster, 12);
    cluster_forget_trace(cluster);
    cluster_rules_clear(cluster);
    cluster_rule(cluster, CLUSTER_DROP, 0, 2, 1);
    cluster_run_timers(cluster,
                       1500); /* the piece that was lost is sent again, and 11 installs it */
    assert_int_equal(raft_snapshot_index(order_raft(cluster_order(cluster, 11))).value,
                     raft_snapshot_index(order_raft(cluster_order(cluster, 12))).value);
    assert_string_equal(cluster_delivered(cluster, 11), "a");
    assert_int_equal(order_undelivered(cluster_order(cluster, 11)), 2);
    cluster_rules_clear(cluster);
    cluster_forget_trace(cluster);
    cluster_run_timers(cluster, 2500);
    expect_delivered(cluster, 1, "ab");
    assert_int_equal(order_records(cluster_order(cluster, 11)), 0);
    cluster_free(&cluster);
}

/* All nodes of both groups lose power while a is on its way, at every half delay. Whatever of it was promised is kept: it is delivered by
 * all or by nobody until the client sends it again, and then by all. */
static void power_loss_everywhere_at_any_moment_keeps_the_order(void **state)
{
    (void)state;
    for (uint32_t half = 1; half <= 16; half++) {
        struct cluster *cluster = cluster_new(&(struct cluster_settings){
            .groups = 2, .sync_us = CLUSTER_UNIT_US / 4, .retry_us = 20 * CLUSTER_UNIT_US});
        cluster_submit(cluster, 'a', "12");
        cluster_submit(cluster, 'b', "1");
        cluster_submit_to(cluster, 'c', "12", "2");
        cluster_run(cluster, half * 0.5 + 0.1);
        for (uint32_t node = 11; node <= 23; node += node == 13 ? 8 : 1) {
            cluster_crash(cluster, node);
        }
        for (uint32_t node = 11; node <= 23; node += node == 13 ? 8 : 1) {
            cluster_restart(cluster, node);
        }
        cluster_run_timers(cluster, 4000);
        for (uint32_t node = 11; node <= 13; node++) { /* whoever leads */
            for (char name = 'a'; name <= 'c'; name++) {
                cluster_submit_at(cluster, name, name == 'b' ? "1" : "12", node);
                if (name != 'b') {
                    cluster_submit_at(cluster, name, "12", node + 10);
                }
            }
        }
        cluster_run_timers(cluster, 4000);
        for (uint32_t group = 1; group <= 2; group++) {
            char first[8];
            snprintf(first, sizeof first, "%s", cluster_delivered(cluster, 10 * group + 1));
            assert_int_equal(strlen(first), group == 1 ? 3 : 2);
            expect_delivered(cluster, group, first);
        }
        cluster_free(&cluster);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_proposal_that_is_lost_with_its_leader_is_made_again),
        cmocka_unit_test(a_new_leader_tells_and_asks_when_the_old_one_committed_in_silence),
        cmocka_unit_test(a_final_timestamp_that_its_leader_takes_along_is_found_again),
        cmocka_unit_test(a_new_leader_finishes_the_forgetting),
        cmocka_unit_test(a_stale_leader_proposes_in_vain),
        cmocka_unit_test(acks_of_two_terms_are_not_added_up),
        cmocka_unit_test(a_late_ack_of_an_older_term_is_ignored),
        cmocka_unit_test(a_group_without_quorum_delays_only_what_waits_for_it),
        cmocka_unit_test(a_pending_message_lives_on_in_a_snapshot),
        cmocka_unit_test(a_message_at_or_below_the_cursor_is_not_delivered_again),
        cmocka_unit_test(power_loss_everywhere_at_any_moment_keeps_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

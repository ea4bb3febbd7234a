/* SPDX-License-Identifier: Apache-2.0 */
/* Atomic multicast without crashes: each test is one phase of docs/protocol/multicast.md, told by a trace.
 *
 * Nodes 11, 12, 13 are group 1, and so on; 11, 21, 31 lead. One delay is 1000 of clock, and a message that a client sends at time 0
 * meets clock 11000 at a leader. A line is: time, node, what it does. Where the load or the timers would fill pages, a test shows less. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/protocol/order_cluster.h"

#define SHOW_BUT_DONE (CLUSTER_SHOW_DELIVERIES | CLUSTER_SHOW_LOG | CLUSTER_SHOW_TALK)

static struct cluster *cluster_of(uint32_t groups)
{
    return cluster_new(
        &(struct cluster_settings){.groups = groups, .retry_us = 20 * CLUSTER_UNIT_US});
}

/* Three delays to every leader, as for a message to one group; RESOLVE, DONE and FORGET come behind, and nobody waits for them. */
static void a_message_that_meets_no_other_is_delivered_after_three_delays(void **state)
{
    (void)state;
    struct cluster *cluster = cluster_of(2);
    cluster_submit(cluster, 'a', "12");
    cluster_run(cluster, 10);
    cluster_expect(cluster, "1     11  appends PROPOSE a 11000\n"
                            "1     11  SOFT a 11000 -> 21\n"
                            "1     11  ACK a 11000 -> 21\n"
                            "1     21  appends PROPOSE a 11000\n"
                            "1     21  SOFT a 11000 -> 11\n"
                            "1     21  ACK a 11000 -> 11\n"
                            "2     12  ACK a 11000 -> 21\n"
                            "2     13  ACK a 11000 -> 21\n"
                            "2     22  ACK a 11000 -> 11\n"
                            "2     23  ACK a 11000 -> 11\n"
                            "3     11  commits PROPOSE a\n"
                            "3     11  appends RESOLVE a 11000\n"
                            "3     11  FIX a 11000 -> 21\n"
                            "3     11  delivers a 11000@2\n"
                            "3     21  commits PROPOSE a\n"
                            "3     21  appends RESOLVE a 11000\n"
                            "3     21  FIX a 11000 -> 11\n"
                            "3     21  delivers a 11000@2\n"
                            "4     12  delivers a 11000@2\n"
                            "4     13  delivers a 11000@2\n"
                            "4     22  delivers a 11000@2\n"
                            "4     23  delivers a 11000@2\n"
                            "5     11  commits RESOLVE a\n"
                            "5     11  DONE a -> 21\n"
                            "5     21  commits RESOLVE a\n"
                            "5     21  DONE a -> 11\n"
                            "6     11  FORGET a -> 12 13\n"
                            "6     21  FORGET a -> 22 23\n");
    assert_int_equal(order_records(cluster_order(cluster, 11)), 0); /* all of it is forgotten */
    assert_int_equal(order_records(cluster_order(cluster, 22)), 0);
    cluster_free(&cluster);
}

static void a_message_to_one_group_takes_as_long_and_talks_to_nobody_else(void **state)
{
    (void)state;
    struct cluster *cluster = cluster_of(2);
    cluster_submit(cluster, 'a', "1");
    cluster_run(cluster, 10);
    cluster_expect(cluster, "1     11  appends CMD a 11000\n"
                            "3     11  commits CMD a\n"
                            "3     11  delivers a 11000@1\n"
                            "4     12  delivers a 11000@1\n"
                            "4     13  delivers a 11000@1\n");
    cluster_free(&cluster);
}

/* Each group sees another message first. Both take the larger proposal, and the groups' numbers break the tie: b, then a, everywhere. */
static void two_messages_that_cross_are_delivered_in_one_order_by_both_groups(void **state)
{
    (void)state;
    struct cluster *cluster = cluster_of(2);
    cluster_show(cluster, CLUSTER_SHOW_DELIVERIES | CLUSTER_SHOW_LOG);
    cluster_submit_to(cluster, 'a', "12", "1");
    cluster_submit_to(cluster, 'b', "12", "12");
    cluster_submit_to(cluster, 'a', "12", "2");
    cluster_run(cluster, 10);
    cluster_expect(cluster, "1     11  appends PROPOSE a 11000\n"
                            "1     11  appends PROPOSE b 11001\n"
                            "1     21  appends PROPOSE b 11000\n"
                            "1     21  appends PROPOSE a 11001\n"
                            "3     11  commits PROPOSE a\n"
                            "3     11  commits PROPOSE b\n"
                            "3     11  appends RESOLVE b 11001\n"
                            "3     11  appends RESOLVE a 11001\n"
                            "3     11  delivers b 11001@1\n"
                            "3     11  delivers a 11001@2\n"
                            "3     21  commits PROPOSE b\n"
                            "3     21  commits PROPOSE a\n"
                            "3     21  appends RESOLVE b 11001\n"
                            "3     21  appends RESOLVE a 11001\n"
                            "3     21  delivers b 11001@1\n"
                            "3     21  delivers a 11001@2\n"
                            "4     12  delivers b 11001@1\n"
                            "4     12  delivers a 11001@2\n"
                            "4     13  delivers b 11001@1\n"
                            "4     13  delivers a 11001@2\n"
                            "4     22  delivers b 11001@1\n"
                            "4     22  delivers a 11001@2\n"
                            "4     23  delivers b 11001@1\n"
                            "4     23  delivers a 11001@2\n"
                            "5     11  commits RESOLVE b\n"
                            "5     11  commits RESOLVE a\n"
                            "5     21  commits RESOLVE b\n"
                            "5     21  commits RESOLVE a\n");
    cluster_free(&cluster);
}

/* The client reaches one of the groups only: the SOFT brings the message to the other, one delay later. */
static void a_message_that_reached_one_group_is_proposed_by_the_others(void **state)
{
    (void)state;
    struct cluster *cluster = cluster_of(2);
    cluster_show(cluster, SHOW_BUT_DONE);
    cluster_submit_to(cluster, 'a', "12", "1");
    cluster_run(cluster, 10);
    cluster_expect(cluster, "1     11  appends PROPOSE a 11000\n"
                            "1     11  SOFT a 11000 -> 21\n"
                            "1     11  ACK a 11000 -> 21\n"
                            "2     12  ACK a 11000 -> 21\n"
                            "2     13  ACK a 11000 -> 21\n"
                            "2     21  appends PROPOSE a 12000\n"
                            "2     21  SOFT a 12000 -> 11\n"
                            "2     21  ACK a 12000 -> 11\n"
                            "3     11  commits PROPOSE a\n"
                            "3     11  appends CLOCK 13000\n"
                            "3     11  FIX a 11000 -> 21 21\n"
                            "3     22  ACK a 12000 -> 11\n"
                            "3     23  ACK a 12000 -> 11\n"
                            "4     11  appends RESOLVE a 12000\n"
                            "4     21  commits PROPOSE a\n"
                            "4     21  appends RESOLVE a 12000\n"
                            "4     21  FIX a 12000 -> 11\n"
                            "4     21  delivers a 12000@2\n"
                            "5     11  delivers a 12000@2\n"
                            "5     22  delivers a 12000@2\n"
                            "5     23  delivers a 12000@2\n"
                            "6     11  commits RESOLVE a\n"
                            "6     12  delivers a 12000@2\n"
                            "6     13  delivers a 12000@2\n"
                            "6     21  commits RESOLVE a\n");
    cluster_free(&cluster);
}

/* Group 1 is 5 delays ahead. At group 2 the prefix ends below the final timestamp, so a CLOCK goes behind the PROPOSE at once: 4 delays there. */
static void a_slower_clock_costs_one_delay_and_a_clock_entry(void **state)
{
    (void)state;
    struct cluster *cluster = cluster_new(
        &(struct cluster_settings){.groups = 2, .skew_us = {[1] = 5 * CLUSTER_UNIT_US}});
    cluster_show(cluster, SHOW_BUT_DONE);
    cluster_submit(cluster, 'a', "12");
    cluster_run(cluster, 10);
    cluster_expect(cluster, "1     11  appends PROPOSE a 16000\n"
                            "1     11  SOFT a 16000 -> 21\n"
                            "1     11  ACK a 16000 -> 21\n"
                            "1     21  appends PROPOSE a 11000\n"
                            "1     21  SOFT a 11000 -> 11\n"
                            "1     21  ACK a 11000 -> 11\n"
                            "2     12  ACK a 16000 -> 21\n"
                            "2     13  ACK a 16000 -> 21\n"
                            "2     21  appends CLOCK 16000\n"
                            "2     22  ACK a 11000 -> 11\n"
                            "2     23  ACK a 11000 -> 11\n"
                            "3     11  commits PROPOSE a\n"
                            "3     11  appends RESOLVE a 16000\n"
                            "3     11  FIX a 16000 -> 21\n"
                            "3     11  delivers a 16000@1\n"
                            "3     21  commits PROPOSE a\n"
                            "3     21  appends RESOLVE a 16000\n"
                            "3     21  FIX a 11000 -> 11\n"
                            "4     12  delivers a 16000@1\n"
                            "4     13  delivers a 16000@1\n"
                            "4     21  delivers a 16000@1\n"
                            "5     11  commits RESOLVE a\n"
                            "5     21  commits RESOLVE a\n"
                            "5     22  delivers a 16000@1\n"
                            "5     23  delivers a 16000@1\n");
    cluster_free(&cluster);
}

/* The same within the look-ahead: the reach of group 2's PROPOSE covers the timestamp of group 1. */
static void a_slower_clock_costs_nothing_within_the_look_ahead(void **state)
{
    (void)state;
    struct cluster *cluster = cluster_new(&(struct cluster_settings){
        .groups = 2, .look_ahead_us = 8 * CLUSTER_UNIT_US, .skew_us = {[1] = 5 * CLUSTER_UNIT_US}});
    cluster_show(cluster, CLUSTER_SHOW_DELIVERIES | CLUSTER_SHOW_LOG);
    cluster_submit(cluster, 'a', "12");
    cluster_run(cluster, 10);
    cluster_expect(cluster, "1     11  appends PROPOSE a 16000\n"
                            "1     21  appends PROPOSE a 11000\n"
                            "3     11  commits PROPOSE a\n"
                            "3     11  appends RESOLVE a 16000\n"
                            "3     11  delivers a 16000@1\n"
                            "3     21  commits PROPOSE a\n"
                            "3     21  appends RESOLVE a 16000\n"
                            "3     21  delivers a 16000@1\n"
                            "4     12  delivers a 16000@1\n"
                            "4     13  delivers a 16000@1\n"
                            "4     22  delivers a 16000@1\n"
                            "4     23  delivers a 16000@1\n"
                            "5     11  commits RESOLVE a\n"
                            "5     21  commits RESOLVE a\n");
    cluster_free(&cluster);
}

/* Without the acks of the members a leader's FIX tells: one delay more. */
static void without_acks_the_fix_of_the_leader_tells(void **state)
{
    (void)state;
    struct cluster *cluster = cluster_of(2);
    cluster_show(cluster, SHOW_BUT_DONE);
    cluster_rule(cluster, CLUSTER_DROP, WIRE_MESSAGE_ACK, 0, 0);
    cluster_submit(cluster, 'a', "12");
    cluster_run(cluster, 10);
    cluster_expect(cluster, "1     11  appends PROPOSE a 11000\n"
                            "1     11  SOFT a 11000 -> 21\n"
                            "1     11  ACK a 11000 -> 21\n"
                            "1     21  appends PROPOSE a 11000\n"
                            "1     21  SOFT a 11000 -> 11\n"
                            "1     21  ACK a 11000 -> 11\n"
                            "2     12  ACK a 11000 -> 21\n"
                            "2     13  ACK a 11000 -> 21\n"
                            "2     22  ACK a 11000 -> 11\n"
                            "2     23  ACK a 11000 -> 11\n"
                            "3     11  commits PROPOSE a\n"
                            "3     11  FIX a 11000 -> 21\n"
                            "3     21  commits PROPOSE a\n"
                            "3     21  FIX a 11000 -> 11\n"
                            "4     11  appends RESOLVE a 11000\n"
                            "4     11  delivers a 11000@2\n"
                            "4     21  appends RESOLVE a 11000\n"
                            "4     21  delivers a 11000@2\n"
                            "5     12  delivers a 11000@2\n"
                            "5     13  delivers a 11000@2\n"
                            "5     22  delivers a 11000@2\n"
                            "5     23  delivers a 11000@2\n"
                            "6     11  commits RESOLVE a\n"
                            "6     21  commits RESOLVE a\n");
    cluster_free(&cluster);
}

/* Nothing of group 2 comes through. b was ordered before a and is delivered; c is behind it and waits, although it is committed. */
static void a_pending_message_delays_what_is_behind_it_and_nothing_else(void **state)
{
    (void)state;
    struct cluster *cluster = cluster_of(3);
    cluster_show(cluster, CLUSTER_SHOW_DELIVERIES | CLUSTER_SHOW_LOG);
    cluster_rule(cluster, CLUSTER_HOLD, 0, 2, 1);
    cluster_submit(cluster, 'b', "1");
    cluster_submit(cluster, 'a', "12");
    cluster_submit(cluster, 'c', "1");
    cluster_submit(cluster, 'd', "3");
    cluster_run(cluster, 6);
    cluster_expect(cluster, "1     11  appends CMD b 11000\n"
                            "1     11  appends PROPOSE a 11001\n"
                            "1     11  appends CMD c 11002\n"
                            "1     21  appends PROPOSE a 11000\n"
                            "1     31  appends CMD d 11000\n"
                            "2     21  appends CLOCK 12000\n"
                            "3     11  commits CMD b\n"
                            "3     11  commits PROPOSE a\n"
                            "3     11  commits CMD c\n"
                            "3     11  delivers b 11000@1\n"
                            "3     21  commits PROPOSE a\n"
                            "3     21  appends RESOLVE a 11001\n"
                            "3     31  commits CMD d\n"
                            "3     31  delivers d 11000@3\n"
                            "4     12  delivers b 11000@1\n"
                            "4     13  delivers b 11000@1\n"
                            "4     21  delivers a 11001@1\n"
                            "4     32  delivers d 11000@3\n"
                            "4     33  delivers d 11000@3\n"
                            "5     21  commits RESOLVE a\n"
                            "5     22  delivers a 11001@1\n"
                            "5     23  delivers a 11001@1\n");
    assert_int_equal(order_undelivered(cluster_order(cluster, 11)), 2);
    cluster_release(cluster);
    cluster_run(cluster, 10);
    cluster_expect(cluster, "7     11  appends RESOLVE a 11001\n"
                            "7     11  delivers a 11001@1\n"
                            "7     11  delivers c 11002@1\n"
                            "8     12  delivers a 11001@1\n"
                            "8     12  delivers c 11002@1\n"
                            "8     13  delivers a 11001@1\n"
                            "8     13  delivers c 11002@1\n"
                            "9     11  commits RESOLVE a\n");
    cluster_free(&cluster);
}

/* Everything that could tell is lost: the client reached group 1 only. The SOFT is repeated, and what it needs comes as an answer. */
static void a_lost_soft_and_a_lost_fix_are_made_up_for(void **state)
{
    (void)state;
    struct cluster *cluster = cluster_of(2);
    cluster_rule(cluster, CLUSTER_DROP, WIRE_MESSAGE_SOFT, 0, 0);
    cluster_rule(cluster, CLUSTER_DROP, WIRE_MESSAGE_FIX, 0, 0);
    cluster_rule(cluster, CLUSTER_DROP, WIRE_MESSAGE_ACK, 0, 0);
    cluster_show(cluster, SHOW_BUT_DONE);
    cluster_submit_to(cluster, 'a', "12", "1");
    cluster_run_timers(cluster, 15);
    cluster_expect(cluster, "1     11  appends PROPOSE a 11000\n"
                            "1     11  SOFT a 11000 -> 21\n"
                            "1     11  ACK a 11000 -> 21\n"
                            "2     12  ACK a 11000 -> 21\n"
                            "2     13  ACK a 11000 -> 21\n"
                            "3     11  commits PROPOSE a\n"
                            "3     11  FIX a 11000 -> 21\n");
    cluster_rules_clear(cluster);
    cluster_rule(cluster, CLUSTER_DROP, WIRE_MESSAGE_FIX, 0, 0);
    cluster_rule(cluster, CLUSTER_DROP, WIRE_MESSAGE_ACK, 0, 0);
    cluster_run_timers(cluster, 15); /* the SOFT arrives, but no fact */
    cluster_expect(cluster, "21    11  SOFT a 11000 -> 21 22 23\n"
                            "22    21  appends PROPOSE a 32000\n"
                            "22    21  SOFT a 32000 -> 11\n"
                            "22    21  ACK a 32000 -> 11\n"
                            "23    11  appends CLOCK 33000\n"
                            "23    11  FIX a 11000 -> 21\n"
                            "23    22  ACK a 32000 -> 11\n"
                            "23    23  ACK a 32000 -> 11\n"
                            "24    21  commits PROPOSE a\n"
                            "24    21  FIX a 32000 -> 11\n");
    cluster_rules_clear(cluster);
    cluster_run_timers(cluster, 60);
    cluster_expect(cluster, "41    11  SOFT a 11000 -> 21 22 23\n"
                            "42    21  FIX a 32000 -> 11\n"
                            "42    21  SOFT a 32000 -> 11 12 13\n"
                            "42    22  FIX a 32000 -> 11\n"
                            "42    23  FIX a 32000 -> 11\n"
                            "43    11  appends RESOLVE a 32000\n"
                            "43    11  FIX a 11000 -> 21\n"
                            "43    11  delivers a 32000@2\n"
                            "43    12  FIX a 11000 -> 21\n"
                            "43    13  FIX a 11000 -> 21\n"
                            "44    12  delivers a 32000@2\n"
                            "44    13  delivers a 32000@2\n"
                            "44    21  appends RESOLVE a 32000\n"
                            "44    21  delivers a 32000@2\n"
                            "45    11  commits RESOLVE a\n"
                            "45    22  delivers a 32000@2\n"
                            "45    23  delivers a 32000@2\n"
                            "46    21  commits RESOLVE a\n");
    cluster_free(&cluster);
}

/* DONE is lost: the leaders ask for it until they have it, and only then is the record forgotten. */
static void a_record_is_kept_until_every_group_is_done(void **state)
{
    (void)state;
    struct cluster *cluster = cluster_of(2);
    cluster_rule(cluster, CLUSTER_DROP, WIRE_MESSAGE_DONE, 2, 1);
    cluster_show(cluster, CLUSTER_SHOW_DONE);
    cluster_submit(cluster, 'a', "12");
    cluster_run_timers(cluster, 15);
    cluster_expect(cluster, "5     11  DONE a -> 21\n"
                            "5     21  DONE a -> 11\n"
                            "6     21  FORGET a -> 22 23\n");
    assert_int_equal(order_records(cluster_order(cluster, 11)), 1);
    assert_int_equal(order_records(cluster_order(cluster, 13)), 1);
    assert_int_equal(order_records(cluster_order(cluster, 21)), 0);
    cluster_rules_clear(cluster);
    cluster_run_timers(cluster, 20);
    cluster_expect(cluster, "25    11  DONE_REQUEST a -> 21 22 23\n"
                            "26    21  DONE a -> 11\n"
                            "26    22  DONE a -> 11\n"
                            "26    23  DONE a -> 11\n"
                            "27    11  FORGET a -> 12 13\n");
    assert_int_equal(order_records(cluster_order(cluster, 11)), 0);
    assert_int_equal(order_records(cluster_order(cluster, 13)), 0);
    cluster_free(&cluster);
}

/* A client gave a up after group 2 had taken it, and moved its floor past it. Group 1 does not know whether a was there before: it asks
 * group 2, whose leader makes sure that it leads (two delays), and still waits; so the next SOFT is proposed. */
static void an_old_message_that_somebody_waits_for_is_proposed_after_asking(void **state)
{
    (void)state;
    struct cluster *cluster = cluster_of(2);
    cluster_show(cluster, SHOW_BUT_DONE);
    cluster_rule(cluster, CLUSTER_DROP, WIRE_MESSAGE_SOFT, 0, 0);
    cluster_rule(cluster, CLUSTER_DROP, WIRE_MESSAGE_ACK, 0, 0);
    cluster_rule(cluster, CLUSTER_DROP, WIRE_MESSAGE_FIX, 0, 0);
    cluster_submit_to(cluster, 'a', "12", "2");
    cluster_set_floor(cluster, 2);
    cluster_submit(cluster, 'c', "1"); /* raises the floor there */
    cluster_run_timers(cluster, 10);
    cluster_forget_trace(cluster);
    cluster_rules_clear(cluster);
    cluster_run_timers(cluster, 60);
    cluster_expect(cluster, "21    21  SOFT a 11000 -> 11 12 13\n"
                            "22    11  ASK a -> 21 22 23\n"
                            "25    21  TELL unresolved a -> 11\n"
                            "41    21  SOFT a 11000 -> 11 12 13\n"
                            "42    11  appends PROPOSE a 52000\n"
                            "42    11  SOFT a 52000 -> 21\n"
                            "42    11  ACK a 52000 -> 21\n"
                            "43    12  ACK a 52000 -> 21\n"
                            "43    13  ACK a 52000 -> 21\n"
                            "43    21  appends CLOCK 53000\n"
                            "43    21  FIX a 11000 -> 11\n"
                            "44    11  commits PROPOSE a\n"
                            "44    11  appends RESOLVE a 52000\n"
                            "44    11  FIX a 52000 -> 21\n"
                            "44    11  delivers a 52000@1\n"
                            "44    21  appends RESOLVE a 52000\n"
                            "45    12  delivers a 52000@1\n"
                            "45    13  delivers a 52000@1\n"
                            "45    21  delivers a 52000@1\n"
                            "46    11  commits RESOLVE a\n"
                            "46    21  commits RESOLVE a\n"
                            "46    22  delivers a 52000@1\n"
                            "46    23  delivers a 52000@1\n");
    assert_string_equal(cluster_delivered(cluster, 13), "ca");
    assert_string_equal(cluster_delivered(cluster, 23), "a");
    cluster_free(&cluster);
}

/* The same SOFT, but as a late duplicate: the message was delivered and forgotten by everyone. The answer is no, and nothing happens. */
static void a_late_duplicate_of_a_forgotten_message_is_not_proposed(void **state)
{
    (void)state;
    struct cluster *cluster = cluster_of(2);
    cluster_rule(cluster, CLUSTER_HOLD, WIRE_MESSAGE_SOFT, 2, 1);
    cluster_submit(cluster, 'a', "12");
    cluster_submit(cluster, 'b', "12");
    cluster_run(cluster, 10);
    cluster_set_floor(cluster, 1);
    cluster_submit(cluster, 'c', "1"); /* a is below the floor now, b is remembered by its id */
    cluster_run(cluster, 10);
    assert_string_equal(cluster_delivered(cluster, 11), "abc");
    cluster_forget_trace(cluster);
    cluster_release(cluster);
    cluster_run(cluster, 10);
    cluster_expect(cluster, "21    11  ASK a -> 21 22 23\n"
                            "24    21  TELL settled a -> 11\n");
    assert_string_equal(cluster_delivered(cluster, 11), "abc");
    assert_int_equal(cluster_entries(cluster, 11, WIRE_ENTRY_PROPOSE, 'a'), 1);
    cluster_free(&cluster);
}

/* Every message of every kind comes three times, the last one late, and the client sends everything again when it is over. */
static void duplicates_of_everything_change_nothing(void **state)
{
    (void)state;
    struct cluster *cluster = cluster_of(3);
    cluster_rule(cluster, CLUSTER_TWICE, 0, 0, 0);
    const char *destinations[] = {"12", "1", "23", "123", "3", "13", "2"};
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 7; i++) {
            cluster_submit(cluster, (char)('a' + i), destinations[i]);
            cluster_run_timers(cluster, 1);
        }
        cluster_run_timers(cluster, 30);
    }
    const char *expected[] = {"abdf", "acdg", "cdef"};
    for (uint32_t group = 1; group <= 3; group++) {
        for (uint32_t member = 1; member <= 3; member++) {
            assert_string_equal(cluster_delivered(cluster, 10 * group + member),
                                expected[group - 1]);
        }
        for (char name = 'a'; name <= 'g'; name++) {
            uint32_t entries = cluster_entries(cluster, 10 * group + 1, WIRE_ENTRY_CMD, name) +
                               cluster_entries(cluster, 10 * group + 1, WIRE_ENTRY_PROPOSE, name);
            assert_true(entries <= 1);
        }
        assert_int_equal(order_records(cluster_order(cluster, 10 * group + 1)), 0);
    }
    cluster_free(&cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_that_meets_no_other_is_delivered_after_three_delays),
        cmocka_unit_test(a_message_to_one_group_takes_as_long_and_talks_to_nobody_else),
        cmocka_unit_test(two_messages_that_cross_are_delivered_in_one_order_by_both_groups),
        cmocka_unit_test(a_message_that_reached_one_group_is_proposed_by_the_others),
        cmocka_unit_test(a_slower_clock_costs_one_delay_and_a_clock_entry),
        cmocka_unit_test(a_slower_clock_costs_nothing_within_the_look_ahead),
        cmocka_unit_test(without_acks_the_fix_of_the_leader_tells),
        cmocka_unit_test(a_pending_message_delays_what_is_behind_it_and_nothing_else),
        cmocka_unit_test(a_lost_soft_and_a_lost_fix_are_made_up_for),
        cmocka_unit_test(a_record_is_kept_until_every_group_is_done),
        cmocka_unit_test(an_old_message_that_somebody_waits_for_is_proposed_after_asking),
        cmocka_unit_test(a_late_duplicate_of_a_forgotten_message_is_not_proposed),
        cmocka_unit_test(duplicates_of_everything_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

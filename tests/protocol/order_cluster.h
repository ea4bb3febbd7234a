/* SPDX-License-Identifier: Apache-2.0 */
/* order_cluster: several groups of three order cores under a script: virtual time, chosen delays, a network that obeys the test.
 *
 * 1. Member m of group g is node 10 * g + m: nodes 11, 12, 13 are group 1. Group 0 exists and has no members here. At time 0
 *    the members 11, 21, ... lead, and every follower knows it.
 * 2. Every message takes the same delay and every sync the same time. What arrives at a member at one time is one batch, as in
 *    the driver: events, FLUSH, effects. A member has one sync at a time, which covers what was appended before it began.
 * 3. Messages may be dropped, held or doubled by kind, sender and receiver. Timers run only while cluster_run_timers lets them.
 * 4. A delivery is checked against those of all other members: one sequence per group, increasing timestamps, one final
 *    timestamp per message. What happens is written as text (cluster_take_trace): time in delays, node, what it did.
 *
 * Messages are named by a letter; the letter is the body and its sequence is 'a' = 1. Clocks are microseconds since time 0 plus
 * CLUSTER_CLOCK_FIRST, and 1 delay is CLUSTER_UNIT_US unless the settings say otherwise. */
#ifndef KV_TESTS_ORDER_CLUSTER_H
#define KV_TESTS_ORDER_CLUSTER_H

#include "multicast/base/prng.h"
#include "multicast/order/order.h"

#define CLUSTER_UNIT_US     1000u
#define CLUSTER_GROUPS_MAX  4 /* 1..4 */
#define CLUSTER_MEMBERS     3
#define CLUSTER_CLOCK_FIRST 10000u /* of every group at time 0, plus its skew */

struct cluster_settings {
    uint32_t groups;        /* 1..CLUSTER_GROUPS_MAX */
    uint64_t sync_us;       /* of one sync */
    uint64_t jitter_us;     /* a message takes up to as much less or more */
    uint64_t look_ahead_us; /* as order_settings */
    uint64_t retry_us;      /* as order_settings */
    bool no_fast_path;
    uint64_t skew_us[CLUSTER_GROUPS_MAX + 1]; /* how far the clock of group g is ahead */
};

struct cluster_delivery {
    uint64_t sequence;
    kv_timestamp timestamp;
    kv_instant at;
};

/* Which messages a rule means. 0 is any; a number below 10 is a group, else a node. Requests of clients are REQUEST from 0. */
enum cluster_action { CLUSTER_DROP, CLUSTER_HOLD, CLUSTER_TWICE };

/* What the trace shows. */
enum cluster_view {
    CLUSTER_SHOW_DELIVERIES = 1, /* deliveries and leaders */
    CLUSTER_SHOW_LOG = 2,        /* what a leader appends, and what it commits */
    CLUSTER_SHOW_TALK = 4,       /* SOFT, ACK, FIX, ASK, TELL */
    CLUSTER_SHOW_DONE = 8,       /* DONE_REQUEST, DONE, FORGET */
    CLUSTER_SHOW_ALL = 15
};

struct cluster;

struct cluster *cluster_new(const struct cluster_settings *settings);
void cluster_free(struct cluster **cluster);

/* ---- The script ---- */

/* A client sends message `name` for `destinations` ("12": groups 1 and 2) to the leaders it believes in, of all destinations, or of
 * the groups in `to` only, or to one node, which may not lead.
 * Arrives one delay later. */
void cluster_submit(struct cluster *cluster, char name, const char *destinations);
void cluster_submit_to(struct cluster *cluster, char name, const char *destinations,
                       const char *to);
void cluster_submit_at(struct cluster *cluster, char name, const char *destinations, uint32_t node);
void cluster_submit_sequence(struct cluster *cluster, uint64_t sequence, kv_group_set destinations);
void cluster_set_floor(struct cluster *cluster, uint64_t floor); /* of every later submission */

void cluster_rule(struct cluster *cluster, enum cluster_action action, int kind, uint32_t from,
                  uint32_t to);
void cluster_rules_clear(struct cluster *cluster);
void cluster_release(struct cluster *cluster); /* what was held leaves now; the rules are cleared */
void cluster_cut(struct cluster *cluster, uint32_t node); /* drops everything from and to it */

/* Stand for election at once, as if the old leader had asked for it; the client believes in it from now on. */
void cluster_elect(struct cluster *cluster, uint32_t node);
void cluster_crash(struct cluster *cluster, uint32_t node); /* what was not synced is lost */
void cluster_restart(struct cluster *cluster, uint32_t node);
/* Save a snapshot of ordering state and deliveries, and compact the log behind it. */
void cluster_snapshot(struct cluster *cluster, uint32_t node);

/* Let time pass, in delays; without timers nothing happens that no message or sync causes. */
void cluster_run(struct cluster *cluster, double delays);
void cluster_run_timers(struct cluster *cluster, double delays);

/* ---- What happened ---- */

/* Compare the trace since the last call with `expected`; fails the test and prints both when they differ. */
void cluster_expect(struct cluster *cluster, const char *expected);
void cluster_show(struct cluster *cluster,
                  int view); /* cluster_view, ored; CLUSTER_SHOW_ALL at first */
void cluster_forget_trace(struct cluster *cluster);

/* The letters that a node has delivered, in order. */
const char *cluster_delivered(struct cluster *cluster, uint32_t node);
/* When a node delivered a message, in delays since it was submitted; negative: it has not. */
double cluster_latency(struct cluster *cluster, uint32_t node, uint64_t sequence);
struct order *cluster_order(struct cluster *cluster, uint32_t node);
uint32_t cluster_leader(struct cluster *cluster, uint32_t group); /* whom clients believe in */
uint64_t cluster_sent(struct cluster *cluster, int kind);         /* messages of this kind so far */
/* Entries of this kind for message `name` in the log of a node, its snapshot left out. */
uint32_t cluster_entries(struct cluster *cluster, uint32_t node, int kind, char name);

#endif

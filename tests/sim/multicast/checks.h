/* SPDX-License-Identifier: Apache-2.0 */
/* checks: what must hold among the members of all groups, whatever happens. One file for each.
 *
 *   C1  delivered sequences of the members of a group are prefixes of one another      [check_sequence.c]
 *   C2  timestamps grow, and a message has the same one everywhere; at most once       [check_sequence.c]
 *   C3  no two messages share a timestamp: with C2, one order of everything, acyclic   [check_sequence.c]
 *   C4  after the faults everything goes on, and nothing is remembered for ever        [check_liveness.c]
 *   C5  committed logs agree; a message is in a log once; clocks are above the reach   [check_log.c]
 *   FIX what a member believes of another group is what that group has committed       [check_facts.c]
 *
 * Members that are paused, deposed, behind or restarted are judged like all others. */
#ifndef KV_MULTICAST_CHECKS_H
#define KV_MULTICAST_CHECKS_H

#include "multicast/order/order.h"

#define CHECK_GROUPS_MAX   4
#define CHECK_MESSAGES_MAX 256 /* of one run, by number: world_message_number */

struct check_report {
    bool failed;
    const char *checker;
    char text[400];
};

void check_fail(struct check_report *report, const char *checker, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* What is known of one message, by whomever. */
struct check_message {
    uint64_t destinations; /* 0: never sent */
    uint64_t committed;    /* groups that have it in their committed log */
    uint64_t claimed;      /* groups whose proposal somebody believes to know */
    kv_timestamp proposals[CHECK_GROUPS_MAX];
    kv_timestamp claims[CHECK_GROUPS_MAX];
    bool has_final;
    kv_timestamp final;
    uint32_t positions[CHECK_GROUPS_MAX]; /* in the delivered sequence, from 1; 0: not delivered */
};

struct check_delivery {
    uint32_t message;
    kv_timestamp timestamp;
};

struct check_entry {
    kv_term term;
    kv_clock reach;
    uint64_t content;
};

struct check_group {
    struct check_delivery *sequence;
    uint32_t delivered, sequence_capacity;
    struct check_entry *log; /* [i] is the entry at index i + 1 */
    uint32_t committed, log_capacity;
};

struct checks {
    struct check_report *report;
    bool facts; /* FIX is on */
    struct check_group groups[CHECK_GROUPS_MAX];
    struct check_message messages[CHECK_MESSAGES_MAX];
    uint32_t finals[2 * CHECK_MESSAGES_MAX]; /* hash of final timestamps: message number + 1 */
    uint64_t digest;
};

/* Forget a run, keep the memory. */
void checks_clear(struct checks *checks, struct check_report *report);
void checks_close(struct checks *checks);

/* The member that had delivered `before` messages delivers one more. */
void check_sequence_delivery(struct checks *checks, kv_group_id group, uint32_t message,
                             uint64_t before, const struct order_delivery *delivery);
/* A member goes on from a snapshot that claims to hold `delivered` messages up to `cursor`. */
void check_sequence_resume(struct checks *checks, kv_group_id group, uint64_t delivered,
                           kv_timestamp cursor);

/* A member has committed `entry`. `message` is its number, for CMD, PROPOSE and RESOLVE. */
void check_log_commit(struct checks *checks, kv_group_id group, uint32_t message,
                      const struct wire_entry *entry);

/* Somebody believes that `group` has committed `lts` for the message. */
void check_facts_claim(struct checks *checks, uint32_t message, kv_group_id group,
                       kv_timestamp lts);
/* A proposal has been committed, or a final timestamp became known. */
void check_facts_final(struct checks *checks, uint32_t message);

/* What is still missing for all groups to have delivered what any has committed; true: nothing. `text` says what. */
bool check_liveness_delivered(const struct checks *checks, uint32_t groups, char *text,
                              size_t size);

#endif

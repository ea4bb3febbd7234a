/* SPDX-License-Identifier: Apache-2.0 */
/* node_compare: whether the members of a group have the same state.
 *
 * The state behind a delivery is a function of the delivered sequence when nothing waits (engine invariant E4), so members take its digest
 * at the same positions of the sequence and tell each other. Who has another one than a majority of the group is wrong, and must
 * stop: its answers, its votes and its images are not to be trusted. Who sees that another one differs says so, and goes on. Pure.
 */
#ifndef KV_NODE_COMPARE_H
#define KV_NODE_COMPARE_H

#include "multicast/wire/message.h"

/* Deliveries between two digests. */
#define NODE_COMPARE_EVERY 64

/* Time between two messages about them. */
#define NODE_COMPARE_US 2000000

/* Digests that are remembered: a member that is this many of them behind is compared when it has caught up. */
#define NODE_COMPARE_KEPT 1024

struct node_sample {
    uint64_t position; /* 0: none */
    uint64_t digest;
};

/* Zero-initialise. */
struct node_compare {
    struct node_sample own[NODE_COMPARE_KEPT]; /* ring */
    uint32_t next;                             /* place of the next one */
    struct {
        kv_node_id node;
        struct node_sample last; /* at which it had another digest than this member; 0: never */
    } others[KV_MEMBERS_MAX];
};

/* This member's digest at a position, which is above all before it. */
void node_compare_sample(struct node_compare *compare, uint64_t position, uint64_t digest);

/* The newest ones, for others. Returns how many. */
uint32_t node_compare_tell(const struct node_compare *compare,
                           struct node_sample ret[WIRE_COMPARE_SAMPLES_MAX]);

enum node_opinion {
    NODE_OPINION_NONE,  /* nothing to compare, or all is well */
    NODE_OPINION_OTHER, /* that member differs from this one; it has not been said before */
    NODE_OPINION_SELF /* a majority of `voters` members agree with each other, and not with this one */
};

/* What another member has said. *ret_at: where they differ. */
enum node_opinion node_compare_hear(struct node_compare *compare, kv_node_id from, uint32_t voters,
                                    const struct wire_compare *message, uint64_t *ret_at);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* message_order: what the members of different groups say to each other about messages to several groups: for their order
 * (order.h) and, last, for their execution (engine.h). Part of wire/message.h, which has the table; "rule n" is rule n of
 * docs/protocol/multicast.md. */
#ifndef KV_WIRE_MESSAGE_ORDER_H
#define KV_WIRE_MESSAGE_ORDER_H

#include "multicast/base/bytes.h"
#include "multicast/base/ids.h"

/* Who speaks for another group: in front of every message between groups, so that each side learns who leads the other. */
struct wire_speaker {
    kv_group_id group;
    kv_term term;
    kv_node_id leader; /* believed in that term, or none */
};

/* [multicast rules 8-10] Repeated until the sender knows the final timestamp. */
struct wire_soft {
    struct wire_speaker speaker;
    kv_message_id id;
    kv_group_set destinations;
    uint64_t floor;
    kv_timestamp lts; /* of the speaker's group */
    kv_clock now;     /* of the sender: lifts slower clocks (rule 12) */
    /* The committed proposal of the oracle, if it is a destination and the sender knows it; 0: it is not or does not. A fact
     * is true whoever tells it: so nobody waits for an oracle that has ordered the message and then lost its quorum. */
    kv_clock oracle;
    kv_slice body;
};

/* [rules 13, 15] */
struct wire_fix {
    struct wire_speaker speaker;
    kv_message_id id;
    kv_timestamp lts;
};

/* [rules 16-18] Counted only under the configuration that governs it. */
struct wire_ack {
    struct wire_speaker speaker; /* term: of the entry and of the member when it took it */
    kv_message_id id;
    kv_timestamp lts;
    kv_index index;
    uint64_t config_digest; /* of the configuration in force there: a majority of that one counts */
};

/* [rule 34] */
struct wire_done_request {
    struct wire_speaker speaker;
    kv_message_id id;
};

struct wire_done {
    struct wire_speaker speaker;
    kv_message_id id;
};

/* [rule 35] Inside of a group. */
struct wire_forget {
    struct wire_speaker speaker;
    kv_message_id id;
};

/* [placement rule X9] */
struct wire_ask {
    struct wire_speaker speaker;
    kv_message_id id;
    uint64_t nonce;
};

struct wire_tell {
    struct wire_speaker speaker;
    kv_message_id id;
    uint64_t nonce;
    bool unresolved;
};

/* [docs/protocol/placement.md, S1-S6] The vote of a group on a message, from its turn there; repeated until it is acknowledged.
 * The S-SMR paper's word, because Raft has votes of its own. */
struct wire_signal {
    struct wire_speaker speaker;
    kv_message_id id;
    kv_timestamp
        timestamp; /* final, of the message: who has delivered beyond it and does not run it has finished it */
    uint8_t verdict;  /* a wire_verdict: OK, or why not */
    kv_slice payload; /* the machine's; at most KV_BODY_BYTES_MAX - 1 */
};

struct wire_signal_request {
    struct wire_speaker speaker;
    kv_message_id id;
};

struct wire_signal_ack {
    struct wire_speaker speaker;
    kv_message_id id;
};

/* [docs/protocol/locks.md, K6] What has the oracle among its destinations enters the order there (decision 0006), so a group that
 * wants it asks the oracle's leader; repeated until it is delivered. */
struct wire_forward {
    struct wire_speaker speaker;
    kv_message_id id; /* a group's own */
    kv_group_set destinations;
    kv_slice body;
};

#endif

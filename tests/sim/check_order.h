/* SPDX-License-Identifier: Apache-2.0 */
/* check_order: the delivered sequence of one group, the same at every member, crashed ones
 * included.
 *
 * We check, at each delivery of each member:
 *   1. The delivered sequences are prefixes of one another (O5): position k is the same message
 *      with the same timestamp and the same log index everywhere.
 *   2. Timestamps are strictly increasing (O3), positions have no gap.
 *   3. The engine's answer to the message at position k, whenever it comes, is the same everywhere but for hints (E1, E4).
 * The sequence is kept as the chronicle of the group; check_replay reads it. */
#ifndef KV_SIM_CHECK_ORDER_H
#define KV_SIM_CHECK_ORDER_H

#include "multicast/order/order.h"
#include "partition/engine/engine.h"
#include "tests/sim/check_raft.h"

struct check_order_delivery {
    struct wire_entry *entry; /* one reference */
    kv_timestamp timestamp;
    bool answered;
    bool complete; /* it was the whole answer */
    struct kv_buffer answer;
};

struct check_order {
    kv_group_id group;
    struct check_order_delivery *deliveries; /* of position p: deliveries[p - 1] */
    uint64_t count, capacity;
    uint64_t positions[CHECK_NODES_MAX]; /* last position of each member in its present life */
};

void check_order_close(struct check_order *check);

void check_order_delivered(struct check_order *check, struct sim_report *report, kv_node_id node,
                           const struct order_delivery *delivery);

/* A member's engine has answered a delivered message. */
void check_order_answered(struct check_order *check, struct sim_report *report, kv_node_id node,
                          const struct engine_reply *reply);

/* The delivery with this timestamp, or NULL. */
struct check_order_delivery *check_order_find(const struct check_order *check,
                                              kv_timestamp timestamp);

/* A member goes on behind `position`: it was restarted, or has loaded a snapshot. */
void check_order_goes_on(struct check_order *check, struct sim_report *report, kv_node_id node,
                         uint64_t position, kv_timestamp cursor);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* check_order: the delivered sequence of one group, the same at every member, crashed ones
 * included.
 *
 * We check, at each delivery of each member:
 *   1. The delivered sequences are prefixes of one another (O5): position k is the same message
 *      with the same timestamp and the same log index everywhere.
 *   2. Timestamps are strictly increasing (O3), positions have no gap.
 *   3. The engine's answer at position k is the same everywhere, byte for byte (E1, E4).
 * The sequence is kept as the chronicle of the group; check_digest, check_linear and check_once
 * read it. */
#ifndef KV_SIM_CHECK_ORDER_H
#define KV_SIM_CHECK_ORDER_H

#include "multicast/order/order.h"
#include "tests/sim/check_raft.h"

struct check_order_delivery {
    struct wire_entry *entry; /* one reference */
    kv_timestamp timestamp;
    struct kv_buffer answer;
};

struct check_order {
    kv_group_id group;
    struct check_order_delivery *deliveries; /* of position p: deliveries[p - 1] */
    uint64_t count, capacity;
    uint64_t positions[CHECK_NODES_MAX]; /* last position of each member in its present life */
};

void check_order_close(struct check_order *check);

/* A member has delivered and its engine has answered. */
void check_order_delivered(struct check_order *check, struct sim_report *report, kv_node_id node,
                           const struct order_delivery *delivery, kv_slice answer);

/* A member goes on behind `position`: it was restarted, or has loaded a snapshot. */
void check_order_goes_on(struct check_order *check, struct sim_report *report, kv_node_id node,
                         uint64_t position, kv_timestamp cursor);

#endif

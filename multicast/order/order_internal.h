/* SPDX-License-Identifier: Apache-2.0 */
/* order_internal: what the files of order share. */
#ifndef KV_ORDER_INTERNAL_H
#define KV_ORDER_INTERNAL_H

#include "multicast/base/assert.h"
#include "multicast/order/order.h"
#include "multicast/order/order_pending.h"

struct order {
    struct raft *raft;
    kv_group_id group;
    struct order_pending
        pending;         /* CMDs of the log, committed or not, that are not delivered (O2) */
    kv_index scanned;    /* every message at or below it is delivered */
    kv_timestamp cursor; /* final timestamp of the last delivery (O3) */
    uint64_t delivered;  /* length of the delivered sequence */
    struct trace *trace;
    char prefix[32];
};

/* Rule 4 and O1, O2: append a message to the log of a leader. */
enum status order_on_submit(struct order *order, const struct order_event *event,
                            struct order_effects *effects);

/* Follow what a raft step did to the log: the records behind `from` in effects. */
void order_follow_log(struct order *order, const struct raft_effects *effects, uint32_t from);

/* Rules 22-24: deliver what can be delivered. */
void order_deliver(struct order *order, struct order_effects *effects);

/* Append a delivery; takes over the reference. */
void order_emit_delivery(struct order_effects *effects, const struct order_delivery *delivery);

/* O2-O4 that can be seen in the state of one member; called behind every step. */
void order_check(const struct order *order);

#endif

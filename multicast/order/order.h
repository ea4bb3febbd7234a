/* SPDX-License-Identifier: Apache-2.0 */
/* order: one member of one group: Skeen timestamps on a Raft log. A pure core; owns the group's raft core.
 *
 * Turns a replicated log into a sequence of delivered messages with final timestamps (docs/protocol/multicast.md). This version
 * orders messages to one group (CMD); the entry kinds, reach and the delivery rule are those of several groups.
 *
 * Model.      order_step(event) -> effects. Every raft event passes through here. One thread.
 * Rules.      O1  A leader gives a CMD ts.clock = max(reach of its log's tail + 1, physical now); reach = ts.clock.  (rule 4)
 *             O2  A message that is in the log and not yet delivered is not appended again.                          (rule 6)
 *             O3  Deliveries of a member are in strictly increasing final timestamp.                                 (rule 24)
 *             O4  A delivered entry is committed, and its key.clock <= F, the reach of the committed prefix.         (rule 22-24)
 *             O5  The delivered sequences of two members are prefixes of one another.                                (safety 5)
 *             Asserted in order_deliver.c and order_invariants.c; O5 in tests/sim/check_order.c.
 * Ownership.  Inputs are borrowed until the call returns; effects are appended to the caller's struct and valid until
 *             order_effects_clear. */
#ifndef KV_ORDER_ORDER_H
#define KV_ORDER_ORDER_H

#include "multicast/raft/raft.h"

struct order;

struct order_settings {
    struct raft_settings raft;
};

/* A message on its way into the order. */
struct order_submit {
    kv_message_id id;
    kv_group_set destinations;
    uint64_t floor;
    kv_slice body;
};

enum order_event_kind {
    ORDER_EVENT_RAFT,   /* `raft`: any raft event but PROPOSE */
    ORDER_EVENT_SUBMIT, /* leader: order `submit` */
    ORDER_EVENT_INSTALLED /* a snapshot was loaded: `raft` is SNAPSHOT_INSTALLED, `cursor` comes from the snapshot */
};

struct order_event {
    enum order_event_kind kind;
    struct raft_event raft; /* now is read from here for every kind */
    kv_clock
        physical; /* wall clock in microseconds; affects timestamps only, never safety (rule 12) */
    struct order_submit submit;
    kv_timestamp cursor;
    uint64_t delivered;
};

/* One delivered message. */
struct order_delivery {
    struct wire_entry *entry; /* one reference, dropped by order_effects_clear */
    kv_timestamp timestamp;   /* final */
    uint64_t position;        /* in this group's delivered sequence, from 1 */
};

struct order_effects {
    struct raft_effects raft;
    struct order_delivery *deliveries;
    uint32_t delivery_count, delivery_capacity;
};

void order_effects_clear(struct order_effects *effects);
void order_effects_close(struct order_effects *effects);

struct order *order_new(const struct order_settings *settings, kv_instant now);
void order_destroy(struct order **order);

/* As raft_restore. A SNAPSHOT record is followed by order_restore_cursor. */
KV_MUST_CHECK enum status order_restore(struct order *order, const struct raft_persist *record);

/* The application state that goes on from a snapshot holds everything up to `cursor`, `delivered` messages. */
void order_restore_cursor(struct order *order, kv_timestamp cursor, uint64_t delivered);

/* Feed one event; effects are appended.
 * Statuses of raft_step; for SUBMIT also
 * STATUS_EXISTS   the message is in the log already and will be delivered; nothing changed. */
KV_MUST_CHECK enum status order_step(struct order *order, const struct order_event *event,
                                     struct order_effects *effects);

/* The raft core, for questions only. */
const struct raft *order_raft(const struct order *order);

kv_timestamp order_cursor(const struct order *order); /* final timestamp of the last delivery */
uint64_t order_delivered(const struct order *order);  /* length of the delivered sequence */
kv_index
order_delivered_index(const struct order *order); /* every message at or below it is delivered */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* order_pending: the messages of a log that are not delivered yet, by id and in the order of the log.
 *
 * Bounded by the log itself: a leader stops at KV_UNCOMMITTED_ENTRIES_MAX, and committed CMDs are delivered at once. */
#ifndef KV_ORDER_PENDING_H
#define KV_ORDER_PENDING_H

#include "multicast/wire/entry.h"

struct order_pending_node;

struct order_pending {
    struct order_pending_node *by_id; /* uthash */
    struct order_pending_node *first; /* by index, ascending */
    struct order_pending_node *last;
    struct order_pending_node *free; /* recycled nodes */
    uint32_t count;
};

void order_pending_close(struct order_pending *pending);

/* Add an entry behind all others; keeps a reference. An id that is present already is added too (a log of an earlier
 * leader may hold a message twice only if a fault is planted; the engine answers it from its record). */
void order_pending_add(struct order_pending *pending, struct wire_entry *entry);

bool order_pending_has(const struct order_pending *pending, kv_message_id id);

/* Remove every entry at or above index: the log was truncated. */
void order_pending_truncate(struct order_pending *pending, kv_index index);

/* Remove every entry at or below index: it was delivered, or a snapshot covers it. */
void order_pending_advance(struct order_pending *pending, kv_index index);

#endif

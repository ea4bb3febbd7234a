/* SPDX-License-Identifier: Apache-2.0 */
/* order_tail: the uncommitted CMD, PROPOSE, RESOLVE and REMOTE entries of the log, by index: what a truncation undoes and a
 * commit settles. A ring that grows to the bound of raft (KV_UNCOMMITTED_ENTRIES_MAX at a leader). */
#ifndef KV_ORDER_TAIL_H
#define KV_ORDER_TAIL_H

#include "multicast/order/order_messages.h"

struct order_tail_item {
    kv_index index;
    enum wire_entry_kind kind;
    struct order_message *message; /* NULL: a REMOTE, or a RESOLVE of a message that is forgotten */
    struct wire_entry *remote;     /* REMOTE: one reference, of whoever pops the item; else NULL */
};

struct order_tail {
    struct order_tail_item *items;
    uint32_t first, count, capacity;
};

void order_tail_push(struct order_tail *tail, struct order_tail_item item);
struct order_tail_item *order_tail_first(struct order_tail *tail); /* NULL: empty */
struct order_tail_item *order_tail_last(struct order_tail *tail);
void order_tail_pop_first(struct order_tail *tail);
void order_tail_pop_last(struct order_tail *tail);
void order_tail_close(struct order_tail *tail);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* order_deliver: the one rule of delivery, the same for leader, follower, candidate and deposed leader.
 *
 * [verdict rules 22-24] F is the reach of the committed prefix. Of the undelivered messages of that prefix the one with the
 * smallest key is delivered if its timestamp is final and its clock is at most F. A CMD's timestamp is final, and
 * timestamps grow along a log (O1), so the order of the log is the order of keys. */
#include "multicast/order/order_internal.h"

static void deliver_one(struct order *order, struct wire_entry *entry,
                        struct order_effects *effects)
{
    /* [rule 30] What the application's snapshot holds already is not delivered again. */
    if (kv_timestamp_compare(entry->timestamp, order->cursor) <= 0) {
        TRACE_LINE(order->trace, TRACE_DETAIL, order->prefix,
                   "index %llu is at or below the cursor -> delivered before",
                   (unsigned long long)entry->index.value);
        return;
    }
    KV_ASSERT(entry->reach.value >=
              entry->timestamp.clock.value); /* O4: clock <= reach here <= F */
    order->cursor = entry->timestamp;        /* O3 */
    order->delivered++;
    struct order_delivery delivery = {
        .entry = wire_entry_keep(entry),
        .timestamp = entry->timestamp,
        .position = order->delivered,
    };
    order_emit_delivery(effects, &delivery);
}

void order_deliver(struct order *order, struct order_effects *effects)
{
    kv_index commit = raft_commit(order->raft);
    while (order->scanned.value < commit.value) {
        kv_index next = {order->scanned.value + 1};
        struct wire_entry *entry = raft_entry(order->raft, next);
        KV_ASSERT(entry != NULL);
        switch (entry->kind) {
        case WIRE_ENTRY_CMD:
            deliver_one(order, entry, effects);
            break;
        case WIRE_ENTRY_NOOP:
        case WIRE_ENTRY_CONFIG:
        case WIRE_ENTRY_CLOCK:
            break;
        case WIRE_ENTRY_PROPOSE:
        case WIRE_ENTRY_RESOLVE:
        case WIRE_ENTRY_REMOTE:
            /* Entries of messages to several groups: no leader of this version appends them, and a member refuses
             * them before they reach its log (order_admits). */
            KV_UNREACHABLE();
        }
        order->scanned = next;
    }
    order_pending_advance(&order->pending, order->scanned);
}

void order_follow_log(struct order *order, const struct raft_effects *effects, uint32_t from)
{
    for (uint32_t i = from; i < effects->persist_count; i++) {
        const struct raft_persist *record = &effects->persists[i];
        switch (record->kind) {
        case RAFT_PERSIST_HARD_STATE:
            break;
        case RAFT_PERSIST_ENTRY:
            order_pending_truncate(&order->pending, record->entry->index);
            if (record->entry->kind == WIRE_ENTRY_CMD) {
                order_pending_add(&order->pending, record->entry);
            }
            break;
        case RAFT_PERSIST_SNAPSHOT:
            order_pending_advance(&order->pending, record->point.index);
            if (!record->keeps_log) {
                order_pending_truncate(&order->pending, (kv_index){0});
            }
            break;
        }
    }
}

void order_check(const struct order *order)
{
    KV_ASSERT(order->scanned.value == raft_commit(order->raft).value);
    KV_ASSERT(raft_snapshot_index(order->raft).value <= order->scanned.value);
    KV_ASSERT(order->pending.count <=
              raft_last(order->raft).value - raft_commit(order->raft).value);   /* O2 */
    KV_ASSERT(order->cursor.clock.value <= raft_tail_reach(order->raft).value); /* O4 */
}

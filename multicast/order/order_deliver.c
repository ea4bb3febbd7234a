/* SPDX-License-Identifier: Apache-2.0 */
/* order_deliver: the one rule of delivery, the same for leader, follower, candidate and deposed leader.
 *
 * [rules 22-24] F is the reach of the committed prefix. Of its undelivered messages, keyed by final timestamp if known, else by
 * the own proposal, take the smallest: if it is final and its clock is at most F, deliver it and repeat. Keys are lower
 * bounds of final timestamps, and everything behind the prefix is above F, so nothing smaller can ever come. */
#include "multicast/order/order_internal.h"

#define DELIVERIES_FIRST 64

void order_emit_delivery(struct order_effects *effects, const struct order_delivery *delivery)
{
    if (effects->delivery_count == effects->delivery_capacity) {
        uint32_t capacity =
            effects->delivery_capacity == 0 ? DELIVERIES_FIRST : effects->delivery_capacity * 2;
        effects->deliveries =
            kv_realloc(effects->deliveries, capacity * sizeof *effects->deliveries);
        effects->delivery_capacity = capacity;
    }
    effects->deliveries[effects->delivery_count++] = *delivery;
}

/* The message leaves the candidates: delivered now, or before into the application's snapshot (rule 30). */
static void settle(struct order *order, struct order_message *message)
{
    struct wire_entry *entry = message->entry;
    order_candidates_remove(&order->candidates, message);
    if (kv_timestamp_compare(message->final, order->cursor) > 0) {
        KV_ASSERT(message->committed &&
                  message->final.clock.value <= order->scanned_reach.value); /* O4 */
        order->cursor = message->final;                                      /* O3 */
        order->delivered++;
        struct order_delivery delivery = {.entry = wire_entry_keep(entry),
                                          .timestamp = message->final,
                                          .position = order->delivered};
        order_emit_delivery(order->effects, &delivery);
    } else {
        ORDER_TRACE(order, TRACE_DETAIL,
                    "sequence %llu is at or below the cursor -> delivered before",
                    (unsigned long long)message->id.sequence);
    }
    message->delivered = true;
    struct order_sessions *sessions = order_sessions_of(order, message->id);
    kv_session_id session = message->id.session;
    uint64_t floor = entry->floor;
    if (order_message_is_command(message)) {
        order_sessions_forget(sessions, message->id); /* rule 36: of a CMD, from delivery on */
        order_messages_remove(&order->messages, message);
    } else {
        order_maybe_forget(order, message);
    }
    order_sessions_raise_floor(sessions, session, floor);
}

void order_deliver(struct order *order)
{
    for (;;) {
        struct order_message *first = order_candidates_first(&order->candidates);
        if (first == NULL || !first->has_final ||
            first->key.clock.value > order->scanned_reach.value) {
            return;
        }
        settle(order, first);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* order_effects: the list of deliveries beside raft's effects. */
#include "multicast/order/order_internal.h"

/* Deliveries that the list starts with. */
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

void order_effects_clear(struct order_effects *effects)
{
    for (uint32_t i = 0; i < effects->delivery_count; i++) {
        wire_entry_drop(&effects->deliveries[i].entry);
    }
    effects->delivery_count = 0;
    raft_effects_clear(&effects->raft);
}

void order_effects_close(struct order_effects *effects)
{
    order_effects_clear(effects);
    kv_free(effects->deliveries);
    effects->deliveries = NULL;
    effects->delivery_capacity = 0;
    raft_effects_close(&effects->raft);
}

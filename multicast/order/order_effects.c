/* SPDX-License-Identifier: Apache-2.0 */
/* order_effects: deliveries and order's own sends beside raft's effects. */
#include "multicast/order/order_internal.h"

void order_effects_clear(struct order_effects *effects)
{
    for (uint32_t i = 0; i < effects->delivery_count; i++) {
        wire_entry_drop(&effects->deliveries[i].entry);
    }
    for (uint32_t i = 0; i < effects->held_count; i++) {
        wire_entry_drop(&effects->held[i]);
    }
    effects->delivery_count = 0;
    effects->send_count = 0;
    effects->held_count = 0;
    raft_effects_clear(&effects->raft);
}

void order_effects_close(struct order_effects *effects)
{
    order_effects_clear(effects);
    kv_free(effects->deliveries);
    kv_free(effects->sends);
    kv_free(effects->held);
    raft_effects_close(&effects->raft);
    *effects = (struct order_effects){0};
}

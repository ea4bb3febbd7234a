/* SPDX-License-Identifier: Apache-2.0 */
/* order_effects: deliveries, remote votes and order's own sends beside raft's effects. */
#include "multicast/order/order_internal.h"

#define REMOTES_FIRST 64

void order_emit_remote(struct order_effects *effects, struct wire_entry *entry)
{
    if (effects->remote_count == effects->remote_capacity) {
        effects->remote_capacity =
            effects->remote_capacity == 0 ? REMOTES_FIRST : effects->remote_capacity * 2;
        effects->remotes =
            kv_realloc(effects->remotes, effects->remote_capacity * sizeof(struct wire_entry *));
    }
    effects->remotes[effects->remote_count++] = entry;
}

void order_effects_clear(struct order_effects *effects)
{
    for (uint32_t i = 0; i < effects->delivery_count; i++) {
        wire_entry_drop(&effects->deliveries[i].entry);
    }
    for (uint32_t i = 0; i < effects->remote_count; i++) {
        wire_entry_drop(&effects->remotes[i]);
    }
    for (uint32_t i = 0; i < effects->held_count; i++) {
        wire_entry_drop(&effects->held[i]);
    }
    effects->delivery_count = 0;
    effects->remote_count = 0;
    effects->send_count = 0;
    effects->held_count = 0;
    raft_effects_clear(&effects->raft);
}

void order_effects_close(struct order_effects *effects)
{
    order_effects_clear(effects);
    kv_free(effects->deliveries);
    kv_free(effects->remotes);
    kv_free(effects->sends);
    kv_free(effects->held);
    raft_effects_close(&effects->raft);
    *effects = (struct order_effects){0};
}

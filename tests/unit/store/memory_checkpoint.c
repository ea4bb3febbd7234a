/* SPDX-License-Identifier: Apache-2.0 */
/* memory_checkpoint: see memory_checkpoint.h. */
#include "tests/unit/store/memory_checkpoint.h"

#include "multicast/base/assert.h"

void memory_checkpoint_freeze(struct memory_checkpoint *checkpoint, const struct machine *machine)
{
    struct machine_store stores[MACHINE_STORES_MAX];
    const uint32_t count = machine->ops->stores(machine->state, stores);
    for (uint32_t i = 0; i < count; i++) {
        store_freeze(stores[i].store, &checkpoint->layers[i]);
    }
    checkpoint->frozen = true;
}

void memory_checkpoint_thaw(struct memory_checkpoint *checkpoint, const struct machine *machine)
{
    struct machine_store stores[MACHINE_STORES_MAX];
    const uint32_t count = machine->ops->stores(machine->state, stores);
    for (uint32_t i = 0; i < count; i++) {
        struct kv_map *layer = NULL;
        struct memory_base *written = memory_base_new(checkpoint->bases[i], &checkpoint->layers[i]);
        const struct store_base base = memory_base_of(written);
        const enum status status = store_thaw(stores[i].store, &base, &layer);
        KV_ASSERT(status == STATUS_OK);
        kv_map_destroy(&layer);
        memory_base_destroy(&checkpoint->bases[i]);
        checkpoint->bases[i] = written;
        store_check(stores[i].store);
    }
    checkpoint->frozen = false;
}

void memory_checkpoint_abandon(struct memory_checkpoint *checkpoint, const struct machine *machine)
{
    struct machine_store stores[MACHINE_STORES_MAX];
    const uint32_t count = machine->ops->stores(machine->state, stores);
    for (uint32_t i = 0; i < count; i++) {
        store_abandon(stores[i].store);
        store_check(stores[i].store);
    }
    checkpoint->frozen = false;
}

void memory_checkpoint_bases(const struct memory_checkpoint *checkpoint,
                             struct store_base ret[MACHINE_STORES_MAX])
{
    for (uint32_t i = 0; i < MACHINE_STORES_MAX && checkpoint->bases[i] != NULL; i++) {
        ret[i] = memory_base_of(checkpoint->bases[i]);
    }
}

void memory_checkpoint_close(struct memory_checkpoint *checkpoint)
{
    for (uint32_t i = 0; i < MACHINE_STORES_MAX; i++) {
        memory_base_destroy(&checkpoint->bases[i]);
    }
    checkpoint->frozen = false;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* store_internal: what store.c and store_cursor.c share. */
#ifndef KV_STORE_STORE_INTERNAL_H
#define KV_STORE_STORE_INTERNAL_H

#include "partition/store/store.h"

struct store {
    struct kv_map *live;
    struct kv_map *frozen; /* NULL: none */
    struct store_base base;
    struct store_sum below;      /* rows of lower layers that the live one does not hide */
    struct store_sum frozen_sum; /* of the content at the freeze */
    enum status damage;
};

static inline bool store_has_below(const struct store *store)
{
    return store->frozen != NULL || store->base.ops != NULL;
}

/* Remember the first damage. */
static inline void store_damage(struct store *store, enum status status)
{
    if (store->damage == STATUS_OK) {
        store->damage = status;
    }
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* store_cursor: the rows of all layers in key order. The next row of each layer is at hand; the smallest key goes first, and of
 * equal keys the upper layer's, while those below it are passed over. */
#include "partition/store/store_internal.h"

static void cursor_advance_map(struct store_cursor *cursor, uint32_t layer)
{
    cursor->has[layer] = kv_map_next(&cursor->maps[layer], &cursor->rows[layer]);
}

static void cursor_advance_base(struct store_cursor *cursor, kv_slice from, bool behind)
{
    const struct store_base *base = &cursor->store->base;
    const enum status status =
        base->ops->next(base->state, from, behind, &cursor->rows[STORE_BASE]);
    cursor->has[STORE_BASE] = status == STATUS_OK;
    if (status != STATUS_OK && status != STATUS_END) {
        store_damage(cursor->store, status);
    }
}

void store_seek(struct store *store, kv_slice from, struct store_cursor *ret)
{
    ret->store = store;
    kv_map_seek(store->live, from, &ret->maps[STORE_LIVE]);
    if (!store_has_below(store)) {
        return;
    }
    cursor_advance_map(ret, STORE_LIVE);
    ret->has[STORE_FROZEN] = false;
    if (store->frozen != NULL) {
        kv_map_seek(store->frozen, from, &ret->maps[STORE_FROZEN]);
        cursor_advance_map(ret, STORE_FROZEN);
    }
    ret->has[STORE_BASE] = false;
    if (store->base.ops != NULL) {
        cursor_advance_base(ret, from, /* behind */ false);
    }
}

/* The layer whose row comes next; STORE_LAYERS: none. */
static uint32_t cursor_first(const struct store_cursor *cursor)
{
    uint32_t first = STORE_LAYERS;
    for (uint32_t layer = 0; layer < STORE_LAYERS; layer++) {
        if (cursor->has[layer] &&
            (first == STORE_LAYERS ||
             kv_slice_compare(cursor->rows[layer].key, cursor->rows[first].key) < 0)) {
            first = layer;
        }
    }
    return first;
}

bool store_next(struct store_cursor *cursor, struct kv_map_row *ret)
{
    if (!store_has_below(cursor->store)) {
        return kv_map_next(&cursor->maps[STORE_LIVE], ret);
    }
    for (uint32_t first = cursor_first(cursor); first < STORE_LAYERS;
         first = cursor_first(cursor)) {
        const struct kv_map_row row = cursor->rows[first];
        for (uint32_t layer = first; layer < STORE_LAYERS; layer++) {
            if (!cursor->has[layer] || !kv_slice_equal(cursor->rows[layer].key, row.key)) {
                continue;
            }
            if (layer == STORE_BASE) {
                cursor_advance_base(cursor, row.key, /* behind */ true);
            } else {
                cursor_advance_map(cursor, layer);
            }
        }
        if (!row.tombstone) {
            *ret = row;
            return true;
        }
    }
    return false;
}

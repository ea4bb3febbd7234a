/* SPDX-License-Identifier: Apache-2.0 */
/* memory_base: see memory_base.h. */
#include "tests/unit/store/memory_base.h"

#include "multicast/base/assert.h"

static void apply(struct memory_base *base, const struct kv_map *rows)
{
    struct kv_map_cursor cursor;
    struct kv_map_row row;
    kv_map_seek(rows, kv_slice_of(NULL, 0), &cursor);
    while (kv_map_next(&cursor, &row)) {
        if (row.tombstone) {
            const bool removed = kv_map_remove(base->rows, row.key);
            KV_ASSERT(removed); /* Y3 */
        } else {
            kv_map_put(base->rows, row.key, row.value, row.version);
        }
    }
}

struct memory_base *memory_base_new(const struct memory_base *before,
                                    const struct store_layer *layer)
{
    struct memory_base *base = kv_alloc_zero(1, sizeof(*base));
    KV_ASSERT(layer->whole == (before == NULL));
    base->rows = kv_map_new();
    if (before != NULL) {
        apply(base, before->rows);
    }
    apply(base, layer->rows);
    kv_map_seal(base->rows);
    return base;
}

void memory_base_destroy(struct memory_base **base)
{
    if (*base == NULL) {
        return;
    }
    kv_map_destroy(&(*base)->rows);
    kv_buffer_close(&(*base)->damaged);
    kv_free(*base);
    *base = NULL;
}

void memory_base_damage(struct memory_base *base, kv_slice key)
{
    base->has_damage = true;
    kv_buffer_append(&base->damaged, key.data, key.size);
}

static enum status check_row(const struct memory_base *base, const struct kv_map_row *row)
{
    return base->has_damage && kv_slice_equal(row->key, kv_buffer_slice(&base->damaged))
               ? STATUS_CORRUPT
               : STATUS_OK;
}

static enum status get(void *state, kv_slice key, struct kv_map_row *ret)
{
    const struct memory_base *base = state;
    if (!kv_map_get(base->rows, key, ret)) {
        return STATUS_NOT_FOUND;
    }
    return check_row(base, ret);
}

static enum status next(void *state, kv_slice from, bool behind, struct kv_map_row *ret)
{
    const struct memory_base *base = state;
    struct kv_map_cursor cursor;
    kv_map_seek(base->rows, from, &cursor);
    while (kv_map_next(&cursor, ret)) {
        if (!behind || !kv_slice_equal(ret->key, from)) {
            return check_row(base, ret);
        }
    }
    return STATUS_END;
}

struct store_base memory_base_of(struct memory_base *base)
{
    static const struct store_base_ops ops = {.get = get, .next = next};
    return (struct store_base){
        .ops = &ops,
        .state = base,
        .sum = {kv_map_count(base->rows), kv_map_digest(base->rows)},
    };
}

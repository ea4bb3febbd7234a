/* SPDX-License-Identifier: Apache-2.0 */
/* store: lookups through the layers, changes of the live one, and the life of a checkpoint.
 *
 * Count and digest are those of the live layer and of what it does not hide below. So the first change of a key that is below
 * looks it up there, once: its hash leaves the sum. */
#include "multicast/base/assert.h"
#include "partition/store/store_internal.h"

struct store *store_new(void)
{
    struct store *store = kv_alloc(sizeof(*store));
    *store = (struct store){.live = kv_map_new()};
    return store;
}

void store_destroy(struct store **store)
{
    if (*store == NULL) {
        return;
    }
    kv_map_destroy(&(*store)->live);
    kv_map_destroy(&(*store)->frozen);
    kv_free(*store);
    *store = NULL;
}

void store_clear(struct store *store, const struct store_base *base)
{
    kv_map_clear(store->live);
    kv_map_destroy(&store->frozen);
    store->base = base == NULL ? (struct store_base){.ops = NULL} : *base;
    store->below = store->base.sum;
    store->damage = STATUS_OK;
}

enum status store_status(const struct store *store)
{
    return store->damage;
}

/* ---- Rows ---- */

/* Whether the base has the key. */
static bool store_in_base(struct store *store, kv_slice key, struct kv_map_row *ret)
{
    if (store->base.ops == NULL) {
        return false;
    }
    const enum status status = store->base.ops->get(store->base.state, key, ret);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND) {
        store_damage(store, status);
    }
    return status == STATUS_OK;
}

/* Whether the layers below the live one have the key. */
static bool store_below(struct store *store, kv_slice key, struct kv_map_row *ret)
{
    struct kv_map_row row;
    if (store->frozen != NULL && kv_map_get(store->frozen, key, &row)) {
        if (row.tombstone) {
            return false;
        }
        *ret = row;
        return true;
    }
    return store_in_base(store, key, ret);
}

bool store_get(struct store *store, kv_slice key, struct kv_map_row *ret)
{
    struct kv_map_row row;
    if (kv_map_get(store->live, key, &row)) {
        if (row.tombstone) {
            return false;
        }
        *ret = row;
        return true;
    }
    return store_has_below(store) && store_below(store, key, ret);
}

/* The live layer is about to hide a row. */
static void store_hide(struct store *store, const struct kv_map_row *row)
{
    store->below.count--;
    store->below.digest -= row->hash;
}

void store_put(struct store *store, kv_slice key, kv_slice value, kv_timestamp version)
{
    struct kv_map_row row;
    if (store_has_below(store) && !kv_map_get(store->live, key, &row) &&
        store_below(store, key, &row)) {
        store_hide(store, &row);
    }
    kv_map_put(store->live, key, value, version);
}

bool store_remove(struct store *store, kv_slice key)
{
    struct kv_map_row row;
    if (!store_has_below(store)) {
        return kv_map_remove(store->live, key);
    }
    if (kv_map_get(store->live, key, &row)) {
        if (row.tombstone) {
            return false;
        }
        if (store_below(store, key, &row) || store->damage != STATUS_OK) {
            kv_map_bury(store->live, key); /* Y3 */
        } else {
            (void)kv_map_remove(store->live, key);
        }
        return true;
    }
    if (!store_below(store, key, &row)) {
        return false;
    }
    store_hide(store, &row);
    kv_map_bury(store->live, key);
    return true;
}

uint64_t store_count(const struct store *store)
{
    return kv_map_count(store->live) + store->below.count;
}

uint64_t store_digest(const struct store *store)
{
    return kv_map_digest(store->live) + store->below.digest;
}

uint64_t store_memory_bytes(const struct store *store)
{
    return kv_map_bytes(store->live) + (store->frozen == NULL ? 0 : kv_map_bytes(store->frozen));
}

/* ---- Checkpoints ---- */

void store_freeze(struct store *store, struct store_layer *ret)
{
    KV_ASSERT(store->frozen == NULL);
    const struct store_sum sum = {store_count(store), store_digest(store)};
    store->frozen = store->live;
    kv_map_seal(store->frozen); /* Y4 */
    store->live = kv_map_new();
    store->frozen_sum = sum;
    store->below = sum;
    *ret =
        (struct store_layer){.rows = store->frozen, .whole = store->base.ops == NULL, .sum = sum};
}

bool store_is_frozen(const struct store *store)
{
    return store->frozen != NULL;
}

enum status store_thaw(struct store *store, const struct store_base *base,
                       struct kv_map **ret_layer)
{
    KV_ASSERT(store->frozen != NULL && base->ops != NULL);
    if (base->sum.count != store->frozen_sum.count ||
        base->sum.digest != store->frozen_sum.digest) {
        return STATUS_CORRUPT;
    }
    /* The content below the live layer is the same as before, so what is hidden of it is, too. */
    *ret_layer = store->frozen;
    store->frozen = NULL;
    store->base = *base;
    return STATUS_OK;
}

/* One row or tombstone of the live layer goes to the frozen one, which becomes the live one. */
static void store_give_back(struct store *store, const struct kv_map_row *row)
{
    struct kv_map_row unused;
    if (!row->tombstone) {
        kv_map_put(store->frozen, row->key, row->value, row->version);
    } else if (store_in_base(store, row->key, &unused) || store->damage != STATUS_OK) {
        kv_map_bury(store->frozen, row->key);
    } else {
        (void)kv_map_remove(store->frozen, row->key); /* Y3 */
    }
}

void store_abandon(struct store *store)
{
    KV_ASSERT(store->frozen != NULL);
    const struct store_sum sum = {store_count(store), store_digest(store)};
    struct kv_map_cursor cursor;
    struct kv_map_row row;
    kv_map_unseal(store->frozen);
    kv_map_seek(store->live, kv_slice_of(NULL, 0), &cursor);
    while (kv_map_next(&cursor, &row)) {
        store_give_back(store, &row);
    }
    kv_map_destroy(&store->live);
    store->live = store->frozen;
    store->frozen = NULL;
    store->below = (struct store_sum){sum.count - kv_map_count(store->live),
                                      sum.digest - kv_map_digest(store->live)};
}

/* ---- Check ---- */

/* Y3 of one map, over what lies below it. */
static void store_check_tombstones(struct store *store, const struct kv_map *map)
{
    struct kv_map_cursor cursor;
    struct kv_map_row row, hidden;
    kv_map_seek(map, kv_slice_of(NULL, 0), &cursor);
    while (kv_map_next(&cursor, &row)) {
        if (row.tombstone) {
            const bool hides = map == store->live ? store_below(store, row.key, &hidden)
                                                  : store_in_base(store, row.key, &hidden);
            KV_ASSERT(hides || store->damage != STATUS_OK);
        }
    }
}

void store_check(struct store *store)
{
    struct store_sum sum = {0};
    struct store_cursor cursor;
    struct kv_map_row row;
    kv_slice before = {NULL, 0};
    kv_map_check(store->live);
    store_check_tombstones(store, store->live);
    if (store->frozen != NULL) {
        kv_map_check(store->frozen);
        store_check_tombstones(store, store->frozen);
    }
    store_seek(store, before, &cursor);
    while (store_next(&cursor, &row)) {
        struct kv_map_row same = {.hash = 0};
        KV_ASSERT(kv_slice_compare(before, row.key) < 0 && !row.tombstone);
        const bool found = store_get(store, row.key, &same); /* Y1 */
        KV_ASSERT((found && same.hash == row.hash) || store->damage != STATUS_OK);
        before = row.key;
        sum.count++;
        sum.digest += row.hash;
    }
    KV_ASSERT((sum.count == store_count(store) && sum.digest == store_digest(store)) || /* Y2 */
              store->damage != STATUS_OK);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* kv_map: an ordered map in memory from keys to versioned values, with a digest.
 *
 * Keys are compared as unsigned bytes (kv_slice_compare). The digest is a sum over all rows, modulo
 * 2^64, so it depends on the content alone, not on how it came about, and a change costs the hash
 * of one row.
 *
 * Invariants. M1 Keys are strictly ascending along the cursor.
 *             M2 digest and count are those of the rows.
 *             M3 Every node's keys are within its fences and share its prefix (kv_map_internal.h).
 *             Asserted in kv_map_check.c.
 * Ownership.  Keys and values are copied in. Rows borrow from the map until its next change. */
#ifndef KV_KV_MAP_H
#define KV_KV_MAP_H

#include "multicast/base/bytes.h"
#include "multicast/base/ids.h"

struct kv_map;

struct kv_map_row {
    kv_slice key;
    kv_slice value;
    kv_timestamp version; /* final timestamp of the command that wrote the value */
};

struct kv_map *kv_map_new(void);
void kv_map_destroy(struct kv_map **map);

/* Remove every row. */
void kv_map_clear(struct kv_map *map);

/* Look a key up; false: absent, *ret is untouched. */
bool kv_map_get(const struct kv_map *map, kv_slice key, struct kv_map_row *ret);

/* Set a key of 1..KV_KEY_BYTES_MAX bytes. Neither slice may borrow from this map. */
void kv_map_put(struct kv_map *map, kv_slice key, kv_slice value, kv_timestamp version);

/* Remove a key; false: it was absent. */
bool kv_map_remove(struct kv_map *map, kv_slice key);

/* A position between rows; valid until the next change of the map. */
struct kv_map_cursor {
    const struct kv_map_node *leaf;
    uint32_t position;
};

/* Stand before the first row whose key is not below `from`; an empty `from` is the beginning. */
void kv_map_seek(const struct kv_map *map, kv_slice from, struct kv_map_cursor *ret);

/* Step over one row; false: there is none left, *ret is untouched. */
bool kv_map_next(struct kv_map_cursor *cursor, struct kv_map_row *ret);

uint64_t kv_map_count(const struct kv_map *map);
uint64_t kv_map_digest(const struct kv_map *map);

/* Assert M1-M3 over the whole map; slow, for tests. */
void kv_map_check(const struct kv_map *map);

#endif

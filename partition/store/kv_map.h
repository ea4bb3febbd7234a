/* SPDX-License-Identifier: Apache-2.0 */
/* kv_map: an ordered map in memory from keys to versioned values, with a digest. A layer of a store (store.h) is one.
 *
 * Keys are compared as unsigned bytes (kv_slice_compare). The digest is a sum over all rows, modulo
 * 2^64, so it depends on the content alone, not on how it came about, and a change costs the hash
 * of one row.
 *
 * A key may have a tombstone in place of a value: it says that the key is absent, whatever a layer below says. Tombstones
 * do not count and are no part of the digest.
 *
 * Invariants. M1 Keys are strictly ascending along the cursor.
 *             M2 digest and count are those of the rows that are no tombstones.
 *             M3 Every node's keys are within its fences and share its prefix (kv_map_internal.h).
 *             Asserted in kv_map_check.c.
 * Ownership.  Keys and values are copied in. A row borrows from the map until its own key changes or the map is cleared or
 *             destroyed; changes of other keys leave it where it is. A cursor is valid until the next change.
 * Threads.    A sealed map does not change, so any number of threads may read it. */
#ifndef KV_STORE_KV_MAP_H
#define KV_STORE_KV_MAP_H

#include "multicast/base/bytes.h"
#include "multicast/base/ids.h"

struct kv_map;

struct kv_map_row {
    kv_slice key;
    kv_slice value;
    kv_timestamp version; /* final timestamp of the command that wrote the value */
    uint64_t hash;        /* kv_map_row_hash: its share in the digest; of a tombstone: 0 */
    bool tombstone;       /* the key is absent; no value, no version */
};

/* A row's share in the digest, and its checksum on disk: XXH3-64 over key, value and version. */
uint64_t kv_map_row_hash(kv_slice key, kv_slice value, kv_timestamp version);

struct kv_map *kv_map_new(void);
void kv_map_destroy(struct kv_map **map);

/* Remove every row. */
void kv_map_clear(struct kv_map *map);

/* Look a key up, which may find a tombstone; false: neither row nor tombstone, *ret is untouched. */
bool kv_map_get(const struct kv_map *map, kv_slice key, struct kv_map_row *ret);

/* Set a key of 1..KV_KEY_BYTES_MAX bytes. Neither slice may borrow from this map. */
void kv_map_put(struct kv_map *map, kv_slice key, kv_slice value, kv_timestamp version);

/* Set a tombstone. */
void kv_map_bury(struct kv_map *map, kv_slice key);

/* Remove a key's row or tombstone; false: it had none. */
bool kv_map_remove(struct kv_map *map, kv_slice key);

/* From now on the map does not change (asserted), or may change again. */
void kv_map_seal(struct kv_map *map);
void kv_map_unseal(struct kv_map *map);

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

/* Memory of all rows and tombstones. */
uint64_t kv_map_bytes(const struct kv_map *map);

/* Assert M1-M3 over the whole map; slow, for tests. */
void kv_map_check(const struct kv_map *map);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* store: an ordered map from keys to versioned values that may be larger than memory.
 *
 * It is made of layers, the upper ones before the lower ones:
 *
 *   live     rows and tombstones since the last freeze; the only layer that changes
 *   frozen   the live layer of before, while a checkpoint is being written; else there is none
 *   base     what the last checkpoint wrote, behind a small table of functions; there may be none
 *
 * A tombstone hides the row of a lower layer. Life of a checkpoint:
 *
 *   store_freeze -> another thread writes the layer onto the base -> store_thaw      on the new base
 *                                                                \-> store_abandon   it could not be written
 *
 * Without a base and a frozen layer there are no tombstones, and a store costs what its kv_map costs.
 *
 * Damage. A base may find that bytes on disk are not those that were written. It says so with a status; the store remembers the
 * first one (store_status), and its caller is told that the key is absent, or that a scan has ended. So whoever drives the store asks
 * for the status behind each call that looked something up and before anybody hears of the outcome: with a status there is no
 * answer, and the content in memory is of no use any more. It never becomes an assertion here.
 *
 * Invariants. Y1 A lookup and the cursor give the content: of each key the uppermost row or tombstone counts.
 *             Y2 count and digest are those of the content: equal contents have equal digests, however they came about.
 *             Y3 A tombstone hides a row of a lower layer.
 *             Y4 The frozen layer does not change (kv_map_seal).
 *             Asserted in store_check.
 * Ownership.  Keys and values are copied in. A row is valid until its own key changes, or the layers do (freeze, thaw, abandon,
 *             clear, destroy); changes of other keys leave it where it is. Rows of a base stay as long as the base, which its owner
 *             keeps until the store has been given another one. A cursor is valid until the next change.
 * Threads.    One at a time; but others may read the layer that store_freeze gives until thaw, abandon or clear. */
#ifndef KV_STORE_STORE_H
#define KV_STORE_STORE_H

#include "multicast/base/status.h"
#include "partition/store/kv_map.h"

struct store;

/* How many rows there are, and the sum of their hashes modulo 2^64. */
struct store_sum {
    uint64_t count;
    uint64_t digest;
};

/* The slots of a base. They may block on the disk. What they give is checked: key and value have legal sizes, `hash` is
 * kv_map_row_hash of the row, and it is no tombstone. Rows are valid as long as the base. Any other status than those named
 * says that it is damaged or cannot be read. */
struct store_base_ops {
    /* Look a key up: OK or NOT_FOUND. */
    enum status (*get)(void *state, kv_slice key, struct kv_map_row *ret);
    /* The first row whose key is not below `from`, with `behind` above it: OK or END. */
    enum status (*next)(void *state, kv_slice from, bool behind, struct kv_map_row *ret);
};

/* A content that does not change. */
struct store_base {
    const struct store_base_ops *ops; /* NULL: no base */
    void *state;
    struct store_sum sum; /* known without reading it */
};

/* What a checkpoint has to write. */
struct store_layer {
    const struct kv_map *rows; /* and tombstones: changes since the base */
    bool whole;                /* there is no base: what the disk has is no part of the content */
    struct store_sum sum;      /* of the content at the freeze */
};

struct store *store_new(void);
void store_destroy(struct store **store);

/* Replace the content by that of a base; NULL: by nothing. Forgets damage. Nobody reads a frozen layer any more: it goes, too. */
void store_clear(struct store *store, const struct store_base *base);

/* OK, or the first damage that was met. */
enum status store_status(const struct store *store);

/* Look a key up; false: absent, *ret is untouched. */
bool store_get(struct store *store, kv_slice key, struct kv_map_row *ret);

/* Set a key of 1..KV_KEY_BYTES_MAX bytes. The value must not be that of the key's own row. */
void store_put(struct store *store, kv_slice key, kv_slice value, kv_timestamp version);

/* Remove a key; false: it was absent. */
bool store_remove(struct store *store, kv_slice key);

uint64_t store_count(const struct store *store);
uint64_t store_digest(const struct store *store);

/* Memory of rows and tombstones: when this is large, it is time for a checkpoint. */
uint64_t store_memory_bytes(const struct store *store);

/* A position between rows. */
enum { STORE_LIVE, STORE_FROZEN, STORE_BASE, STORE_LAYERS };
struct store_cursor {
    struct store *store;
    struct kv_map_cursor maps[STORE_BASE];
    struct kv_map_row rows[STORE_LAYERS]; /* the next one of each layer */
    bool has[STORE_LAYERS];
};

/* Stand before the first row whose key is not below `from`; an empty `from` is the beginning. */
void store_seek(struct store *store, kv_slice from, struct store_cursor *ret);

/* Step over one row; false: there is none left, *ret is untouched. */
bool store_next(struct store_cursor *cursor, struct kv_map_row *ret);

/* Freeze the live layer, which another thread may read from now on. O(1). Not while one is frozen. */
void store_freeze(struct store *store, struct store_layer *ret);
bool store_is_frozen(const struct store *store);

/* The frozen layer is in `base`, which takes its place and that of the base before: the owner may drop that one now. Nobody reads
 * the layer any more; it is handed out, to be destroyed, since that takes time: on any thread.
 *
 * OK
 * CORRUPT  the base does not have the content that was frozen; nothing has changed. */
KV_MUST_CHECK enum status store_thaw(struct store *store, const struct store_base *base,
                                     struct kv_map **ret_layer);

/* The frozen layer could not be written: it joins the live one again. Nobody reads it any more. O(live). */
void store_abandon(struct store *store);

/* Assert Y1-Y3 over the whole content, if it has no damage; slow, for tests. */
void store_check(struct store *store);

#endif

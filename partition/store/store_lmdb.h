/* SPDX-License-Identifier: Apache-2.0 */
/* store_lmdb: checkpoints of one group member on disk: an LMDB environment in a directory of its own.
 *
 * It has a table for each store of the machine, a table of blobs (what a checkpoint keeps beside rows, by name), and a head: whose
 * it is, a generation that counts the checkpoints, and count and digest of each table. A checkpoint is one transaction, so after a
 * crash the directory has either the old generation or the new one.
 *
 * LMDB has no checksums, so each record carries one over key, version and value, and it is tested whenever the record is read. What
 * no record's checksum can tell: that a record is missing. Lookups that find nothing test both neighbours, which tells
 * when the key or the way to it was damaged; a walk tells all of it, since it has count and digest to compare with. What only somebody else can tell:
 * that damage made LMDB fall back to the generation before. So whoever refers to a checkpoint compares its generation.
 *
 * Damage can also make LMDB itself crash: the process ends, and nothing wrong has been said.
 *
 * LMDB's rules: the map is large and sparse; readers are bound to views, not to threads (MDB_NOTLS); no MDB_NOSYNC, MDB_WRITEMAP,
 * MDB_DUPSORT; no environment is used across a fork, or opened twice in one process.
 *
 * Invariants. Z1 A view shows one generation, whatever is written meanwhile.
 *             Z2 A row that a base gives has the key, value and version that were written.
 *             Z3 A failed or aborted write leaves the generation before as it was.
 * Ownership.  Views and writes end before their environment is closed. What a view's base gives is valid until the view is
 *             destroyed.
 * Threads.    Environment: any. A view: one at a time. A write: the thread that began it; there is one at a time, others wait. */
#ifndef KV_STORE_STORE_LMDB_H
#define KV_STORE_STORE_LMDB_H

#include "multicast/base/limits.h"
#include "partition/store/store.h"

/* Stores of one machine at most. */
#define STORE_LMDB_TABLES_MAX 4

/* Bytes of the name of a table or blob at most; at least 1. */
#define STORE_LMDB_NAME_BYTES_MAX 15

struct store_lmdb;       /* an open environment */
struct store_lmdb_view;  /* a generation that is read */
struct store_lmdb_write; /* the next generation */

struct store_lmdb_options {
    const char *directory; /* made if it is missing, unless read_only; its parent exists */
    uint64_t
        map_bytes; /* what the file may grow to, a multiple of 4096; address space, not memory */
    bool read_only;
    kv_cluster_id cluster;
    kv_group_id group;
    kv_node_id node;
    uint32_t table_count;
    const char *tables[STORE_LMDB_TABLES_MAX]; /* names (copied); not "head" or "blobs" */
};

/* Open an environment. A new one has generation 0: tables without rows, and no blobs.
 *
 * OK
 * NOT_FOUND  read_only, and there is none
 * CORRUPT    damaged
 * VERSION    of a format, or with tables, that this version does not know
 * FOREIGN    of another cluster, group or node
 * NO_SPACE, IO, FULL (map_bytes is too small) */
KV_MUST_CHECK enum status store_lmdb_open(const struct store_lmdb_options *options,
                                          struct store_lmdb **ret);
void store_lmdb_close(struct store_lmdb **lmdb);

struct store_lmdb_sizes {
    uint64_t map_bytes;  /* what the file may grow to */
    uint64_t file_bytes; /* what it has grown to */
    uint64_t free_bytes; /* of those, what later generations will use again */
};

KV_MUST_CHECK enum status store_lmdb_sizes(struct store_lmdb *lmdb, struct store_lmdb_sizes *ret);

/* ---- Reading ---- */

/* The last generation. CORRUPT, FULL (too many views), IO. */
KV_MUST_CHECK enum status store_lmdb_view_new(struct store_lmdb *lmdb,
                                              struct store_lmdb_view **ret);
void store_lmdb_view_destroy(struct store_lmdb_view **view);

uint64_t store_lmdb_view_generation(const struct store_lmdb_view *view);

/* A table, by its number in the options, as the base of a store; valid as long as the view. */
struct store_base store_lmdb_view_base(struct store_lmdb_view *view, uint32_t table);

/* Append a blob to ret. NOT_FOUND, CORRUPT, IO: ret is as before. */
KV_MUST_CHECK enum status store_lmdb_view_blob(struct store_lmdb_view *view, const char *name,
                                               struct kv_buffer *ret);

struct store_lmdb_walk {
    uint64_t rows;       /* of all tables */
    uint64_t blob_bytes; /* of all blobs */
    const char
        *damaged; /* the first table that is, as the options or this module call it; NULL: none */
};

/* Read everything and compare it with its checksums and with the head. OK, CORRUPT, IO. *ret is always set. */
KV_MUST_CHECK enum status store_lmdb_view_walk(struct store_lmdb_view *view,
                                               struct store_lmdb_walk *ret);

/* ---- Writing: a failure is remembered, and commit tells it; what follows it does nothing ---- */

/* Begin the next generation, which has all of the one before until something is put. CORRUPT, IO. */
KV_MUST_CHECK enum status store_lmdb_write_new(struct store_lmdb *lmdb,
                                               struct store_lmdb_write **ret);

/* Put a frozen layer onto its table; a whole one replaces what the table has. */
void store_lmdb_write_layer(struct store_lmdb_write *write, uint32_t table,
                            const struct store_layer *layer);

/* Put rows, by ascending keys, into a table of generation 0, which has none: its sum is theirs. CORRUPT: not ascending. */
void store_lmdb_write_row(struct store_lmdb_write *write, uint32_t table,
                          const struct kv_map_row *row);

/* Put a blob in place of the one of this name. */
void store_lmdb_write_blob(struct store_lmdb_write *write, const char *name, kv_slice bytes);

/* Make it durable, and end the write.
 *
 * OK        *ret_generation is the last one now
 * FULL      the map is; NO_SPACE, the disk is: the generation before is the last one
 * CORRUPT   the generation before is damaged: a table does not have what the layer was frozen over
 * IO        it is not known which generation a restart will find */
KV_MUST_CHECK enum status store_lmdb_write_commit(struct store_lmdb_write **write,
                                                  uint64_t *ret_generation);
void store_lmdb_write_abort(struct store_lmdb_write **write);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* store_lmdb_internal: what the files of store_lmdb share.
 *
 * 1. store_lmdb.c opens and closes environments, store_lmdb_head.c is the head.
 * 2. store_lmdb_view.c reads rows and blobs, store_lmdb_walk.c all of them, store_lmdb_write.c writes.
 * 3. store_lmdb_record.c is the form of a record. docs/storage.md has the layout. */
#ifndef KV_STORE_STORE_LMDB_INTERNAL_H
#define KV_STORE_STORE_LMDB_INTERNAL_H

#include <lmdb.h>

#include "multicast/base/assert.h"
#include "multicast/base/failpoint.h"
#include "partition/store/store_lmdb.h"

/* The machine's tables, and behind them that of blobs. */
#define STORE_LMDB_SUMS_MAX (STORE_LMDB_TABLES_MAX + 1)

/* Keys of LMDB end at 511 bytes; its keys are ordered like kv_slice_compare. */
#define STORE_LMDB_KEY_BYTES_MAX 511
_Static_assert(KV_KEY_BYTES_MAX <= STORE_LMDB_KEY_BYTES_MAX, "a key is the key of its record");

/* Bytes of a blob in one record: large records need pages in a row, which an old file may not have. */
#define STORE_LMDB_PIECE_BYTES (256 * 1024)
_Static_assert(STORE_LMDB_PIECE_BYTES <= KV_VALUE_BYTES_MAX, "a piece is a value");

/* What a record of a row has beside the value. */
#define STORE_LMDB_RECORD_OVERHEAD 18

struct store_lmdb {
    MDB_env *env;
    struct store_lmdb_options options;
    char names[STORE_LMDB_TABLES_MAX][STORE_LMDB_NAME_BYTES_MAX + 1]; /* options.tables */
    MDB_dbi tables[STORE_LMDB_SUMS_MAX]; /* the last one, table_count, is that of blobs */
    MDB_dbi head;
};

/* Whose an environment is, and what it has. */
struct store_lmdb_head {
    uint64_t generation;
    struct store_sum sums[STORE_LMDB_SUMS_MAX]; /* by table */
};

struct store_lmdb_table {
    struct store_lmdb_view *view;
    MDB_cursor *probe; /* for lookups */
    MDB_cursor *scan;
    kv_slice at; /* the key on which `scan` stands; empty: nowhere */
};

struct store_lmdb_view {
    struct store_lmdb *lmdb;
    MDB_txn *txn;
    struct store_lmdb_head head;
    struct store_lmdb_table tables[STORE_LMDB_SUMS_MAX];
};

struct store_lmdb_write {
    struct store_lmdb *lmdb;
    MDB_txn *txn;
    enum status failure; /* the first one */
    struct store_lmdb_head head;
    struct kv_buffer record; /* scratch */
};

/* ---- store_lmdb.c ---- */

/* Pass a failpoint: OK, NO_SPACE or IO. */
enum status store_lmdb_failpoint(enum failpoint point);

/* Of what LMDB returns, but for MDB_NOTFOUND where that is an answer. */
enum status store_lmdb_status(int code);

static inline MDB_val store_lmdb_val(kv_slice bytes)
{
    return (MDB_val){.mv_size = bytes.size, .mv_data = (void *)(uintptr_t)bytes.data};
}

static inline kv_slice store_lmdb_slice(MDB_val value)
{
    return kv_slice_of(value.mv_data, value.mv_size);
}

/* ---- store_lmdb_head.c ---- */

/* Read the head in a transaction: OK, CORRUPT, VERSION, FOREIGN, IO. */
enum status store_lmdb_head_get(const struct store_lmdb *lmdb, MDB_txn *txn,
                                struct store_lmdb_head *ret);
enum status store_lmdb_head_put(const struct store_lmdb *lmdb, MDB_txn *txn,
                                const struct store_lmdb_head *head);

/* ---- store_lmdb_record.c ---- */

/* The value of a record; *ret is cleared first. */
void store_lmdb_record_encode(uint64_t hash, kv_timestamp version, kv_slice value,
                              struct kv_buffer *ret);

/* A record as a row, which borrows from it. CORRUPT: it is not what was written. */
enum status store_lmdb_record_decode(kv_slice key, kv_slice record, struct kv_map_row *ret);

/* The key of piece `number` of a blob: its name, a zero byte, the number, most significant byte first. */
struct store_lmdb_blob_key {
    uint8_t bytes[STORE_LMDB_NAME_BYTES_MAX + 5];
    size_t size;
};
void store_lmdb_blob_key(const char *name, uint32_t number, struct store_lmdb_blob_key *ret);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* store_lmdb_write: the next generation, in one transaction.
 *
 * LMDB writes changed pages beside the old ones, syncs them, and then the page that names the newest generation. Nothing of the generation
 * before is touched until then. */
#include <string.h>

#include "partition/store/store_lmdb_internal.h"

static void write_fail(struct store_lmdb_write *write, enum status status)
{
    if (write->failure == STATUS_OK) {
        write->failure = status;
    }
}

enum status store_lmdb_write_new(struct store_lmdb *lmdb, struct store_lmdb_write **ret)
{
    KV_ASSERT(!lmdb->options.read_only);
    struct store_lmdb_write *write = kv_alloc_zero(1, sizeof(*write));
    write->lmdb = lmdb;
    enum status status = store_lmdb_status(mdb_txn_begin(lmdb->env, NULL, 0, &write->txn));
    if (status != STATUS_OK) {
        kv_free(write);
        return status;
    }
    /* The head names the transaction that wrote it: the one before. */
    MDB_txn *before;
    status = store_lmdb_status(mdb_txn_begin(lmdb->env, NULL, MDB_RDONLY, &before));
    if (status == STATUS_OK) {
        status = store_lmdb_head_get(lmdb, before, &write->head);
        mdb_txn_abort(before);
    }
    if (status != STATUS_OK) {
        store_lmdb_write_abort(&write);
        return status;
    }
    *ret = write;
    return STATUS_OK;
}

static int write_record(struct store_lmdb_write *write, uint32_t table, kv_slice key, uint64_t hash,
                        kv_timestamp version, kv_slice value, unsigned flags)
{
    MDB_val at = store_lmdb_val(key);
    store_lmdb_record_encode(hash, version, value, &write->record);
    MDB_val record = store_lmdb_val(kv_buffer_slice(&write->record));
    return mdb_put(write->txn, write->lmdb->tables[table], &at, &record, flags);
}

static enum status write_row(struct store_lmdb_write *write, uint32_t table,
                             const struct store_layer *layer, const struct kv_map_row *row)
{
    if (row->tombstone) {
        MDB_val key = store_lmdb_val(row->key);
        return store_lmdb_status(
            mdb_del(write->txn, write->lmdb->tables[table], &key, NULL)); /* Y3: it is there */
    }
    return store_lmdb_status(write_record(write, table, row->key, row->hash, row->version,
                                          row->value, layer->whole ? MDB_APPEND : 0));
}

void store_lmdb_write_layer(struct store_lmdb_write *write, uint32_t table,
                            const struct store_layer *layer)
{
    struct kv_map_cursor cursor;
    struct kv_map_row row;
    MDB_stat stat = {0};
    KV_ASSERT(table < write->lmdb->options.table_count);
    const MDB_dbi dbi = write->lmdb->tables[table];
    write_fail(write, store_lmdb_failpoint(FAILPOINT_STATE_BEFORE_LAYER));
    if (write->failure == STATUS_OK && layer->whole) {
        write_fail(write, store_lmdb_status(mdb_drop(write->txn, dbi, /* delete it */ 0)));
    }
    kv_map_seek(layer->rows, kv_slice_of(NULL, 0), &cursor);
    while (write->failure == STATUS_OK && kv_map_next(&cursor, &row)) {
        write_fail(write, write_row(write, table, layer, &row));
    }
    if (write->failure == STATUS_OK) {
        write_fail(write, store_lmdb_status(mdb_stat(write->txn, dbi, &stat)));
    }
    if (write->failure == STATUS_OK && stat.ms_entries != layer->sum.count) {
        write_fail(write, STATUS_CORRUPT);
    }
    write->head.sums[table] = layer->sum;
    write_fail(write, store_lmdb_failpoint(FAILPOINT_STATE_AFTER_LAYER));
}

void store_lmdb_write_row(struct store_lmdb_write *write, uint32_t table,
                          const struct kv_map_row *row)
{
    KV_ASSERT(table < write->lmdb->options.table_count && !row->tombstone);
    if (write->failure != STATUS_OK) {
        return;
    }
    const uint64_t hash = kv_map_row_hash(row->key, row->value, row->version);
    const int code =
        write_record(write, table, row->key, hash, row->version, row->value, MDB_APPEND);
    write_fail(write, code == MDB_KEYEXIST ? STATUS_CORRUPT : store_lmdb_status(code));
    write->head.sums[table].count++;
    write->head.sums[table].digest += hash;
}

/* ---- Blobs ---- */

/* Remove all pieces of a blob. */
static void write_cut(struct store_lmdb_write *write, const char *name)
{
    const uint32_t blobs = write->lmdb->options.table_count;
    struct store_sum *sum = &write->head.sums[blobs];
    for (uint32_t number = 0; write->failure == STATUS_OK; number++) {
        struct store_lmdb_blob_key key;
        struct kv_map_row piece;
        MDB_val value;
        store_lmdb_blob_key(name, number, &key);
        MDB_val at = {.mv_size = key.size, .mv_data = key.bytes};
        const int code = mdb_get(write->txn, write->lmdb->tables[blobs], &at, &value);
        if (code == MDB_NOTFOUND) {
            return;
        }
        write_fail(write, store_lmdb_status(code));
        if (write->failure == STATUS_OK) {
            write_fail(write, store_lmdb_record_decode(kv_slice_of(key.bytes, key.size),
                                                       store_lmdb_slice(value), &piece));
        }
        if (write->failure == STATUS_OK) {
            sum->count--;
            sum->digest -= piece.hash;
            write_fail(write, store_lmdb_status(
                                  mdb_del(write->txn, write->lmdb->tables[blobs], &at, NULL)));
        }
    }
}

static void write_piece(struct store_lmdb_write *write, const char *name, uint32_t number,
                        kv_slice piece, kv_timestamp version)
{
    const uint32_t blobs = write->lmdb->options.table_count;
    struct store_sum *sum = &write->head.sums[blobs];
    struct store_lmdb_blob_key key;
    store_lmdb_blob_key(name, number, &key);
    const kv_slice at = kv_slice_of(key.bytes, key.size);
    const uint64_t hash = kv_map_row_hash(at, piece, version);
    write_fail(write, store_lmdb_status(write_record(write, blobs, at, hash, version, piece, 0)));
    sum->count++;
    sum->digest += hash;
}

void store_lmdb_write_blob(struct store_lmdb_write *write, const char *name, kv_slice bytes)
{
    const kv_timestamp version = {.clock = {bytes.size}};
    const size_t most = STORE_LMDB_PIECE_BYTES;
    write_fail(write, store_lmdb_failpoint(FAILPOINT_STATE_BEFORE_BLOB));
    write_cut(write, name);
    for (uint32_t number = 0; write->failure == STATUS_OK; number++) {
        const size_t size = bytes.size < most ? bytes.size : most;
        write_piece(write, name, number, kv_slice_of(bytes.data, size), version);
        if (size == bytes.size) {
            return; /* an empty blob has one piece, too */
        }
        bytes = kv_slice_of(bytes.data + size, bytes.size - size);
    }
}

/* ---- The end ---- */

static void write_close(struct store_lmdb_write **write)
{
    kv_buffer_close(&(*write)->record);
    kv_free(*write);
    *write = NULL;
}

enum status store_lmdb_write_commit(struct store_lmdb_write **write, uint64_t *ret_generation)
{
    struct store_lmdb_write *this = *write;
    this->head.generation++;
    write_fail(this, store_lmdb_failpoint(FAILPOINT_STATE_BEFORE_COMMIT));
    if (this->failure == STATUS_OK) {
        write_fail(this, store_lmdb_head_put(this->lmdb, this->txn, &this->head));
    }
    if (this->failure != STATUS_OK) {
        const enum status failure = this->failure;
        store_lmdb_write_abort(write);
        return failure;
    }
    enum status status = store_lmdb_status(mdb_txn_commit(this->txn)); /* frees it, whatever */
    status = status != STATUS_OK ? status : store_lmdb_failpoint(FAILPOINT_STATE_AFTER_COMMIT);
    if (status == STATUS_OK) {
        *ret_generation = this->head.generation;
    }
    write_close(write);
    return status;
}

void store_lmdb_write_abort(struct store_lmdb_write **write)
{
    if (*write == NULL) {
        return;
    }
    mdb_txn_abort((*write)->txn);
    write_close(write);
}

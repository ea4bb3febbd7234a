/* SPDX-License-Identifier: Apache-2.0 */
/* store_lmdb_walk: every record of a view against its checksum, every table against the head. */
#include "partition/store/store_lmdb_internal.h"

/* The sum of a table; *ret_bytes: of its values. */
static enum status walk_table(struct store_lmdb_view *view, uint32_t t, struct store_sum *ret,
                              uint64_t *ret_bytes)
{
    MDB_cursor *cursor = view->tables[t].probe;
    MDB_val key, value;
    struct kv_map_row row;
    kv_slice before = {NULL, 0};
    int code;
    *ret = (struct store_sum){0};
    *ret_bytes = 0;
    for (code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST); code == 0;
         code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        const enum status status =
            store_lmdb_record_decode(store_lmdb_slice(key), store_lmdb_slice(value), &row);
        if (status != STATUS_OK || kv_slice_compare(before, row.key) >= 0) {
            return STATUS_CORRUPT;
        }
        before = row.key;
        ret->count++;
        ret->digest += row.hash;
        *ret_bytes += row.value.size;
    }
    return code == MDB_NOTFOUND ? STATUS_OK : store_lmdb_status(code);
}

enum status store_lmdb_view_walk(struct store_lmdb_view *view, struct store_lmdb_walk *ret)
{
    const uint32_t blobs = view->lmdb->options.table_count;
    *ret = (struct store_lmdb_walk){0};
    for (uint32_t t = 0; t <= blobs; t++) {
        struct store_sum sum;
        uint64_t bytes;
        enum status status = walk_table(view, t, &sum, &bytes);
        if (status == STATUS_OK &&
            (sum.count != view->head.sums[t].count || sum.digest != view->head.sums[t].digest)) {
            status = STATUS_CORRUPT;
        }
        if (status != STATUS_OK) {
            ret->damaged = t < blobs ? view->lmdb->names[t] : "blobs";
            return status;
        }
        ret->rows += t < blobs ? sum.count : 0;
        ret->blob_bytes += t < blobs ? 0 : bytes;
    }
    return STATUS_OK;
}

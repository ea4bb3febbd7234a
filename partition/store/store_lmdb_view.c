/* SPDX-License-Identifier: Apache-2.0 */
/* store_lmdb_view: one generation: its tables as bases of stores, and its blobs.
 *
 * A lookup that does not find its key looks at the records on both sides, which must be whole and lie on either side of it. Else a damaged
 * inner page has led to a wrong place, or a neighbour is the wanted record under a damaged key. */
#include "partition/store/store_lmdb_internal.h"

/* A neighbour of a key that was not found: whole, and below or above it. */
static bool is_neighbour(MDB_val key, MDB_val value, kv_slice wanted, bool below)
{
    struct kv_map_row row;
    const int order = kv_slice_compare(store_lmdb_slice(key), wanted);
    return (below ? order < 0 : order > 0) &&
           store_lmdb_record_decode(store_lmdb_slice(key), store_lmdb_slice(value), &row) ==
               STATUS_OK;
}

/* Look for the first key that is not below `from` (not empty): MDB_SUCCESS or MDB_NOTFOUND, or what is wrong. The cursor stands on it
 * only if it is `from` itself. */
static int seek(MDB_cursor *cursor, kv_slice from, MDB_val *key, MDB_val *value)
{
    MDB_val before, before_value;
    *key = store_lmdb_val(from);
    const int found = mdb_cursor_get(cursor, key, value, MDB_SET_RANGE);
    if ((found != 0 && found != MDB_NOTFOUND) ||
        (found == 0 && kv_slice_equal(store_lmdb_slice(*key), from))) {
        return found;
    }
    if (found == 0 && !is_neighbour(*key, *value, from, /* below */ false)) {
        return MDB_CORRUPTED;
    }
    const int code =
        mdb_cursor_get(cursor, &before, &before_value, found == 0 ? MDB_PREV : MDB_LAST);
    if (code == MDB_NOTFOUND) {
        return found; /* it would be the first one */
    }
    if (code != 0) {
        return code;
    }
    return is_neighbour(before, before_value, from, /* below */ true) ? found : MDB_CORRUPTED;
}

static enum status view_get(void *state, kv_slice key, struct kv_map_row *ret)
{
    const struct store_lmdb_table *table = state;
    MDB_val found, value;
    const int code = seek(table->probe, key, &found, &value);
    if (code == MDB_NOTFOUND) {
        return STATUS_NOT_FOUND;
    }
    if (code != 0) {
        return store_lmdb_status(code);
    }
    if (!kv_slice_equal(store_lmdb_slice(found), key)) {
        return STATUS_NOT_FOUND;
    }
    return store_lmdb_record_decode(store_lmdb_slice(found), store_lmdb_slice(value), ret);
}

/* Step `scan` to the wanted key. */
static int step(struct store_lmdb_table *table, kv_slice from, bool behind, MDB_val *key,
                MDB_val *value)
{
    if (from.size == 0) {
        return mdb_cursor_get(table->scan, key, value, MDB_FIRST);
    }
    if (behind && table->at.size > 0 && kv_slice_equal(table->at, from)) {
        return mdb_cursor_get(table->scan, key, value, MDB_NEXT);
    }
    int code = seek(table->scan, from, key, value);
    if (code != 0) {
        return code;
    }
    const bool same = kv_slice_equal(store_lmdb_slice(*key), from);
    if (!same) { /* the look at the key before has moved the cursor */
        *key = store_lmdb_val(from);
        code = mdb_cursor_get(table->scan, key, value, MDB_SET_RANGE);
    } else if (behind) {
        code = mdb_cursor_get(table->scan, key, value, MDB_NEXT);
    }
    return code;
}

static enum status view_next(void *state, kv_slice from, bool behind, struct kv_map_row *ret)
{
    struct store_lmdb_table *table = state;
    MDB_val key, value;
    const int code = step(table, from, behind, &key, &value);
    table->at = (kv_slice){NULL, 0};
    if (code != 0) {
        return code == MDB_NOTFOUND ? STATUS_END : store_lmdb_status(code);
    }
    const int order = kv_slice_compare(store_lmdb_slice(key), from);
    if (order < 0 || (behind && order == 0)) {
        return STATUS_CORRUPT;
    }
    table->at = store_lmdb_slice(key);
    return store_lmdb_record_decode(table->at, store_lmdb_slice(value), ret);
}

static const struct store_base_ops view_ops = {.get = view_get, .next = view_next};

struct store_base store_lmdb_view_base(struct store_lmdb_view *view, uint32_t table)
{
    KV_ASSERT(table < view->lmdb->options.table_count);
    return (struct store_base){
        .ops = &view_ops, .state = &view->tables[table], .sum = view->head.sums[table]};
}

static enum status view_open_cursors(struct store_lmdb_view *view)
{
    for (uint32_t t = 0; t <= view->lmdb->options.table_count; t++) {
        struct store_lmdb_table *table = &view->tables[t];
        const MDB_dbi dbi = view->lmdb->tables[t];
        int code = mdb_cursor_open(view->txn, dbi, &table->probe);
        code = code != 0 ? code : mdb_cursor_open(view->txn, dbi, &table->scan);
        if (code != 0) {
            return store_lmdb_status(code);
        }
        table->view = view;
    }
    return STATUS_OK;
}

enum status store_lmdb_view_new(struct store_lmdb *lmdb, struct store_lmdb_view **ret)
{
    struct store_lmdb_view *view = kv_alloc_zero(1, sizeof(*view));
    view->lmdb = lmdb;
    enum status status = store_lmdb_status(mdb_txn_begin(lmdb->env, NULL, MDB_RDONLY, &view->txn));
    if (status != STATUS_OK) {
        view->txn = NULL;
    } else {
        status = store_lmdb_head_get(lmdb, view->txn, &view->head);
    }
    status = status != STATUS_OK ? status : view_open_cursors(view);
    if (status != STATUS_OK) {
        store_lmdb_view_destroy(&view);
        return status;
    }
    *ret = view;
    return STATUS_OK;
}

void store_lmdb_view_destroy(struct store_lmdb_view **view)
{
    if (*view == NULL) {
        return;
    }
    for (uint32_t t = 0; t < STORE_LMDB_SUMS_MAX; t++) {
        mdb_cursor_close((*view)->tables[t].probe); /* takes NULL */
        mdb_cursor_close((*view)->tables[t].scan);
    }
    if ((*view)->txn != NULL) {
        mdb_txn_abort((*view)->txn);
    }
    kv_free(*view);
    *view = NULL;
}

uint64_t store_lmdb_view_generation(const struct store_lmdb_view *view)
{
    return view->head.generation;
}

/* ---- Blobs ---- */

static enum status view_piece(struct store_lmdb_view *view, const char *name, uint32_t number,
                              struct kv_map_row *ret)
{
    struct store_lmdb_blob_key key;
    store_lmdb_blob_key(name, number, &key);
    return view_get(&view->tables[view->lmdb->options.table_count],
                    kv_slice_of(key.bytes, key.size), ret);
}

enum status store_lmdb_view_blob(struct store_lmdb_view *view, const char *name,
                                 struct kv_buffer *ret)
{
    const size_t before = ret->size;
    struct kv_map_row piece;
    enum status status = view_piece(view, name, 0, &piece);
    if (status != STATUS_OK) {
        return status;
    }
    const uint64_t size = piece.version.clock.value;
    for (uint32_t number = 1; status == STATUS_OK; number++) {
        if (piece.version.clock.value != size || piece.value.size > size - (ret->size - before) ||
            (piece.value.size == 0 && size > 0)) {
            status = STATUS_CORRUPT;
            break;
        }
        kv_buffer_append(ret, piece.value.data, piece.value.size);
        if (ret->size - before == size) {
            return STATUS_OK;
        }
        status = view_piece(view, name, number, &piece);
    }
    ret->size = before;
    return status == STATUS_NOT_FOUND ? STATUS_CORRUPT : status; /* a piece is missing */
}

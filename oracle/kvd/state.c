/* SPDX-License-Identifier: Apache-2.0 */
/* state: see the header. */
#include "oracle/kvd/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "multicast/base/assert.h"
#include "oracle/kvd/state_image.h"

#define BLOB_ENGINE "engine"
#define BLOB_MARK   "mark"

/* Bytes of a path, with its final NUL. */
#define STATE_PATH_BYTES 4096

struct state {
    struct state_settings settings;
    struct engine *engine;
    struct machine machine;
    uint32_t count; /* of stores */
    struct machine_store stores[MACHINE_STORES_MAX];
    char directory[STATE_PATH_BYTES];
    struct store_lmdb *lmdb;
    struct store_lmdb_view *view; /* that the stores stand on; NULL: none yet */

    /* While a checkpoint is under way. */
    struct store_layer layers[MACHINE_STORES_MAX];
    struct kv_buffer head, mark;
    struct store_lmdb_view *written; /* the new generation */

    /* What the last thaw left, for the sweep. */
    struct kv_map *old_layers[MACHINE_STORES_MAX];
    struct store_lmdb_view *old_view;
};

struct state *state_new(const struct state_settings *settings, struct engine *engine,
                        struct machine machine)
{
    struct state *state = kv_alloc_zero(1, sizeof *state);
    state->settings = *settings;
    state->engine = engine;
    state->machine = machine;
    state->count = machine.ops->stores(machine.state, state->stores);
    return state;
}

void state_close(struct state **state_ref)
{
    struct state *state = *state_ref;
    *state_ref = NULL;
    if (state == NULL) {
        return;
    }
    state_sweep(state);
    store_lmdb_view_destroy(&state->written);
    store_lmdb_view_destroy(&state->view);
    store_lmdb_close(&state->lmdb);
    kv_buffer_close(&state->head);
    kv_buffer_close(&state->mark);
    kv_free(state);
}

/* ---- Directories ---- */

/* DIRECTORY and an ending. */
static void path_of(const struct state *state, const char *ending, char ret[STATE_PATH_BYTES])
{
    const size_t size = strlen(state->directory);
    memcpy(ret, state->directory, size);
    memcpy(ret + size, ending, strlen(ending) + 1);
}

static bool exists(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0;
}

/* An environment: two files. */
static void remove_environment(const char *path)
{
    static const char *const names[] = {"data.mdb", "lock.mdb"};
    char name[STATE_PATH_BYTES + 16];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(name, sizeof name, "%s/%s", path, names[i]);
        (void)unlink(name);
    }
    (void)rmdir(path);
}

/* Make the names in a directory durable. */
static bool sync_directory(const char *path)
{
    const int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = directory >= 0 && fsync(directory) == 0;
    if (directory >= 0) {
        close(directory);
    }
    return synced;
}

/* The same for that in which the own directory is. */
static bool sync_names(const struct state *state)
{
    char parent[STATE_PATH_BYTES];
    memcpy(parent, state->directory, strlen(state->directory) + 1);
    char *slash = strrchr(parent, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    return sync_directory(slash == NULL ? "." : parent);
}

/* What an adoption that was interrupted has left: the new one, or the old one. */
static void settle_directories(const struct state *state)
{
    char next[STATE_PATH_BYTES], old[STATE_PATH_BYTES];
    path_of(state, ".next", next);
    path_of(state, ".old", old);
    if (!exists(state->directory) && exists(old)) {
        (void)rename(exists(next) ? next : old, state->directory);
    }
    remove_environment(next);
    remove_environment(old);
}

/* ---- Opening ---- */

static void bases_of(const struct state *state, struct store_lmdb_view *view,
                     struct store_base ret[MACHINE_STORES_MAX])
{
    for (uint32_t i = 0; i < state->count; i++) {
        ret[i] = store_lmdb_view_base(view, i);
    }
}

static enum status walk(struct store_lmdb_view *view)
{
    struct store_lmdb_walk found;
    return store_lmdb_view_walk(view, &found);
}

/* If it is not too large for a start. */
static enum status walk_small(const struct state *state)
{
    struct store_lmdb_sizes sizes;
    const enum status status = store_lmdb_sizes(state->lmdb, &sizes);
    return status != STATUS_OK || sizes.file_bytes > STATE_WALK_BYTES ? status : walk(state->view);
}

/* Go on from a generation that has been written before. */
static enum status load(struct state *state, struct kv_buffer *ret_mark)
{
    struct store_base bases[MACHINE_STORES_MAX];
    struct kv_buffer head = {0};
    enum status status = walk_small(state);
    if (status == STATUS_OK) {
        status = store_lmdb_view_blob(state->view, BLOB_ENGINE, &head);
    }
    if (status == STATUS_OK) {
        status = store_lmdb_view_blob(state->view, BLOB_MARK, ret_mark);
    }
    if (status == STATUS_OK) {
        bases_of(state, state->view, bases);
        status = engine_load_head(state->engine, kv_buffer_slice(&head), bases);
    }
    kv_buffer_close(&head);
    return status == STATUS_NOT_FOUND ? STATUS_CORRUPT : status; /* a generation has both blobs */
}

static enum status open_environment(const struct state *state, const char *directory,
                                    struct store_lmdb **ret)
{
    struct store_lmdb_options options = {.directory = directory,
                                         .map_bytes = state->settings.map_bytes,
                                         .cluster = state->settings.cluster,
                                         .group = state->settings.group,
                                         .node = state->settings.node,
                                         .table_count = state->count};
    for (uint32_t i = 0; i < state->count; i++) {
        options.tables[i] = state->stores[i].name;
    }
    return store_lmdb_open(&options, ret);
}

enum status state_open(struct state *state, const char *directory, struct kv_buffer *ret_mark,
                       struct node_error *error)
{
    (void)snprintf(state->directory, sizeof state->directory - 16, "%s", directory);
    settle_directories(state);
    enum status status = open_environment(state, directory, &state->lmdb);
    if (status == STATUS_OK) {
        status = store_lmdb_view_new(state->lmdb, &state->view);
    }
    if (status == STATUS_OK && store_lmdb_view_generation(state->view) > 0) {
        status = load(state, ret_mark);
    } else if (status == STATUS_OK) {
        store_lmdb_view_destroy(
            &state->view); /* there is nothing in it: the stores stand on nothing */
    }
    if (status != STATUS_OK) {
        snprintf(error->text, sizeof error->text, "the checkpoint in %s: %s", directory,
                 status_text(status));
    }
    return status;
}

/* ---- Writing ---- */

void state_freeze(struct state *state, kv_slice mark)
{
    kv_buffer_clear(&state->head);
    kv_buffer_clear(&state->mark);
    kv_buffer_append(&state->mark, mark.data, mark.size);
    engine_save_head(state->engine, &state->head);
    for (uint32_t i = 0; i < state->count; i++) {
        store_freeze(state->stores[i].store, &state->layers[i]);
    }
}

static bool is_blob(struct store_lmdb_view *view, const char *name, const struct kv_buffer *bytes,
                    struct kv_buffer *scratch)
{
    kv_buffer_clear(scratch);
    return store_lmdb_view_blob(view, name, scratch) == STATUS_OK &&
           kv_slice_equal(kv_buffer_slice(scratch), kv_buffer_slice(bytes));
}

/* Each row of a layer is in its table as it was written, each tombstone's is not. */
static bool has_layer(const struct store_base *base, const struct kv_map *rows)
{
    struct kv_map_cursor cursor;
    struct kv_map_row row, found;
    bool same = true;
    kv_map_seek(rows, kv_slice_of(NULL, 0), &cursor);
    while (same && kv_map_next(&cursor, &row)) {
        const enum status status = base->ops->get(base->state, row.key, &found);
        same = row.tombstone ? status == STATUS_NOT_FOUND
                             : status == STATUS_OK && kv_slice_equal(row.value, found.value) &&
                                   kv_timestamp_compare(row.version, found.version) == 0;
    }
    return same;
}

/* Read back what was written. */
static bool is_written(const struct state *state)
{
    struct store_base bases[MACHINE_STORES_MAX];
    struct kv_buffer scratch = {0};
    bool same = is_blob(state->written, BLOB_ENGINE, &state->head, &scratch) &&
                is_blob(state->written, BLOB_MARK, &state->mark, &scratch);
    bases_of(state, state->written, bases);
    for (uint32_t i = 0; same && i < state->count; i++) {
        same = has_layer(&bases[i], state->layers[i].rows);
    }
    kv_buffer_close(&scratch);
    return same;
}

enum status state_write(struct state *state)
{
    struct store_lmdb_write *write = NULL;
    uint64_t generation = 0;
    enum status status = store_lmdb_write_new(state->lmdb, &write);
    if (status != STATUS_OK) {
        return status;
    }
    for (uint32_t i = 0; i < state->count; i++) {
        store_lmdb_write_layer(write, i, &state->layers[i]);
    }
    store_lmdb_write_blob(write, BLOB_ENGINE, kv_buffer_slice(&state->head));
    store_lmdb_write_blob(write, BLOB_MARK, kv_buffer_slice(&state->mark));
    status = store_lmdb_write_commit(&write, &generation);
    if (status != STATUS_OK) {
        return status;
    }
    status = store_lmdb_view_new(state->lmdb, &state->written);
    if (status != STATUS_OK) {
        return status;
    }
    const bool good = store_lmdb_view_generation(state->written) == generation && is_written(state);
    return good ? STATUS_OK : STATUS_CORRUPT;
}

enum status state_thaw(struct state *state, bool written)
{
    struct store_base bases[MACHINE_STORES_MAX];
    if (!written) {
        for (uint32_t i = 0; i < state->count; i++) {
            store_abandon(state->stores[i].store);
        }
        return STATUS_OK;
    }
    bases_of(state, state->written, bases);
    for (uint32_t i = 0; i < state->count; i++) {
        const enum status status =
            store_thaw(state->stores[i].store, &bases[i], &state->old_layers[i]);
        if (status != STATUS_OK) {
            return status;
        }
    }
    KV_ASSERT(state->old_view == NULL); /* the sweep took it */
    state->old_view = state->view;
    state->view = state->written;
    state->written = NULL;
    return STATUS_OK;
}

enum status state_scrub(struct state *state)
{
    struct store_lmdb_view *view = NULL;
    enum status status = store_lmdb_view_new(state->lmdb, &view);
    if (status == STATUS_OK) {
        status = walk(view);
    }
    store_lmdb_view_destroy(&view);
    return status;
}

void state_sweep(struct state *state)
{
    for (uint32_t i = 0; i < MACHINE_STORES_MAX; i++) {
        if (state->old_layers[i] != NULL) {
            kv_map_destroy(&state->old_layers[i]);
        }
    }
    store_lmdb_view_destroy(&state->old_view);
}

/* ---- State transfer ---- */

static struct state_image_form form_of(const struct state *state)
{
    struct state_image_form form = {.group = state->settings.group,
                                    .blob_count = 2,
                                    .blobs = {BLOB_MARK, BLOB_ENGINE},
                                    .table_count = state->count};
    for (uint32_t i = 0; i < state->count; i++) {
        form.tables[i] = state->stores[i].name;
    }
    return form;
}

enum status state_dump(struct state *state, const char *path, uint64_t *ret_bytes,
                       uint64_t *ret_digest)
{
    const struct state_image_form form = form_of(state);
    struct store_lmdb_view *view = NULL;
    enum status status = store_lmdb_view_new(state->lmdb, &view);
    if (status == STATUS_OK) {
        status = state_image_dump(&form, view, path, ret_bytes, ret_digest);
    }
    store_lmdb_view_destroy(&view);
    return status;
}

enum status state_prepare(struct state *state, const struct state_image_source *source)
{
    const struct state_image_form form = form_of(state);
    char next[STATE_PATH_BYTES];
    struct store_lmdb *lmdb = NULL;
    struct store_lmdb_write *write = NULL;
    uint64_t generation;
    path_of(state, ".next", next);
    remove_environment(next);
    enum status status = open_environment(state, next, &lmdb);
    if (status == STATUS_OK) {
        status = store_lmdb_write_new(lmdb, &write);
    }
    if (status == STATUS_OK) {
        status = state_image_load(&form, source, write);
    }
    if (status == STATUS_OK) {
        status = store_lmdb_write_commit(&write, &generation);
    }
    if (status == STATUS_OK && !sync_directory(next)) {
        status = STATUS_IO;
    }
    store_lmdb_write_abort(&write);
    store_lmdb_close(&lmdb);
    if (status != STATUS_OK) {
        remove_environment(next);
    }
    return status;
}

/* The prepared environment takes the place of the own one, durably. */
static bool swap_directories(const struct state *state)
{
    char next[STATE_PATH_BYTES], old[STATE_PATH_BYTES];
    path_of(state, ".next", next);
    path_of(state, ".old", old);
    const bool swapped = sync_names(state) && rename(state->directory, old) == 0 &&
                         rename(next, state->directory) == 0 && sync_names(state);
    if (swapped) {
        remove_environment(old);
    }
    return swapped;
}

enum status state_adopt(struct state *state, struct kv_buffer *ret_mark)
{
    struct store_lmdb *old_lmdb = state->lmdb;
    struct store_lmdb_view *old_view = state->view;
    state_sweep(state); /* what it would take with the old environment */
    if (!swap_directories(state)) {
        return STATUS_IO;
    }
    state->lmdb = NULL;
    state->view = NULL;
    enum status status = open_environment(state, state->directory, &state->lmdb);
    if (status == STATUS_OK) {
        status = store_lmdb_view_new(state->lmdb, &state->view);
    }
    if (status == STATUS_OK) {
        status = load(state, ret_mark); /* no store stands on the old view any more */
    }
    if (status == STATUS_OK) {
        store_lmdb_view_destroy(&old_view);
        store_lmdb_close(&old_lmdb);
    }
    return status; /* or the process ends, with both of them open */
}

/* SPDX-License-Identifier: Apache-2.0 */
/* store_lmdb: opening and closing environments, what LMDB's codes mean, sizes. */
#include "partition/store/store_lmdb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "partition/store/store_lmdb_internal.h"

/* Views at a time: the machine's, a walk, a transfer to each of a group's other members, and some that end late. */
#define STORE_LMDB_VIEWS_MAX 64

/* LMDB's table of tables is the unnamed one, and 0 the one of its free pages. */
#define STORE_LMDB_FREE_PAGES 0

enum status store_lmdb_status(int code)
{
    switch (code) {
    case MDB_SUCCESS:
        return STATUS_OK;
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
    case MDB_READERS_FULL:
        return STATUS_FULL;
    case MDB_VERSION_MISMATCH:
        return STATUS_VERSION;
    case MDB_INVALID:
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_NOTFOUND:
    case MDB_CURSOR_FULL:
    case MDB_PAGE_FULL:
    case MDB_INCOMPATIBLE:
    case MDB_BAD_DBI:
    case MDB_BAD_VALSIZE:
    case MDB_BAD_TXN:
    case EINVAL:
        return STATUS_CORRUPT; /* arguments are right, so the pages are not */
    case ENOSPC:
        return STATUS_NO_SPACE;
    case ENOENT:
        return STATUS_NOT_FOUND;
    default:
        return STATUS_IO;
    }
}

enum status store_lmdb_failpoint(enum failpoint point)
{
    const int result = failpoint(point);
    return result == 0 ? STATUS_OK : store_lmdb_status(-result);
}

/* Names of files must be as durable as what is in them. */
static enum status sync_directory(const char *path)
{
    const int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) {
        return STATUS_IO;
    }
    const int failed = fsync(directory);
    close(directory);
    return failed == 0 ? STATUS_OK : STATUS_IO;
}

static enum status make_directory(const char *path)
{
    char parent[4096];
    if (mkdir(path, 0700) != 0) {
        return errno == EEXIST ? STATUS_OK : errno == ENOSPC ? STATUS_NO_SPACE : STATUS_IO;
    }
    const int size = snprintf(parent, sizeof(parent), "%s/..", path);
    return size < (int)sizeof(parent) ? sync_directory(parent) : STATUS_IO;
}

static void copy_options(struct store_lmdb *lmdb, const struct store_lmdb_options *options)
{
    KV_ASSERT(options->table_count <= STORE_LMDB_TABLES_MAX);
    lmdb->options = *options;
    lmdb->options.directory = NULL;
    for (uint32_t t = 0; t < options->table_count; t++) {
        const char *name = options->tables[t];
        KV_ASSERT(name[0] != '\0' && strlen(name) <= STORE_LMDB_NAME_BYTES_MAX);
        KV_ASSERT(strcmp(name, "head") != 0 && strcmp(name, "blobs") != 0);
        strcpy(lmdb->names[t], name);
        lmdb->options.tables[t] = lmdb->names[t];
    }
}

static enum status open_environment(struct store_lmdb *lmdb, const char *directory)
{
    const unsigned flags = MDB_NOTLS | MDB_NORDAHEAD | (lmdb->options.read_only ? MDB_RDONLY : 0u);
    int dead;
    int code = mdb_env_create(&lmdb->env);
    if (code != 0) {
        lmdb->env = NULL;
        return store_lmdb_status(code);
    }
    code = mdb_env_set_mapsize(lmdb->env, lmdb->options.map_bytes);
    code = code != 0 ? code : mdb_env_set_maxdbs(lmdb->env, STORE_LMDB_SUMS_MAX + 1);
    code = code != 0 ? code : mdb_env_set_maxreaders(lmdb->env, STORE_LMDB_VIEWS_MAX);
    code = code != 0 ? code : mdb_env_open(lmdb->env, directory, flags, 0600);
    /* Readers of a process that was killed would keep their pages from being used again. */
    code = code != 0 ? code : mdb_reader_check(lmdb->env, &dead);
    return store_lmdb_status(code);
}

/* A table of this module has no flags: with others it would be read in another way. */
static enum status open_table(MDB_txn *txn, const char *name, unsigned flags, MDB_dbi *ret)
{
    unsigned found = 0;
    int code = mdb_dbi_open(txn, name, flags, ret);
    code = code != 0 ? code : mdb_dbi_flags(txn, *ret, &found);
    return code != 0 ? store_lmdb_status(code) : found != 0 ? STATUS_CORRUPT : STATUS_OK;
}

static enum status open_tables(struct store_lmdb *lmdb, MDB_txn *txn, unsigned flags)
{
    const uint32_t count = lmdb->options.table_count;
    enum status status = open_table(txn, "blobs", flags, &lmdb->tables[count]);
    for (uint32_t t = 0; t < count && status == STATUS_OK; t++) {
        status = open_table(txn, lmdb->names[t], flags, &lmdb->tables[t]);
    }
    return status;
}

/* Generation 0. */
static enum status make_generation(struct store_lmdb *lmdb, MDB_txn *txn)
{
    const struct store_lmdb_head head = {.generation = 0};
    enum status status = open_table(txn, "head", MDB_CREATE, &lmdb->head);
    status = status != STATUS_OK ? status : open_tables(lmdb, txn, MDB_CREATE);
    return status != STATUS_OK ? status : store_lmdb_head_put(lmdb, txn, &head);
}

/* The head first: it says whether the tables are those that are expected. */
static enum status find_generation(struct store_lmdb *lmdb, MDB_txn *txn)
{
    struct store_lmdb_head head;
    enum status status = open_table(txn, "head", 0, &lmdb->head);
    status = status != STATUS_OK ? status : store_lmdb_head_get(lmdb, txn, &head);
    return status != STATUS_OK ? status : open_tables(lmdb, txn, 0);
}

static enum status open_generation(struct store_lmdb *lmdb, const char *directory)
{
    MDB_envinfo info;
    MDB_txn *txn;
    int code = mdb_env_info(lmdb->env, &info);
    const bool is_new = code == 0 && info.me_last_txnid == 0; /* LMDB has never committed */
    if (code == 0 && is_new && lmdb->options.read_only) {
        return STATUS_NOT_FOUND;
    }
    code = code != 0 ? code : mdb_txn_begin(lmdb->env, NULL, is_new ? 0 : MDB_RDONLY, &txn);
    if (code != 0) {
        return store_lmdb_status(code);
    }
    enum status status = is_new ? store_lmdb_failpoint(FAILPOINT_STATE_BEFORE_MAKE) : STATUS_OK;
    if (status == STATUS_OK) {
        status = is_new ? make_generation(lmdb, txn) : find_generation(lmdb, txn);
    }
    if (status != STATUS_OK) {
        mdb_txn_abort(txn);
        return status;
    }
    code = mdb_txn_commit(txn); /* of a reader, too: it keeps the handles of the tables */
    if (code != 0 || !is_new) {
        return store_lmdb_status(code);
    }
    status = store_lmdb_failpoint(FAILPOINT_STATE_AFTER_MAKE);
    return status != STATUS_OK ? status : sync_directory(directory);
}

enum status store_lmdb_open(const struct store_lmdb_options *options, struct store_lmdb **ret)
{
    struct store_lmdb *lmdb = kv_alloc_zero(1, sizeof(*lmdb));
    copy_options(lmdb, options);
    enum status status = options->read_only ? STATUS_OK : make_directory(options->directory);
    status = status != STATUS_OK ? status : open_environment(lmdb, options->directory);
    status = status != STATUS_OK ? status : open_generation(lmdb, options->directory);
    if (status != STATUS_OK) {
        store_lmdb_close(&lmdb);
        return status;
    }
    *ret = lmdb;
    return STATUS_OK;
}

void store_lmdb_close(struct store_lmdb **lmdb)
{
    if (*lmdb == NULL) {
        return;
    }
    if ((*lmdb)->env != NULL) {
        mdb_env_close((*lmdb)->env);
    }
    kv_free(*lmdb);
    *lmdb = NULL;
}

/* LMDB's list of free pages: by transaction, how many and which. */
static enum status count_free_pages(MDB_txn *txn, uint64_t *ret)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    uint64_t pages = 0;
    int code = mdb_cursor_open(txn, STORE_LMDB_FREE_PAGES, &cursor);
    if (code != 0) {
        return store_lmdb_status(code);
    }
    while ((code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        size_t count = 0;
        if (value.mv_size >= sizeof(count)) {
            memcpy(&count, value.mv_data, sizeof(count));
        }
        pages += count;
    }
    mdb_cursor_close(cursor);
    *ret = pages;
    return code == MDB_NOTFOUND ? STATUS_OK : store_lmdb_status(code);
}

enum status store_lmdb_sizes(struct store_lmdb *lmdb, struct store_lmdb_sizes *ret)
{
    MDB_envinfo info;
    MDB_stat stat;
    MDB_txn *txn;
    uint64_t pages = 0;
    int code = mdb_env_info(lmdb->env, &info);
    code = code != 0 ? code : mdb_env_stat(lmdb->env, &stat);
    code = code != 0 ? code : mdb_txn_begin(lmdb->env, NULL, MDB_RDONLY, &txn);
    if (code != 0) {
        return store_lmdb_status(code);
    }
    const enum status status = count_free_pages(txn, &pages);
    mdb_txn_abort(txn);
    if (status == STATUS_OK) {
        *ret = (struct store_lmdb_sizes){
            .map_bytes = info.me_mapsize,
            .file_bytes = (uint64_t)(info.me_last_pgno + 1) * stat.ms_psize,
            .free_bytes = pages * stat.ms_psize,
        };
    }
    return status;
}

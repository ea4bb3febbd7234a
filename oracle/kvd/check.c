/* SPDX-License-Identifier: Apache-2.0 */
/* check: see the header. */
#include "oracle/kvd/check.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "multicast/log/log.h"
#include "oracle/oracle_machine.h"
#include "partition/engine/machine.h"
#include "partition/kv/kv_machine.h"
#include "partition/store/store_lmdb.h"

/* What LMDB may map at least; larger files are mapped whole anyway. */
#define CHECK_MAP_BYTES (UINT64_C(1) << 30)

/* What a child has found, told through a pipe. */
struct check_found {
    enum status status;
    uint64_t generation;
    uint64_t rows;
    uint64_t blob_bytes;
    uint64_t file_bytes;
    char damaged[STORE_LMDB_NAME_BYTES_MAX + 1]; /* table; empty: none, or not known */
};

/* The tables of a group's machine. */
static void name_tables(kv_group_id group, struct store_lmdb_options *ret)
{
    struct machine_store stores[MACHINE_STORES_MAX];
    const struct machine machine = kv_group_equal(group, KV_GROUP_ORACLE)
                                       ? oracle_machine_new(1, 0)
                                       : kv_machine_new(group, KV_GROUPS_MAX - 1);
    ret->table_count = machine.ops->stores(machine.state, stores);
    for (uint32_t i = 0; i < ret->table_count; i++) {
        ret->tables[i] = stores[i].name; /* a fixed string */
    }
    machine.ops->destroy(machine.state);
}

static void walk(struct store_lmdb *lmdb, struct check_found *ret)
{
    struct store_lmdb_view *view = NULL;
    struct store_lmdb_sizes sizes = {0};
    struct store_lmdb_walk found = {0};
    ret->status = store_lmdb_view_new(lmdb, &view);
    if (ret->status != STATUS_OK) {
        return;
    }
    ret->generation = store_lmdb_view_generation(view);
    ret->status = store_lmdb_view_walk(view, &found);
    ret->rows = found.rows;
    ret->blob_bytes = found.blob_bytes;
    if (found.damaged != NULL) {
        (void)snprintf(ret->damaged, sizeof ret->damaged, "%s", found.damaged);
    }
    store_lmdb_view_destroy(&view);
    if (ret->status == STATUS_OK) {
        ret->status = store_lmdb_sizes(lmdb, &sizes);
        ret->file_bytes = sizes.file_bytes;
    }
}

/* In the child: open, walk, tell. */
static _Noreturn void look(const struct store_lmdb_options *options, int told)
{
    static const struct rlimit no_core = {0, 0};
    struct check_found found = {0};
    struct store_lmdb *lmdb = NULL;
    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)signal(SIGBUS, SIG_DFL); /* whoever called has handlers, perhaps */
    (void)signal(SIGSEGV, SIG_DFL);
    (void)signal(SIGABRT, SIG_DFL);
    found.status = store_lmdb_open(options, &lmdb);
    if (found.status == STATUS_OK) {
        walk(lmdb, &found);
        store_lmdb_close(&lmdb);
    }
    _exit(write(told, &found, sizeof found) == (ssize_t)sizeof found ? 0 : 1);
}

/* False: the child has ended without a word. */
static bool look_in_child(const struct store_lmdb_options *options, struct check_found *ret)
{
    int told[2];
    int status = 0;
    *ret = (struct check_found){.status = STATUS_IO};
    if (pipe(told) != 0) {
        return true;
    }
    const pid_t child = fork();
    if (child == 0) {
        look(options, told[1]);
    }
    (void)close(told[1]);
    struct check_found found;
    const bool said = child > 0 && read(told[0], &found, sizeof found) == (ssize_t)sizeof found;
    (void)close(told[0]);
    if (child > 0) {
        while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
        }
    }
    if (said) {
        *ret = found;
    }
    return said || child < 0;
}

static enum status check_state(const char *path, kv_cluster_id cluster, kv_group_id group,
                               kv_node_id node, FILE *output)
{
    struct store_lmdb_options options = {.directory = path,
                                         .map_bytes = CHECK_MAP_BYTES,
                                         .read_only = true,
                                         .cluster = cluster,
                                         .group = group,
                                         .node = node};
    struct check_found found;
    name_tables(group, &options);
    fprintf(output, "%s: ", path);
    (void)fflush(output); /* else a child would print it, too */
    if (!look_in_child(&options, &found)) {
        fprintf(output, "damaged: its pages cannot be read without a crash\n");
        return STATUS_CORRUPT;
    }
    if (found.status == STATUS_NOT_FOUND) {
        fprintf(output, "no checkpoint yet\n");
        return STATUS_OK;
    }
    if (found.status != STATUS_OK) {
        fprintf(output, "generation %llu: %s%s%s\n", (unsigned long long)found.generation,
                found.damaged[0] == '\0' ? "" : "table ", found.damaged,
                found.damaged[0] == '\0' ? status_text(found.status) : " is damaged");
        return found.status;
    }
    fprintf(output, "generation %llu, rows %llu, blobs %llu bytes, file %llu bytes: good\n",
            (unsigned long long)found.generation, (unsigned long long)found.rows,
            (unsigned long long)found.blob_bytes, (unsigned long long)found.file_bytes);
    return STATUS_OK;
}

enum status check_states(const char *directory, kv_cluster_id cluster, kv_node_id node,
                         FILE *output)
{
    enum status first = STATUS_OK;
    for (uint16_t g = 0; g < KV_GROUPS_MAX; g++) {
        char path[PATH_MAX];
        struct stat found;
        const int size = snprintf(path, sizeof path, "%s/state/%u", directory, (unsigned)g);
        if (size < 0 || (size_t)size >= sizeof path) {
            return STATUS_INVALID;
        }
        if (stat(path, &found) != 0) {
            continue;
        }
        const enum status status = check_state(path, cluster, (kv_group_id){g}, node, output);
        first = first == STATUS_OK ? status : first;
    }
    return first;
}

enum status check_directory(const char *directory, FILE *output)
{
    struct log_verify_result found;
    enum status status = log_verify(directory, NULL /* io */, &found);
    fprintf(output, "%s: cluster %016llx, node %u, opened %llu times, %s\n", directory,
            (unsigned long long)found.cluster.value, (unsigned)found.node.value,
            (unsigned long long)found.incarnation,
            found.closed ? "closed in good order" : "not closed");
    fprintf(output,
            "segments %llu, batches %llu, bytes %llu, records %llu (votes %llu, entries %llu, "
            "snapshots %llu)\n",
            (unsigned long long)found.segments, (unsigned long long)found.batches,
            (unsigned long long)found.bytes, (unsigned long long)found.records,
            (unsigned long long)found.hard_states, (unsigned long long)found.entries,
            (unsigned long long)found.snapshots);
    if (found.torn_bytes > 0) {
        fprintf(output,
                "a torn tail of %llu bytes, never acknowledged, will be cut off at the next "
                "start\n",
                (unsigned long long)found.torn_bytes);
    }
    fprintf(output, "%s\n", status == STATUS_OK ? "good" : found.error.text);
    if (status == STATUS_LOCKED || found.node.value == 0) {
        return status; /* in use, or nobody knows whose the checkpoints are */
    }
    const enum status states = check_states(directory, found.cluster, found.node, output);
    return status != STATUS_OK ? status : states;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* restore: see the header. */
#include "oracle/kvd/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "multicast/backup/backup_file.h"
#include "multicast/base/assert.h"
#include "multicast/node/node_checkpoint.h"
#include "multicast/node/node_records.h"
#include "multicast/wire/codec.h"
#include "oracle/kvd/state.h"
#include "oracle/oracle_machine.h"
#include "partition/kv/kv_machine.h"

#define RESTORE_PATH_BYTES 4096

struct restore {
    const struct restore_settings *settings;
    struct node_error *error;
    struct backup_head head;
    struct backup_part parts[KV_GROUPS_MAX];
    kv_timestamp anew; /* the new cluster begins behind it */
    char making[RESTORE_PATH_BYTES];
};

static enum status fail(struct restore *restore, enum status status, const char *what)
{
    snprintf(restore->error->text, sizeof restore->error->text, "%.500s: %s", what,
             status == STATUS_IO ? strerror(errno) : status_text(status));
    return status;
}

/* ---- One group ---- */

/* Where the log of a group begins: as if one entry had been applied. */
static void mark_of(const struct restore *restore, kv_group_id group, struct kv_buffer *ret)
{
    const struct raft_snapshot_point point = {.index = {1},
                                              .term = {1},
                                              .reach = restore->anew.clock,
                                              .config =
                                                  restore->settings->config->groups[group.value]};
    struct kv_buffer order = {0};
    order_save_clean(restore->anew, &order);
    node_mark_encode(&point, kv_buffer_slice(&order), ret);
    kv_buffer_close(&order);
}

/* The image becomes the state; then everything of it that belongs to the old cluster is left out, and the rest is written. */
static enum status restore_state(struct restore *restore, kv_group_id group, struct state *state,
                                 struct engine *engine)
{
    const struct backup_part *part = &restore->parts[group.value];
    const struct state_image_source source = {.path = restore->settings->file,
                                              .offset = part->offset,
                                              .bytes = part->bytes,
                                              .digest = part->digest};
    char path[RESTORE_PATH_BYTES + 32];
    struct kv_buffer mark = {0};
    snprintf(path, sizeof path, "%s/state/%u", restore->making, (unsigned)group.value);
    enum status status = state_open(state, path, &mark, restore->error);
    if (status != STATUS_OK) {
        kv_buffer_close(&mark);
        return status;
    }
    status = state_prepare(state, &source);
    if (status == STATUS_OK) {
        status = state_adopt(state, &mark);
    }
    if (status == STATUS_OK) {
        status = engine_begin_anew(engine, restore->head.cut, restore->anew);
    }
    if (status == STATUS_OK) {
        kv_buffer_clear(&mark);
        mark_of(restore, group, &mark);
        state_freeze(state, kv_buffer_slice(&mark));
        status = state_write(state);
        status = status == STATUS_OK ? state_thaw(state, true) : status;
    }
    kv_buffer_close(&mark);
    snprintf(path, sizeof path, "the image of group %u", (unsigned)group.value);
    return status == STATUS_OK ? STATUS_OK : fail(restore, status, path);
}

static enum status restore_group(struct restore *restore, kv_group_id group)
{
    const struct restore_settings *settings = restore->settings;
    const uint32_t partitions = settings->config->partitions;
    const struct machine machine = kv_group_equal(group, KV_GROUP_ORACLE)
                                       ? oracle_machine_new(partitions, 0)
                                       : kv_machine_new(group, partitions);
    struct engine *engine = engine_new(group, machine, 0);
    struct state *state =
        state_new(&(struct state_settings){.cluster = wire_cluster_id(
                                               kv_slice_of_text(settings->config->name)),
                                           .group = group,
                                           .node = settings->self,
                                           .map_bytes = settings->state_bytes},
                  engine, machine);
    const enum status status = restore_state(restore, group, state, engine);
    engine_destroy(&engine); /* its stores stand on what is closed next */
    state_close(&state);
    return status;
}

/* ---- The log ---- */

/* What a member remembers that has applied an entry of term 1. Without it the mark is ahead of the log, and the node does not start. */
static enum status add_term(struct log *log, kv_group_id group)
{
    struct kv_buffer scratch = {0};
    struct log_record record;
    node_record_encode(&(struct raft_persist){.kind = RAFT_PERSIST_HARD_STATE, .term = {1}}, group,
                       &scratch, &record);
    const enum status status = log_append(log, &record);
    kv_buffer_close(&scratch);
    return status;
}

static enum status make_log(struct restore *restore)
{
    const struct node_config *config = restore->settings->config;
    const struct log_settings settings = {.directory = restore->making,
                                          .cluster =
                                              wire_cluster_id(kv_slice_of_text(config->name)),
                                          .node = restore->settings->self};
    struct log *log = NULL;
    struct log_error error = {{0}};
    struct log_record record;
    enum status status = log_open(&settings, &log, &error);
    if (status == STATUS_OK) {
        status = log_next(log, &record, &error);
        status = status == STATUS_END ? STATUS_OK : STATUS_CORRUPT; /* it is new */
    }
    for (uint16_t g = 0; g < config->group_count && status == STATUS_OK; g++) {
        if (node_config_hosts(config, (kv_group_id){g}, restore->settings->self)) {
            status = add_term(log, (kv_group_id){g});
        }
    }
    status = status == STATUS_OK ? log_sync(log, &error) : status;
    log_close(&log);
    if (status != STATUS_OK) {
        snprintf(restore->error->text, sizeof restore->error->text, "%s", error.text);
    }
    return status;
}

/* ---- The directory ---- */

static enum status make(struct restore *restore, const char *ending)
{
    char path[RESTORE_PATH_BYTES + 32];
    snprintf(path, sizeof path, "%s%s", restore->making, ending);
    return mkdir(path, 0700) == 0 ? STATUS_OK : fail(restore, STATUS_IO, path);
}

/* It is whole, and its name durable. */
static enum status give_name(struct restore *restore)
{
    char parent[RESTORE_PATH_BYTES];
    snprintf(parent, sizeof parent, "%s", restore->settings->directory);
    char *slash = strrchr(parent, '/');
    if (slash != NULL) {
        slash[slash == parent ? 1 : 0] = '\0';
    }
    if (rename(restore->making, restore->settings->directory) != 0) {
        const bool taken = errno == ENOTEMPTY || errno == EEXIST;
        return fail(restore, taken ? STATUS_EXISTS : STATUS_IO, restore->settings->directory);
    }
    const int directory = open(slash == NULL ? "." : parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = directory >= 0 && fsync(directory) == 0;
    if (directory >= 0) {
        close(directory);
    }
    return synced ? STATUS_OK : fail(restore, STATUS_IO, restore->settings->directory);
}

/* Missing or empty; else nothing is begun. */
static enum status check_directory(struct restore *restore)
{
    const char *path = restore->settings->directory;
    if (rmdir(path) == 0 || errno == ENOENT) {
        return STATUS_OK;
    }
    const bool taken = errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR;
    return fail(restore, taken ? STATUS_EXISTS : STATUS_IO, path);
}

static enum status restore_all(struct restore *restore)
{
    const struct restore_settings *settings = restore->settings;
    enum status status = check_directory(restore);
    status = status == STATUS_OK ? make(restore, "") : status;
    status = status == STATUS_OK ? make_log(restore) : status;
    status = status == STATUS_OK ? make(restore, "/state") : status;
    for (uint16_t g = 0; g < settings->config->group_count && status == STATUS_OK; g++) {
        if (node_config_hosts(settings->config, (kv_group_id){g}, settings->self)) {
            status = restore_group(restore, (kv_group_id){g});
        }
    }
    return status == STATUS_OK ? give_name(restore) : status;
}

enum status restore_node(const struct restore_settings *settings, struct node_error *error)
{
    struct restore *restore = kv_alloc_zero(1, sizeof *restore);
    struct backup_error found = {{0}};
    restore->settings = settings;
    restore->error = error;
    snprintf(restore->making, sizeof restore->making, "%s.restoring", settings->directory);
    enum status status =
        backup_file_check(settings->file, NULL, &restore->head, restore->parts, &found);
    if (status != STATUS_OK) {
        snprintf(error->text, sizeof error->text, "%s", found.text);
    } else if (restore->head.partitions != settings->config->partitions) {
        snprintf(error->text, sizeof error->text, "%s has %u partitions, the cluster file has %u",
                 settings->file, restore->head.partitions, settings->config->partitions);
        status = STATUS_INVALID;
    } else {
        restore->anew = restore->head.cut;
        if (settings->clock > restore->anew.clock.value) {
            restore->anew = (kv_timestamp){{settings->clock}, KV_GROUP_ORACLE};
        }
        status = restore_all(restore);
    }
    kv_free(restore);
    return status;
}

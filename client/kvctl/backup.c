/* SPDX-License-Identifier: Apache-2.0 */
/* backup: a mark in the order of all commands, then the image of each group at it, into one file. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "client/kvctl/command.h"
#include "client/kvctl/progress.h"
#include "client/kvctl/report.h"
#include "client/kvctl/target.h"
#include "multicast/backup/backup_file.h"

/* How long the leaders may take until no checkpoint is under way; and all groups until the mark is ordered. */
#define PREPARE_MS 20000
#define MARK_MS    30000

/* How long a node may take for its image, or for a piece of it. */
#define READ_MS 30000

/* How long a question may take before it is looked whether the user has had enough. */
#define SLICE_MS 2000

/* How long the nodes have to say who they are. */
#define STATUS_MS 2000

struct backup {
    const struct kvctl_options *options;
    const char *path;
    kv_client *client;
    struct backup_head head;
    struct backup_writer *writer; /* NULL: not begun */
    uint64_t bytes[KV_GROUPS_MAX];
    struct kvctl_progress progress;
};

static enum kvctl_exit fail_status(const struct backup *backup, kv_status status, const char *what)
{
    const char *why = backup->client == NULL ? "" : kv_client_error(backup->client);
    return kvctl_fail(backup->options,
                      kvctl_interrupted() ? KVCTL_EXIT_INTERRUPTED : KVCTL_EXIT_UNAVAILABLE,
                      "backup: %s: %s; nothing was written to %s", what,
                      why[0] != '\0' ? why : kv_status_text(status), backup->path);
}

static enum kvctl_exit fail_file(const struct backup *backup, enum status status)
{
    const bool system = status == STATUS_IO || status == STATUS_NO_SPACE;
    return kvctl_fail(backup->options, KVCTL_EXIT_FAILURE, "backup: %s: %s", backup->path,
                      system ? strerror(errno) : "an image was damaged on its way; try again");
}

/* Whose cluster it is. */
static enum kvctl_exit look_at_cluster(struct backup *backup)
{
    kv_cluster_status *status = NULL;
    const kv_status got = kv_cluster_status_get(backup->client, STATUS_MS, &status);
    if (got != KV_OK) {
        return fail_status(backup, got, "the cluster does not answer");
    }
    snprintf(backup->head.cluster, sizeof backup->head.cluster, "%s",
             kv_cluster_status_name(status));
    backup->head.partitions = kv_cluster_status_partitions(status);
    kv_cluster_status_free(status);
    return KVCTL_EXIT_OK;
}

static bool may_come(kv_status status)
{
    return status == KV_BUSY || status == KV_UNAVAILABLE;
}

/* A question, again and again until it is answered, it is too late, or the user interrupts. */
static kv_status prepare(struct backup *backup)
{
    const uint64_t until_us = kv_now_us() + kvctl_timeout_ms(backup->options, PREPARE_MS) * 1000;
    kv_status status;
    do {
        status = kv_backup_prepare(backup->client, SLICE_MS);
    } while (may_come(status) && kv_now_us() < until_us && !kvctl_interrupted());
    return status;
}

static kv_status read_piece(struct backup *backup, uint32_t group, uint64_t at,
                            kv_backup_piece *ret)
{
    const uint64_t until_us = kv_now_us() + kvctl_timeout_ms(backup->options, READ_MS) * 1000;
    kv_status status;
    do {
        status = kvctl_interrupted() ? KV_CLOSED
                                     : kv_backup_read(backup->client, backup->head.cut.clock.value,
                                                      group, at, SLICE_MS, ret);
    } while (may_come(status) && kv_now_us() < until_us);
    return status;
}

/* The cut. */
static enum kvctl_exit make_mark(struct backup *backup)
{
    kv_result *result = NULL;
    const kv_op op = {.code = KV_OP_MARK, .deadline_us = kv_now_us() + MARK_MS * 1000};
    struct timespec now;
    const kv_status prepared = prepare(backup);
    if (prepared != KV_OK) {
        return fail_status(backup, prepared, "the leaders are busy with checkpoints, or not there");
    }
    const kv_status status = kvctl_execute(&backup->client, &op, &result);
    if (status != KV_OK) {
        return fail_status(backup, status, "the mark could not be ordered");
    }
    clock_gettime(CLOCK_REALTIME, &now);
    backup->head.created_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
    backup->head.cut.clock.value = kv_result_timestamp(result);
    kv_result_free(result);
    return KVCTL_EXIT_OK;
}

/* The file begins with the first piece: only then all of its head is known. */
static enum status begin_group(struct backup *backup, uint32_t group, const kv_backup_piece *piece)
{
    enum status status = STATUS_OK;
    if (group == 0) {
        backup->head.cut.group.value = (uint16_t)piece->cut_group;
        status = backup_writer_new(backup->path, &backup->head, &backup->writer);
    }
    backup->bytes[group] = piece->total;
    return status == STATUS_OK ? backup_writer_begin(backup->writer, piece->total, piece->digest)
                               : status;
}

static enum kvctl_exit read_group(struct backup *backup, uint32_t group)
{
    kv_backup_piece piece = {.total = 1};
    char part[64];
    enum status status = STATUS_OK;
    snprintf(part, sizeof part, "group %u of %u", group, backup->head.partitions);
    for (uint64_t at = 0; at < piece.total && status == STATUS_OK; at += piece.bytes.size) {
        const kv_status got = read_piece(backup, group, at, &piece);
        if (got != KV_OK) {
            return fail_status(backup, got, part);
        }
        if (at == 0) {
            status = begin_group(backup, group, &piece);
        }
        const bool same = piece.cut_group == backup->head.cut.group.value &&
                          piece.total == backup->bytes[group] && piece.bytes.size > 0;
        if (status == STATUS_OK && !same) {
            return fail_status(backup, KV_PROTOCOL, part);
        }
        if (status == STATUS_OK) {
            status = backup_writer_piece(backup->writer,
                                         kv_slice_of(piece.bytes.data, piece.bytes.size));
        }
        kvctl_progress_tell(&backup->progress, part, at + piece.bytes.size, piece.total);
    }
    return status == STATUS_OK ? KVCTL_EXIT_OK : fail_file(backup, status);
}

static void print_summary(const struct backup *backup)
{
    uint64_t bytes = 0;
    for (uint32_t g = 0; g <= backup->head.partitions; g++) {
        bytes += backup->bytes[g];
    }
    if (backup->options->output == KVCTL_OUTPUT_JSON) {
        json_t *json = json_object();
        json_t *groups = json_array();
        for (uint32_t g = 0; g <= backup->head.partitions; g++) {
            json_array_append_new(groups, json_pack("{s:i,s:I}", "group", (int)g, "bytes",
                                                    (json_int_t)backup->bytes[g]));
        }
        json_object_set_new(
            json, "file",
            kvctl_bytes_json(KVCTL_ENCODING_UTF8, kv_bytes_of(backup->path, strlen(backup->path))));
        json_object_set_new(json, "cluster", json_string(backup->head.cluster));
        json_object_set_new(json, "partitions", json_integer(backup->head.partitions));
        json_object_set_new(json, "timestamp",
                            json_integer((json_int_t)backup->head.cut.clock.value));
        json_object_set_new(json, "created_us", json_integer((json_int_t)backup->head.created_us));
        json_object_set_new(json, "bytes", json_integer((json_int_t)bytes));
        json_object_set_new(json, "groups", groups);
        kvctl_print_json(stdout, json);
    } else if (!kvctl_given(backup->options, KVCTL_BIT(QUIET))) {
        printf("%s: cluster %s, %u partitions, at %llu, %llu bytes\n", backup->path,
               backup->head.cluster, backup->head.partitions,
               (unsigned long long)backup->head.cut.clock.value, (unsigned long long)bytes);
    }
}

enum kvctl_exit kvctl_run_backup(const struct kvctl_command *command,
                                 const struct kvctl_options *options)
{
    struct backup *backup = kv_alloc_zero(1, sizeof *backup);
    backup->options = options;
    backup->path = kvctl_arguments_of(command, options).words[0];
    kvctl_progress_begin(&backup->progress, options, "backup");
    kvctl_catch_signals();
    enum kvctl_exit code = kvctl_connect_any(options, &backup->client);
    code = code == KVCTL_EXIT_OK ? look_at_cluster(backup) : code;
    code = code == KVCTL_EXIT_OK ? make_mark(backup) : code;
    for (uint32_t g = 0; code == KVCTL_EXIT_OK && g <= backup->head.partitions; g++) {
        code = read_group(backup, g);
    }
    if (code == KVCTL_EXIT_OK) {
        const enum status status = backup_writer_finish(&backup->writer);
        code = status == STATUS_OK ? KVCTL_EXIT_OK : fail_file(backup, status);
    }
    if (backup->client != NULL && backup->head.cut.clock.value != 0) {
        kv_backup_drop(backup->client, backup->head.cut.clock.value);
    }
    backup_writer_destroy(&backup->writer);
    kv_client_close(&backup->client);
    if (code == KVCTL_EXIT_OK) {
        print_summary(backup);
    }
    kv_free(backup);
    return kvctl_flush(options, code);
}

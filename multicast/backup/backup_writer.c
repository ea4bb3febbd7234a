/* SPDX-License-Identifier: Apache-2.0 */
/* backup_writer: the writing of backup_file.h. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "multicast/backup/backup_file.h"
#include "multicast/backup/backup_internal.h"
#include "multicast/base/assert.h"

struct backup_writer {
    char path[PATH_MAX], partial[PATH_MAX];
    FILE *file;
    XXH3_state_t *all, *part;
    uint32_t groups, begun; /* images */
    uint64_t left;          /* of the image that was begun */
    uint64_t digest;        /* that it must have */
    enum status status;     /* the first failure of the file */
};

static enum status failure(void)
{
    return errno == ENOSPC ? STATUS_NO_SPACE : STATUS_IO;
}

static void put(struct backup_writer *writer, const void *data, size_t size)
{
    if (writer->status == STATUS_OK && size > 0 && fwrite(data, 1, size, writer->file) != size) {
        writer->status = failure();
    }
    XXH3_64bits_update(writer->all, data, size);
}

static void put_number(struct backup_writer *writer, uint64_t number, size_t bytes)
{
    const uint64_t little = htole64(number);
    put(writer, &little, bytes);
}

static void put_head(struct backup_writer *writer, const struct backup_head *head)
{
    const size_t name = strlen(head->cluster);
    put_number(writer, BACKUP_MAGIC, 8);
    put_number(writer, BACKUP_VERSION, 4);
    put_number(writer, head->partitions, 4);
    put_number(writer, head->cut.clock.value, 8);
    put_number(writer, head->cut.group.value, 2);
    put_number(writer, head->created_us, 8);
    put_number(writer, name, 2);
    put(writer, head->cluster, name);
    put_number(writer, head->partitions + 1, 2);
}

enum status backup_writer_new(const char *path, const struct backup_head *head,
                              struct backup_writer **ret)
{
    *ret = NULL;
    struct backup_writer *writer = kv_alloc_zero(1, sizeof *writer);
    const int size = snprintf(writer->partial, sizeof writer->partial, "%s.partial", path);
    if (size < 0 || (size_t)size >= sizeof writer->partial) {
        kv_free(writer);
        errno = ENAMETOOLONG;
        return STATUS_IO;
    }
    (void)snprintf(writer->path, sizeof writer->path, "%s", path);
    writer->file = fopen(writer->partial, "wbe");
    if (writer->file == NULL) {
        kv_free(writer);
        return failure();
    }
    writer->all = XXH3_createState();
    writer->part = XXH3_createState();
    KV_ASSERT(writer->all != NULL && writer->part != NULL);
    XXH3_64bits_reset(writer->all);
    XXH3_64bits_reset(writer->part);
    writer->groups = head->partitions + 1;
    put_head(writer, head);
    *ret = writer;
    return STATUS_OK;
}

/* The image that was begun is there. */
static enum status check_part(struct backup_writer *writer)
{
    const bool good = writer->left == 0 && XXH3_64bits_digest(writer->part) == writer->digest;
    return writer->begun == 0 || good ? writer->status : STATUS_CORRUPT;
}

enum status backup_writer_begin(struct backup_writer *writer, uint64_t bytes, uint64_t digest)
{
    KV_ASSERT(writer->begun < writer->groups);
    const enum status status = check_part(writer);
    put_number(writer, writer->begun++, 2);
    put_number(writer, bytes, 8);
    put_number(writer, digest, 8);
    XXH3_64bits_reset(writer->part);
    writer->left = bytes;
    writer->digest = digest;
    return status == STATUS_OK ? writer->status : status;
}

enum status backup_writer_piece(struct backup_writer *writer, kv_slice piece)
{
    if (piece.size > writer->left) {
        return STATUS_CORRUPT;
    }
    put(writer, piece.data, piece.size);
    XXH3_64bits_update(writer->part, piece.data, piece.size);
    writer->left -= piece.size;
    return writer->left == 0 ? check_part(writer) : writer->status;
}

/* The new name is durable. */
static bool sync_name(const struct backup_writer *writer)
{
    char parent[PATH_MAX];
    (void)snprintf(parent, sizeof parent, "%s", writer->path);
    char *slash = strrchr(parent, '/');
    if (slash != NULL) {
        slash[slash == parent ? 1 : 0] = '\0';
    }
    const int directory = open(slash == NULL ? "." : parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool synced = directory >= 0 && fsync(directory) == 0;
    if (directory >= 0) {
        close(directory);
    }
    return synced;
}

enum status backup_writer_finish(struct backup_writer **writer_ref)
{
    struct backup_writer *writer = *writer_ref;
    KV_ASSERT(writer->begun == writer->groups);
    enum status status = check_part(writer);
    if (status == STATUS_OK) {
        put_number(writer, XXH3_64bits_digest(writer->all), 8);
        const bool good = writer->status == STATUS_OK && fflush(writer->file) == 0 &&
                          fsync(fileno(writer->file)) == 0 &&
                          rename(writer->partial, writer->path) == 0 && sync_name(writer);
        status = good ? STATUS_OK : writer->status != STATUS_OK ? writer->status : failure();
    }
    backup_writer_destroy(writer_ref);
    return status;
}

void backup_writer_destroy(struct backup_writer **writer_ref)
{
    struct backup_writer *writer = *writer_ref;
    *writer_ref = NULL;
    if (writer == NULL) {
        return;
    }
    const int error = errno; /* of what has failed, if anything has */
    (void)fclose(writer->file);
    (void)unlink(writer->partial); /* if it is still there, it is not whole */
    XXH3_freeState(writer->all);
    XXH3_freeState(writer->part);
    kv_free(writer);
    errno = error;
}

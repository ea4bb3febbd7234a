/* SPDX-License-Identifier: Apache-2.0 */
/* backup_file: see the header; this is the reading. */
#include "multicast/backup/backup_file.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "multicast/backup/backup_internal.h"
#include "multicast/base/assert.h"

/* Bytes that are looked at at once. */
#define READ_BYTES ((size_t)256 * 1024)

struct reader {
    const char *path;
    FILE *file;
    XXH3_state_t *hash;
    uint64_t done, total; /* bytes of the file */
    const struct backup_progress *progress;
    struct backup_error *error;
    enum status status;
};

static void fail(struct reader *reader, enum status status, const char *why)
{
    if (reader->status == STATUS_OK) {
        reader->status = status;
        snprintf(reader->error->text, sizeof reader->error->text, "%s, at byte %llu: %s",
                 reader->path, (unsigned long long)reader->done, why);
    }
}

static void get(struct reader *reader, void *ret, size_t size)
{
    if (reader->status != STATUS_OK) {
        return;
    }
    errno = 0;
    if (fread(ret, 1, size, reader->file) != size) {
        fail(reader, ferror(reader->file) != 0 ? STATUS_IO : STATUS_CORRUPT,
             ferror(reader->file) != 0 ? strerror(errno) : "it ends too early");
        return;
    }
    XXH3_64bits_update(reader->hash, ret, size);
    reader->done += size;
}

static uint64_t get_number(struct reader *reader, size_t bytes)
{
    uint64_t little = 0;
    get(reader, &little, bytes);
    return reader->status == STATUS_OK ? le64toh(little) : 0;
}

static void get_head(struct reader *reader, struct backup_head *ret)
{
    if (get_number(reader, 8) != BACKUP_MAGIC) {
        fail(reader, STATUS_CORRUPT, "this is no backup");
    }
    if (get_number(reader, 4) != BACKUP_VERSION) {
        fail(reader, STATUS_VERSION, "it was written by another version");
    }
    ret->partitions = (uint32_t)get_number(reader, 4);
    ret->cut.clock.value = get_number(reader, 8);
    ret->cut.group.value = (uint16_t)get_number(reader, 2);
    ret->created_us = get_number(reader, 8);
    const size_t name = (size_t)get_number(reader, 2);
    if (ret->partitions < 1 || ret->partitions >= KV_GROUPS_MAX ||
        ret->cut.group.value >= KV_GROUPS_MAX || ret->cut.clock.value > BACKUP_CLOCK_MAX ||
        name > BACKUP_NAME_BYTES_MAX) {
        fail(reader, STATUS_CORRUPT, "its head makes no sense");
        return;
    }
    get(reader, ret->cluster, name);
    ret->cluster[name] = '\0';
    if (get_number(reader, 2) != ret->partitions + 1) {
        fail(reader, STATUS_CORRUPT, "its head makes no sense");
    }
}

static void tell(const struct reader *reader)
{
    if (reader->progress != NULL) {
        reader->progress->tell(reader->progress->context, reader->done, reader->total);
    }
}

static void get_part(struct reader *reader, uint32_t group, uint8_t *piece, struct backup_part *ret)
{
    if (get_number(reader, 2) != group) {
        fail(reader, STATUS_CORRUPT, "the image of another group was expected here");
    }
    ret->bytes = get_number(reader, 8);
    ret->digest = get_number(reader, 8);
    ret->offset = reader->done;
    XXH3_state_t *hash = XXH3_createState();
    KV_ASSERT(hash != NULL); /* as every allocation */
    XXH3_64bits_reset(hash);
    for (uint64_t left = ret->bytes; left > 0 && reader->status == STATUS_OK;) {
        const size_t size = left < READ_BYTES ? (size_t)left : READ_BYTES;
        get(reader, piece, size);
        XXH3_64bits_update(hash, piece, reader->status == STATUS_OK ? size : 0);
        left -= size;
        tell(reader);
    }
    if (reader->status == STATUS_OK && XXH3_64bits_digest(hash) != ret->digest) {
        fail(reader, STATUS_CORRUPT, "the image that ends here is damaged");
    }
    XXH3_freeState(hash);
}

static void get_end(struct reader *reader)
{
    const uint64_t digest = XXH3_64bits_digest(reader->hash);
    uint8_t behind;
    if (get_number(reader, 8) != digest) {
        fail(reader, STATUS_CORRUPT, "its digest is not the one of its bytes");
    }
    if (reader->status == STATUS_OK && fread(&behind, 1, 1, reader->file) != 0) {
        fail(reader, STATUS_CORRUPT, "there is something behind its end");
    }
}

enum status backup_file_check(const char *path, const struct backup_progress *progress,
                              struct backup_head *ret, struct backup_part ret_parts[KV_GROUPS_MAX],
                              struct backup_error *error)
{
    struct stat about;
    struct reader reader = {.path = path,
                            .file = fopen(path, "rbe"),
                            .progress = progress,
                            .error = error,
                            .status = STATUS_OK};
    if (reader.file == NULL || fstat(fileno(reader.file), &about) != 0) {
        fail(&reader, STATUS_IO, strerror(errno));
        if (reader.file != NULL) {
            (void)fclose(reader.file);
        }
        return reader.status;
    }
    reader.total = (uint64_t)about.st_size;
    reader.hash = XXH3_createState();
    KV_ASSERT(reader.hash != NULL);
    XXH3_64bits_reset(reader.hash);
    uint8_t *piece = kv_alloc(READ_BYTES);
    get_head(&reader, ret);
    for (uint32_t g = 0; reader.status == STATUS_OK && g <= ret->partitions; g++) {
        get_part(&reader, g, piece, &ret_parts[g]);
    }
    if (reader.status == STATUS_OK) {
        get_end(&reader);
    }
    kv_free(piece);
    XXH3_freeState(reader.hash);
    (void)fclose(reader.file);
    return reader.status;
}

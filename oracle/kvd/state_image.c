/* SPDX-License-Identifier: Apache-2.0 */
/* state_image: see the header. */
#include "oracle/kvd/state_image.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "multicast/base/assert.h"

#define IMAGE_MAGIC UINT64_C(0x314547414d49564b) /* "KVIMAGE1" */

/* Bytes of a blob that are believed before the digest is known: what an engine keeps beside rows is far below. */
#define IMAGE_BLOB_BYTES_MAX (UINT64_C(4) * 1024 * 1024 * 1024)

/* ---- Writing ---- */

struct image_writer {
    FILE *file;
    XXH3_state_t *hash;
    uint64_t bytes;
    bool failed;
};

static void put(struct image_writer *writer, const void *data, size_t size)
{
    if (writer->failed || size == 0) {
        return;
    }
    writer->failed = fwrite(data, 1, size, writer->file) != size;
    XXH3_64bits_update(writer->hash, data, size);
    writer->bytes += size;
}

static void put_number(struct image_writer *writer, uint64_t number, size_t bytes)
{
    const uint64_t little = htole64(number);
    put(writer, &little, bytes);
}

static void put_name(struct image_writer *writer, const char *name)
{
    put_number(writer, strlen(name), 1);
    put(writer, name, strlen(name));
}

static enum status put_blob(struct image_writer *writer, struct store_lmdb_view *view,
                            const char *name)
{
    struct kv_buffer bytes = {0};
    const enum status status = store_lmdb_view_blob(view, name, &bytes);
    put_name(writer, name);
    put_number(writer, bytes.size, 8);
    put(writer, bytes.data, bytes.size);
    kv_buffer_close(&bytes);
    return status == STATUS_NOT_FOUND ? STATUS_CORRUPT : status;
}

static enum status put_table(struct image_writer *writer, const struct store_base *base,
                             const char *name)
{
    struct kv_map_row row;
    kv_slice at = {NULL, 0};
    uint64_t rows = 0;
    enum status status;
    put_name(writer, name);
    put_number(writer, base->sum.count, 8);
    while ((status = base->ops->next(base->state, at, rows > 0, &row)) == STATUS_OK) {
        put_number(writer, row.key.size, 2);
        put_number(writer, row.version.clock.value, 8);
        put_number(writer, row.version.group.value, 2);
        put_number(writer, row.value.size, 4);
        put(writer, row.key.data, row.key.size);
        put(writer, row.value.data, row.value.size);
        at = row.key;
        rows++;
    }
    if (status != STATUS_END) {
        return status;
    }
    return rows == base->sum.count ? STATUS_OK : STATUS_CORRUPT;
}

static enum status put_all(struct image_writer *writer, const struct state_image_form *form,
                           struct store_lmdb_view *view)
{
    enum status status = STATUS_OK;
    put_number(writer, IMAGE_MAGIC, 8);
    put_number(writer, form->group.value, 2);
    put_number(writer, form->blob_count, 2);
    put_number(writer, form->table_count, 2);
    put_number(writer, 0, 2);
    for (uint32_t i = 0; i < form->blob_count && status == STATUS_OK; i++) {
        status = put_blob(writer, view, form->blobs[i]);
    }
    for (uint32_t i = 0; i < form->table_count && status == STATUS_OK; i++) {
        const struct store_base base = store_lmdb_view_base(view, i);
        status = put_table(writer, &base, form->tables[i]);
    }
    return status;
}

enum status state_image_dump(const struct state_image_form *form, struct store_lmdb_view *view,
                             const char *path, uint64_t *ret_bytes, uint64_t *ret_digest)
{
    struct image_writer writer = {.file = fopen(path, "wbe")};
    if (writer.file == NULL) {
        return errno == ENOSPC ? STATUS_NO_SPACE : STATUS_IO;
    }
    writer.hash = XXH3_createState();
    KV_ASSERT(writer.hash != NULL); /* as every allocation */
    XXH3_64bits_reset(writer.hash);
    const enum status status = put_all(&writer, form, view);
    errno = 0;
    const bool synced = fflush(writer.file) == 0 && fdatasync(fileno(writer.file)) == 0;
    const enum status failure = errno == ENOSPC ? STATUS_NO_SPACE : STATUS_IO;
    *ret_bytes = writer.bytes;
    *ret_digest = XXH3_64bits_digest(writer.hash);
    XXH3_freeState(writer.hash);
    (void)fclose(writer.file);
    if (status != STATUS_OK) {
        return status;
    }
    return writer.failed || !synced ? failure : STATUS_OK;
}

/* ---- Reading ---- */

struct image_reader {
    FILE *file;
    XXH3_state_t *hash;
    uint64_t left; /* bytes that may be read */
    bool failed;   /* the file ends, or cannot be read, or says what cannot be */
};

static bool get(struct image_reader *reader, void *ret, size_t size)
{
    if (reader->failed || size > reader->left ||
        (size > 0 && fread(ret, 1, size, reader->file) != size)) {
        reader->failed = true;
        return false;
    }
    reader->left -= size;
    XXH3_64bits_update(reader->hash, ret, size);
    return true;
}

static uint64_t get_number(struct image_reader *reader, size_t bytes)
{
    uint64_t little = 0;
    return get(reader, &little, bytes) ? le64toh(little) : 0;
}

/* The next bytes are this number, or all of it is no image. */
static void expect_number(struct image_reader *reader, uint64_t number, size_t bytes)
{
    reader->failed = get_number(reader, bytes) != number || reader->failed;
}

static void expect_name(struct image_reader *reader, const char *name)
{
    char found[STORE_LMDB_NAME_BYTES_MAX] = {0};
    const size_t size = strlen(name);
    expect_number(reader, size, 1);
    reader->failed = !get(reader, found, size) || memcmp(found, name, size) != 0 || reader->failed;
}

/* Read into a buffer in pieces: a size is not believed before the bytes are there. */
static void get_bytes(struct image_reader *reader, uint64_t size, struct kv_buffer *ret)
{
    uint8_t piece[4096];
    kv_buffer_clear(ret);
    while (size > 0 && !reader->failed) {
        const size_t part = size < sizeof piece ? (size_t)size : sizeof piece;
        if (get(reader, piece, part)) {
            kv_buffer_append(ret, piece, part);
        }
        size -= part;
    }
}

static void get_blob(struct image_reader *reader, const char *name, struct kv_buffer *scratch,
                     struct store_lmdb_write *write)
{
    expect_name(reader, name);
    const uint64_t size = get_number(reader, 8);
    reader->failed = reader->failed || size > IMAGE_BLOB_BYTES_MAX;
    get_bytes(reader, size, scratch);
    if (!reader->failed) {
        store_lmdb_write_blob(write, name, kv_buffer_slice(scratch));
    }
}

static void get_table(struct image_reader *reader, uint32_t table, const char *name,
                      struct kv_buffer *scratch, struct store_lmdb_write *write)
{
    expect_name(reader, name);
    for (uint64_t left = get_number(reader, 8); left > 0 && !reader->failed; left--) {
        struct kv_map_row row = {.tombstone = false};
        const size_t key = (size_t)get_number(reader, 2);
        row.version.clock.value = get_number(reader, 8);
        row.version.group.value = (uint16_t)get_number(reader, 2);
        const size_t value = (size_t)get_number(reader, 4);
        reader->failed =
            reader->failed || key < 1 || key > KV_KEY_BYTES_MAX || value > KV_VALUE_BYTES_MAX;
        get_bytes(reader, key + value, scratch);
        if (!reader->failed) {
            row.key = kv_slice_of(scratch->data, key);
            row.value = kv_slice_of(scratch->data + key, value);
            store_lmdb_write_row(write, table, &row);
        }
    }
}

static void get_all(struct image_reader *reader, const struct state_image_form *form,
                    struct store_lmdb_write *write)
{
    struct kv_buffer scratch = {0};
    expect_number(reader, IMAGE_MAGIC, 8);
    expect_number(reader, form->group.value, 2);
    expect_number(reader, form->blob_count, 2);
    expect_number(reader, form->table_count, 2);
    expect_number(reader, 0, 2);
    for (uint32_t i = 0; i < form->blob_count && !reader->failed; i++) {
        get_blob(reader, form->blobs[i], &scratch, write);
    }
    for (uint32_t i = 0; i < form->table_count && !reader->failed; i++) {
        get_table(reader, i, form->tables[i], &scratch, write);
    }
    kv_buffer_close(&scratch);
}

/* Nothing is behind it. */
static bool is_at_end(const struct image_reader *reader, uint64_t bytes)
{
    uint8_t behind;
    return bytes == STATE_IMAGE_TO_THE_END ? fread(&behind, 1, 1, reader->file) == 0
                                           : reader->left == 0;
}

enum status state_image_load(const struct state_image_form *form,
                             const struct state_image_source *source,
                             struct store_lmdb_write *write)
{
    struct image_reader reader = {.file = fopen(source->path, "rbe"), .left = source->bytes};
    if (reader.file == NULL) {
        return STATUS_IO;
    }
    reader.hash = XXH3_createState();
    KV_ASSERT(reader.hash != NULL);
    XXH3_64bits_reset(reader.hash);
    reader.failed = fseeko(reader.file, (off_t)source->offset, SEEK_SET) != 0;
    get_all(&reader, form, write);
    const bool good = !reader.failed && is_at_end(&reader, source->bytes) &&
                      XXH3_64bits_digest(reader.hash) == source->digest;
    XXH3_freeState(reader.hash);
    (void)fclose(reader.file);
    return good ? STATUS_OK : STATUS_CORRUPT;
}

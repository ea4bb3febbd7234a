/* SPDX-License-Identifier: Apache-2.0 */
/* log_meta: the directory of a log: its lock, META, and the names in it.
 *
 * META is made last and renamed into place: a directory without it holds at most a first segment
 * without batches, and a log without its META is damage. An order of steps, each durable before the
 * next one begins:
 *
 *   DIR in its parent -> DIR/wal -> wal/00000001.seg -> META -> the first batch */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "multicast/log/log_internal.h"

/* Digits of a segment's number in its name. */
#define META_SEGMENT_DIGITS     8
#define META_SEGMENT_NUMBER_MAX UINT64_C(99999999)

static const char segment_ending[] = ".seg";
static const char unfinished_ending[] = ".new";

enum status log_wal_path(const struct log_directory *directory, struct log_path *ret,
                         struct log_error *error)
{
    return log_path_join(ret, directory->path.text, "wal", error);
}

enum status log_segment_path(const struct log_directory *directory, uint64_t number, bool finished,
                             struct log_path *ret, struct log_error *error)
{
    char name[32];
    if (number > META_SEGMENT_NUMBER_MAX) {
        return log_fail(error, STATUS_FULL, "%s: no numbers are left for new segments",
                        directory->path.text);
    }
    (void)snprintf(name, sizeof name, "wal/%08" PRIu64 "%s", number,
                   finished ? segment_ending : unfinished_ending);
    return log_path_join(ret, directory->path.text, name, error);
}

/* The directory that holds an entry. */
static void parent_of(const char *path, struct log_path *ret)
{
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/') {
        size--;
    }
    while (size > 0 && path[size - 1] != '/') {
        size--;
    }
    while (size > 1 && path[size - 1] == '/') {
        size--;
    }
    if (size == 0) {
        path = ".";
        size = 1;
    }
    memcpy(ret->text, path, size);
    ret->text[size] = '\0';
}

static enum status make_directory(struct log_io *io, const char *path, struct log_error *error)
{
    int result = io->mkdir(io, path);
    return result < 0 && result != -EEXIST ? log_fail_call(error, result, path, "cannot make")
                                           : STATUS_OK;
}

static bool has_ending(const char *name, const char *ending)
{
    size_t size = strlen(name);
    size_t ending_size = strlen(ending);
    return size >= ending_size && strcmp(name + size - ending_size, ending) == 0;
}

static bool parse_segment_name(const char *name, uint64_t *ret)
{
    uint64_t number = 0;
    if (strlen(name) != META_SEGMENT_DIGITS + strlen(segment_ending)) {
        return false;
    }
    for (size_t i = 0; i < META_SEGMENT_DIGITS; i++) {
        if (name[i] < '0' || name[i] > '9') {
            return false;
        }
        number = number * 10 + (uint64_t)(name[i] - '0');
    }
    *ret = number;
    return true;
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t left;
    uint64_t right;
    memcpy(&left, a, sizeof left);
    memcpy(&right, b, sizeof right);
    return left < right ? -1 : left > right;
}

/* The names in wal/, each with its final NUL. */
static enum status list_names(const struct log_directory *directory, struct kv_buffer *ret,
                              struct log_error *error)
{
    struct log_path wal;
    enum status status = log_wal_path(directory, &wal, error);
    if (status != STATUS_OK) {
        return status;
    }
    int result = directory->io->list(directory->io, wal.text, ret);
    if (result == -ENOENT) {
        return log_fail(error, STATUS_CORRUPT, "%s: the directory is missing; " LOG_ADVICE,
                        wal.text);
    }
    return result < 0 ? log_fail_call(error, result, wal.text, "cannot list") : STATUS_OK;
}

enum status log_directory_list(const struct log_directory *directory, uint64_t **ret,
                               size_t *ret_count, struct log_error *error)
{
    struct kv_buffer names = {0};
    size_t count = 0;
    enum status status = list_names(directory, &names, error);
    for (size_t i = 0; i < names.size; i++) {
        count += names.data[i] == '\0';
    }
    uint64_t *numbers = kv_alloc_zero(count + 1, sizeof *numbers);
    count = 0;
    for (size_t i = 0; status == STATUS_OK && i < names.size;
         i += strlen((const char *)names.data + i) + 1) {
        const char *name = (const char *)names.data + i;
        if (!has_ending(name, segment_ending)) {
            continue; /* unfinished segments, and what an operator or the file system put there */
        }
        if (!parse_segment_name(name, &numbers[count])) {
            status = log_fail(error, STATUS_CORRUPT,
                              "%s/wal/%s: this is not the name of a segment; nothing was changed; "
                              "move the file away",
                              directory->path.text, name);
        }
        count++;
    }
    kv_buffer_close(&names);
    qsort(numbers, count, sizeof *numbers, compare_numbers);
    for (size_t i = 0; status == STATUS_OK && i < count; i++) {
        if (numbers[i] != numbers[0] + i) {
            status = log_fail(error, STATUS_CORRUPT,
                              "%s/wal: segment %" PRIu64 " is missing, or %08" PRIu64
                              ".seg is misnamed; " LOG_ADVICE,
                              directory->path.text, numbers[0] + i, numbers[i]);
        }
    }
    if (status != STATUS_OK) {
        kv_free(numbers);
        return status;
    }
    *ret = numbers;
    *ret_count = count;
    return STATUS_OK;
}

enum status log_directory_clean(const struct log_directory *directory, struct log_error *error)
{
    struct kv_buffer names = {0};
    struct log_path wal;
    enum status status = log_wal_path(directory, &wal, error);
    status = status != STATUS_OK ? status : list_names(directory, &names, error);
    for (size_t i = 0; status == STATUS_OK && i < names.size;
         i += strlen((const char *)names.data + i) + 1) {
        const char *name = (const char *)names.data + i;
        struct log_path path;
        if (has_ending(name, unfinished_ending) &&
            (status = log_path_join(&path, wal.text, name, error)) == STATUS_OK) {
            status = log_file_unlink(directory->io, path.text, error);
        }
    }
    kv_buffer_close(&names);
    return status;
}

/* Without META there may be a first segment without batches, if the power was cut while the
 * directory was made. Remove it; anything more is a log that has lost its META. */
static enum status remove_unused(const struct log_directory *directory, struct log_error *error)
{
    uint64_t *numbers = NULL;
    size_t count = 0;
    struct log_path path;
    enum status status = log_directory_list(directory, &numbers, &count, error);
    if (status != STATUS_OK) {
        return status;
    }
    bool used = count > 1 || (count == 1 && numbers[0] != 1);
    kv_free(numbers);
    if (count == 0) {
        return STATUS_OK;
    }
    status = log_segment_path(directory, 1, true, &path, error);
    if (status == STATUS_OK && !used) {
        status = log_file_is_unused(directory->io, path.text, &used, error);
        used = !used;
    }
    if (status == STATUS_OK && used) {
        return log_fail(error, STATUS_CORRUPT,
                        "%s/META is missing although there is a log; " LOG_ADVICE,
                        directory->path.text);
    }
    return status != STATUS_OK ? status : log_file_unlink(directory->io, path.text, error);
}

static enum status write_meta(const struct log_directory *directory, struct log_error *error)
{
    struct log_path new_path;
    struct log_path path;
    uint8_t data[LOG_META_BYTES];
    int handle = -1;
    enum status status;
    log_meta_encode(&directory->identity, data);
    if ((status = log_path_join(&new_path, directory->path.text, "META.new", error)) != STATUS_OK ||
        (status = log_failpoint(FAILPOINT_META_BEFORE_WRITE, new_path.text, error)) != STATUS_OK ||
        (status = log_path_join(&path, directory->path.text, "META", error)) != STATUS_OK ||
        (status = log_file_open(directory->io, new_path.text, LOG_IO_CREATE, &handle, error)) !=
            STATUS_OK) {
        return status;
    }
    status = log_file_write(directory->io, handle, new_path.text, data, sizeof data, 0, error);
    if (status == STATUS_OK &&
        (status = log_failpoint(FAILPOINT_META_BEFORE_SYNC, new_path.text, error)) == STATUS_OK) {
        status = log_file_sync(directory->io, handle, new_path.text, error);
    }
    log_file_close(directory->io, &handle);
    if (status != STATUS_OK ||
        (status = log_failpoint(FAILPOINT_META_BEFORE_RENAME, path.text, error)) != STATUS_OK ||
        (status = log_file_rename(directory->io, new_path.text, path.text, error)) != STATUS_OK) {
        return status;
    }
    /* Recovery follows, and begins by making the name durable: so the same is done after a crash
     * right here. */
    return log_failpoint(FAILPOINT_META_AFTER_RENAME, path.text, error);
}

/* The directory exists and is locked, and there is no META. */
static enum status create_log(struct log_directory *directory, const struct log_settings *settings,
                              uint64_t segment_bytes, struct log_error *error)
{
    struct log_path parent;
    struct log_path wal;
    enum status status;
    parent_of(directory->path.text, &parent);
    if ((status = log_directory_sync(directory->io, parent.text, error)) != STATUS_OK ||
        (status = log_wal_path(directory, &wal, error)) != STATUS_OK ||
        (status = make_directory(directory->io, wal.text, error)) != STATUS_OK ||
        (status = log_directory_sync(directory->io, directory->path.text, error)) != STATUS_OK ||
        (status = remove_unused(directory, error)) != STATUS_OK) {
        return status;
    }
    directory->identity = (struct log_identity){settings->cluster, settings->node, 0};
    int result =
        directory->io->random(directory->io, &directory->identity.log_id, sizeof(uint64_t));
    if (result < 0) {
        return log_fail_call(error, result, directory->path.text, "no random numbers");
    }
    struct log_segment_header header = {
        .identity = directory->identity,
        .number = 1,
        .capacity = segment_bytes,
        .incarnation = 1,
        .first_sequence = 1,
    };
    struct log_segment segment;
    status = log_segment_create(directory, &header, &segment, error);
    if (status != STATUS_OK) {
        return status;
    }
    log_file_close(directory->io, &segment.handle);
    return write_meta(directory, error);
}

/* *ret_exists says whether there is a META; identity is that in it. */
static enum status read_meta(struct log_directory *directory, bool *ret_exists,
                             struct log_error *error)
{
    struct log_path path;
    uint8_t data[LOG_META_BYTES + 1]; /* one more: a longer file is not ours */
    size_t size = 0;
    uint32_t version = 0;
    enum status status = log_path_join(&path, directory->path.text, "META", error);
    if (status != STATUS_OK) {
        return status;
    }
    int handle = directory->io->open(directory->io, path.text, LOG_IO_READ);
    *ret_exists = handle != -ENOENT;
    if (handle < 0) {
        return *ret_exists ? log_fail_call(error, handle, path.text, "cannot open") : STATUS_OK;
    }
    status = log_file_read(directory->io, handle, path.text, data, sizeof data, 0, &size, error);
    log_file_close(directory->io, &handle);
    if (status != STATUS_OK) {
        return status;
    }
    switch (log_meta_decode(kv_slice_of(data, size), &directory->identity, &version)) {
    case LOG_HEADER_GOOD:
        if (size == LOG_META_BYTES) {
            return STATUS_OK;
        }
        break;
    case LOG_HEADER_VERSION:
        return log_fail(error, STATUS_VERSION,
                        "%s: written by format version %" PRIu32 ", this program reads version %d",
                        path.text, version, LOG_FORMAT_VERSION);
    case LOG_HEADER_DAMAGED:
        break;
    }
    return log_fail(error, STATUS_CORRUPT, "%s: damaged; " LOG_ADVICE, path.text);
}

static enum status lock_directory(struct log_directory *directory, bool create,
                                  struct log_error *error)
{
    struct log_path path;
    enum status status = log_path_join(&path, directory->path.text, "LOCK", error);
    if (status != STATUS_OK) {
        return status;
    }
    int handle = directory->io->lock(directory->io, path.text, create);
    if (handle == -EWOULDBLOCK) {
        return log_fail(error, STATUS_LOCKED, "%s: another process uses this directory", path.text);
    }
    if (handle == -ENOENT && !create) {
        return log_fail(error, STATUS_NOT_FOUND, "%s: there is no log", directory->path.text);
    }
    if (handle < 0) {
        return log_fail_call(error, handle, path.text, "cannot lock");
    }
    directory->lock = handle;
    return STATUS_OK;
}

/* Everything behind the lock. */
static enum status open_locked(struct log_directory *directory, const struct log_settings *settings,
                               struct log_error *error)
{
    bool exists = false;
    enum status status = read_meta(directory, &exists, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (!exists && settings == NULL) {
        return log_fail(error, STATUS_NOT_FOUND, "%s: there is no log", directory->path.text);
    }
    if (!exists) {
        return create_log(directory, settings, log_settings_segment_bytes(settings), error);
    }
    if (settings != NULL && (directory->identity.cluster.value != settings->cluster.value ||
                             !kv_node_equal(directory->identity.node, settings->node))) {
        return log_fail(error, STATUS_FOREIGN,
                        "%s/META: belongs to cluster %016" PRIx64
                        " node %u, not to cluster %016" PRIx64 " node %u; nothing was changed",
                        directory->path.text, directory->identity.cluster.value,
                        directory->identity.node.value, settings->cluster.value,
                        settings->node.value);
    }
    return STATUS_OK;
}

enum status log_directory_open(struct log_directory *ret, const char *path, struct log_io *io,
                               const struct log_settings *settings, struct log_error *error)
{
    struct log_directory directory = {.io = io != NULL ? io : log_io_system(), .lock = -1};
    size_t size = strlen(path);
    if (size == 0 || size >= sizeof directory.path.text) {
        return log_fail(error, STATUS_INVALID, "the path of the directory is empty or too long");
    }
    memcpy(directory.path.text, path, size + 1);
    enum status status = STATUS_OK;
    if (settings != NULL) {
        status = make_directory(directory.io, path, error);
    }
    if (status == STATUS_OK) {
        status = lock_directory(&directory, settings != NULL, error);
    }
    if (status == STATUS_OK) {
        status = open_locked(&directory, settings, error);
    }
    if (status != STATUS_OK) {
        log_directory_close(&directory);
        return status;
    }
    *ret = directory;
    return STATUS_OK;
}

void log_directory_close(struct log_directory *directory)
{
    if (directory->io != NULL) {
        log_file_close(directory->io, &directory->lock);
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* log_file: log_io with statuses and error texts.
 *
 * A call that was interrupted before it did anything is repeated. A write that transferred less than
 * asked for, and any failed sync, is a failure and is not repeated: after it nobody knows what the
 * disk has [Rebello et al., Can Applications Recover from fsync Failures?, ATC 2020]. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "multicast/log/log_internal.h"

/* Interruptions of one call before it counts as failed: signals do not come in such numbers. */
#define FILE_INTERRUPTIONS_MAX 100

/* Bytes of one write of zeros. */
#define FILE_ZEROS_BYTES (256u * 1024)

enum status log_fail(struct log_error *error, enum status status, const char *format, ...)
{
    if (error != NULL) {
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(error->text, sizeof error->text, format, arguments);
        va_end(arguments);
    }
    return status;
}

enum status log_fail_call(struct log_error *error, int64_t result, const char *path,
                          const char *what)
{
    int code = (int)-result;
    enum status status = code == ENOSPC || code == EDQUOT ? STATUS_NO_SPACE : STATUS_IO;
    char text[128] = "";
    return log_fail(error, status, "%s: %s: %s", path, what, strerror_r(code, text, sizeof text));
}

enum status log_failpoint(enum failpoint point, const char *path, struct log_error *error)
{
    const int result = failpoint(point);
    return result < 0 ? log_fail_call(error, result, path, "failed on purpose") : STATUS_OK;
}

enum status log_path_join(struct log_path *ret, const char *directory, const char *name,
                          struct log_error *error)
{
    int size = snprintf(ret->text, sizeof ret->text, "%s/%s", directory, name);
    if (size < 0 || (size_t)size >= sizeof ret->text) {
        return log_fail(error, STATUS_INVALID, "the path of the directory is too long");
    }
    return STATUS_OK;
}

enum status log_file_open(struct log_io *io, const char *path, enum log_io_mode mode, int *ret,
                          struct log_error *error)
{
    int handle = -EINTR;
    for (int i = 0; handle == -EINTR && i < FILE_INTERRUPTIONS_MAX; i++) {
        handle = io->open(io, path, mode);
    }
    if (handle < 0) {
        return log_fail_call(error, handle, path, "cannot open");
    }
    *ret = handle;
    return STATUS_OK;
}

void log_file_close(struct log_io *io, int *handle)
{
    if (*handle >= 0) {
        io->close(io, *handle);
        *handle = -1;
    }
}

enum status log_file_read(struct log_io *io, int handle, const char *path, void *data, size_t size,
                          uint64_t offset, size_t *ret_size, struct log_error *error)
{
    size_t done = 0;
    int interruptions = 0;
    while (done < size) {
        int64_t result = io->pread(io, handle, (uint8_t *)data + done, size - done, offset + done);
        if (result == -EINTR && interruptions++ < FILE_INTERRUPTIONS_MAX) {
            continue;
        }
        if (result < 0) {
            return log_fail_call(error, result, path, "cannot read");
        }
        if (result == 0) {
            break;
        }
        done += (size_t)result;
    }
    *ret_size = done;
    return STATUS_OK;
}

enum status log_file_write(struct log_io *io, int handle, const char *path, const void *data,
                           size_t size, uint64_t offset, struct log_error *error)
{
    int64_t result = -EINTR;
    for (int i = 0; result == -EINTR && i < FILE_INTERRUPTIONS_MAX; i++) {
        result = io->pwrite(io, handle, data, size, offset);
    }
    if (result < 0) {
        return log_fail_call(error, result, path, "cannot write");
    }
    if ((uint64_t)result != size) {
        return log_fail(error, STATUS_IO,
                        "%s: short write at offset %" PRIu64 ": %" PRId64
                        " of %zu bytes (disk full?)",
                        path, offset, result, size);
    }
    return STATUS_OK;
}

enum status log_file_write_zeros(struct log_io *io, int handle, const char *path, uint64_t from,
                                 uint64_t to, struct log_error *error)
{
    static const uint8_t zeros[FILE_ZEROS_BYTES];
    while (from < to) {
        size_t size = to - from < sizeof zeros ? (size_t)(to - from) : sizeof zeros;
        enum status status = log_file_write(io, handle, path, zeros, size, from, error);
        if (status != STATUS_OK) {
            return status;
        }
        from += size;
    }
    return STATUS_OK;
}

enum status log_file_sync(struct log_io *io, int handle, const char *path, struct log_error *error)
{
    int result = io->fdatasync(io, handle);
    return result < 0 ? log_fail_call(error, result, path, "cannot sync") : STATUS_OK;
}

enum status log_file_size(struct log_io *io, int handle, const char *path, uint64_t *ret,
                          struct log_error *error)
{
    int64_t result = io->size(io, handle);
    if (result < 0) {
        return log_fail_call(error, result, path, "cannot find out the size of");
    }
    *ret = (uint64_t)result;
    return STATUS_OK;
}

enum status log_file_rename(struct log_io *io, const char *from, const char *to,
                            struct log_error *error)
{
    int result = io->rename(io, from, to);
    return result < 0 ? log_fail_call(error, result, from, "cannot rename") : STATUS_OK;
}

enum status log_file_unlink(struct log_io *io, const char *path, struct log_error *error)
{
    int result = io->unlink(io, path);
    return result < 0 ? log_fail_call(error, result, path, "cannot remove") : STATUS_OK;
}

enum status log_file_is_unused(struct log_io *io, const char *path, bool *ret,
                               struct log_error *error)
{
    int handle = -1;
    enum status status = log_file_open(io, path, LOG_IO_READ, &handle, error);
    if (status != STATUS_OK) {
        return status;
    }
    bool unused = true;
    uint8_t block[LOG_BLOCK_BYTES];
    size_t size = sizeof block;
    for (uint64_t offset = sizeof block; status == STATUS_OK && unused && size == sizeof block;
         offset += sizeof block) {
        status = log_file_read(io, handle, path, block, sizeof block, offset, &size, error);
        unused = status == STATUS_OK && log_is_zero(block, size);
    }
    log_file_close(io, &handle);
    *ret = unused;
    return status;
}

enum status log_directory_sync(struct log_io *io, const char *path, struct log_error *error)
{
    int result = io->fsync_directory(io, path);
    return result < 0 ? log_fail_call(error, result, path, "cannot sync the directory") : STATUS_OK;
}

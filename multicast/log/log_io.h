/* SPDX-License-Identifier: Apache-2.0 */
/* log_io: the file operations that the log relies on, as a table, so that tests can fail any of
 * them and cut the power.
 *
 * There are two implementations: log_io_system() and tests/unit/log/log_io_fault.c (in memory). All
 * operations block, are called by one thread, and return 0 or a positive result, or -errno. Nothing
 * here retries: EINTR and short transfers are passed on, and log_file.c decides. Paths are
 * complete; a handle is any number >= 0. */
#ifndef KV_LOG_LOG_IO_H
#define KV_LOG_LOG_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "multicast/base/bytes.h"

enum log_io_mode {
    LOG_IO_READ,   /* must exist */
    LOG_IO_WRITE,  /* must exist; for reading too */
    LOG_IO_CREATE, /* made, or emptied when it exists; for reading too */
};

struct log_io {
    /* A handle. Not inherited by child processes. */
    int (*open)(struct log_io *io, const char *path, enum log_io_mode mode);

    /* Release a handle of open or lock. */
    void (*close)(struct log_io *io, int handle);

    /* Bytes of the file. */
    int64_t (*size)(struct log_io *io, int handle);

    /* Bytes read; 0 at the end of the file. */
    int64_t (*pread)(struct log_io *io, int handle, void *data, size_t size, uint64_t offset);

    /* Bytes written, maybe fewer than asked for. */
    int64_t (*pwrite)(struct log_io *io, int handle, const void *data, size_t size,
                      uint64_t offset);

    /* Make data and size of the file durable; not the directory entry that names it. */
    int (*fdatasync)(struct log_io *io, int handle);

    /* Forget what is cached of the file and is not waiting to be written, so that reads come from
     * the disk: after a failed sync the cache shows bytes that the disk does not have. Only advice;
     * changes nothing durable. */
    int (*drop_cache)(struct log_io *io, int handle);

    /* Make the entries of a directory durable. */
    int (*fsync_directory)(struct log_io *io, const char *path);

    /* Replaces `to` if it exists. Durable after fsync_directory. */
    int (*rename)(struct log_io *io, const char *from, const char *to);

    int (*unlink)(struct log_io *io, const char *path);

    /* -EEXIST when there is one. */
    int (*mkdir)(struct log_io *io, const char *path);

    /* Append the names in a directory to *ret, each with its final NUL, in any order, without "."
     * and "..". */
    int (*list)(struct log_io *io, const char *path, struct kv_buffer *ret);

    /* A handle that holds an exclusive lock on the file until it is closed or the process ends;
     * -EWOULDBLOCK when another one holds it. `create` makes the file if there is none. */
    int (*lock)(struct log_io *io, const char *path, bool create);

    /* Unpredictable bytes. */
    int (*random)(struct log_io *io, void *data, size_t size);
};

/* The operating system. One for the process, stateless. */
struct log_io *log_io_system(void);

#endif

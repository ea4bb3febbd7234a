/* SPDX-License-Identifier: Apache-2.0 */
/* log_io_system: log_io on Linux system calls, one call each. */
#include "multicast/log/log_io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

/* Rights of new files and directories: the log holds users' data, the umask may only narrow them. */
#define SYSTEM_FILE_MODE      0640
#define SYSTEM_DIRECTORY_MODE 0750

/* How long a lock is waited for: a process that was killed cannot be seen any more some time before it lets go of its files. */
#define SYSTEM_LOCK_WAITS   100
#define SYSTEM_LOCK_WAIT_NS 10000000

static int system_open(struct log_io *io, const char *path, enum log_io_mode mode)
{
    (void)io;
    int flags = O_CLOEXEC;
    switch (mode) {
    case LOG_IO_READ:
        flags |= O_RDONLY;
        break;
    case LOG_IO_WRITE:
        flags |= O_RDWR;
        break;
    case LOG_IO_CREATE:
        flags |= O_RDWR | O_CREAT | O_TRUNC;
        break;
    }
    int handle = open(path, flags, SYSTEM_FILE_MODE);
    return handle < 0 ? -errno : handle;
}

static void system_close(struct log_io *io, int handle)
{
    (void)io;
    (void)close(handle); /* all that matters was synced before */
}

static int64_t system_size(struct log_io *io, int handle)
{
    (void)io;
    struct stat status;
    if (fstat(handle, &status) != 0) {
        return -errno;
    }
    return S_ISREG(status.st_mode) ? (int64_t)status.st_size : -EINVAL;
}

static int64_t system_pread(struct log_io *io, int handle, void *data, size_t size, uint64_t offset)
{
    (void)io;
    ssize_t done = pread(handle, data, size, (off_t)offset);
    return done < 0 ? -errno : done;
}

static int64_t system_pwrite(struct log_io *io, int handle, const void *data, size_t size,
                             uint64_t offset)
{
    (void)io;
    ssize_t done = pwrite(handle, data, size, (off_t)offset);
    return done < 0 ? -errno : done;
}

static int system_fdatasync(struct log_io *io, int handle)
{
    (void)io;
    return fdatasync(handle) != 0 ? -errno : 0;
}

static int system_drop_cache(struct log_io *io, int handle)
{
    (void)io;
    return -posix_fadvise(handle, 0, 0, POSIX_FADV_DONTNEED);
}

static int system_fsync_directory(struct log_io *io, const char *path)
{
    (void)io;
    int handle = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (handle < 0) {
        return -errno;
    }
    int result = fsync(handle) != 0 ? -errno : 0;
    (void)close(handle);
    return result;
}

static int system_rename(struct log_io *io, const char *from, const char *to)
{
    (void)io;
    return rename(from, to) != 0 ? -errno : 0;
}

static int system_unlink(struct log_io *io, const char *path)
{
    (void)io;
    return unlink(path) != 0 ? -errno : 0;
}

static int system_mkdir(struct log_io *io, const char *path)
{
    (void)io;
    return mkdir(path, SYSTEM_DIRECTORY_MODE) != 0 ? -errno : 0;
}

static int system_list(struct log_io *io, const char *path, struct kv_buffer *ret)
{
    (void)io;
    DIR *directory = opendir(path);
    if (directory == NULL) {
        return -errno;
    }
    const struct dirent *entry;
    while (errno = 0, (entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            kv_buffer_append(ret, entry->d_name, strlen(entry->d_name) + 1);
        }
    }
    int result = -errno;
    (void)closedir(directory);
    return result;
}

static int system_lock(struct log_io *io, const char *path, bool create)
{
    (void)io;
    int flags = create ? O_RDWR | O_CREAT | O_CLOEXEC : O_RDONLY | O_CLOEXEC;
    int handle = open(path, flags, SYSTEM_FILE_MODE);
    if (handle < 0) {
        return -errno;
    }
    /* flock, not fcntl: it belongs to this opening of the file, so that a second log of the same
     * process is refused too, and it is not lost when some other descriptor of the file is closed. */
    for (uint32_t waits = 0; flock(handle, LOCK_EX | LOCK_NB) != 0; waits++) {
        const int result = -errno;
        if (result != -EWOULDBLOCK || waits == SYSTEM_LOCK_WAITS) {
            (void)close(handle);
            return result;
        }
        (void)nanosleep(&(struct timespec){.tv_nsec = SYSTEM_LOCK_WAIT_NS}, NULL);
    }
    return handle;
}

static int system_random(struct log_io *io, void *data, size_t size)
{
    (void)io;
    ssize_t done = getrandom(data, size, 0);
    if (done < 0) {
        return -errno;
    }
    return (size_t)done == size ? 0 : -EIO;
}

struct log_io *log_io_system(void)
{
    static struct log_io io = {
        .open = system_open,
        .close = system_close,
        .size = system_size,
        .pread = system_pread,
        .pwrite = system_pwrite,
        .fdatasync = system_fdatasync,
        .drop_cache = system_drop_cache,
        .fsync_directory = system_fsync_directory,
        .rename = system_rename,
        .unlink = system_unlink,
        .mkdir = system_mkdir,
        .list = system_list,
        .lock = system_lock,
        .random = system_random,
    };
    return &io;
}

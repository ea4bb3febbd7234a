/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/log/log_io_fault.h"

#include <errno.h>
#include <string.h>

#include "multicast/base/assert.h"
#include "multicast/base/prng.h"

/* Bounds of the tests: more is a runaway test. */
#define FAULT_FILES_MAX   4096
#define FAULT_ENTRIES_MAX 256
#define FAULT_HANDLES_MAX 64
#define FAULT_PATH_BYTES  64
#define FAULT_NO_FILE     (-1)

/* A write that is not on the disk. */
struct write {
    uint64_t offset;
    struct kv_buffer data;
    bool lost; /* its sync failed: it is in the cache only */
};

struct file {
    struct kv_buffer disk;
    struct kv_buffer cache;
    struct write *writes; /* in the order in which they were made */
    size_t write_count;
};

/* A name; file FAULT_NO_FILE is a directory. */
struct entry {
    char path[FAULT_PATH_BYTES];
    int file;
};

struct names {
    struct entry entries[FAULT_ENTRIES_MAX];
    size_t count;
};

/* A change of a directory that is not on the disk: `file` gets the name `to` and loses the name
 * `from`. */
struct change {
    char from[FAULT_PATH_BYTES]; /* or empty */
    char to[FAULT_PATH_BYTES];   /* or empty */
    int file;
};

struct handle {
    bool open;
    bool lock;
    int file;
};

struct log_io_fault {
    struct log_io io; /* first, so that the address is the same */
    struct kv_prng prng;
    struct file *files;
    size_t file_count;
    struct names disk;
    struct names cache;
    struct change changes[FAULT_ENTRIES_MAX];
    size_t change_count;
    struct handle handles[FAULT_HANDLES_MAX];
    enum log_io_fault_kind kind;
    uint64_t nth;
    uint64_t calls;
    bool hit;
    bool dead;
    uint64_t syncs;
};

/* --- faults */

/* What the call that begins now shall do. */
static enum log_io_fault_kind begin(struct log_io_fault *fault)
{
    fault->calls++;
    if (fault->dead) {
        return LOG_IO_FAULT_EIO;
    }
    if (fault->nth == 0 || fault->calls != fault->nth) {
        return LOG_IO_FAULT_NONE;
    }
    fault->hit = true;
    fault->dead = fault->kind == LOG_IO_FAULT_CRASH;
    return fault->kind;
}

/* The result of a call that fails without an effect; 0 when it goes on. */
static int refuse(enum log_io_fault_kind kind)
{
    switch (kind) {
    case LOG_IO_FAULT_NONE:
    case LOG_IO_FAULT_SHORT:
    case LOG_IO_FAULT_CRASH:
        return 0;
    case LOG_IO_FAULT_EIO:
        return -EIO;
    case LOG_IO_FAULT_NO_SPACE:
        return -ENOSPC;
    case LOG_IO_FAULT_INTERRUPTED:
        return -EINTR;
    }
    KV_UNREACHABLE();
}

/* A process that ends in the middle of a call does not see its result. */
static int finish(enum log_io_fault_kind kind, int result)
{
    return kind == LOG_IO_FAULT_CRASH ? -EIO : result;
}

/* --- names */

static void copy_path(char *to, const char *from)
{
    size_t size = strlen(from);
    KV_ASSERT(size < FAULT_PATH_BYTES);
    memcpy(to, from, size + 1);
}

static struct entry *find(struct names *names, const char *path)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->entries[i].path, path) == 0) {
            return &names->entries[i];
        }
    }
    return NULL;
}

static void names_remove(struct names *names, const char *path)
{
    struct entry *entry = find(names, path);
    if (entry != NULL) {
        *entry = names->entries[--names->count];
    }
}

static void names_set(struct names *names, const char *path, int file)
{
    names_remove(names, path);
    KV_ASSERT(names->count < FAULT_ENTRIES_MAX);
    struct entry *entry = &names->entries[names->count++];
    copy_path(entry->path, path);
    entry->file = file;
}

static void names_apply(struct names *names, const struct change *change)
{
    if (change->from[0] != '\0') {
        names_remove(names, change->from);
    }
    if (change->to[0] != '\0') {
        names_set(names, change->to, change->file);
    }
}

static bool is_in(const char *path, const char *directory)
{
    size_t size = strlen(directory);
    if (size == 1) {
        size = 0; /* the root */
    }
    return strncmp(path, directory, size) == 0 && path[size] == '/' &&
           strchr(path + size + 1, '/') == NULL;
}

static bool parent_exists(struct log_io_fault *fault, const char *path)
{
    char parent[FAULT_PATH_BYTES];
    copy_path(parent, path);
    *strrchr(parent, '/') = '\0';
    const struct entry *entry = find(&fault->cache, parent);
    return parent[0] == '\0' || (entry != NULL && entry->file == FAULT_NO_FILE);
}

static void change_add(struct log_io_fault *fault, const char *from, const char *to, int file)
{
    KV_ASSERT(fault->change_count < FAULT_ENTRIES_MAX);
    struct change *change = &fault->changes[fault->change_count++];
    copy_path(change->from, from);
    copy_path(change->to, to);
    change->file = file;
    names_apply(&fault->cache, change);
}

/* --- bytes */

static void bytes_write(struct kv_buffer *bytes, uint64_t offset, const void *data, size_t size)
{
    if (offset + size > bytes->size) {
        size_t more = (size_t)(offset + size) - bytes->size;
        kv_buffer_reserve(bytes, more);
        memset(bytes->data + bytes->size, 0, more);
        bytes->size += more;
    }
    if (size > 0) {
        memcpy(bytes->data + offset, data, size);
    }
}

static void bytes_copy(struct kv_buffer *to, const struct kv_buffer *from)
{
    kv_buffer_clear(to);
    kv_buffer_append(to, from->data, from->size);
}

static void writes_clear(struct file *file)
{
    for (size_t i = 0; i < file->write_count; i++) {
        kv_buffer_close(&file->writes[i].data);
    }
    kv_free(file->writes);
    file->writes = NULL;
    file->write_count = 0;
}

static void writes_add(struct file *file, uint64_t offset, const void *data, size_t size)
{
    file->writes = kv_realloc(file->writes, (file->write_count + 1) * sizeof *file->writes);
    struct write *write = &file->writes[file->write_count++];
    *write = (struct write){.offset = offset};
    kv_buffer_append(&write->data, data, size);
}

static int file_new(struct log_io_fault *fault)
{
    KV_ASSERT(fault->file_count < FAULT_FILES_MAX);
    fault->files = kv_realloc(fault->files, (fault->file_count + 1) * sizeof *fault->files);
    fault->files[fault->file_count] = (struct file){0};
    return (int)fault->file_count++;
}

static int handle_new(struct log_io_fault *fault, int file, bool lock)
{
    for (int i = 0; i < FAULT_HANDLES_MAX; i++) {
        if (!fault->handles[i].open) {
            fault->handles[i] = (struct handle){true, lock, file};
            return i;
        }
    }
    KV_UNREACHABLE(); /* the log leaks handles */
}

static struct file *file_of(struct log_io_fault *fault, int handle)
{
    KV_ASSERT(handle >= 0 && handle < FAULT_HANDLES_MAX && fault->handles[handle].open);
    return &fault->files[fault->handles[handle].file];
}

/* --- log_io */

static int fault_open(struct log_io *io, const char *path, enum log_io_mode mode)
{
    struct log_io_fault *fault = (struct log_io_fault *)io;
    enum log_io_fault_kind kind = begin(fault);
    int result = refuse(kind);
    if (result < 0) {
        return result;
    }
    const struct entry *entry = find(&fault->cache, path);
    if (entry == NULL && mode != LOG_IO_CREATE) {
        return -ENOENT;
    }
    if (!parent_exists(fault, path)) {
        return -ENOENT;
    }
    KV_ASSERT(entry == NULL || entry->file != FAULT_NO_FILE);
    /* An existing file that is made anew: the log only does it to one that nothing needs, so a new
     * file under the name will do. */
    int file = mode == LOG_IO_CREATE ? file_new(fault) : entry->file;
    if (mode == LOG_IO_CREATE) {
        change_add(fault, "", path, file);
    }
    return kind == LOG_IO_FAULT_CRASH ? -EIO : handle_new(fault, file, false);
}

static void fault_close(struct log_io *io, int handle)
{
    struct log_io_fault *fault = (struct log_io_fault *)io;
    KV_ASSERT(handle >= 0 && handle < FAULT_HANDLES_MAX && fault->handles[handle].open);
    fault->handles[handle].open = false;
}

static int64_t fault_size(struct log_io *io, int handle)
{
    struct log_io_fault *fault = (struct log_io_fault *)io;
    enum log_io_fault_kind kind = begin(fault);
    int result = finish(kind, refuse(kind));
    return result < 0 ? result : (int64_t)file_of(fault, handle)->cache.size;
}

static int64_t fault_pread(struct log_io *io, int handle, void *data, size_t size, uint64_t offset)
{
    struct log_io_fault *fault = (struct log_io_fault *)io;
    enum log_io_fault_kind kind = begin(fault);
    int result = finish(kind, refuse(kind));
    if (result < 0) {
        return result;
    }
    const struct kv_buffer *bytes = &file_of(fault, handle)->cache;
    if (offset >= bytes->size) {
        return 0;
    }
    size_t there = bytes->size - (size_t)offset;
    size = size < there ? size : there;
    if (kind == LOG_IO_FAULT_SHORT && size > 1) {
        size /= 2;
    }
    memcpy(data, bytes->data + offset, size);
    return (int64_t)size;
}

static int64_t fault_pwrite(struct log_io *io, int handle, const void *data, size_t size,
                            uint64_t offset)
{
    struct log_io_fault *fault = (struct log_io_fault *)io;
    enum log_io_fault_kind kind = begin(fault);
    int result = refuse(kind);
    if (kind == LOG_IO_FAULT_INTERRUPTED || fault->dead != (kind == LOG_IO_FAULT_CRASH)) {
        return result;
    }
    if (kind == LOG_IO_FAULT_SHORT || result < 0) {
        size /= 2; /* a failing write may have had a part of its effect */
    }
    struct file *file = file_of(fault, handle);
    writes_add(file, offset, data, size);
    bytes_write(&file->cache, offset, data, size);
    return result < 0 ? result : kind == LOG_IO_FAULT_CRASH ? -EIO : (int64_t)size;
}

static int fault_fdatasync(struct log_io *io, int handle)
{
    struct log_io_fault *fault = (struct log_io_fault *)io;
    enum log_io_fault_kind kind = begin(fault);
    int result = finish(kind, refuse(kind));
    struct file *file = file_of(fault, handle);
    if (result < 0) {
        for (size_t i = 0; i < file->write_count && !fault->dead; i++) {
            file->writes[i].lost = true;
        }
        return result;
    }
    for (size_t i = 0; i < file->write_count; i++) {
        const struct write *write = &file->writes[i];
        if (!write->lost) {
            bytes_write(&file->disk, write->offset, write->data.data, write->data.size);
        }
    }
    writes_clear(file);
    fault->syncs++;
    return 0;
}

static int fault_drop_cache(struct log_io *io, int handle)
{
    struct log_io_fault *fault = (struct log_io_fault *)io;
    enum log_io_fault_kind kind = begin(fault);
    int result = finish(kind, refuse(kind));
    if (result < 0) {
        return result;
    }
    struct file *file = file_of(fault, handle);
    size_t kept = 0;
    bytes_copy(&file->cache, &file->disk);
    for (size_t i = 0; i < file->write_count; i++) {
        struct write *write = &file->writes[i];
        if (write->lost) {
            kv_buffer_close(&write->data);
            continue;
        }
        bytes_write(&file->cache, write->offset, write->data.data, write->data.size);
        file->writes[kept++] = *write;
    }
    file->write_count = kept;
    return 0;
}

static int fault_fsync_directory(struct log_io *io, const char *path)
{
    struct log_io_fault *fault = (struct log_io_fault *)io;
    enum log_io_fault_kind kind = begin(fault);
    int result = finish(kind, refuse(kind));
    if (result < 0) {
        return result;
    }
    size_t kept = 0;
    for (size_t i = 0; i < fault->change_count; i++) {
        const struct change *change = &fault->changes[i];
        if (is_in(change->to[0] != '\0' ? change->to : change->from, path)) {
            names_apply(&fault->disk, change);
        } else {
            fault->changes[kept++] = *change;
        }
    }
    fault->change_count = kept;
    return 0;
}

static int fault_rename(struct log_io *io, const char *from, const char *to)
{
    struct log_io_fault *fault = (struct log_io_fault *)io;
    enum log_io_fault_kind kind = begin(fault);
    int result = refuse(kind);
    if (result < 0) {
        return result;
    }
    const struct entry *entry = find(&fault->cache, from);
    if (entry == NULL) {
        return -ENOENT;
    }
    change_add(fault, from, to, entry->file);
    return finish(kind, 0);
}

static int fault_unlink(struct log_io *io, const char *path)
{
    struct log_io_fault *fault = (struct log_io_fault *)io;
    enum log_io_fault_kind kind = begin(fault);
    int result = refuse(kind);
    if (result < 0) {
        return result;
    }
    if (find(&fault->cache, path) == NULL) {
        return -ENOENT;
    }
    change_add(fault, path, "", FAULT_NO_FILE);
    return finish(kind, 0);
}

static int fault_mkdir(struct log_io *io, const char *path)
{
    struct log_io_fault *fault = (struct log_io_fault *)io;
    enum log_io_fault_kind kind = begin(fault);
    int result = refuse(kind);
    if (result < 0) {
        return result;
    }
    if (find(&fault->cache, path) != NULL) {
        return -EEXIST;
    }
    if (!parent_exists(fault, path)) {
        return -ENOENT;
    }
    change_add(fault, "", path, FAULT_NO_FILE);
    return finish(kind, 0);
}

static int fault_list(struct log_io *io, const char *path, struct kv_buffer *ret)
{
    struct log_io_fault *fault = (struct log_io_fault *)io;
    enum log_io_fault_kind kind = begin(fault);
    int result = finish(kind, refuse(kind));
    if (result < 0) {
        return result;
    }
    if (find(&fault->cache, path) == NULL) {
        return -ENOENT;
    }
    for (size_t i = 0; i < fault->cache.count; i++) {
        const char *name = fault->cache.entries[i].path;
        if (is_in(name, path)) {
            name = strrchr(name, '/') + 1;
            kv_buffer_append(ret, name, strlen(name) + 1);
        }
    }
    return 0;
}

static int fault_lock(struct log_io *io, const char *path, bool create)
{
    struct log_io_fault *fault = (struct log_io_fault *)io;
    enum log_io_fault_kind kind = begin(fault);
    int result = refuse(kind);
    if (result < 0) {
        return result;
    }
    const struct entry *entry = find(&fault->cache, path);
    if ((entry == NULL && !create) || !parent_exists(fault, path)) {
        return -ENOENT;
    }
    int file = entry != NULL ? entry->file : file_new(fault);
    if (entry == NULL) {
        change_add(fault, "", path, file);
    }
    for (int i = 0; i < FAULT_HANDLES_MAX; i++) {
        if (fault->handles[i].open && fault->handles[i].lock && fault->handles[i].file == file) {
            return -EWOULDBLOCK;
        }
    }
    return kind == LOG_IO_FAULT_CRASH ? -EIO : handle_new(fault, file, true);
}

static int fault_random(struct log_io *io, void *data, size_t size)
{
    struct log_io_fault *fault = (struct log_io_fault *)io;
    enum log_io_fault_kind kind = begin(fault);
    int result = finish(kind, refuse(kind));
    for (size_t i = 0; result == 0 && i < size; i++) {
        ((uint8_t *)data)[i] = (uint8_t)kv_prng_next(&fault->prng);
    }
    return result;
}

/* --- what tests call */

struct log_io_fault *log_io_fault_new(uint64_t seed)
{
    struct log_io_fault *fault = kv_alloc_zero(1, sizeof *fault);
    kv_prng_init(&fault->prng, seed);
    fault->io = (struct log_io){
        .open = fault_open,
        .close = fault_close,
        .size = fault_size,
        .pread = fault_pread,
        .pwrite = fault_pwrite,
        .fdatasync = fault_fdatasync,
        .drop_cache = fault_drop_cache,
        .fsync_directory = fault_fsync_directory,
        .rename = fault_rename,
        .unlink = fault_unlink,
        .mkdir = fault_mkdir,
        .list = fault_list,
        .lock = fault_lock,
        .random = fault_random,
    };
    return fault;
}

void log_io_fault_destroy(struct log_io_fault **fault)
{
    if (*fault == NULL) {
        return;
    }
    for (size_t i = 0; i < (*fault)->file_count; i++) {
        struct file *file = &(*fault)->files[i];
        kv_buffer_close(&file->disk);
        kv_buffer_close(&file->cache);
        writes_clear(file);
    }
    kv_free((*fault)->files);
    kv_free(*fault);
    *fault = NULL;
}

struct log_io_fault *log_io_fault_clone(const struct log_io_fault *fault, uint64_t seed)
{
    struct log_io_fault *clone = log_io_fault_new(seed);
    for (size_t i = 0; i < fault->file_count; i++) {
        const struct file *from = &fault->files[i];
        (void)file_new(clone);
        struct file *to = &clone->files[i];
        bytes_copy(&to->disk, &from->disk);
        bytes_copy(&to->cache, &from->cache);
        for (size_t w = 0; w < from->write_count; w++) {
            const struct write *write = &from->writes[w];
            writes_add(to, write->offset, write->data.data, write->data.size);
            to->writes[w].lost = write->lost;
        }
    }
    clone->disk = fault->disk;
    clone->cache = fault->cache;
    memcpy(clone->changes, fault->changes, sizeof clone->changes);
    clone->change_count = fault->change_count;
    return clone;
}

struct log_io *log_io_fault_io(struct log_io_fault *fault)
{
    return &fault->io;
}

void log_io_fault_arm(struct log_io_fault *fault, enum log_io_fault_kind kind, uint64_t nth)
{
    fault->kind = kind;
    fault->nth = nth;
    fault->calls = 0;
    fault->hit = false;
    fault->dead = false;
}

uint64_t log_io_fault_calls(const struct log_io_fault *fault)
{
    return fault->calls;
}

bool log_io_fault_hit(const struct log_io_fault *fault)
{
    return fault->hit;
}

uint64_t log_io_fault_syncs(const struct log_io_fault *fault)
{
    return fault->syncs;
}

void log_io_fault_kill(struct log_io_fault *fault)
{
    memset(fault->handles, 0, sizeof fault->handles);
    log_io_fault_arm(fault, LOG_IO_FAULT_NONE, 0);
}

static bool kept(struct log_io_fault *fault, enum log_io_fault_cut cut)
{
    switch (cut) {
    case LOG_IO_FAULT_DROP:
        return false;
    case LOG_IO_FAULT_KEEP:
        return true;
    case LOG_IO_FAULT_RANDOM:
        return kv_prng_chance(&fault->prng, 1, 2);
    }
    KV_UNREACHABLE();
}

/* One write that was not synced: whole, not at all, or some of its sectors. */
static void cut_write(struct log_io_fault *fault, struct file *file, const struct write *write,
                      enum log_io_fault_cut cut)
{
    if (cut != LOG_IO_FAULT_RANDOM || kv_prng_chance(&fault->prng, 1, 3)) {
        if (kept(fault, cut)) {
            bytes_write(&file->disk, write->offset, write->data.data, write->data.size);
        }
        return;
    }
    size_t sector = kv_prng_chance(&fault->prng, 1, 2) ? 512 : 4096;
    size_t begin = 0;
    while (begin < write->data.size) {
        size_t end = begin + sector - (size_t)((write->offset + begin) % sector);
        end = end < write->data.size ? end : write->data.size;
        if (kept(fault, cut)) {
            bytes_write(&file->disk, write->offset + begin, write->data.data + begin, end - begin);
        }
        begin = end;
    }
}

void log_io_fault_power_cut(struct log_io_fault *fault, enum log_io_fault_cut cut)
{
    log_io_fault_kill(fault);
    for (size_t i = 0; i < fault->change_count; i++) {
        if (kept(fault, cut)) {
            names_apply(&fault->disk, &fault->changes[i]);
        }
    }
    fault->change_count = 0;
    /* A name is of no use when its directory was lost. */
    for (size_t i = 0; i < fault->disk.count; i++) {
        char parent[FAULT_PATH_BYTES];
        copy_path(parent, fault->disk.entries[i].path);
        *strrchr(parent, '/') = '\0';
        if (parent[0] != '\0' && find(&fault->disk, parent) == NULL) {
            names_remove(&fault->disk, fault->disk.entries[i].path);
            i = (size_t)-1;
        }
    }
    fault->cache = fault->disk;
    for (size_t i = 0; i < fault->file_count; i++) {
        struct file *file = &fault->files[i];
        for (size_t w = 0; w < file->write_count; w++) {
            cut_write(fault, file, &file->writes[w], cut);
        }
        writes_clear(file);
        bytes_copy(&file->cache, &file->disk);
    }
}

static struct file *file_named(struct log_io_fault *fault, const char *path)
{
    const struct entry *entry = find(&fault->cache, path);
    return entry == NULL || entry->file == FAULT_NO_FILE ? NULL : &fault->files[entry->file];
}

uint8_t *log_io_fault_bytes(struct log_io_fault *fault, const char *path, size_t *ret_size)
{
    struct file *file = file_named(fault, path);
    if (file == NULL) {
        return NULL;
    }
    *ret_size = file->disk.size;
    return file->disk.data;
}

void log_io_fault_changed(struct log_io_fault *fault, const char *path)
{
    struct file *file = file_named(fault, path);
    writes_clear(file);
    bytes_copy(&file->cache, &file->disk);
}

void log_io_fault_put(struct log_io_fault *fault, const char *path, const void *data, size_t size)
{
    int file = file_new(fault);
    names_set(&fault->disk, path, file);
    names_set(&fault->cache, path, file);
    kv_buffer_append(&fault->files[file].disk, data, size);
    log_io_fault_changed(fault, path);
}

void log_io_fault_truncate(struct log_io_fault *fault, const char *path, size_t size)
{
    struct file *file = file_named(fault, path);
    KV_ASSERT(size <= file->disk.size);
    file->disk.size = size;
    log_io_fault_changed(fault, path);
}

void log_io_fault_remove(struct log_io_fault *fault, const char *path)
{
    names_remove(&fault->disk, path);
    names_remove(&fault->cache, path);
}

void log_io_fault_swap(struct log_io_fault *fault, const char *a, const char *b)
{
    struct names *both[] = {&fault->disk, &fault->cache};
    for (size_t i = 0; i < 2; i++) {
        struct entry *left = find(both[i], a);
        struct entry *right = find(both[i], b);
        int file = left->file;
        left->file = right->file;
        right->file = file;
    }
}

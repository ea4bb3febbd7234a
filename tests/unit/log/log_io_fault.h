/* SPDX-License-Identifier: Apache-2.0 */
/* log_io_fault: a file system in memory that fails on request and loses its power.
 *
 * Model. A write is in the cache until its file is synced; a new name, a rename or a removal is in
 *   the cache until its directory is synced. A power cut keeps, drops or tears each write that was
 *   not synced, independently, in pieces of 512 or 4096 bytes, and keeps or drops each change of a
 *   directory. A failed sync leaves its writes in the cache as if they were clean: later syncs do
 *   not write them, and log_io.drop_cache makes them vanish (what Linux does).
 * We break. Any call by its number: EIO, ENOSPC, a short transfer, EINTR, or the end of the process
 *    in the middle of it.
 * Ownership. The log_io inside lives as long as the file system. */
#ifndef KV_TESTS_LOG_IO_FAULT_H
#define KV_TESTS_LOG_IO_FAULT_H

#include "multicast/log/log_io.h"

struct log_io_fault;

enum log_io_fault_kind {
    LOG_IO_FAULT_NONE,
    LOG_IO_FAULT_EIO,
    LOG_IO_FAULT_NO_SPACE,
    LOG_IO_FAULT_SHORT,       /* half of a read or of a write; other calls succeed */
    LOG_IO_FAULT_INTERRUPTED, /* EINTR, nothing done */
    LOG_IO_FAULT_CRASH, /* the call may have its effect in the cache; it and all later ones fail */
};

/* What becomes of that which was not synced. */
enum log_io_fault_cut { LOG_IO_FAULT_DROP, LOG_IO_FAULT_KEEP, LOG_IO_FAULT_RANDOM };

struct log_io_fault *log_io_fault_new(uint64_t seed);
void log_io_fault_destroy(struct log_io_fault **fault);

/* The same files, cache and disk, no open handles and no faults; its chances are those of `seed`. */
struct log_io_fault *log_io_fault_clone(const struct log_io_fault *fault, uint64_t seed);

struct log_io *log_io_fault_io(struct log_io_fault *fault);

/* Count calls from now on from 1, and let the nth one fail; nth 0: none. */
void log_io_fault_arm(struct log_io_fault *fault, enum log_io_fault_kind kind, uint64_t nth);

/* Calls since then, and did the fault happen. */
uint64_t log_io_fault_calls(const struct log_io_fault *fault);
bool log_io_fault_hit(const struct log_io_fault *fault);

/* Successful syncs of files, ever. */
uint64_t log_io_fault_syncs(const struct log_io_fault *fault);

/* The process ends: handles and locks are gone, the cache stays. */
void log_io_fault_kill(struct log_io_fault *fault);

/* The power goes: the cache is gone too. */
void log_io_fault_power_cut(struct log_io_fault *fault, enum log_io_fault_cut cut);

/* Bytes of a file, to look at and to damage: those of the disk, which must agree with the cache.
 * NULL if there is none. Valid until the next call; log_io_fault_changed must follow a change. */
uint8_t *log_io_fault_bytes(struct log_io_fault *fault, const char *path, size_t *ret_size);
void log_io_fault_changed(struct log_io_fault *fault, const char *path);

/* What an operator may do; all durable at once. */
void log_io_fault_put(struct log_io_fault *fault, const char *path, const void *data, size_t size);
void log_io_fault_truncate(struct log_io_fault *fault, const char *path, size_t size);
void log_io_fault_remove(struct log_io_fault *fault, const char *path);
void log_io_fault_swap(struct log_io_fault *fault, const char *a, const char *b);

#endif

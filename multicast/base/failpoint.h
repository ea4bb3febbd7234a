/* SPDX-License-Identifier: Apache-2.0 */
/* failpoint: named places at every step that makes something durable, where a test can end the process or fail the step.
 *
 * Always compiled in; a passing costs one branch on a flag that never changes while none is armed. Points belong to the I/O
 * side: no core passes one. Armed once, before the program starts threads, by a text like
 *
 *   wal.before_sync=kill@3,wal.after_write=error,state.before_commit=delay:200@2+
 *
 * POINT=ACTION[@N[+]]: the action is taken at the Nth passing (1 if not said), with + at every one from there on. Actions:
 *
 *   kill      SIGKILL to the process itself: no handler, no flushing
 *   abort     abort(): with a core file
 *   error     the call at the point fails as with EIO
 *   nospace   as with ENOSPC
 *   delay:MS  the call waits before it goes on
 *
 * Whatever is taken is said on stderr first. A point that is not armed changes nothing.
 *
 * Threads.    failpoint_arm before others exist; failpoint from any. */
#ifndef KV_BASE_FAILPOINT_H
#define KV_BASE_FAILPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "multicast/base/status.h"

/* X(NAME, "name", "where it is"), in the order of a life */
#define FAILPOINT_MAP(X)                                                                           \
    X(SEGMENT_BEFORE_CREATE, "segment.before_create", "a segment is about to be made")             \
    X(SEGMENT_BEFORE_SYNC, "segment.before_sync", "its header and first zeros are written")        \
    X(SEGMENT_BEFORE_RENAME, "segment.before_rename", "it is durable under its temporary name")    \
    X(SEGMENT_AFTER_RENAME, "segment.after_rename", "it has its name, not durably")                \
    X(SEGMENT_AFTER_CREATE, "segment.after_create", "its name is durable")                         \
    X(META_BEFORE_WRITE, "meta.before_write", "the first segment is there, META is not")           \
    X(META_BEFORE_SYNC, "meta.before_sync", "META is written under its temporary name")            \
    X(META_BEFORE_RENAME, "meta.before_rename", "META is durable under its temporary name")        \
    X(META_AFTER_RENAME, "meta.after_rename", "META has its name, not durably")                    \
    X(OPENING_BEFORE_WRITE, "opening.before_write", "the log is recovered, not opened")            \
    X(OPENING_AFTER_SYNC, "opening.after_sync", "the mark of this opening is durable")             \
    X(WAL_BEFORE_WRITE, "wal.before_write", "a batch with records is complete in memory")          \
    X(WAL_AFTER_WRITE, "wal.after_write", "the batch is written")                                  \
    X(WAL_BEFORE_SYNC, "wal.before_sync", "the batch is about to be synced")                       \
    X(WAL_AFTER_SYNC, "wal.after_sync", "the batch is durable, nobody knows")                      \
    X(SEAL_BEFORE_WRITE, "seal.before_write", "the next segment is there, nothing leads to it")    \
    X(SEAL_AFTER_SYNC, "seal.after_sync", "the seal that leads to it is durable")                  \
    X(PRUNE_BEFORE_RECORD, "prune.before_record", "segments are about to be given up")             \
    X(PRUNE_AFTER_RECORD, "prune.after_record", "the record that says so is durable")              \
    X(PRUNE_BEFORE_UNLINK, "prune.before_unlink", "the first segment is about to be removed")      \
    X(PRUNE_AFTER_UNLINK, "prune.after_unlink", "it is removed, not durably")                      \
    X(PRUNE_AFTER_SYNC, "prune.after_sync", "its removal is durable")                              \
    X(CLOSING_BEFORE_WRITE, "closing.before_write", "an orderly end is about to be marked")        \
    X(CLOSING_AFTER_SYNC, "closing.after_sync", "the mark of an orderly end is durable")           \
    X(STATE_BEFORE_MAKE, "state.before_make", "generation 0 of a checkpoint is about to be made")  \
    X(STATE_AFTER_MAKE, "state.after_make", "generation 0 is there, its name not durably")         \
    X(STATE_BEFORE_LAYER, "state.before_layer", "a table is about to be written")                  \
    X(STATE_AFTER_LAYER, "state.after_layer", "the table is written, not committed")               \
    X(STATE_BEFORE_BLOB, "state.before_blob", "a blob is about to be written")                     \
    X(STATE_BEFORE_COMMIT, "state.before_commit", "a generation is complete in memory")            \
    X(STATE_AFTER_COMMIT, "state.after_commit", "the generation is durable, nobody knows")

enum failpoint {
#define X(name, text, where) FAILPOINT_##name,
    FAILPOINT_MAP(X)
#undef X
        FAILPOINT_COUNT
};

#define FAILPOINT_ERROR_BYTES 256

/* Arm what a text says; NULL or "" arms nothing. STATUS_INVALID and why in error (of FAILPOINT_ERROR_BYTES): nothing is armed. */
KV_MUST_CHECK enum status failpoint_arm(const char *text, char *error);

/* Disarm all and forget what was passed. */
void failpoint_disarm(void);

/* All names, a line each. */
void failpoint_list(FILE *file);

extern bool failpoint_any_armed;

/* The passing of a point while any is armed. */
int failpoint_pass(enum failpoint point);

/* Pass a point: 0, or the -errno with which its call shall fail. */
static inline int failpoint(enum failpoint point)
{
    return __builtin_expect(failpoint_any_armed, 0) ? failpoint_pass(point) : 0;
}

#endif

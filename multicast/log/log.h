/* SPDX-License-Identifier: Apache-2.0 */
/* log: the write-ahead log of a node, shared by all of its members: one sync serves all groups.
 *
 * Records are appended to a batch in memory; log_sync writes the batch behind the last one, in
 * zero-filled segments of LOG_SEGMENT_BYTES, and makes it durable with one fdatasync. The order of
 * records over all members is kept.
 *
 * On disk. DIR/LOCK (flock), DIR/META (format version, cluster, node, log id; checksummed, written
 *   once), DIR/wal/NNNNNNNN.seg. The log id is a random number made with the directory; it seeds
 *   the checksums of batches. Each segment begins with a checksummed header: magic, format version,
 *   cluster, node, log id, segment number, capacity, incarnation, sequence of its first batch,
 *   highest sequence known durable, hash of the batch before. A batch is a header {magic, flags,
 *   payload bytes, record count, cluster, node, incarnation, sequence, highest sequence known
 *   durable when it was written, hash of the previous batch, XXH3-64 of the payload, XXH3-64 of the
 *   header} and a payload of records {kind u8, 0 u8, group u16, bytes u32, payload}. It begins at a
 *   block of 4096 bytes and is padded to one with zeros (docs/decisions/0005-log-batches.md). All
 *   little endian. Batches without records open an incarnation, close it in an orderly way, and
 *   seal a segment. docs/log.md has the tables.
 * Recovery. Reads batches in sequence. The first bad batch is a torn tail if nothing valid behind
 *   it proves that it had been durable (the header of a later batch or segment with "highest
 *   durable" at or above it): it is cut off by overwriting with zeros. Otherwise it is corruption:
 *   log_open fails with STATUS_CORRUPT, changes nothing, and error.text names file, offset, groups
 *   if known and what to do. The incarnation rises with every opening, by a batch that also proves
 *   what was recovered.
 * Pruning. log_prune gives up the segments before one of them. A record says so before a file goes, so a segment that is
 *   missing is known to have been given up, or it is corruption.
 * Failure. A failed or short write or sync is fatal: the log is poisoned, every later call returns
 *   the same status, and nothing is retried. The node must end (exit status KV_EXIT_DISK in
 *   node.h).
 * Invariants. L1 what log_sync returned OK for is read back by every later log_open, in order.
 *             L2 a batch is read back whole or not at all.
 *             L3 a record of an older life of a recycled file is never read (incarnation, sequence
 *                and hash chain).
 *             L4 a directory entry is synced before the first batch that relies on it.
 * Threads.    One thread at a time. */
#ifndef KV_LOG_LOG_H
#define KV_LOG_LOG_H

#include "multicast/base/bytes.h"
#include "multicast/base/ids.h"
#include "multicast/base/status.h"

struct log;
struct log_io;

/* Bytes of a segment: zero-filled ahead of the writing position, so that most syncs need not write
 * file metadata. */
#define LOG_SEGMENT_BYTES (64u * 1024 * 1024)

/* Version of all files of a node. */
#define LOG_FORMAT_VERSION 1

enum log_record_kind {
    LOG_RECORD_HARD_STATE = 1,
    LOG_RECORD_ENTRY = 2,
    LOG_RECORD_SNAPSHOT = 3,
    LOG_RECORD_DISCARD = 5 /* all of the group's records before it are void; 4 is the log's own */
};

struct log_record {
    enum log_record_kind kind;
    kv_group_id group;
    kv_slice payload; /* opaque here; node_records.c */
    uint64_t segment; /* log_next: the number of the segment that it stands in */
};

struct log_settings {
    const char *directory; /* made if it does not exist, its parent must */
    kv_cluster_id cluster;
    kv_node_id node;
    uint64_t segment_bytes; /* a multiple of 4096 up to 1 GiB; 0: LOG_SEGMENT_BYTES */
    struct log_io *io;      /* NULL: the operating system; tests inject faults and power cuts */
    bool unsafe_no_sync;    /* benchmarks of everything else only */
};

#define LOG_ERROR_TEXT_BYTES 512

/* Why log_open or log_sync failed, for a person: file, offset, what to do. */
struct log_error {
    char text[LOG_ERROR_TEXT_BYTES];
};

/* Open or create. *ret is NULL unless STATUS_OK.
 * STATUS_LOCKED   another process has the directory.   STATUS_FOREIGN  it belongs to another
 * cluster or node.
 * STATUS_VERSION  written by another format version.   STATUS_CORRUPT  see Recovery. STATUS_IO,
 * STATUS_NO_SPACE, STATUS_INVALID. */
KV_MUST_CHECK enum status log_open(const struct log_settings *settings, struct log **ret,
                                   struct log_error *error);

/* Read the recovered records, once, in order, before the first append. The payload is valid until
 * the next call. STATUS_OK, or STATUS_END when all were read; errors as log_open; those of the disk
 * poison the log. */
KV_MUST_CHECK enum status log_next(struct log *log, struct log_record *ret,
                                   struct log_error *error);

/* Add a record to the batch; it is copied. Grows the batch up to LOG_BATCH_BYTES_MAX, then syncs by
 * itself.
 * STATUS_OK or the status that poisoned the log; STATUS_TOO_LARGE above LOG_RECORD_BYTES_MAX, and
 * nothing was changed. */
KV_MUST_CHECK enum status log_append(struct log *log, const struct log_record *record);

/* Make everything appended durable. No-op when nothing was appended since the last one. */
KV_MUST_CHECK enum status log_sync(struct log *log, struct log_error *error);

/* The random number that was made with the directory: another one means another directory. Not 0. */
uint64_t log_id(const struct log *log);

/* The number of the segment that the next batch goes to, unless it does not fit any more; and of the first one that there is.
 * A record that is appended now and synced in between stands in a segment from the one before to the one after. */
uint64_t log_segment_now(const struct log *log);
uint64_t log_segment_first(const struct log *log);

/* Give up all segments before `first`, which is not below log_segment_first and not above log_segment_now: syncs what was
 * appended, then removes files. Whoever calls it needs no record in them any more. */
KV_MUST_CHECK enum status log_prune(struct log *log, uint64_t first, struct log_error *error);

/* Bytes of one batch, its header included: several of the largest entries. */
#define LOG_BATCH_BYTES_MAX (16u * 1024 * 1024)

/* Bytes of a record's payload: a batch without its header (80) and that of the record (8). */
#define LOG_RECORD_BYTES_MAX (LOG_BATCH_BYTES_MAX - 88)

/* Since open. */
struct log_counters {
    uint64_t syncs;
    uint64_t batches;
    uint64_t records;
    uint64_t bytes;     /* written, headers and padding included */
    uint64_t recovered; /* records read at open */
    uint64_t cut_bytes; /* of a torn tail, removed at open */
    uint64_t segments;  /* that there are */
};

struct log_counters log_counters(const struct log *log);

/* Close without syncing what was not synced; releases the lock. NULL inside is fine. Unless the log
 * is poisoned, a batch without records is written behind the last one, which proves that it had
 * been durable. */
void log_close(struct log **log);

/* What a log on disk holds, for a person. */
struct log_verify_result {
    kv_cluster_id cluster;
    kv_node_id node;
    uint64_t incarnation; /* number of openings */
    uint64_t last_sequence;
    uint64_t first_segment;
    uint64_t segments;
    uint64_t batches; /* good ones; up to the first damaged one if there is one */
    uint64_t bytes;   /* of them, headers and padding included */
    uint64_t records; /* in them */
    uint64_t hard_states;
    uint64_t entries;
    uint64_t snapshots;
    uint64_t torn_bytes;    /* of a torn tail, which the next log_open will cut off */
    bool closed;            /* the last thing written was the mark of an orderly end */
    struct log_error error; /* empty, or what was found first, as log_open would say it */
};

/* Check a log that nobody uses, offline, changing nothing. io: NULL for the operating system. *ret
 * is always filled in, as far as the check came. Statuses as log_open, and STATUS_NOT_FOUND when
 * there is no log. */
KV_MUST_CHECK enum status log_verify(const char *directory, struct log_io *io,
                                     struct log_verify_result *ret);

#endif

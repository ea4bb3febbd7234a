/* SPDX-License-Identifier: Apache-2.0 */
/* log_internal: what the files of the log share.
 *
 * log_file.c     calls of log_io with error texts; decides about EINTR and short transfers
 * log_meta.c     the directory: lock, META, list of segments, first creation
 * log_segment.c  write: make segments, fill them with zeros ahead, place a batch, switch
 * log_recover.c  read: walk over all batches, judge what does not continue the chain, cut
 * log_verify.c   the same walk for a person, changing nothing */
#ifndef KV_LOG_LOG_INTERNAL_H
#define KV_LOG_LOG_INTERNAL_H

#include "multicast/base/failpoint.h"
#include "multicast/log/log.h"
#include "multicast/log/log_format.h"
#include "multicast/log/log_io.h"

/* Bytes of a path, with its final NUL. */
#define LOG_PATH_BYTES 4096

/* What to do about damage. Nothing is guessed: what is lost here may have been promised to others. */
#define LOG_ADVICE                                                                                 \
    "nothing was changed; restore this directory or replace the node, see docs/log.md"

struct log_path {
    char text[LOG_PATH_BYTES];
};

/* A directory that is locked by us, and whose log it holds. */
struct log_directory {
    struct log_io *io;
    struct log_path path;
    struct log_identity identity;
    int lock; /* handle, or -1 */
};

/* An open segment. */
struct log_segment {
    int handle; /* or -1 */
    uint64_t number;
    uint64_t capacity;
    uint64_t position; /* where the next batch goes; a block behind it always fits, for the seal */
    uint64_t filled;   /* bytes of the file; zeros behind position */
    struct log_path path;
};

/* Result of the walk over all segments. */
struct log_scan {
    uint64_t *numbers; /* of the segments, ascending */
    struct log_segment_header *headers;
    uint64_t *records_in; /* of each segment, without the log's own */
    size_t segment_count;
    struct log_chain chain; /* the last good batch */
    uint32_t last_flags;    /* of it */
    uint32_t last_records;  /* of it */
    size_t last;            /* index of the segment that holds it, and will hold the next one */
    uint64_t position;      /* in that segment, behind it */
    uint64_t file_bytes;    /* of that segment */
    uint64_t torn_bytes;    /* behind position up to the last byte that is not zero */
    bool leftover;          /* a segment follows that was made but never used */
    uint64_t batches;
    uint64_t bytes; /* of the batches, headers and padding included */
    uint64_t records;
    uint64_t records_of_kind[LOG_RECORD_DISCARD + 1];
    uint64_t begin;          /* the first segment that is part of the log */
    struct kv_buffer buffer; /* scratch: one batch */
};

/* Reads the recovered records again, for log_next. */
struct log_reader {
    struct log_segment segment; /* position is that of the next batch */
    struct log_chain chain;     /* the last batch that was read */
    uint64_t last_sequence;     /* the last one to read */
    struct kv_buffer batch;
    kv_slice records; /* of the batch, not yet returned */
};

struct log {
    struct log_directory directory;
    uint64_t segment_bytes; /* of new segments */
    bool unsafe_no_sync;
    enum status poisoned;   /* STATUS_OK, or why nothing works any more */
    struct log_error error; /* text of it */
    struct log_segment segment;
    uint64_t first;         /* number of the first segment */
    struct log_chain chain; /* the last batch written */
    uint64_t durable;       /* highest sequence known durable */
    bool unproven;          /* the last batch has records and no batch behind it */
    bool appended;          /* log_next is over */
    struct kv_buffer batch; /* room for the header, then the records appended since the last sync */
    uint32_t record_count;
    struct log_reader reader;
    struct log_counters counters;
};

/* --- log_file.c */

/* Write the text and return the status; error may be NULL. */
enum status log_fail(struct log_error *error, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for a failed call: "PATH: what: text of the error". */
enum status log_fail_call(struct log_error *error, int64_t result, const char *path,
                          const char *what);

/* Pass a failpoint: OK, or as log_fail_call. */
enum status log_failpoint(enum failpoint point, const char *path, struct log_error *error);

/* directory/name; STATUS_INVALID when that is too long. */
enum status log_path_join(struct log_path *ret, const char *directory, const char *name,
                          struct log_error *error);

enum status log_file_open(struct log_io *io, const char *path, enum log_io_mode mode, int *ret,
                          struct log_error *error);

/* Close and forget the handle; -1 is fine. */
void log_file_close(struct log_io *io, int *handle);

/* Read up to size bytes; *ret_size is smaller only at the end of the file. */
enum status log_file_read(struct log_io *io, int handle, const char *path, void *data, size_t size,
                          uint64_t offset, size_t *ret_size, struct log_error *error);

/* Write all bytes or fail; a short write is a failure. */
enum status log_file_write(struct log_io *io, int handle, const char *path, const void *data,
                           size_t size, uint64_t offset, struct log_error *error);

enum status log_file_write_zeros(struct log_io *io, int handle, const char *path, uint64_t from,
                                 uint64_t to, struct log_error *error);

enum status log_file_sync(struct log_io *io, int handle, const char *path, struct log_error *error);

enum status log_file_size(struct log_io *io, int handle, const char *path, uint64_t *ret,
                          struct log_error *error);

enum status log_file_rename(struct log_io *io, const char *from, const char *to,
                            struct log_error *error);

enum status log_file_unlink(struct log_io *io, const char *path, struct log_error *error);

/* Is there nothing but zeros behind the header of this segment? */
enum status log_file_is_unused(struct log_io *io, const char *path, bool *ret,
                               struct log_error *error);

enum status log_directory_sync(struct log_io *io, const char *path, struct log_error *error);

/* --- log_meta.c */

static inline uint64_t log_settings_segment_bytes(const struct log_settings *settings)
{
    return settings->segment_bytes != 0 ? settings->segment_bytes : LOG_SEGMENT_BYTES;
}

/* Lock the directory and read META. With `settings` it is made if there is none, and must be of
 * that cluster and node; with NULL nothing is made or changed, and STATUS_NOT_FOUND says that there
 * is no log. */
enum status log_directory_open(struct log_directory *ret, const char *path, struct log_io *io,
                               const struct log_settings *settings, struct log_error *error);

/* Release the lock. */
void log_directory_close(struct log_directory *directory);

/* The numbers of the segments, ascending and without a gap; kv_free *ret. */
enum status log_directory_list(const struct log_directory *directory, uint64_t **ret,
                               size_t *ret_count, struct log_error *error);

/* Remove segments that were not finished. */
enum status log_directory_clean(const struct log_directory *directory, struct log_error *error);

enum status log_segment_path(const struct log_directory *directory, uint64_t number, bool finished,
                             struct log_path *ret, struct log_error *error);

enum status log_wal_path(const struct log_directory *directory, struct log_path *ret,
                         struct log_error *error);

/* --- log_segment.c */

/* Remove a segment, and make that durable. */
enum status log_segment_remove(const struct log_directory *directory, uint64_t number,
                               struct log_error *error);

/* Bytes by which a segment grows: a sixty-fourth. */
uint64_t log_fill_step(uint64_t capacity);

/* Make a segment, durable with its directory entry, and open it. */
enum status log_segment_create(const struct log_directory *directory,
                               const struct log_segment_header *header, struct log_segment *ret,
                               struct log_error *error);

/* Write a batch without records. flags: OPENING or CLOSING. */
enum status log_write_mark(struct log *log, uint32_t flags, struct log_error *error);

/* Write the batch in memory, and sync. */
enum status log_write_batch(struct log *log, struct log_error *error);

/* --- log_recover.c */

enum log_batch_state {
    LOG_BATCH_GOOD,
    LOG_BATCH_HEADER_BAD,  /* no header of a batch of this log, or the end of the file */
    LOG_BATCH_PAYLOAD_BAD, /* *ret_header is good */
};

/* Read the batch at a position; buffer holds it from its header on. The state is valid when
 * STATUS_OK is returned. */
enum status log_batch_read(const struct log_directory *directory, const struct log_segment *segment,
                           uint64_t position, struct kv_buffer *buffer,
                           struct log_batch_header *ret_header, enum log_batch_state *ret_state,
                           struct log_error *error);

/* Open a segment that exists and check its header against its name. */
enum status log_segment_open(const struct log_directory *directory, uint64_t number,
                             enum log_io_mode mode, struct log_segment *ret,
                             struct log_segment_header *ret_header, struct log_error *error);

/* Walk over all segments, changing nothing. log_scan_close in any case. */
enum status log_scan_run(const struct log_directory *directory, struct log_scan *scan,
                         struct log_error *error);

void log_scan_close(struct log_scan *scan);

/* Bring what was recovered to the disk, walk, cut a torn tail, and open the last segment for
 * writing. */
enum status log_recover(struct log *log, struct log_error *error);

#endif

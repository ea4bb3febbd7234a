/* SPDX-License-Identifier: Apache-2.0 */
/* log_segment: the writing side.
 *
 * 1. A segment is made as NNNNNNNN.new with its header and its first zeros, synced, renamed to
 *    NNNNNNNN.seg, and the directory is synced (L4). So a .seg never has a torn header, and a .new
 *    is never needed.
 * 2. It is filled with zeros in steps ahead of the writing position, not at once: filling 64 MiB
 *    would stop the ordering thread for 50 to 100 ms. A step is written together with a batch and
 *    is made durable by the same fdatasync, which is slower that one time. What is not filled yet
 *    does not exist: the size of the file bounds what recovery reads.
 * 3. A batch begins at a block, is written with one pwrite and made durable with one fdatasync. No
 *    block that holds durable bytes is ever written again, so that a torn write can damage only the
 *    batch being written (L1, L2).
 * 4. When a batch does not fit, the next segment is made, and only then a last batch without
 *    records, the seal, says in the old one that the log goes on there. So a lost last segment is
 *    noticed. A segment that no seal leads to is not used yet.
 *
 *   switch:  make N+1, durable -> write the seal into N, sync -> write into N+1
 *
 * The seal is known before it is written, so the header of N+1 can name its hash. */
#include <string.h>

#include "multicast/base/assert.h"
#include "multicast/log/log_internal.h"

/* Steps in which a segment is filled with zeros: 1 MiB each at LOG_SEGMENT_BYTES. */
#define SEGMENT_FILL_STEPS 64

uint64_t log_fill_step(uint64_t capacity)
{
    return log_round_up(capacity / SEGMENT_FILL_STEPS);
}

static enum status segment_write_header(struct log_io *io, const struct log_segment_header *header,
                                        struct log_segment *segment, struct log_error *error)
{
    uint8_t block[LOG_BLOCK_BYTES] = {0};
    log_segment_header_encode(header, block);
    enum status status =
        log_file_write(io, segment->handle, segment->path.text, block, sizeof block, 0, error);
    if (status != STATUS_OK) {
        return status;
    }
    uint64_t filled = LOG_BLOCK_BYTES + log_fill_step(header->capacity);
    segment->filled = filled < header->capacity ? filled : header->capacity;
    status = log_file_write_zeros(io, segment->handle, segment->path.text, LOG_BLOCK_BYTES,
                                  segment->filled, error);
    status = status != STATUS_OK
                 ? status
                 : log_failpoint(FAILPOINT_SEGMENT_BEFORE_SYNC, segment->path.text, error);
    return status != STATUS_OK ? status
                               : log_file_sync(io, segment->handle, segment->path.text, error);
}

enum status log_segment_create(const struct log_directory *directory,
                               const struct log_segment_header *header, struct log_segment *ret,
                               struct log_error *error)
{
    struct log_io *io = directory->io;
    struct log_path wal;
    struct log_path path;
    struct log_segment segment = {
        .handle = -1,
        .number = header->number,
        .capacity = header->capacity,
        .position = LOG_BLOCK_BYTES,
    };
    enum status status;
    if ((status = log_wal_path(directory, &wal, error)) != STATUS_OK ||
        (status = log_segment_path(directory, header->number, true, &path, error)) != STATUS_OK ||
        (status = log_segment_path(directory, header->number, false, &segment.path, error)) !=
            STATUS_OK ||
        (status = log_failpoint(FAILPOINT_SEGMENT_BEFORE_CREATE, segment.path.text, error)) !=
            STATUS_OK ||
        (status = log_file_open(io, segment.path.text, LOG_IO_CREATE, &segment.handle, error)) !=
            STATUS_OK) {
        return status;
    }
    if ((status = segment_write_header(io, header, &segment, error)) != STATUS_OK ||
        (status = log_failpoint(FAILPOINT_SEGMENT_BEFORE_RENAME, path.text, error)) != STATUS_OK ||
        (status = log_file_rename(io, segment.path.text, path.text, error)) != STATUS_OK ||
        (status = log_failpoint(FAILPOINT_SEGMENT_AFTER_RENAME, path.text, error)) != STATUS_OK ||
        (status = log_directory_sync(io, wal.text, error)) != STATUS_OK ||
        (status = log_failpoint(FAILPOINT_SEGMENT_AFTER_CREATE, path.text, error)) != STATUS_OK) {
        log_file_close(io, &segment.handle);
        return status;
    }
    segment.path = path;
    *ret = segment;
    return STATUS_OK;
}

enum status log_segment_remove(const struct log_directory *directory, uint64_t number,
                               struct log_error *error)
{
    struct log_path wal;
    struct log_path path;
    enum status status;
    if ((status = log_wal_path(directory, &wal, error)) != STATUS_OK ||
        (status = log_segment_path(directory, number, true, &path, error)) != STATUS_OK ||
        (status = log_failpoint(FAILPOINT_PRUNE_BEFORE_UNLINK, path.text, error)) != STATUS_OK ||
        (status = log_file_unlink(directory->io, path.text, error)) != STATUS_OK ||
        (status = log_failpoint(FAILPOINT_PRUNE_AFTER_UNLINK, path.text, error)) != STATUS_OK ||
        (status = log_directory_sync(directory->io, wal.text, error)) != STATUS_OK) {
        return status;
    }
    return log_failpoint(FAILPOINT_PRUNE_AFTER_SYNC, path.text, error);
}

/* Keep a step of zeros behind the end of the batch that is about to be written, where the segment
 * has room. */
static enum status segment_fill(struct log *log, uint64_t end, struct log_error *error)
{
    struct log_segment *segment = &log->segment;
    uint64_t step = log_fill_step(segment->capacity);
    uint64_t target = end + step < segment->capacity ? end + step : segment->capacity;
    if (segment->filled >= target) {
        return STATUS_OK;
    }
    uint64_t from = segment->filled > end ? segment->filled : end;
    uint64_t to = from + step < segment->capacity ? from + step : segment->capacity;
    enum status status = log_file_write_zeros(log->directory.io, segment->handle,
                                              segment->path.text, from, to, error);
    if (status == STATUS_OK) {
        segment->filled = to;
    }
    return status;
}

static struct log_batch_header batch_next(const struct log *log, uint32_t flags)
{
    return (struct log_batch_header){
        .flags = flags,
        .incarnation = log->chain.incarnation + ((flags & LOG_BATCH_OPENING) != 0 ? 1 : 0),
        .sequence = log->chain.sequence + 1,
        .durable = log->durable,
        .previous_hash = log->chain.hash,
    };
}

/* Where a batch of each kind can be failed. */
struct batch_points {
    enum failpoint before_write, after_write, before_sync, after_sync;
};

/* Marks have no points between their writing and their sync; FAILPOINT_COUNT: none. */
static struct batch_points batch_points_of(const struct log_batch_header *header)
{
    if ((header->flags & LOG_BATCH_SEAL) != 0) {
        return (struct batch_points){FAILPOINT_SEAL_BEFORE_WRITE, FAILPOINT_COUNT, FAILPOINT_COUNT,
                                     FAILPOINT_SEAL_AFTER_SYNC};
    }
    if ((header->flags & LOG_BATCH_OPENING) != 0) {
        return (struct batch_points){FAILPOINT_OPENING_BEFORE_WRITE, FAILPOINT_COUNT,
                                     FAILPOINT_COUNT, FAILPOINT_OPENING_AFTER_SYNC};
    }
    if ((header->flags & LOG_BATCH_CLOSING) != 0) {
        return (struct batch_points){FAILPOINT_CLOSING_BEFORE_WRITE, FAILPOINT_COUNT,
                                     FAILPOINT_COUNT, FAILPOINT_CLOSING_AFTER_SYNC};
    }
    return (struct batch_points){FAILPOINT_WAL_BEFORE_WRITE, FAILPOINT_WAL_AFTER_WRITE,
                                 FAILPOINT_WAL_BEFORE_SYNC, FAILPOINT_WAL_AFTER_SYNC};
}

static enum status batch_point(const struct log *log, enum failpoint point, struct log_error *error)
{
    return point == FAILPOINT_COUNT ? STATUS_OK
                                    : log_failpoint(point, log->segment.path.text, error);
}

/* Write and sync a finished batch at the position of the segment; it must have room for it. */
static enum status batch_put(struct log *log, const struct log_batch_header *header,
                             const uint8_t *data, size_t size, struct log_error *error)
{
    struct log_segment *segment = &log->segment;
    struct log_io *io = log->directory.io;
    const struct batch_points points = batch_points_of(header);
    KV_ASSERT(size % LOG_BLOCK_BYTES == 0 && segment->position + size <= segment->capacity);
    /* Zeros first: when the disk is full, the batch has not been begun. */
    enum status status = segment_fill(log, segment->position + size, error);
    if (status != STATUS_OK ||
        (status = batch_point(log, points.before_write, error)) != STATUS_OK ||
        (status = log_file_write(io, segment->handle, segment->path.text, data, size,
                                 segment->position, error)) != STATUS_OK ||
        (status = batch_point(log, points.after_write, error)) != STATUS_OK) {
        return status;
    }
    /* An incarnation has to be known before anything is written in it, and a seal before the next
     * segment is. */
    bool sync = !log->unsafe_no_sync || (header->flags & (LOG_BATCH_OPENING | LOG_BATCH_SEAL)) != 0;
    if (sync) {
        if ((status = batch_point(log, points.before_sync, error)) != STATUS_OK ||
            (status = log_file_sync(io, segment->handle, segment->path.text, error)) != STATUS_OK ||
            (status = batch_point(log, points.after_sync, error)) != STATUS_OK) {
            return status;
        }
        log->durable = header->sequence;
        log->counters.syncs++;
    }
    segment->position += size;
    log->chain.incarnation = header->incarnation;
    log->chain.sequence = header->sequence;
    log->chain.hash = header->hash;
    log->unproven = header->record_count > 0;
    log->counters.batches++;
    log->counters.bytes += size;
    return STATUS_OK;
}

/* A batch without records fills one block. */
static enum status mark_put(struct log *log, struct log_batch_header *header,
                            struct log_error *error)
{
    uint8_t block[LOG_BLOCK_BYTES] = {0};
    header->payload_hash = log_payload_hash(&log->directory.identity, kv_slice_of(block, 0));
    log_batch_header_encode(&log->directory.identity, header, block);
    return batch_put(log, header, block, sizeof block, error);
}

/* Go on in the next segment, which gets room for `need` bytes. See 4 above; flags are added to the
 * seal's. */
static enum status segment_switch(struct log *log, uint64_t need, uint32_t flags,
                                  struct log_error *error)
{
    struct log_directory *directory = &log->directory;
    enum status status;
    if (log->unsafe_no_sync && log->durable < log->chain.sequence) {
        /* The header of the next segment will say that all before it is durable. */
        status = log_file_sync(directory->io, log->segment.handle, log->segment.path.text, error);
        if (status != STATUS_OK) {
            return status;
        }
        log->durable = log->chain.sequence;
    }
    struct log_batch_header seal = batch_next(log, LOG_BATCH_SEAL | flags);
    uint8_t scratch[LOG_BATCH_HEADER_BYTES];
    seal.payload_hash = log_payload_hash(&directory->identity, kv_slice_of(scratch, 0));
    log_batch_header_encode(&directory->identity, &seal, scratch);
    uint64_t capacity = LOG_BLOCK_BYTES + need + LOG_BLOCK_BYTES;
    struct log_segment_header header = {
        .identity = directory->identity,
        .number = log->segment.number + 1,
        .capacity = capacity > log->segment_bytes ? capacity : log->segment_bytes,
        .incarnation = seal.incarnation,
        .first_sequence = seal.sequence + 1,
        .durable = log->durable,
        .previous_hash = seal.hash,
    };
    struct log_segment next;
    status = log_segment_create(directory, &header, &next, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = mark_put(log, &seal, error);
    if (status != STATUS_OK) {
        log_file_close(directory->io, &next.handle);
        return status;
    }
    log_file_close(directory->io, &log->segment.handle);
    log->segment = next;
    log->counters.segments++;
    return STATUS_OK;
}

/* Is there room for a batch of that size, and for a seal behind it? */
static bool segment_has_room(const struct log_segment *segment, uint64_t size)
{
    return segment->position + size + LOG_BLOCK_BYTES <= segment->capacity;
}

enum status log_write_mark(struct log *log, uint32_t flags, struct log_error *error)
{
    if (!segment_has_room(&log->segment, LOG_BLOCK_BYTES)) {
        /* The seal does the work of the mark: it proves what is before it, and opens an
         * incarnation. */
        return segment_switch(log, LOG_BLOCK_BYTES, flags, error);
    }
    struct log_batch_header header = batch_next(log, flags);
    return mark_put(log, &header, error);
}

enum status log_write_batch(struct log *log, struct log_error *error)
{
    struct kv_buffer *batch = &log->batch;
    KV_ASSERT(batch->size > LOG_BATCH_HEADER_BYTES && batch->size <= LOG_BATCH_BYTES_MAX);
    uint32_t payload_bytes = (uint32_t)(batch->size - LOG_BATCH_HEADER_BYTES);
    uint64_t space = log_batch_space(payload_bytes);
    if (!segment_has_room(&log->segment, space)) {
        enum status status = segment_switch(log, space, 0, error);
        if (status != STATUS_OK) {
            return status;
        }
    }
    struct log_batch_header header = batch_next(log, 0);
    header.payload_bytes = payload_bytes;
    header.record_count = log->record_count;
    header.payload_hash = log_payload_hash(
        &log->directory.identity, kv_slice_of(batch->data + LOG_BATCH_HEADER_BYTES, payload_bytes));
    log_batch_header_encode(&log->directory.identity, &header, batch->data);
    size_t padding = (size_t)space - batch->size;
    kv_buffer_reserve(batch, padding);
    memset(batch->data + batch->size, 0, padding);
    return batch_put(log, &header, batch->data, (size_t)space, error);
}

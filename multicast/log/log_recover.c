/* SPDX-License-Identifier: Apache-2.0 */
/* log_recover: the reading side: what of the bytes on disk is the log.
 *
 * 1. The walk follows the chain of batches through all segments: each batch names the sequence and
 *    the hash of the one before.
 * 2. Where the chain ends, the judgement asks whether batch k, which should be there, had ever been
 *    durable. It had, if the header of any later batch or segment says so; headers count even when
 *    their payload is torn. Then this is damage (STATUS_CORRUPT) and nothing is changed. If nothing
 *    says so, it is a batch that was being written when the power went: nobody was told that it is
 *    durable, and it is cut off.
 * 3. Recovery syncs before it reads, and drops the cache: what is read here is acted upon, so it
 *    must be on the disk, and after a failed sync the cache may show what the disk does not have.
 * 4. Each opening begins a new incarnation with a batch of its own, durable before any other. So no
 *    batch of an older life can continue the chain (L3), and whatever was recovered is proven from
 *    then on.
 *
 * What cannot be told apart: a torn batch, and damage to the very last batch before the next one is
 * written. The closing and the opening batch leave that window open only while the node runs. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "multicast/base/assert.h"
#include "multicast/base/limits.h"
#include "multicast/log/log_internal.h"

/* Bytes read at a time when searching behind the end of the chain. */
#define RECOVER_SEARCH_BYTES (64u * 1024)

/* Segments that may hold what was not synced: the one written to and, during a switch, the one
 * before it. */
#define RECOVER_UNSYNCED_SEGMENTS 2

static enum status check_header(const struct log_directory *directory, const char *path,
                                uint64_t number, kv_slice data, struct log_segment_header *ret,
                                struct log_error *error)
{
    uint32_t version = 0;
    switch (log_segment_header_decode(data, ret, &version)) {
    case LOG_HEADER_GOOD:
        break;
    case LOG_HEADER_VERSION:
        return log_fail(error, STATUS_VERSION,
                        "%s: written by format version %" PRIu32 ", this program reads version %d",
                        path, version, LOG_FORMAT_VERSION);
    case LOG_HEADER_DAMAGED:
        return log_fail(error, STATUS_CORRUPT,
                        "%s: offset 0: the header of the segment is damaged; " LOG_ADVICE, path);
    }
    const struct log_identity *own = &directory->identity;
    const struct log_identity *its = &ret->identity;
    if (its->cluster.value != own->cluster.value || !kv_node_equal(its->node, own->node)) {
        return log_fail(error, STATUS_FOREIGN,
                        "%s: belongs to cluster %016" PRIx64 " node %u, not to cluster %016" PRIx64
                        " node %u; nothing was changed",
                        path, its->cluster.value, its->node.value, own->cluster.value,
                        own->node.value);
    }
    if (its->log_id != own->log_id) {
        return log_fail(
            error, STATUS_FOREIGN,
            "%s: belongs to another log of this node, made at another time; " LOG_ADVICE, path);
    }
    if (ret->number != number) {
        return log_fail(error, STATUS_CORRUPT,
                        "%s: this is segment %" PRIu64 ", renamed or swapped; " LOG_ADVICE, path,
                        ret->number);
    }
    if (ret->capacity % LOG_BLOCK_BYTES != 0 || ret->capacity < LOG_CAPACITY_BYTES_MIN ||
        ret->capacity > LOG_CAPACITY_BYTES_MAX || ret->durable >= ret->first_sequence) {
        return log_fail(error, STATUS_CORRUPT,
                        "%s: offset 0: a right checksum around a malformed header; " LOG_ADVICE,
                        path);
    }
    return STATUS_OK;
}

enum status log_segment_open(const struct log_directory *directory, uint64_t number,
                             enum log_io_mode mode, struct log_segment *ret,
                             struct log_segment_header *ret_header, struct log_error *error)
{
    struct log_segment segment = {.handle = -1, .number = number, .position = LOG_BLOCK_BYTES};
    struct log_io *io = directory->io;
    uint8_t block[LOG_BLOCK_BYTES];
    size_t size = 0;
    const char *path = segment.path.text;
    enum status status;
    if ((status = log_segment_path(directory, number, true, &segment.path, error)) != STATUS_OK ||
        (status = log_file_open(io, path, mode, &segment.handle, error)) != STATUS_OK) {
        return status;
    }
    if ((status = log_file_size(io, segment.handle, path, &segment.filled, error)) != STATUS_OK ||
        (status = log_file_read(io, segment.handle, path, block, sizeof block, 0, &size, error)) !=
            STATUS_OK ||
        (status = check_header(directory, path, number, kv_slice_of(block, size), ret_header,
                               error)) != STATUS_OK) {
        log_file_close(io, &segment.handle);
        return status;
    }
    segment.capacity = ret_header->capacity;
    *ret = segment;
    return STATUS_OK;
}

enum status log_batch_read(const struct log_directory *directory, const struct log_segment *segment,
                           uint64_t position, struct kv_buffer *buffer,
                           struct log_batch_header *ret_header, enum log_batch_state *ret_state,
                           struct log_error *error)
{
    size_t size = 0;
    *ret_state = LOG_BATCH_HEADER_BAD;
    kv_buffer_clear(buffer);
    kv_buffer_reserve(buffer, LOG_BLOCK_BYTES);
    enum status status = log_file_read(directory->io, segment->handle, segment->path.text,
                                       buffer->data, LOG_BLOCK_BYTES, position, &size, error);
    if (status != STATUS_OK) {
        return status;
    }
    buffer->size = size;
    if (!log_batch_header_decode(&directory->identity, kv_buffer_slice(buffer), ret_header)) {
        return STATUS_OK;
    }
    /* Bounded before anything is allocated, and by what the file has. */
    *ret_state = LOG_BATCH_PAYLOAD_BAD;
    size_t total = LOG_BATCH_HEADER_BYTES + (size_t)ret_header->payload_bytes;
    if (total > LOG_BATCH_BYTES_MAX || total > segment->filled - position) {
        return STATUS_OK;
    }
    if (total > size) {
        size_t more = 0;
        kv_buffer_reserve(buffer, total - size);
        status = log_file_read(directory->io, segment->handle, segment->path.text,
                               buffer->data + size, total - size, position + size, &more, error);
        if (status != STATUS_OK) {
            return status;
        }
        size += more;
    }
    buffer->size = size < total ? size : total;
    kv_slice payload =
        kv_slice_of(buffer->data + LOG_BATCH_HEADER_BYTES, buffer->size - LOG_BATCH_HEADER_BYTES);
    if (buffer->size == total &&
        log_payload_hash(&directory->identity, payload) == ret_header->payload_hash) {
        *ret_state = LOG_BATCH_GOOD;
    }
    return STATUS_OK;
}

/* Count the records of a good batch; false if they are not well formed, which no damage can do
 * behind a checksum. */
static bool scan_records(struct log_scan *scan, const struct log_batch_header *header)
{
    kv_slice payload =
        kv_slice_of(scan->buffer.data + LOG_BATCH_HEADER_BYTES, header->payload_bytes);
    struct log_record record;
    uint32_t count = 0;
    while (payload.size > 0) {
        if (!log_record_decode(&payload, &record)) {
            return false;
        }
        const bool own = (unsigned)record.kind == LOG_RECORD_BEGIN;
        if (own && (!log_record_begin_decode(&record, &scan->begin) || scan->begin < 1 ||
                    scan->begin > scan->numbers[scan->last])) {
            return false;
        }
        scan->records_of_kind[record.kind]++;
        scan->records_in[scan->last] += own ? 0 : 1;
        count++;
    }
    scan->records += count;
    return count == header->record_count;
}

/* Follow the chain to the end of what is good in a segment. *ret_sealed: the log goes on in the
 * next one. */
static enum status walk_segment(const struct log_directory *directory, struct log_scan *scan,
                                struct log_segment *segment, bool *ret_sealed,
                                struct log_error *error)
{
    *ret_sealed = false;
    while (!*ret_sealed) {
        struct log_batch_header header;
        enum log_batch_state state;
        enum status status = log_batch_read(directory, segment, segment->position, &scan->buffer,
                                            &header, &state, error);
        if (status != STATUS_OK) {
            return status;
        }
        if (state != LOG_BATCH_GOOD || !log_chain_continues(&scan->chain, &header)) {
            break;
        }
        bool sealed = (header.flags & LOG_BATCH_SEAL) != 0;
        uint64_t end = segment->position + log_batch_space(header.payload_bytes);
        if (!scan_records(scan, &header) || header.durable >= header.sequence ||
            end + (sealed ? 0 : LOG_BLOCK_BYTES) > segment->capacity) {
            return log_fail(error, STATUS_CORRUPT,
                            "%s: offset %" PRIu64 ": batch %" PRIu64
                            " has a right checksum around malformed content; " LOG_ADVICE,
                            segment->path.text, segment->position, header.sequence);
        }
        scan->chain = (struct log_chain){header.incarnation, header.sequence, header.hash};
        scan->last_flags = header.flags;
        scan->last_records = header.record_count;
        scan->batches++;
        scan->bytes += log_batch_space(header.payload_bytes);
        segment->position = end;
        *ret_sealed = sealed;
    }
    scan->position = segment->position;
    scan->file_bytes = segment->filled;
    return STATUS_OK;
}

/* Something on disk that says that a batch had been durable. */
struct proof {
    bool found;
    uint64_t sequence; /* of the batch whose header says it */
    uint64_t number;   /* of the segment */
    uint64_t offset;
    uint64_t end; /* behind the last byte that is not zero; 0 if there is none */
};

/* Look at every block of a segment from a position on. */
static enum status search_segment(const struct log_directory *directory,
                                  const struct log_segment *segment, uint64_t from,
                                  uint64_t sequence, struct proof *ret, struct log_error *error)
{
    struct kv_buffer buffer = {0};
    enum status status = STATUS_OK;
    size_t size = RECOVER_SEARCH_BYTES;
    kv_buffer_reserve(&buffer, size);
    *ret = (struct proof){0};
    for (uint64_t offset = from; status == STATUS_OK && size == RECOVER_SEARCH_BYTES;
         offset += size) {
        status = log_file_read(directory->io, segment->handle, segment->path.text, buffer.data,
                               RECOVER_SEARCH_BYTES, offset, &size, error);
        for (size_t i = 0; status == STATUS_OK && i < size; i += LOG_BLOCK_BYTES) {
            size_t block = size - i < LOG_BLOCK_BYTES ? size - i : LOG_BLOCK_BYTES;
            struct log_batch_header header;
            if (log_is_zero(buffer.data + i, block)) {
                continue;
            }
            for (ret->end = block; buffer.data[i + ret->end - 1] == 0; ret->end--) {
            }
            ret->end += offset + i;
            if (!ret->found &&
                log_batch_header_decode(&directory->identity, kv_slice_of(buffer.data + i, block),
                                        &header) &&
                header.durable >= sequence) {
                ret->found = true;
                ret->sequence = header.sequence;
                ret->number = segment->number;
                ret->offset = offset + i;
            }
        }
    }
    kv_buffer_close(&buffer);
    return status;
}

/* The groups whose records stand in a batch with a good header and a damaged payload, as far as
 * they can be read: ", groups 0 2". */
static void describe_groups(const struct log_scan *scan, enum log_batch_state state, char *ret,
                            size_t size)
{
    uint64_t groups = 0;
    ret[0] = '\0';
    if (state != LOG_BATCH_PAYLOAD_BAD || scan->buffer.size <= LOG_BATCH_HEADER_BYTES) {
        return;
    }
    kv_slice payload = kv_slice_of(scan->buffer.data + LOG_BATCH_HEADER_BYTES,
                                   scan->buffer.size - LOG_BATCH_HEADER_BYTES);
    struct log_record record;
    while (log_record_decode(&payload, &record)) {
        groups |= UINT64_C(1) << record.group.value;
    }
    size_t used = 0;
    for (unsigned group = 0; group < KV_GROUPS_MAX; group++) {
        if (((groups >> group) & 1) != 0 && used + 16 < size) {
            used += (size_t)snprintf(ret + used, size - used, "%s %u", used == 0 ? ", groups" : "",
                                     group);
        }
    }
}

/* The chain ended without a seal in the segment at `index`. Torn tail or damage? */
static enum status judge(const struct log_directory *directory, struct log_scan *scan, size_t index,
                         const struct log_segment *segment, struct log_error *error)
{
    uint64_t missing = scan->chain.sequence + 1;
    struct proof proof;
    struct log_batch_header header;
    enum log_batch_state state;
    enum status status = search_segment(directory, segment, scan->position, missing, &proof, error);
    scan->torn_bytes = proof.end > scan->position ? proof.end - scan->position : 0;
    for (size_t i = index + 1; status == STATUS_OK && !proof.found && i < scan->segment_count;
         i++) {
        /* A segment is made when all batches up to the seal before it are durable, and used when
         * that seal is durable too. */
        const struct log_segment_header *later = &scan->headers[i];
        if (later->durable >= missing || later->first_sequence != missing + 1) {
            proof = (struct proof){true, later->first_sequence, later->number, 0, 0};
            break;
        }
        struct log_segment_header unused;
        struct log_segment other;
        status = log_segment_open(directory, later->number, LOG_IO_READ, &other, &unused, error);
        if (status == STATUS_OK) {
            status = search_segment(directory, &other, LOG_BLOCK_BYTES, missing, &proof, error);
            log_file_close(directory->io, &other.handle);
            scan->leftover = true;
        }
    }
    if (status != STATUS_OK || !proof.found) {
        return status;
    }
    status =
        log_batch_read(directory, segment, scan->position, &scan->buffer, &header, &state, error);
    if (status != STATUS_OK) {
        return status;
    }
    char groups[160];
    describe_groups(scan, state, groups, sizeof groups);
    return log_fail(error, STATUS_CORRUPT,
                    "%s: offset %" PRIu64 ": batch %" PRIu64
                    "%s is damaged or missing, but segment %" PRIu64 " offset %" PRIu64
                    " (batch %" PRIu64 ") proves that it had been durable; " LOG_ADVICE,
                    segment->path.text, scan->position, missing, groups, proof.number, proof.offset,
                    proof.sequence);
}

/* Does the header of a segment continue what was read before it? */
static enum status check_continues(const struct log_scan *scan, size_t index,
                                   const struct log_segment *segment, struct log_error *error)
{
    const struct log_segment_header *header = &scan->headers[index];
    const uint64_t incarnation = index == 0 && header->number == 1 ? 1 : scan->chain.incarnation;
    if (header->first_sequence != scan->chain.sequence + 1 ||
        header->previous_hash != scan->chain.hash || header->incarnation != incarnation) {
        return log_fail(error, STATUS_CORRUPT,
                        "%s: begins with batch %" PRIu64 ", but does not continue batch %" PRIu64
                        " of the segment before; " LOG_ADVICE,
                        segment->path.text, header->first_sequence, scan->chain.sequence);
    }
    return STATUS_OK;
}

/* Walk through the segment at `index`. *ret_sealed: the walk goes on in the next one. */
static enum status scan_segment(const struct log_directory *directory, struct log_scan *scan,
                                size_t index, bool *ret_sealed, struct log_error *error)
{
    struct log_segment_header header;
    struct log_segment segment;
    enum status status =
        log_segment_open(directory, scan->numbers[index], LOG_IO_READ, &segment, &header, error);
    if (status != STATUS_OK) {
        return status;
    }
    scan->last = index;
    status = check_continues(scan, index, &segment, error);
    if (status == STATUS_OK) {
        status = walk_segment(directory, scan, &segment, ret_sealed, error);
    }
    if (status == STATUS_OK && !*ret_sealed) {
        status = judge(directory, scan, index, &segment, error);
    } else if (status == STATUS_OK && index + 1 == scan->segment_count) {
        status = log_fail(error, STATUS_CORRUPT,
                          "%s: ends by saying that the log goes on in segment %" PRIu64
                          ", which is missing; " LOG_ADVICE,
                          segment.path.text, segment.number + 1);
    }
    log_file_close(directory->io, &segment.handle);
    return status;
}

/* What a segment continues, if nothing before it is left: its header says it. */
static struct log_chain chain_before(const struct log_segment_header *header)
{
    return (struct log_chain){header->incarnation, header->first_sequence - 1,
                              header->previous_hash};
}

enum status log_scan_run(const struct log_directory *directory, struct log_scan *scan,
                         struct log_error *error)
{
    *scan = (struct log_scan){0};
    enum status status = log_directory_list(directory, &scan->numbers, &scan->segment_count, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (scan->segment_count == 0) {
        return log_fail(error, STATUS_CORRUPT, "%s/wal: all segments are missing; " LOG_ADVICE,
                        directory->path.text);
    }
    scan->headers = kv_alloc_zero(scan->segment_count, sizeof *scan->headers);
    scan->records_in = kv_alloc_zero(scan->segment_count, sizeof *scan->records_in);
    for (size_t i = 0; status == STATUS_OK && i < scan->segment_count; i++) {
        /* All headers first: a foreign file is called foreign, whatever else is wrong. */
        struct log_segment segment;
        status = log_segment_open(directory, scan->numbers[i], LOG_IO_READ, &segment,
                                  &scan->headers[i], error);
        if (status == STATUS_OK) {
            log_file_close(directory->io, &segment.handle);
        }
    }
    if (status == STATUS_OK && scan->headers[0].number > 1) {
        scan->chain = chain_before(&scan->headers[0]);
    }
    scan->begin = 1;
    bool sealed = true;
    for (size_t i = 0; status == STATUS_OK && sealed && i < scan->segment_count; i++) {
        status = scan_segment(directory, scan, i, &sealed, error);
    }
    if (status == STATUS_OK && scan->numbers[0] > scan->begin) {
        status =
            log_fail(error, STATUS_CORRUPT, "%s/wal: segment %" PRIu64 " is missing; " LOG_ADVICE,
                     directory->path.text, scan->numbers[0] - 1);
    }
    return status;
}

void log_scan_close(struct log_scan *scan)
{
    kv_free(scan->numbers);
    kv_free(scan->headers);
    kv_free(scan->records_in);
    kv_buffer_close(&scan->buffer);
    *scan = (struct log_scan){0};
}

/* Whatever the walk will read must be on the disk, and META's name, which was the last step of
 * making the log. The names of segments are: one whose name is not yet durable has no seal that
 * leads to it and is a leftover. */
static enum status sync_before_reading(const struct log_directory *directory,
                                       struct log_error *error)
{
    uint64_t *numbers = NULL;
    size_t count = 0;
    enum status status;
    if ((status = log_directory_list(directory, &numbers, &count, error)) != STATUS_OK) {
        return status;
    }
    size_t from = count > RECOVER_UNSYNCED_SEGMENTS ? count - RECOVER_UNSYNCED_SEGMENTS : 0;
    for (size_t i = from; status == STATUS_OK && i < count; i++) {
        struct log_path path;
        int handle = -1;
        if ((status = log_segment_path(directory, numbers[i], true, &path, error)) != STATUS_OK ||
            (status = log_file_open(directory->io, path.text, LOG_IO_WRITE, &handle, error)) !=
                STATUS_OK) {
            break;
        }
        status = log_file_sync(directory->io, handle, path.text, error);
        (void)directory->io->drop_cache(directory->io,
                                        handle); /* advice; not all file systems take it */
        log_file_close(directory->io, &handle);
    }
    kv_free(numbers);
    return status != STATUS_OK ? status
                               : log_directory_sync(directory->io, directory->path.text, error);
}

/* Make the disk agree with the scan: no leftover segment, zeros behind the chain. */
static enum status cut(struct log *log, const struct log_scan *scan, struct log_error *error)
{
    const struct log_directory *directory = &log->directory;
    enum status status = log_directory_clean(directory, error);
    if (status == STATUS_OK && scan->leftover) {
        struct log_path path;
        struct log_path wal;
        if ((status = log_wal_path(directory, &wal, error)) != STATUS_OK ||
            (status = log_segment_path(directory, scan->numbers[scan->last + 1], true, &path,
                                       error)) != STATUS_OK ||
            (status = log_file_unlink(directory->io, path.text, error)) != STATUS_OK ||
            (status = log_directory_sync(directory->io, wal.text, error)) != STATUS_OK) {
            return status;
        }
    }
    if (status == STATUS_OK && scan->torn_bytes > 0) {
        /* To the end of the file, which is never far: it is filled only a step ahead. */
        status = log_file_write_zeros(directory->io, log->segment.handle, log->segment.path.text,
                                      scan->position, scan->file_bytes, error);
        status = status != STATUS_OK ? status
                                     : log_file_sync(directory->io, log->segment.handle,
                                                     log->segment.path.text, error);
    }
    return status;
}

/* Segments that were given up and are still there: in order, so that what is left never has a gap. */
static enum status finish_prune(struct log *log, uint64_t first, uint64_t begin,
                                struct log_error *error)
{
    for (; first < begin; first++) {
        const enum status status = log_segment_remove(&log->directory, first, error);
        if (status != STATUS_OK) {
            return status;
        }
    }
    return STATUS_OK;
}

/* The scan succeeded: continue behind it. */
static enum status adopt(struct log *log, const struct log_scan *scan, struct log_error *error)
{
    struct log_segment_header header;
    enum status status = log_segment_open(&log->directory, scan->numbers[scan->last], LOG_IO_WRITE,
                                          &log->segment, &header, error);
    if (status != STATUS_OK || (status = cut(log, scan, error)) != STATUS_OK) {
        return status;
    }
    log->segment.position = scan->position;
    log->chain = scan->chain;
    log->durable = scan->chain.sequence;
    log->first = scan->begin;
    log->reader.last_sequence = scan->chain.sequence;
    log->reader.segment.number = scan->begin - 1;
    if (scan->begin > 1) {
        log->reader.chain = chain_before(&scan->headers[scan->begin - scan->numbers[0]]);
    }
    status = finish_prune(log, scan->numbers[0], scan->begin, error);
    if (status != STATUS_OK) {
        return status;
    }
    for (size_t i = scan->begin - scan->numbers[0]; i <= scan->last; i++) {
        log->counters.recovered += scan->records_in[i];
    }
    log->counters.cut_bytes = scan->torn_bytes;
    log->counters.segments = scan->numbers[scan->last] - log->first + 1;
    return log_write_mark(log, LOG_BATCH_OPENING, error);
}

enum status log_recover(struct log *log, struct log_error *error)
{
    struct log_scan scan = {0};
    enum status status = sync_before_reading(&log->directory, error);
    if (status == STATUS_OK) {
        status = log_scan_run(&log->directory, &scan, error);
    }
    if (status == STATUS_OK) {
        status = adopt(log, &scan, error);
    }
    log_scan_close(&scan);
    return status;
}

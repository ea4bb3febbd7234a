/* SPDX-License-Identifier: Apache-2.0 */
/* log: open, read back, append, sync, close.
 *
 * A failure of any call that touches the disk poisons the log: the status and its text are kept and
 * returned for ever. */
#include "multicast/log/log.h"

#include <inttypes.h>
#include <string.h>

#include "multicast/base/assert.h"
#include "multicast/base/limits.h"
#include "multicast/log/log_internal.h"

_Static_assert(LOG_RECORD_BYTES_MAX >= 2 * KV_BODY_BYTES_MAX, "any entry fits into a batch");
_Static_assert(LOG_RECORD_BYTES_MAX ==
                   LOG_BATCH_BYTES_MAX - LOG_BATCH_HEADER_BYTES - LOG_RECORD_HEADER_BYTES,
               "a record fits into a batch of its own");

static enum status poison(struct log *log, enum status status)
{
    KV_ASSERT(status != STATUS_OK);
    log->poisoned = status;
    return status;
}

static enum status check_settings(const struct log_settings *settings, struct log_error *error)
{
    if (settings->directory == NULL || settings->node.value == 0) {
        return log_fail(error, STATUS_INVALID, "a log needs a directory and a node");
    }
    uint64_t bytes = log_settings_segment_bytes(settings);
    if (bytes % LOG_BLOCK_BYTES != 0 || bytes < LOG_CAPACITY_BYTES_MIN ||
        bytes > LOG_CAPACITY_BYTES_MAX) {
        return log_fail(error, STATUS_INVALID, "segment_bytes must be a multiple of %u in %u..%u",
                        LOG_BLOCK_BYTES, LOG_CAPACITY_BYTES_MIN, LOG_CAPACITY_BYTES_MAX);
    }
    return STATUS_OK;
}

/* Nothing is appended to the batch yet; room for its header. */
static void batch_clear(struct log *log)
{
    log->batch.size = 0;
    kv_buffer_reserve(&log->batch, LOG_BATCH_HEADER_BYTES);
    log->batch.size = LOG_BATCH_HEADER_BYTES;
    log->record_count = 0;
}

static void reader_close(struct log *log)
{
    log_file_close(log->directory.io, &log->reader.segment.handle);
    kv_buffer_close(&log->reader.batch);
    log->reader.records = kv_slice_of(NULL, 0);
}

/* Free everything, without a last word to the disk. */
static void release(struct log *log)
{
    reader_close(log);
    log_file_close(log->directory.io, &log->segment.handle);
    log_directory_close(&log->directory);
    kv_buffer_close(&log->batch);
    kv_free(log);
}

enum status log_open(const struct log_settings *settings, struct log **ret, struct log_error *error)
{
    *ret = NULL;
    enum status status = check_settings(settings, error);
    if (status != STATUS_OK) {
        return status;
    }
    struct log *log = kv_alloc_zero(1, sizeof *log);
    log->segment_bytes = log_settings_segment_bytes(settings);
    log->unsafe_no_sync = settings->unsafe_no_sync;
    log->segment.handle = -1;
    log->reader.segment.handle = -1;
    status =
        log_directory_open(&log->directory, settings->directory, settings->io, settings, error);
    if (status != STATUS_OK) {
        kv_free(log);
        return status;
    }
    status = log_recover(log, error);
    if (status != STATUS_OK) {
        release(log);
        return status;
    }
    batch_clear(log);
    *ret = log;
    return STATUS_OK;
}

/* Read the next batch that was recovered. It was good when the log was opened, so anything else is
 * damage. */
static enum status reader_advance(struct log *log, struct log_error *error)
{
    struct log_reader *reader = &log->reader;
    struct log_batch_header header;
    enum log_batch_state state;
    enum status status;
    if (reader->segment.handle < 0) {
        struct log_segment_header unused;
        status = log_segment_open(&log->directory, reader->segment.number + 1, LOG_IO_READ,
                                  &reader->segment, &unused, error);
        if (status != STATUS_OK) {
            return status;
        }
    }
    status = log_batch_read(&log->directory, &reader->segment, reader->segment.position,
                            &reader->batch, &header, &state, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (state != LOG_BATCH_GOOD || !log_chain_continues(&reader->chain, &header)) {
        return log_fail(error, STATUS_CORRUPT,
                        "%s: offset %" PRIu64 ": batch %" PRIu64
                        " was good a moment ago and is damaged now; " LOG_ADVICE,
                        reader->segment.path.text, reader->segment.position,
                        reader->chain.sequence + 1);
    }
    reader->chain = (struct log_chain){header.incarnation, header.sequence, header.hash};
    reader->records =
        kv_slice_of(reader->batch.data + LOG_BATCH_HEADER_BYTES, header.payload_bytes);
    reader->segment.position += log_batch_space(header.payload_bytes);
    if ((header.flags & LOG_BATCH_SEAL) != 0) {
        log_file_close(log->directory.io, &reader->segment.handle);
    }
    return STATUS_OK;
}

enum status log_next(struct log *log, struct log_record *ret, struct log_error *error)
{
    KV_ASSERT(!log->appended);
    struct log_reader *reader = &log->reader;
    if (log->poisoned != STATUS_OK) {
        return log_fail(error, log->poisoned, "%s", log->error.text);
    }
    while (reader->records.size == 0) {
        if (reader->chain.sequence == reader->last_sequence) {
            reader_close(log);
            return STATUS_END;
        }
        enum status status = reader_advance(log, &log->error);
        if (status != STATUS_OK) {
            return log_fail(error, poison(log, status), "%s", log->error.text);
        }
    }
    bool good = log_record_decode(&reader->records, ret);
    KV_ASSERT(good); /* the walk has checked the same bytes: the hash is the same */
    ret->segment = reader->segment.number;
    return (unsigned)ret->kind == LOG_RECORD_BEGIN ? log_next(log, ret, error) : STATUS_OK;
}

/* Write what was appended. */
static enum status flush(struct log *log)
{
    if (log->record_count == 0) {
        return STATUS_OK;
    }
    enum status status = log_write_batch(log, &log->error);
    if (status != STATUS_OK) {
        return poison(log, status);
    }
    log->counters.records += log->record_count;
    batch_clear(log);
    return STATUS_OK;
}

static enum status append(struct log *log, const struct log_record *record)
{
    KV_ASSERT(record->group.value < KV_GROUPS_MAX);
    if (log->poisoned != STATUS_OK) {
        return log->poisoned;
    }
    if (record->payload.size > LOG_RECORD_BYTES_MAX) {
        return STATUS_TOO_LARGE;
    }
    if (!log->appended) {
        log->appended = true;
        reader_close(log);
    }
    if (log->batch.size + LOG_RECORD_HEADER_BYTES + record->payload.size > LOG_BATCH_BYTES_MAX) {
        enum status status = flush(log);
        if (status != STATUS_OK) {
            return status;
        }
    }
    uint8_t header[LOG_RECORD_HEADER_BYTES];
    log_record_header_encode(record, header);
    kv_buffer_append(&log->batch, header, sizeof header);
    kv_buffer_append(&log->batch, record->payload.data, record->payload.size);
    log->record_count++;
    return STATUS_OK;
}

enum status log_append(struct log *log, const struct log_record *record)
{
    KV_ASSERT(record->kind >= LOG_RECORD_HARD_STATE && record->kind <= LOG_RECORD_DISCARD &&
              (unsigned)record->kind != LOG_RECORD_BEGIN);
    return append(log, record);
}

uint64_t log_id(const struct log *log)
{
    /* Old logs may have 0, which callers take for none. */
    return log->directory.identity.log_id == 0 ? 1 : log->directory.identity.log_id;
}

uint64_t log_segment_now(const struct log *log)
{
    return log->segment.number;
}

uint64_t log_segment_first(const struct log *log)
{
    return log->first;
}

static enum status prune_point(struct log *log, enum failpoint point, struct log_error *error)
{
    enum status status = log_failpoint(point, log->directory.path.text, &log->error);
    return status == STATUS_OK ? STATUS_OK
                               : log_fail(error, poison(log, status), "%s", log->error.text);
}

enum status log_prune(struct log *log, uint64_t first, struct log_error *error)
{
    KV_ASSERT(first >= log->first && first <= log->segment.number);
    if (first == log->first) {
        return STATUS_OK;
    }
    uint8_t payload[LOG_RECORD_BEGIN_BYTES];
    log_record_begin_encode(first, payload);
    const struct log_record record = {.kind = (enum log_record_kind)LOG_RECORD_BEGIN,
                                      .payload = kv_slice_of(payload, sizeof payload)};
    enum status status = prune_point(log, FAILPOINT_PRUNE_BEFORE_RECORD, error);
    if (status != STATUS_OK || (status = append(log, &record)) != STATUS_OK ||
        (status = log_sync(log, error)) != STATUS_OK ||
        (status = prune_point(log, FAILPOINT_PRUNE_AFTER_RECORD, error)) != STATUS_OK) {
        return status;
    }
    while (status == STATUS_OK && log->first < first) {
        status = log_segment_remove(&log->directory, log->first, &log->error);
        if (status != STATUS_OK) {
            return log_fail(error, poison(log, status), "%s", log->error.text);
        }
        log->first++;
        log->counters.segments--;
    }
    return status;
}

enum status log_sync(struct log *log, struct log_error *error)
{
    enum status status = log->poisoned != STATUS_OK ? log->poisoned : flush(log);
    return status == STATUS_OK ? STATUS_OK : log_fail(error, status, "%s", log->error.text);
}

struct log_counters log_counters(const struct log *log)
{
    return log->counters;
}

void log_close(struct log **log)
{
    if (*log == NULL) {
        return;
    }
    if ((*log)->poisoned == STATUS_OK && (*log)->unproven) {
        /* So that damage to the last batch is not taken for a torn tail. If it fails, nothing
         * promised is lost. */
        (void)log_write_mark(*log, LOG_BATCH_CLOSING, NULL);
    }
    release(*log);
    *log = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_log: arbitrary damage to a small log: opening it never crashes, returns only records that
 * are well formed, agrees with the checker, and a log that was opened opens again with the same
 * records.
 *
 * The first byte of the input says how: raw bytes as the content of a segment; edits {u16 block
 * offset, u8 bytes} of a good log; or the same with the checksums of all headers and payloads made
 * right again afterwards, so that what is behind them is reached. */
#include <stdint.h>
#include <string.h>
#include <xxhash.h>

#include "multicast/base/assert.h"
#include "multicast/base/limits.h"
#include "multicast/log/log_format.h"
#include "tests/unit/log/log_io_fault.h"

#define FUZZ_SEGMENT_BYTES (16u * 1024)
#define FUZZ_EDITS_MAX     32

enum fuzz_mode { FUZZ_RAW, FUZZ_EDIT, FUZZ_EDIT_CHECKSUMS, FUZZ_MODES };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct log_io_fault *good; /* closed log of several segments, made once */

static struct log_settings settings_of(struct log_io_fault *fault)
{
    return (struct log_settings){
        .directory = "/data",
        .cluster = {7},
        .node = {1},
        .segment_bytes = FUZZ_SEGMENT_BYTES,
        .io = log_io_fault_io(fault),
    };
}

static void make_good(void)
{
    struct log *log = NULL;
    uint8_t payload[900];
    memset(payload, 'x', sizeof payload);
    good = log_io_fault_new(1);
    struct log_settings settings = settings_of(good);
    enum status status = log_open(&settings, &log, NULL);
    KV_ASSERT(status == STATUS_OK);
    for (unsigned i = 0; i < 12; i++) {
        const struct log_record record = {(enum log_record_kind)(1 + i % 3),
                                          {(uint16_t)i},
                                          kv_slice_of(payload, sizeof payload - i * 70)};
        status = log_append(log, &record);
        KV_ASSERT(status == STATUS_OK);
        status = i % 2 == 1 ? log_sync(log, NULL) : STATUS_OK;
        KV_ASSERT(status == STATUS_OK);
    }
    log_close(&log);
}

static void put_u64(uint8_t *data, uint64_t value)
{
    for (int i = 0; i < 8; i++) {
        data[i] = (uint8_t)(value >> (8 * i));
    }
}

/* Make the checksums of whatever stands at the blocks of a segment right. */
static void correct(uint8_t *bytes, size_t size, uint64_t log_id)
{
    if (size >= LOG_SEGMENT_HEADER_BYTES) {
        put_u64(bytes + LOG_SEGMENT_HEADER_BYTES - 8,
                XXH3_64bits(bytes, LOG_SEGMENT_HEADER_BYTES - 8));
    }
    for (size_t at = LOG_BLOCK_BYTES; at + LOG_BATCH_HEADER_BYTES <= size; at += LOG_BLOCK_BYTES) {
        uint32_t payload_bytes;
        memcpy(&payload_bytes, bytes + at + 8, sizeof payload_bytes);
        if (payload_bytes <= size - at - LOG_BATCH_HEADER_BYTES) {
            put_u64(bytes + at + 64, XXH3_64bits_withSeed(bytes + at + LOG_BATCH_HEADER_BYTES,
                                                          payload_bytes, log_id));
        }
        put_u64(bytes + at + 72,
                XXH3_64bits_withSeed(bytes + at, LOG_BATCH_HEADER_BYTES - 8, log_id));
    }
}

/* Edits: {segment << 6 | block << 3 | eighth of 16 bytes, byte inside, value}. */
static void edit(struct log_io_fault *fault, const uint8_t *data, size_t size, bool checksums)
{
    char path[] = "/data/wal/00000001.seg";
    size_t meta_size;
    struct log_identity identity;
    uint32_t version;
    enum log_header_state state = log_meta_decode(
        kv_slice_of(log_io_fault_bytes(fault, "/data/META", &meta_size), LOG_META_BYTES), &identity,
        &version);
    KV_ASSERT(state == LOG_HEADER_GOOD);
    for (size_t i = 0; i + 3 <= size && i / 3 < FUZZ_EDITS_MAX; i += 3) {
        size_t bytes_size;
        path[17] = (char)('1' + (data[i] >> 6));
        uint8_t *bytes = log_io_fault_bytes(fault, path, &bytes_size);
        size_t at = ((data[i] >> 3) & 3u) * LOG_BLOCK_BYTES + data[i + 1];
        if (bytes == NULL || at >= bytes_size) {
            continue;
        }
        bytes[at] = data[i + 2];
        if ((data[i] & 7) == 7) {
            log_io_fault_truncate(fault, path, at);
        } else {
            log_io_fault_changed(fault, path);
        }
    }
    for (char digit = '1'; checksums && digit <= '4'; digit++) {
        size_t bytes_size;
        path[17] = digit;
        uint8_t *bytes = log_io_fault_bytes(fault, path, &bytes_size);
        if (bytes != NULL) {
            correct(bytes, bytes_size, identity.log_id);
            log_io_fault_changed(fault, path);
        }
    }
}

/* Open and read; returns a hash of all records, *ret_status that of the opening. */
static uint64_t read_all(struct log_io_fault *fault, enum status *ret_status, uint64_t *ret_count)
{
    struct log *log = NULL;
    struct log_error error = {""};
    struct log_settings settings = settings_of(fault);
    struct log_record record;
    uint64_t hash = 0;
    *ret_count = 0;
    *ret_status = log_open(&settings, &log, &error);
    KV_ASSERT((*ret_status == STATUS_OK) == (log != NULL));
    KV_ASSERT((*ret_status == STATUS_OK) == (error.text[0] == '\0'));
    if (log == NULL) {
        return 0;
    }
    enum status status;
    while ((status = log_next(log, &record, &error)) == STATUS_OK) {
        KV_ASSERT(record.kind >= LOG_RECORD_HARD_STATE && record.kind <= LOG_RECORD_SNAPSHOT);
        KV_ASSERT(record.group.value < KV_GROUPS_MAX);
        hash = XXH3_64bits_withSeed(record.payload.data, record.payload.size, hash + record.kind);
        (*ret_count)++;
    }
    KV_ASSERT(status == STATUS_END);
    log_close(&log);
    return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    if (good == NULL) {
        make_good();
    }
    struct log_io_fault *fault = log_io_fault_clone(good, 1);
    switch ((enum fuzz_mode)(data[0] % FUZZ_MODES)) {
    case FUZZ_RAW:
        log_io_fault_put(fault, "/data/wal/00000002.seg", data + 1, size - 1);
        break;
    case FUZZ_EDIT:
        edit(fault, data + 1, size - 1, false);
        break;
    case FUZZ_EDIT_CHECKSUMS:
        edit(fault, data + 1, size - 1, true);
        break;
    case FUZZ_MODES:
        break;
    }
    struct log_verify_result result;
    enum status checked = log_verify("/data", log_io_fault_io(fault), &result);
    enum status status;
    uint64_t count;
    uint64_t hash = read_all(fault, &status, &count);
    KV_ASSERT(status == checked);
    if (status == STATUS_OK) {
        uint64_t again;
        KV_ASSERT(count == result.records);
        uint64_t hash_again = read_all(fault, &status, &again);
        KV_ASSERT(status == STATUS_OK && again == count && hash_again == hash);
    }
    log_io_fault_destroy(&fault);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "multicast/log/log_format.h"

#include <endian.h>
#include <string.h>
#include <xxhash.h>

#include "multicast/base/assert.h"
#include "multicast/base/limits.h"

/* "KVLOGMET", "KVLOGSEG" and "KVLB" as little-endian numbers. */
#define META_MAGIC    UINT64_C(0x54454d474f4c564b)
#define SEGMENT_MAGIC UINT64_C(0x474553474f4c564b)
#define BATCH_MAGIC   UINT32_C(0x424c564b)

/* The part of META and of a segment's header that is the same in every format version. */
#define PREFIX_BYTES 16u

/* A header of any format version has at most a block. */
#define HEADER_BYTES_MAX LOG_BLOCK_BYTES

static void put_u16(uint8_t *data, uint16_t value)
{
    value = htole16(value);
    memcpy(data, &value, sizeof value);
}

static void put_u32(uint8_t *data, uint32_t value)
{
    value = htole32(value);
    memcpy(data, &value, sizeof value);
}

static void put_u64(uint8_t *data, uint64_t value)
{
    value = htole64(value);
    memcpy(data, &value, sizeof value);
}

static uint16_t get_u16(const uint8_t *data)
{
    uint16_t value;
    memcpy(&value, data, sizeof value);
    return le16toh(value);
}

static uint32_t get_u32(const uint8_t *data)
{
    uint32_t value;
    memcpy(&value, data, sizeof value);
    return le32toh(value);
}

static uint64_t get_u64(const uint8_t *data)
{
    uint64_t value;
    memcpy(&value, data, sizeof value);
    return le64toh(value);
}

bool log_is_zero(const uint8_t *data, size_t size)
{
    return size == 0 || (data[0] == 0 && memcmp(data, data + 1, size - 1) == 0);
}

static void prefix_encode(uint8_t *data, uint64_t magic, uint32_t bytes)
{
    memset(data, 0, bytes);
    put_u64(data, magic);
    put_u32(data + 8, LOG_FORMAT_VERSION);
    put_u32(data + 12, bytes);
}

static void prefix_finish(uint8_t *data, uint32_t bytes)
{
    put_u64(data + bytes - 8, XXH3_64bits(data, bytes - 8));
}

/* The checks that META and segment headers share; the checksum before the version: a damaged
 * version number must not be reported as another version. */
static enum log_header_state prefix_check(kv_slice data, uint64_t magic, uint32_t expected_bytes,
                                          uint32_t *ret_version)
{
    if (data.size < PREFIX_BYTES + 8 || get_u64(data.data) != magic) {
        return LOG_HEADER_DAMAGED;
    }
    uint32_t bytes = get_u32(data.data + 12);
    if (bytes < PREFIX_BYTES + 8 || bytes > HEADER_BYTES_MAX || bytes > data.size ||
        get_u64(data.data + bytes - 8) != XXH3_64bits(data.data, bytes - 8)) {
        return LOG_HEADER_DAMAGED;
    }
    *ret_version = get_u32(data.data + 8);
    if (*ret_version != LOG_FORMAT_VERSION) {
        return LOG_HEADER_VERSION;
    }
    return bytes == expected_bytes ? LOG_HEADER_GOOD : LOG_HEADER_DAMAGED;
}

static void identity_encode(const struct log_identity *identity, uint8_t *data)
{
    put_u64(data, identity->cluster.value);
    put_u64(data + 8, identity->log_id);
    put_u16(data + 16, identity->node.value);
}

static void identity_decode(const uint8_t *data, struct log_identity *ret)
{
    ret->cluster.value = get_u64(data);
    ret->log_id = get_u64(data + 8);
    ret->node.value = get_u16(data + 16);
}

void log_meta_encode(const struct log_identity *identity, uint8_t data[LOG_META_BYTES])
{
    prefix_encode(data, META_MAGIC, LOG_META_BYTES);
    identity_encode(identity, data + 16);
    prefix_finish(data, LOG_META_BYTES);
}

enum log_header_state log_meta_decode(kv_slice data, struct log_identity *ret,
                                      uint32_t *ret_version)
{
    enum log_header_state state = prefix_check(data, META_MAGIC, LOG_META_BYTES, ret_version);
    if (state == LOG_HEADER_GOOD) {
        identity_decode(data.data + 16, ret);
    }
    return state;
}

void log_segment_header_encode(const struct log_segment_header *header,
                               uint8_t data[LOG_SEGMENT_HEADER_BYTES])
{
    prefix_encode(data, SEGMENT_MAGIC, LOG_SEGMENT_HEADER_BYTES);
    identity_encode(&header->identity, data + 16);
    put_u64(data + 40, header->number);
    put_u64(data + 48, header->capacity);
    put_u64(data + 56, header->incarnation);
    put_u64(data + 64, header->first_sequence);
    put_u64(data + 72, header->durable);
    put_u64(data + 80, header->previous_hash);
    prefix_finish(data, LOG_SEGMENT_HEADER_BYTES);
}

enum log_header_state log_segment_header_decode(kv_slice data, struct log_segment_header *ret,
                                                uint32_t *ret_version)
{
    enum log_header_state state =
        prefix_check(data, SEGMENT_MAGIC, LOG_SEGMENT_HEADER_BYTES, ret_version);
    if (state == LOG_HEADER_GOOD) {
        identity_decode(data.data + 16, &ret->identity);
        ret->number = get_u64(data.data + 40);
        ret->capacity = get_u64(data.data + 48);
        ret->incarnation = get_u64(data.data + 56);
        ret->first_sequence = get_u64(data.data + 64);
        ret->durable = get_u64(data.data + 72);
        ret->previous_hash = get_u64(data.data + 80);
    }
    return state;
}

void log_batch_header_encode(const struct log_identity *identity, struct log_batch_header *header,
                             uint8_t data[LOG_BATCH_HEADER_BYTES])
{
    memset(data, 0, LOG_BATCH_HEADER_BYTES);
    put_u32(data, BATCH_MAGIC);
    put_u32(data + 4, header->flags);
    put_u32(data + 8, header->payload_bytes);
    put_u32(data + 12, header->record_count);
    put_u64(data + 16, identity->cluster.value);
    put_u16(data + 24, identity->node.value);
    put_u64(data + 32, header->incarnation);
    put_u64(data + 40, header->sequence);
    put_u64(data + 48, header->durable);
    put_u64(data + 56, header->previous_hash);
    put_u64(data + 64, header->payload_hash);
    header->hash = XXH3_64bits_withSeed(data, LOG_BATCH_HEADER_BYTES - 8, identity->log_id);
    put_u64(data + 72, header->hash);
}

bool log_batch_header_decode(const struct log_identity *identity, kv_slice data,
                             struct log_batch_header *ret)
{
    if (data.size < LOG_BATCH_HEADER_BYTES || get_u32(data.data) != BATCH_MAGIC) {
        return false;
    }
    uint64_t hash = get_u64(data.data + 72);
    if (hash != XXH3_64bits_withSeed(data.data, LOG_BATCH_HEADER_BYTES - 8, identity->log_id) ||
        get_u64(data.data + 16) != identity->cluster.value ||
        get_u16(data.data + 24) != identity->node.value) {
        return false;
    }
    *ret = (struct log_batch_header){
        .flags = get_u32(data.data + 4),
        .payload_bytes = get_u32(data.data + 8),
        .record_count = get_u32(data.data + 12),
        .incarnation = get_u64(data.data + 32),
        .sequence = get_u64(data.data + 40),
        .durable = get_u64(data.data + 48),
        .previous_hash = get_u64(data.data + 56),
        .payload_hash = get_u64(data.data + 64),
        .hash = hash,
    };
    return true;
}

bool log_chain_continues(const struct log_chain *chain, const struct log_batch_header *header)
{
    return header->sequence == chain->sequence + 1 && header->previous_hash == chain->hash &&
           ((header->flags & LOG_BATCH_OPENING) != 0 ? header->incarnation > chain->incarnation
                                                     : header->incarnation == chain->incarnation);
}

uint64_t log_payload_hash(const struct log_identity *identity, kv_slice payload)
{
    return XXH3_64bits_withSeed(payload.data, payload.size, identity->log_id);
}

void log_record_header_encode(const struct log_record *record,
                              uint8_t data[LOG_RECORD_HEADER_BYTES])
{
    KV_ASSERT(record->payload.size <= UINT32_MAX);
    data[0] = (uint8_t)record->kind;
    data[1] = 0;
    put_u16(data + 2, record->group.value);
    put_u32(data + 4, (uint32_t)record->payload.size);
}

void log_record_begin_encode(uint64_t first, uint8_t data[LOG_RECORD_BEGIN_BYTES])
{
    put_u64(data, first);
}

bool log_record_begin_decode(const struct log_record *record, uint64_t *ret_first)
{
    if ((unsigned)record->kind != LOG_RECORD_BEGIN ||
        record->payload.size != LOG_RECORD_BEGIN_BYTES) {
        return false;
    }
    *ret_first = get_u64(record->payload.data);
    return true;
}

bool log_record_decode(kv_slice *payload, struct log_record *ret)
{
    if (payload->size < LOG_RECORD_HEADER_BYTES) {
        return false;
    }
    const uint8_t *data = payload->data;
    uint32_t bytes = get_u32(data + 4);
    uint16_t group = get_u16(data + 2);
    if (data[0] < LOG_RECORD_HARD_STATE || data[0] > LOG_RECORD_DISCARD || data[1] != 0 ||
        group >= KV_GROUPS_MAX || bytes > payload->size - LOG_RECORD_HEADER_BYTES) {
        return false;
    }
    ret->kind = (enum log_record_kind)data[0];
    ret->group.value = group;
    ret->payload = kv_slice_of(data + LOG_RECORD_HEADER_BYTES, bytes);
    *payload =
        kv_slice_of(ret->payload.data + bytes, payload->size - LOG_RECORD_HEADER_BYTES - bytes);
    return true;
}

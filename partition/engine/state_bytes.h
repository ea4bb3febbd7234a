/* SPDX-License-Identifier: Apache-2.0 */
/* state_bytes: little-endian fields of saved states, written to a buffer and read back with checks.
 *
 * A reader's failure is sticky: a field that the rest is too short for reads as zero and marks the
 * reader, so that a loader reads a group of fields in a straight line and asks once, before it uses
 * any of them. Counts are never trusted: whoever reads one allocates element by element. */
#ifndef KV_ENGINE_STATE_BYTES_H
#define KV_ENGINE_STATE_BYTES_H

#include <endian.h>
#include <string.h>

#include "multicast/base/bytes.h"
#include "multicast/base/ids.h"

static inline void state_write_u8(struct kv_buffer *buffer, uint8_t value)
{
    kv_buffer_append(buffer, &value, sizeof(value));
}

static inline void state_write_u16(struct kv_buffer *buffer, uint16_t value)
{
    const uint16_t little = htole16(value);
    kv_buffer_append(buffer, &little, sizeof(little));
}

static inline void state_write_u32(struct kv_buffer *buffer, uint32_t value)
{
    const uint32_t little = htole32(value);
    kv_buffer_append(buffer, &little, sizeof(little));
}

static inline void state_write_u64(struct kv_buffer *buffer, uint64_t value)
{
    const uint64_t little = htole64(value);
    kv_buffer_append(buffer, &little, sizeof(little));
}

static inline void state_write_timestamp(struct kv_buffer *buffer, kv_timestamp value)
{
    state_write_u64(buffer, value.clock.value);
    state_write_u16(buffer, value.group.value);
}

struct state_reader {
    kv_slice rest;
    bool failed;
};

/* The next size bytes, borrowed; NULL and a failed reader if there are fewer. */
static inline const uint8_t *state_read_bytes(struct state_reader *reader, size_t size)
{
    if (reader->failed || reader->rest.size < size) {
        reader->failed = true;
        return NULL;
    }
    const uint8_t *data = reader->rest.data;
    reader->rest = (kv_slice){data + size, reader->rest.size - size};
    return data;
}

static inline uint8_t state_read_u8(struct state_reader *reader)
{
    const uint8_t *data = state_read_bytes(reader, 1);
    return data == NULL ? 0 : *data;
}

static inline uint16_t state_read_u16(struct state_reader *reader)
{
    uint16_t little = 0;
    const uint8_t *data = state_read_bytes(reader, sizeof(little));
    if (data != NULL) {
        memcpy(&little, data, sizeof(little));
    }
    return le16toh(little);
}

static inline uint32_t state_read_u32(struct state_reader *reader)
{
    uint32_t little = 0;
    const uint8_t *data = state_read_bytes(reader, sizeof(little));
    if (data != NULL) {
        memcpy(&little, data, sizeof(little));
    }
    return le32toh(little);
}

static inline uint64_t state_read_u64(struct state_reader *reader)
{
    uint64_t little = 0;
    const uint8_t *data = state_read_bytes(reader, sizeof(little));
    if (data != NULL) {
        memcpy(&little, data, sizeof(little));
    }
    return le64toh(little);
}

static inline kv_timestamp state_read_timestamp(struct state_reader *reader)
{
    kv_timestamp value;
    value.clock.value = state_read_u64(reader);
    value.group.value = state_read_u16(reader);
    return value;
}

/* Everything was read and nothing was missing. */
static inline bool state_reader_is_done(const struct state_reader *reader)
{
    return !reader->failed && reader->rest.size == 0;
}

#endif

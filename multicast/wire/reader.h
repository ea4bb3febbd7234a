/* SPDX-License-Identifier: Apache-2.0 */
/* reader: a strict cursor over hostile msgpack.
 *
 * 1. It reads what the caller expects next: type, range and rest are checked at each step; nothing
 *    is ever skipped, so the depth of what it accepts is that of the code that calls it. It
 *    allocates nothing.
 * 2. The first failure is kept: every later read returns zero, so a caller reads straight through
 *    and looks once, at wire_reader_finish or at a count before it loops.
 * 3. Wide forms of small numbers and lengths are accepted: other packers make them, and they mean
 * the same. */
#ifndef KV_WIRE_READER_H
#define KV_WIRE_READER_H

#include "multicast/base/bytes.h"
#include "multicast/base/status.h"

struct wire_frame_reader;

/* Zero-initialise or use wire_reader_of. Slices read borrow from the bytes. */
struct wire_reader {
    const uint8_t *at;
    const uint8_t *end;
    enum status status;              /* the first failure, or STATUS_OK */
    struct wire_frame_reader *frame; /* owner of the lists inside of a message; NULL elsewhere */
};

static inline struct wire_reader wire_reader_of(kv_slice bytes)
{
    return (struct wire_reader){.at = bytes.data,
                                .end = bytes.size == 0 ? bytes.data : bytes.data + bytes.size};
}

/* Bytes that are still to be read; 0 after a failure. */
static inline size_t wire_reader_rest(const struct wire_reader *reader)
{
    return reader->at == NULL ? 0 : (size_t)(reader->end - reader->at);
}

/* Remember `status` unless an earlier one is known; what is left is given up. */
void wire_reader_fail(struct wire_reader *reader, enum status status);

/* The form is broken unless `good`. */
static inline void wire_reader_require(struct wire_reader *reader, bool good)
{
    if (!good) {
        wire_reader_fail(reader, STATUS_CORRUPT);
    }
}

/* The first failure; STATUS_CORRUPT if anything trails. */
KV_MUST_CHECK enum status wire_reader_finish(struct wire_reader *reader);

/* Any non-negative integer of more than one byte; see wire_read_uint. */
uint64_t wire_read_uint_wide(struct wire_reader *reader);

/* An integer in 0..max. STATUS_CORRUPT: another type, or out of range. */
static inline uint64_t wire_read_uint(struct wire_reader *reader, uint64_t max)
{
    uint64_t value;
    if (reader->at < reader->end && *reader->at < 0x80) {
        value = *reader->at++;
    } else {
        value = wire_read_uint_wide(reader);
    }
    if (value > max) {
        wire_reader_fail(reader, STATUS_CORRUPT);
        return 0;
    }
    return value;
}

/* Any signed 64-bit integer. STATUS_CORRUPT: another type, or out of range. */
int64_t wire_read_int(struct wire_reader *reader);

/* true or false. STATUS_CORRUPT: another type. */
bool wire_read_bool(struct wire_reader *reader);

/* Whether a nil is next; it is read then. */
bool wire_read_nil(struct wire_reader *reader);

/* The count of an array of at most `max` elements, which the caller reads next. STATUS_CORRUPT:
 * another type, or more elements than bytes left. STATUS_TOO_LARGE: above max. */
uint32_t wire_read_array(struct wire_reader *reader, uint32_t max);

/* An array of exactly `count` elements. */
static inline void wire_read_arity(struct wire_reader *reader, uint32_t count)
{
    wire_reader_require(reader, wire_read_array(reader, UINT32_MAX) == count);
}

/* Binary, or text, of at most `max` bytes. STATUS_CORRUPT: another type, or cut off.
 * STATUS_TOO_LARGE: above max. */
kv_slice wire_read_bytes(struct wire_reader *reader, size_t max);
kv_slice wire_read_text(struct wire_reader *reader, size_t max);

#endif

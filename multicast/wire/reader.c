/* SPDX-License-Identifier: Apache-2.0 */
/* reader: decodes one msgpack head at a time
 * (https://github.com/msgpack/msgpack/blob/master/spec.md).
 *
 * Every head is one type byte and 0, 1, 2, 4 or 8 bytes of a big-endian number. Whatever a head
 * claims is compared with the bytes that are really left before anything else happens with it. */
#include "multicast/wire/reader.h"

#include <endian.h>
#include <string.h>

/* Type bytes of the msgpack specification; the fix forms carry their number in the low bits. */
enum {
    FIX_ARRAY = 0x90, /* 4 bits of count */
    FIX_TEXT = 0xa0,  /* 5 bits of length */
    NIL = 0xc0,
    FALSE = 0xc2,
    TRUE = 0xc3,
    BYTES_8 = 0xc4,
    BYTES_16 = 0xc5,
    BYTES_32 = 0xc6,
    UINT_8 = 0xcc,
    UINT_16 = 0xcd,
    UINT_32 = 0xce,
    UINT_64 = 0xcf,
    INT_8 = 0xd0,
    INT_16 = 0xd1,
    INT_32 = 0xd2,
    INT_64 = 0xd3,
    TEXT_8 = 0xd9,
    TEXT_16 = 0xda,
    TEXT_32 = 0xdb,
    ARRAY_16 = 0xdc,
    ARRAY_32 = 0xdd,
    FIX_NEGATIVE = 0xe0 /* 5 bits of a number from -32 */
};

void wire_reader_fail(struct wire_reader *reader, enum status status)
{
    if (reader->status == STATUS_OK) {
        reader->status = status;
    }
    reader->at = reader->end;
}

enum status wire_reader_finish(struct wire_reader *reader)
{
    wire_reader_require(reader, reader->at == reader->end);
    return reader->status;
}

/* The type byte that comes next, not read yet; -1 at the end. */
static int next_type(const struct wire_reader *reader)
{
    return reader->at < reader->end ? *reader->at : -1;
}

/* Read a type byte and the `size` bytes of the number behind it; 0 when there are fewer. */
static uint64_t head(struct wire_reader *reader, size_t size)
{
    if (wire_reader_rest(reader) < 1 + size) {
        wire_reader_fail(reader, STATUS_CORRUPT);
        return 0;
    }
    const uint8_t *number = reader->at + 1;
    reader->at += 1 + size;
    if (size == 1) {
        return *number;
    }
    if (size == 2) {
        uint16_t value;
        memcpy(&value, number, sizeof value);
        return be16toh(value);
    }
    if (size == 4) {
        uint32_t value;
        memcpy(&value, number, sizeof value);
        return be32toh(value);
    }
    uint64_t value;
    memcpy(&value, number, sizeof value);
    return be64toh(value);
}

static uint64_t corrupt(struct wire_reader *reader)
{
    wire_reader_fail(reader, STATUS_CORRUPT);
    return 0;
}

int64_t wire_read_int(struct wire_reader *reader)
{
    switch (next_type(reader)) {
    case INT_8:
        return (int8_t)head(reader, 1);
    case INT_16:
        return (int16_t)head(reader, 2);
    case INT_32:
        return (int32_t)head(reader, 4);
    case INT_64:
        return (int64_t)head(reader, 8);
    default: {
        int type = next_type(reader);
        if (type >= FIX_NEGATIVE) {
            reader->at++;
            return (int8_t)type;
        }
        return (int64_t)wire_read_uint(reader, INT64_MAX);
    }
    }
}

uint64_t wire_read_uint_wide(struct wire_reader *reader)
{
    int type = next_type(reader);
    switch (type) {
    case UINT_8:
        return head(reader, 1);
    case UINT_16:
        return head(reader, 2);
    case UINT_32:
        return head(reader, 4);
    case UINT_64:
        return head(reader, 8);
    case INT_8:
    case INT_16:
    case INT_32:
    case INT_64: {
        int64_t value = wire_read_int(reader);
        return value < 0 ? corrupt(reader) : (uint64_t)value;
    }
    default:
        if (type >= 0 && type < 0x80) {
            reader->at++;
            return (uint64_t)type;
        }
        return corrupt(reader);
    }
}

bool wire_read_bool(struct wire_reader *reader)
{
    int type = next_type(reader);
    if (type != TRUE && type != FALSE) {
        return corrupt(reader) != 0;
    }
    reader->at++;
    return type == TRUE;
}

bool wire_read_nil(struct wire_reader *reader)
{
    if (next_type(reader) != NIL) {
        return false;
    }
    reader->at++;
    return true;
}

uint32_t wire_read_array(struct wire_reader *reader, uint32_t max)
{
    int type = next_type(reader);
    uint64_t count;
    if (type >= FIX_ARRAY && type < FIX_TEXT) {
        reader->at++;
        count = (uint64_t)(type - FIX_ARRAY);
    } else if (type == ARRAY_16) {
        count = head(reader, 2);
    } else if (type == ARRAY_32) {
        count = head(reader, 4);
    } else {
        count = corrupt(reader);
    }
    /* An element has at least one byte, so a count above the rest is a lie. */
    if (count > wire_reader_rest(reader)) {
        return (uint32_t)corrupt(reader);
    }
    if (count > max) {
        wire_reader_fail(reader, STATUS_TOO_LARGE);
        return 0;
    }
    return (uint32_t)count;
}

/* The bytes behind a head that announced `size` of them. */
static kv_slice content(struct wire_reader *reader, uint64_t size, size_t max)
{
    if (size > wire_reader_rest(reader)) {
        wire_reader_fail(reader, STATUS_CORRUPT);
    } else if (size > max) {
        wire_reader_fail(reader, STATUS_TOO_LARGE);
    }
    if (reader->status != STATUS_OK) {
        return (kv_slice){0};
    }
    kv_slice slice = kv_slice_of(reader->at, size);
    reader->at += size;
    return slice;
}

kv_slice wire_read_bytes(struct wire_reader *reader, size_t max)
{
    switch (next_type(reader)) {
    case BYTES_8:
        return content(reader, head(reader, 1), max);
    case BYTES_16:
        return content(reader, head(reader, 2), max);
    case BYTES_32:
        return content(reader, head(reader, 4), max);
    default:
        return content(reader, corrupt(reader), max);
    }
}

kv_slice wire_read_text(struct wire_reader *reader, size_t max)
{
    int type = next_type(reader);
    switch (type) {
    case TEXT_8:
        return content(reader, head(reader, 1), max);
    case TEXT_16:
        return content(reader, head(reader, 2), max);
    case TEXT_32:
        return content(reader, head(reader, 4), max);
    default:
        if (type >= FIX_TEXT && type < NIL) {
            reader->at++;
            return content(reader, (uint64_t)(type - FIX_TEXT), max);
        }
        return content(reader, corrupt(reader), max);
    }
}

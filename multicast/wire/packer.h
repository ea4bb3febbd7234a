/* SPDX-License-Identifier: Apache-2.0 */
/* packer: msgpack-c's packer on a kv_buffer. Its write callback cannot fail: memory is there or the
 * process ends.
 *
 * msgpack-c always chooses the shortest form of a number or length, so equal structs give equal
 * bytes. */
#ifndef KV_WIRE_PACKER_H
#define KV_WIRE_PACKER_H

#include <msgpack/pack.h>
#include <string.h>

#include "multicast/base/bytes.h"

/* A head or a number is 1 to 9 bytes: too short for a call of memcpy. Two overlapping copies of a fixed size do it. */
static inline void wire_copy(uint8_t *to, const char *from, size_t size)
{
    if (size > 16) {
        memcpy(to, from, size);
    } else if (size >= 8) {
        memcpy(to, from, 8);
        memcpy(to + size - 8, from + size - 8, 8);
    } else if (size >= 4) {
        memcpy(to, from, 4);
        memcpy(to + size - 4, from + size - 4, 4);
    } else if (size >= 2) {
        memcpy(to, from, 2);
        memcpy(to + size - 2, from + size - 2, 2);
    } else if (size == 1) {
        *to = (uint8_t)*from;
    }
}

static inline int wire_pack_write(void *data, const char *bytes, size_t size)
{
    struct kv_buffer *buffer = data;
    if (buffer->capacity - buffer->size < size) {
        kv_buffer_reserve(buffer, size);
    }
    wire_copy(buffer->data + buffer->size, bytes, size);
    buffer->size += size;
    return 0;
}

static inline msgpack_packer wire_packer_of(struct kv_buffer *buffer)
{
    return (msgpack_packer){.data = buffer, .callback = wire_pack_write};
}

static inline void wire_pack_uint(msgpack_packer *packer, uint64_t value)
{
    msgpack_pack_uint64(packer, value);
}

static inline void wire_pack_int(msgpack_packer *packer, int64_t value)
{
    msgpack_pack_int64(packer, value);
}

static inline void wire_pack_bool(msgpack_packer *packer, bool value)
{
    if (value) {
        msgpack_pack_true(packer);
    } else {
        msgpack_pack_false(packer);
    }
}

static inline void wire_pack_nil(msgpack_packer *packer)
{
    msgpack_pack_nil(packer);
}

/* The head of an array; its `count` elements are packed next. */
static inline void wire_pack_array(msgpack_packer *packer, uint32_t count)
{
    msgpack_pack_array(packer, count);
}

/* Empty slices may have no address, which memcpy must not see. */
static inline void wire_pack_bytes(msgpack_packer *packer, kv_slice bytes)
{
    msgpack_pack_bin(packer, bytes.size);
    if (bytes.size > 0) {
        msgpack_pack_bin_body(packer, bytes.data, bytes.size);
    }
}

static inline void wire_pack_text(msgpack_packer *packer, kv_slice text)
{
    msgpack_pack_str(packer, text.size);
    if (text.size > 0) {
        msgpack_pack_str_body(packer, text.data, text.size);
    }
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* packer: msgpack-c's packing functions, made for a kv_buffer: each is inline, with the size of what it writes known. Nothing
 * can fail: memory is there or the process ends.
 *
 * msgpack-c always chooses the shortest form of a number or length, so equal structs give equal bytes. */
#ifndef KV_WIRE_PACKER_H
#define KV_WIRE_PACKER_H

#include <msgpack/pack.h>
#include <string.h>

#include "multicast/base/bytes.h"

static inline int wire_pack_raw(struct kv_buffer *buffer, const void *bytes, size_t size)
{
    if (buffer->capacity - buffer->size < size) {
        kv_buffer_reserve(buffer, size);
    }
    memcpy(buffer->data + buffer->size, bytes, size);
    buffer->size += size;
    return 0;
}

#define msgpack_pack_inline_func(name)                  static inline int wire_msgpack##name
#define msgpack_pack_user                               struct kv_buffer *
#define msgpack_pack_append_buffer(buffer, bytes, size) return wire_pack_raw(buffer, bytes, size)
#include <msgpack/pack_template.h>

static inline void wire_pack_uint(struct kv_buffer *packer, uint64_t value)
{
    wire_msgpack_uint64(packer, value);
}

static inline void wire_pack_int(struct kv_buffer *packer, int64_t value)
{
    wire_msgpack_int64(packer, value);
}

static inline void wire_pack_bool(struct kv_buffer *packer, bool value)
{
    if (value) {
        wire_msgpack_true(packer);
    } else {
        wire_msgpack_false(packer);
    }
}

static inline void wire_pack_nil(struct kv_buffer *packer)
{
    wire_msgpack_nil(packer);
}

/* The head of an array; its `count` elements are packed next. */
static inline void wire_pack_array(struct kv_buffer *packer, uint32_t count)
{
    wire_msgpack_array(packer, count);
}

/* Empty slices may have no address, which memcpy must not see. */
static inline void wire_pack_bytes(struct kv_buffer *packer, kv_slice bytes)
{
    wire_msgpack_bin(packer, bytes.size);
    if (bytes.size > 0) {
        wire_msgpack_bin_body(packer, bytes.data, bytes.size);
    }
}

static inline void wire_pack_text(struct kv_buffer *packer, kv_slice text)
{
    wire_msgpack_str(packer, text.size);
    if (text.size > 0) {
        wire_msgpack_str_body(packer, text.data, text.size);
    }
}

#endif

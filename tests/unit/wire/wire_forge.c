/* SPDX-License-Identifier: Apache-2.0 */
/* wire_forge: written against the documented layout alone, not with the codec's own functions. */
#include "tests/unit/wire/wire_forge.h"

#include <msgpack/pack.h>
#include <stdarg.h>
#include <string.h>
#include <xxhash.h>

#include "multicast/base/assert.h"

#define HEADER_BYTES 40
#define CHECKSUM_AT  32

static void store(uint8_t *at, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

void wire_forge_checksum(struct kv_buffer *frame)
{
    const uint64_t header = XXH3_64bits(frame->data, CHECKSUM_AT);
    store(frame->data + CHECKSUM_AT,
          XXH3_64bits_withSeed(frame->data + HEADER_BYTES, frame->size - HEADER_BYTES, header), 8);
}

void wire_forge_frame(uint16_t count, kv_slice body, struct kv_buffer *ret)
{
    uint8_t header[HEADER_BYTES] = {'K', 'V', 'F', '1', 2 /* version */, 0};
    store(header + 6, count, 2);
    store(header + 8, body.size, 4);
    kv_buffer_clear(ret);
    kv_buffer_append(ret, header, sizeof header);
    kv_buffer_append(ret, body.data, body.size);
    wire_forge_checksum(ret);
}

static int write_bytes(void *data, const char *bytes, size_t size)
{
    kv_buffer_append(data, bytes, size);
    return 0;
}

static void append_zeros(struct kv_buffer *buffer, size_t size)
{
    kv_buffer_reserve(buffer, size);
    memset(buffer->data + buffer->size, 0, size);
    buffer->size += size;
}

void wire_forge_pack(struct kv_buffer *buffer, const char *form, ...)
{
    msgpack_packer packer;
    msgpack_packer_init(&packer, buffer, write_bytes);
    va_list arguments;
    va_start(arguments, form);
    for (const char *letter = form; *letter != 0; letter++) {
        size_t size;
        switch (*letter) {
        case 'a':
            msgpack_pack_array(&packer, va_arg(arguments, unsigned));
            break;
        case 'u':
            msgpack_pack_uint64(&packer, va_arg(arguments, uint64_t));
            break;
        case 'i':
            msgpack_pack_int64(&packer, va_arg(arguments, int64_t));
            break;
        case 'b':
            if (va_arg(arguments, int) != 0) {
                msgpack_pack_true(&packer);
            } else {
                msgpack_pack_false(&packer);
            }
            break;
        case 'x':
            size = va_arg(arguments, size_t);
            msgpack_pack_bin(&packer, size);
            append_zeros(buffer, size);
            break;
        case 't':
            size = va_arg(arguments, size_t);
            msgpack_pack_str(&packer, size);
            append_zeros(buffer, size);
            break;
        case 'z':
            msgpack_pack_nil(&packer);
            break;
        case ' ':
            break;
        default:
            KV_UNREACHABLE();
        }
    }
    va_end(arguments);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* order_bytes: little-endian numbers in what order_save gives and order_load takes. */
#ifndef KV_ORDER_BYTES_H
#define KV_ORDER_BYTES_H

#include "multicast/base/bytes.h"

static inline void order_put_u64(struct kv_buffer *buffer, uint64_t value)
{
    uint8_t bytes[8];
    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
    kv_buffer_append(buffer, bytes, sizeof bytes);
}

/* Take the next number off the front; false: there is none. */
static inline bool order_take_u64(kv_slice *bytes, uint64_t *ret)
{
    if (bytes->size < 8) {
        return false;
    }
    *ret = 0;
    for (int i = 0; i < 8; i++) {
        *ret |= (uint64_t)bytes->data[i] << (8 * i);
    }
    bytes->data += 8;
    bytes->size -= 8;
    return true;
}

#endif

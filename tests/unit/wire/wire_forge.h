/* SPDX-License-Identifier: Apache-2.0 */
/* wire_forge: makes frames that no honest writer makes: any body, with a checksum that is right. */
#ifndef KV_TESTS_WIRE_FORGE_H
#define KV_TESTS_WIRE_FORGE_H

#include "multicast/base/bytes.h"

/* Make the checksum of a changed frame right again. */
void wire_forge_checksum(struct kv_buffer *frame);

/* A frame that says it has `count` messages in this body. */
void wire_forge_frame(uint16_t count, kv_slice body, struct kv_buffer *ret);

/* Append msgpack by a form, one letter for each value and its argument:
 *   a  head of an array   (unsigned) count      x  binary  (size_t) size, zeros
 *   u  unsigned number    (uint64_t)            t  text    (size_t) size, zeros
 *   i  signed number      (int64_t)             z  nil, no argument
 *   b  bool               (int)                 spaces are skipped */
void wire_forge_pack(struct kv_buffer *buffer, const char *form, ...);

#endif

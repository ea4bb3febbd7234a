/* SPDX-License-Identifier: Apache-2.0 */
/* What the two sources of endpoints (a list, a file) share. Private to client/endpoints. */
#ifndef KV_ENDPOINTS_INTERNAL_H
#define KV_ENDPOINTS_INTERNAL_H

#include "client/endpoints/endpoints.h"
#include "multicast/base/bytes.h"

/* A list under construction. */
struct endpoints_builder {
    struct kv_buffer text;
    uint32_t count;
};

/* Append one endpoint of `size` bytes, with or without "tcp://". STATUS_OK: NULL in *ret_why; else *ret_why is a
 * fixed text that completes "endpoint X ...". */
enum status endpoints_add(struct endpoints_builder *builder, const char *text, size_t size,
                          const char **ret_why);

/* Move the list to *ret; builder is empty afterwards. */
void endpoints_finish(struct endpoints_builder *builder, struct kv_endpoints *ret);

#endif

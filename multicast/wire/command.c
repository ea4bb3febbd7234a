/* SPDX-License-Identifier: Apache-2.0 */
/* command: names and properties of operations and verdicts from their tables, and where a key
 * lives. */
#include "multicast/wire/command.h"

#include <xxhash.h>

#include "multicast/base/assert.h"
#include "multicast/wire/command_internal.h"

const struct wire_op_shape *wire_op_shape_of(uint64_t op)
{
#define X(NAME, name, number, min, max, values, read_only, meaning)                                \
    static const struct wire_op_shape shape_##name = {#name, min, max, values, read_only};
    WIRE_OP_MAP(X)
#undef X
    switch (op) {
#define X(NAME, name, number, min, max, values, read_only, meaning)                                \
    case WIRE_OP_##NAME:                                                                           \
        return &shape_##name;
        WIRE_OP_MAP(X)
#undef X
    default:
        return NULL; /* a number, not an enum: any is possible */
    }
}

const char *wire_op_name(enum wire_op op)
{
    const struct wire_op_shape *shape = wire_op_shape_of(op);
    return shape == NULL ? "unknown" : shape->name;
}

bool wire_op_is_read_only(enum wire_op op)
{
    const struct wire_op_shape *shape = wire_op_shape_of(op);
    KV_ASSERT(shape != NULL);
    return shape->read_only;
}

const char *wire_verdict_name(enum wire_verdict verdict)
{
    switch (verdict) {
#define X(NAME, number, text)                                                                      \
    case WIRE_VERDICT_##NAME:                                                                      \
        return #NAME;
        WIRE_VERDICT_MAP(X)
#undef X
    }
    return "UNKNOWN";
}

const char *wire_verdict_text(enum wire_verdict verdict)
{
    switch (verdict) {
#define X(NAME, number, text)                                                                      \
    case WIRE_VERDICT_##NAME:                                                                      \
        return text;
        WIRE_VERDICT_MAP(X)
#undef X
    }
    return "no verdict of this version";
}

uint32_t wire_bucket_of(kv_slice key)
{
    return (uint32_t)(XXH3_64bits(key.data, key.size) % KV_BUCKETS);
}

kv_group_id wire_home_of(kv_slice key, uint32_t partitions)
{
    KV_ASSERT(partitions >= 1 && partitions < KV_GROUPS_MAX);
    return (kv_group_id){(uint16_t)(1 + wire_bucket_of(key) % partitions)};
}

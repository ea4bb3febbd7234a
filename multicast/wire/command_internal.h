/* SPDX-License-Identifier: Apache-2.0 */
/* command_internal: the table of operations for the codec. */
#ifndef KV_WIRE_COMMAND_INTERNAL_H
#define KV_WIRE_COMMAND_INTERNAL_H

#include "multicast/wire/command.h"

/* One row of WIRE_OP_MAP. */
struct wire_op_shape {
    const char *name;
    uint32_t keys_min;
    uint32_t keys_max;
    uint32_t values_per_key;
    bool read_only;
};

/* The row of an operation, NULL for a number that is none. */
const struct wire_op_shape *wire_op_shape_of(uint64_t op);

#endif

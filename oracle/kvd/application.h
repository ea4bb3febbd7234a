/* SPDX-License-Identifier: Apache-2.0 */
/* application: engine and machine of a group behind the driver's vtable. */
#ifndef KV_KVD_APPLICATION_H
#define KV_KVD_APPLICATION_H

#include "multicast/node/node.h"
#include "partition/engine/machine.h"

/* What a member's checkpoints may take on disk, unless it is said otherwise: address space, of which a process has enough for
 * every group. */
#define APPLICATION_STATE_BYTES (UINT64_C(256) * 1024 * 1024 * 1024)

struct application_context {
    const struct node_config *config;
    kv_node_id self;
    uint64_t state_bytes; /* a multiple of 4096 */
    struct machine (*machine)(kv_group_id group,
                              uint32_t partitions); /* of a partition; NULL: the KV machine */
};

/* The application of a group: the oracle machine for group 0, else a KV machine, or what the context makes; context is a struct application_context. */
struct node_application application_new(kv_group_id group, void *context);

#endif

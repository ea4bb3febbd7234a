/* SPDX-License-Identifier: Apache-2.0 */
/* node_retention: in which segments of the log a member's records stand, so that it is known when one is not needed any more.
 *
 * Needed are the entries behind the member's last checkpoint, and its last hard state. A record that was appended is synced into the segment
 * of that moment or a later one, so both count. Pure. */
#ifndef KV_NODE_RETENTION_H
#define KV_NODE_RETENTION_H

#include "multicast/base/bytes.h"
#include "multicast/base/ids.h"

/* Zero-initialise. */
struct node_retention {
    struct node_segment {
        uint64_t number;
        kv_index highest; /* of its entries */
    } * segments;         /* ascending numbers */
    uint32_t count, capacity;
    uint64_t
        hard_state; /* the first segment that the last hard state may stand in; 0: it has none */
};

/* An entry may stand in a segment, which is not before any that was named before. */
void node_retention_entry(struct node_retention *retention, uint64_t segment, kv_index index);

/* A hard state is appended when `segment` is written to. */
void node_retention_hard_state(struct node_retention *retention, uint64_t segment);

/* The first segment that holds an entry behind `index`; UINT64_MAX: none does. */
uint64_t node_retention_first(const struct node_retention *retention, kv_index index);

/* Segments before `first` are gone. */
void node_retention_forget(struct node_retention *retention, uint64_t first);

void node_retention_close(struct node_retention *retention);

#endif

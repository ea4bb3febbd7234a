/* SPDX-License-Identifier: Apache-2.0 */
/* node_staging: what the records of one member in the log amount to, before its cores are told.
 *
 * The front of a log may have been given up, so its records begin somewhere; and the checkpoint that a member goes on from may be
 * older or newer than what they say. So they are put together here first, in the order in which they were written, and handed on
 * when the checkpoint is known. An ENTRY at index i removes every entry at or above i that was written before; a SNAPSHOT that does not keep
 * the log removes all of them. Pure. */
#ifndef KV_NODE_STAGING_H
#define KV_NODE_STAGING_H

#include "multicast/order/order.h"

/* Zero-initialise. */
struct node_staging {
    bool any;     /* a record was added */
    kv_term term; /* of the last HARD_STATE */
    kv_node_id vote;
    struct raft_roll roll;
    kv_index
        installed; /* of the last SNAPSHOT that did not keep the log: nothing before it is known */
    struct wire_entry **entries; /* one reference each; contiguous */
    kv_index first;              /* of them */
    uint32_t count, capacity;
};

/* Take one record; an entry is kept by reference. CORRUPT: it does not continue those before it. */
KV_MUST_CHECK enum status node_staging_add(struct node_staging *staging,
                                           const struct raft_persist *record);

/* Restore an order that has seen nothing, not even if there is nothing (the member is blank then): from the checkpoint at `point` with the state that order_save gave there, or, if
 * point is NULL, from the beginning; then the entries behind it. CORRUPT: there are entries missing in between, or the
 * state is damaged. */
KV_MUST_CHECK enum status node_staging_restore(const struct node_staging *staging,
                                               const struct raft_snapshot_point *point,
                                               kv_slice state, struct order *order);

/* Whether the checkpoint is another member's and no record says so: the power went between the two. What is written next would not
 * continue the entries that there are, so a SNAPSHOT at `point` that does not keep them has to be written before. */
bool node_staging_is_overtaken(const struct node_staging *staging,
                               const struct raft_snapshot_point *point);

/* Bytes of the entries behind a checkpoint, as they are held in memory. */
uint64_t node_staging_bytes(const struct node_staging *staging, kv_index behind);

void node_staging_close(struct node_staging *staging);

#endif

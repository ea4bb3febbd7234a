/* SPDX-License-Identifier: Apache-2.0 */
/* node_checkpoint: checkpoints of the members of a node, one after the other, written by a thread of their own.
 *
 * A checkpoint is cut between two turns: everything that the order has delivered up to its commit index has gone to the application, so
 * the state is that of a log index, and what waits for other groups is part of it (docs/decisions/0008-checkpoints-between-turns.md).
 * The mark that stands with it holds raft's snapshot point and the state of the order. When it is durable, raft drops the log up to the
 * point, and segments of the log that nobody needs any more are given up. No command waits for any of it. */
#ifndef KV_NODE_CHECKPOINT_H
#define KV_NODE_CHECKPOINT_H

#include "multicast/raft/raft.h"

struct node;
struct node_member;
struct node_writer; /* the thread */

/* A member's checkpoints. */
struct node_cut {
    kv_index last;      /* of the last one that is durable */
    kv_instant at;      /* when it, or the node, began */
    uint64_t log_bytes; /* appended since */
    bool wanted;        /* somebody has asked for one */
    bool writing;       /* one is under way, at `point` */
    struct raft_snapshot_point point;
    kv_instant not_before; /* the last one failed */
    uint64_t count;        /* written since the node was opened */
};

/* The mark of a checkpoint: bytes that hold the point and what order_save gave. */
void node_mark_encode(const struct raft_snapshot_point *point, kv_slice order,
                      struct kv_buffer *ret);

/* False: it is none. *ret_order borrows from the mark. */
bool node_mark_decode(kv_slice mark, struct raft_snapshot_point *ret_point, kv_slice *ret_order);

/* Start the thread, if any member has checkpoints. */
void node_writer_open(struct node *node);

/* Wait for what is being written, and end the thread. */
void node_writer_close(struct node *node);

/* Once in a turn, behind everything else: end what has been written, begin what is due. */
void node_checkpoint_turn(struct node *node);

/* Behind a sync: give up segments that nobody needs any more. */
void node_checkpoint_prune(struct node *node);

#endif

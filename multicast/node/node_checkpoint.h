/* SPDX-License-Identifier: Apache-2.0 */
/* node_checkpoint: checkpoints of the members of a node, one after the other, written by another thread (node_writer.h).
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

/* A member's checkpoints. */
struct node_cut {
    kv_index last;                    /* of the last one that is durable */
    kv_instant at;                    /* when it, or the node, began */
    uint64_t log_bytes;               /* appended since */
    bool wanted;                      /* somebody has asked for one */
    struct raft_snapshot_point point; /* of the one that is under way, or was last */
    kv_instant not_before;            /* the last one failed */
    kv_instant scrub_at;              /* when it is read through next */
    uint64_t count;                   /* written since the node was opened */
};

/* The mark of a checkpoint: bytes that hold the point and what order_save gave. */
void node_mark_encode(const struct raft_snapshot_point *point, kv_slice order,
                      struct kv_buffer *ret);

/* False: it is none. *ret_order borrows from the mark. */
bool node_mark_decode(kv_slice mark, struct raft_snapshot_point *ret_point, kv_slice *ret_order);

/* Whether the member is between two turns and has something to write; the writer must not have a job of it. */
bool node_checkpoint_can_begin(const struct node_member *member);

/* Freeze the state of now; NODE_JOB_WRITE follows. */
void node_checkpoint_freeze(struct node *node, struct node_member *member);

/* Begin one, if it is due and the writer is free. */
void node_checkpoint_begin_due(struct node *node, struct node_member *member);

/* It has been written, or not. */
void node_checkpoint_on_written(struct node *node, struct node_member *member, enum status result);

/* It has been read through. */
void node_checkpoint_on_scrubbed(struct node *node, struct node_member *member, enum status result);

/* The member goes on from `point`: its raft has dropped the log up to there. */
void node_checkpoint_moved(struct node *node, struct node_member *member,
                           const struct raft_snapshot_point *point);

/* Behind a sync: give up segments that nobody needs any more. */
void node_checkpoint_prune(struct node *node);

#endif

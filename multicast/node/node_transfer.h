/* SPDX-License-Identifier: Apache-2.0 */
/* node_transfer: a member that lacks what others have dropped from their logs gets an image of a checkpoint. [Raft thesis 5]
 *
 * 1. The leader's raft wants pieces sent. An image of the last checkpoint is written into a file, by the writer, and pieces are read
 *    from it. One piece is under way to a member at a time, so nothing else starves.
 * 2. The member collects pieces in a file. It is the file that is complete or not: after a restart, of either side, a piece of the same image
 *    finds the file and says how much is there already.
 * 3. The whole becomes a checkpoint beside the own one, checked by digest on the way, while the member goes on. Then the member
 *    takes its place: durable first, then raft and order are told.
 *
 * Files: DIR/state/GROUP.image, of others' use, and DIR/state/GROUP.incoming, with a head of its own in front of the pieces. */
#ifndef KV_NODE_TRANSFER_H
#define KV_NODE_TRANSFER_H

#include "multicast/raft/raft.h"

struct node;
struct node_member;

/* An image of the own last checkpoint. Zero: none. */
struct node_image {
    kv_index index; /* of the checkpoint; 0: there is no image */
    kv_index next;  /* of the one that is being written */
    uint64_t bytes, digest;
    int file;    /* open while index > 0 */
    bool wanted; /* somebody asks for pieces, and there is no image of the last checkpoint */
};

/* An image that is being received. */
struct node_incoming {
    bool open;
    int file;
    struct raft_snapshot_point point;
    uint64_t bytes, digest; /* of the whole */
    uint64_t received;
    bool preparing; /* it is whole, and the writer has it, or will have */
};

/* Read all of a piece of an image, or nothing. */
bool node_transfer_read(int file, uint64_t offset, size_t size, struct kv_buffer *ret);

/* Raft wants a piece sent. */
void node_transfer_send(struct node *node, struct node_member *member,
                        const struct wire_message *wanted);

/* A piece has come. */
void node_transfer_receive(struct node *node, struct node_member *member,
                           const struct raft_chunk_received *received);

/* Begin what is due, if the writer is free. */
void node_transfer_begin_due(struct node *node, struct node_member *member);

/* [on the writer's thread] */
enum status node_transfer_dump(struct node_member *member);
enum status node_transfer_prepare(struct node_member *member);

void node_transfer_on_dumped(struct node *node, struct node_member *member, enum status result);
void node_transfer_on_prepared(struct node *node, struct node_member *member, enum status result);

/* The own image is of a checkpoint that is not the last one any more. */
void node_transfer_forget(struct node_member *member);

void node_transfer_close(struct node_member *member);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* node_backup: images of the state at a mark, for a client that makes a backup.
 *
 * 1. PREPARE: no checkpoint begins on this node for a moment, so that the state can be frozen when the mark comes.
 * 2. The application of a leader says that the mark is reached: its rows are those of the cut, and stay so until it is told to go on.
 *    Between two turns its state is frozen as for any checkpoint, and commands go on. What is behind the mark is in that checkpoint as
 *    what waits, and can be left out by whoever begins with it.
 * 3. The checkpoint is written, and then an image of it into DIR/state/GROUP.backup. No other checkpoint of the member comes between.
 * 4. The client reads it in pieces, by offset, and says when it has it all. An image that nobody reads goes after NODE_BACKUP_KEEP_US.
 *
 *   NONE -> CUTTING -> WRITING -> DUMPING -> READY -> NONE        FAILED: of CUTTING to DUMPING */
#ifndef KV_NODE_BACKUP_H
#define KV_NODE_BACKUP_H

#include "multicast/net/net.h"
#include "multicast/wire/message.h"

struct node;
struct node_member;

/* How long an image is kept behind its last piece. */
#define NODE_BACKUP_KEEP_US (UINT64_C(300) * 1000 * 1000)

enum node_backup_phase {
    NODE_BACKUP_NONE,
    NODE_BACKUP_CUTTING, /* the application waits for what is before the mark */
    NODE_BACKUP_WRITING, /* the state is frozen; the writer has it, or will have */
    NODE_BACKUP_DUMPING, /* the checkpoint is durable; its image is being written, or will be */
    NODE_BACKUP_READY,
    NODE_BACKUP_FAILED
};

struct node_backup {
    enum node_backup_phase phase;
    kv_timestamp cut; /* not NONE: of the mark */
    bool started;     /* WRITING, DUMPING: the writer has it */
    uint64_t bytes, digest;
    int file;         /* READY */
    kv_instant until; /* READY: when it goes, unless somebody reads it */
};

void node_backup_on_request(struct node *node, const struct net_route *route, kv_group_id group,
                            const struct wire_backup_request *request);

/* Once in a turn: look at the marks, freeze what has reached one, drop what is too old. */
void node_backup_turn(struct node *node);

/* Begin what is due, if the writer is free. */
void node_backup_begin_due(struct node *node, struct node_member *member);

/* No checkpoint of this member may begin now. */
bool node_backup_holds(const struct node *node, const struct node_member *member);

/* A checkpoint of the member was written, or could not be. */
void node_backup_on_written(struct node *node, struct node_member *member, bool written);

/* [on the writer's thread] */
enum status node_backup_dump(struct node_member *member);

void node_backup_on_dumped(struct node *node, struct node_member *member, enum status result);

/* Whatever there is, is gone. */
void node_backup_forget(struct node_member *member);

#endif

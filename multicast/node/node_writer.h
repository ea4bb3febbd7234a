/* SPDX-License-Identifier: Apache-2.0 */
/* node_writer: the thread that does for the members of a node what takes time on the disk, one job after the other.
 *
 * The node starts a job when the thread is free and looks once in a turn whether it is done. While a job runs, its member's application
 * has one of the slots of node.h called that say so. */
#ifndef KV_NODE_WRITER_H
#define KV_NODE_WRITER_H

#include "multicast/base/ids.h"
#include "multicast/base/status.h"

struct node;
struct node_member;
struct node_writer;

enum node_job {
    NODE_JOB_NONE,
    NODE_JOB_WRITE,   /* a checkpoint                                  node_checkpoint.c */
    NODE_JOB_SCRUB,   /* read it through */
    NODE_JOB_SWEEP,   /* what the checkpoint before has left */
    NODE_JOB_DUMP,    /* an image of the last checkpoint, for others   node_transfer.c */
    NODE_JOB_PREPARE, /* a state from an image of another member */
    NODE_JOB_BACKUP   /* an image of a cut, for a client              node_backup.c */
};

/* Start the thread, if any member has checkpoints. */
void node_writer_open(struct node *node);

/* Wait for the job that runs, and end the thread. */
void node_writer_close(struct node *node);

/* Nothing runs, and nothing waits to be looked at. */
bool node_writer_is_free(const struct node *node);

/* It has a job of this member, or its result. */
bool node_writer_has(const struct node *node, const struct node_member *member);

void node_writer_start(struct node *node, struct node_member *member, enum node_job job);

/* Once in a turn, behind everything else: end what is done, begin what is due. */
void node_writer_turn(struct node *node);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* node_space: whether the disk of a node has room for more orders of clients.
 *
 * A failed write ends the process (log.h), so a disk must not run full: while less than a reserve is free, a node refuses what
 * clients want to have ordered. The reserve is for what goes on: heartbeats, elections, messages that other groups have ordered,
 * followers' entries, checkpoints. Reads need no space. It is taken back by itself when there is some more than the reserve. */
#ifndef KV_NODE_NODE_SPACE_H
#define KV_NODE_NODE_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#include "multicast/base/ids.h"

struct node_space {
    kv_instant next; /* look again */
    uint64_t free_bytes;
    bool is_low;
};

/* What is free is `free_bytes`; returns whether is_low has changed. It ends an eighth above the reserve, so that a disk at the
 * limit does not refuse and take in turns. */
bool node_space_set(struct node_space *space, uint64_t free_bytes, uint64_t reserve_bytes);

/* Bytes from which a low disk is low no more. */
uint64_t node_space_enough(uint64_t reserve_bytes);

/* What a user without privileges can still write below a directory: 0, or -errno. */
int node_space_of(const char *directory, uint64_t *ret);

#endif

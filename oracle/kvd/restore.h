/* SPDX-License-Identifier: Apache-2.0 */
/* restore: the data directory of a node of a new cluster, made from the file of a backup, without a network.
 *
 * Each group of the node gets a checkpoint: the rows of its image, an engine that begins anew (engine_begin_anew), and a mark that says
 * that its log is at index 1, in term 1, with nothing under way; and the log says the same. The same on every node, since all of it is made from the file, the
 * cluster file and one clock: so the members of a group begin as if they had all applied one same entry.
 *
 * It is made in DIR.restoring, which gets its name when everything is there. */
#ifndef KV_KVD_RESTORE_H
#define KV_KVD_RESTORE_H

#include "multicast/node/node.h"

struct restore_settings {
    const struct node_config *config;
    kv_node_id self;
    const char *directory; /* missing or empty */
    const char *file;
    uint64_t clock; /* the new cluster begins behind it, or behind the cut if that is later */
    uint64_t state_bytes;
};

/* INVALID: the file has another number of partitions. EXISTS: the directory is not empty. CORRUPT, VERSION: of the file. IO, NO_SPACE,
 * FULL. */
KV_MUST_CHECK enum status restore_node(const struct restore_settings *settings,
                                       struct node_error *error);

#endif

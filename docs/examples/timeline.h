/* SPDX-License-Identifier: Apache-2.0 */
/* timeline: a small social network: a machine of its own on the engine of the key-value store. Commands, a word in each line:
 *
 *   follow WHO WHOM              WHOM's posts are to come into WHO's timeline
 *   post   WHO READER... TEXT    into the timelines of WHO's followers, who must be exactly these; else MISMATCH
 *   read   WHO                   WHO's timeline, the most interesting posts first
 *
 * A user lives in the partition that a hash of the name says, and a command goes to the partitions of all users in it. */
#ifndef KV_EXAMPLES_TIMELINE_H
#define KV_EXAMPLES_TIMELINE_H

#include "partition/engine/machine.h"

struct machine timeline_new(kv_group_id group, uint32_t partitions);
kv_group_set timeline_destinations(kv_slice command,
                                   uint32_t partitions); /* none: it is no command */

#endif

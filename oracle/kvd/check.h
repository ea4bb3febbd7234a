/* SPDX-License-Identifier: Apache-2.0 */
/* check: the files of a stopped node, looked at offline: its log, and the checkpoints of its members.
 *
 * Each checkpoint is read in a process of its own, since damaged pages can make LMDB crash: that is damage found, too. Nothing
 * is changed, but LMDB may make a lock file. */
#ifndef KV_KVD_CHECK_H
#define KV_KVD_CHECK_H

#include <stdio.h>

#include "multicast/base/ids.h"
#include "multicast/base/status.h"

/* Print what is in the log and below state/, a line or two for each, and what was found first. The worst status: of the log as
 * log_verify, of checkpoints as check_states. */
enum status check_directory(const char *directory, FILE *output);

/* The checkpoints in state/GROUP below a directory of this node: OK, also if there are none; CORRUPT, FOREIGN, VERSION, IO: of
 * the first one that is not good. */
enum status check_states(const char *directory, kv_cluster_id cluster, kv_node_id node,
                         FILE *output);

#endif

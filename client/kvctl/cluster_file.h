/* SPDX-License-Identifier: Apache-2.0 */
/* cluster_file: the cluster file of a local cluster, written. It is read by node_config, as kvd
 * reads it. */
#ifndef KVCTL_CLUSTER_FILE_H
#define KVCTL_CLUSTER_FILE_H

#include "multicast/node/node_config.h"

/* Write a file so that after a crash the old or the new one is there. The groups are left out if
 * they have the default number of members on all nodes, as the reader places them (write_groups
 * false). False: error is one line. */
bool kvctl_cluster_file_write(const struct node_config *config, bool write_groups, const char *path,
                              char *error, size_t error_size);

/* Place every group on `replicas` nodes, spread over them; at most as many as there are nodes. */
void kvctl_cluster_file_place(struct node_config *config, uint32_t replicas);

#endif

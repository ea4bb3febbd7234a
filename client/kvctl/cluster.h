/* SPDX-License-Identifier: Apache-2.0 */
/* cluster: what the commands on a local cluster have in common.
 *
 * Commands that start or signal processes hold a lock on the directory while they do, but not
 * while they wait for the cluster: two restarts at the same time may need each other to find a
 * leader. */
#ifndef KVCTL_CLUSTER_H
#define KVCTL_CLUSTER_H

#include "client/kvctl/command.h"
#include "client/kvctl/process.h"
#include "client/kvctl/report.h"
#include "multicast/backup/backup_file.h"
#include "multicast/node/node_config.h"

struct kvctl_cluster {
    const struct kvctl_command *command;
    const struct kvctl_options *options;
    struct kvctl_local local;
    struct node_config file;
    bool created;       /* this command makes the cluster file */
    const char *backup; /* the nodes of a new cluster begin with this file; NULL: with nothing */
    struct backup_head head;  /* of it */
    uint64_t backup_bytes;    /* of it, the whole */
    bool write_groups;        /* with its groups */
    pid_t pids[KV_NODES_MAX]; /* started by this command, by place in file.nodes; 0: not */
    off_t logs[KV_NODES_MAX]; /* size of the node's log before */
};

/* Where a wait for the cluster ended. */
enum kvctl_wait {
    KVCTL_WAIT_READY,
    KVCTL_WAIT_TIMEOUT,
    KVCTL_WAIT_ENDED, /* a node that was started here has ended */
    KVCTL_WAIT_INTERRUPTED,
};

/* Wait until every group has a leader and a quorum (node 0), or until one node serves: all its
 * members answer and know a leader. *ret_place is the place of the node that has ended. */
enum kvctl_wait kvctl_cluster_wait(struct kvctl_cluster *cluster, uint32_t node,
                                   uint64_t timeout_ms, uint32_t *ret_place);

/* Find the kvd program. A failure has been reported. */
enum kvctl_exit kvctl_cluster_find_kvd(struct kvctl_cluster *cluster);

/* Start one node; by its place in the file. A failure has been reported. */
enum kvctl_exit kvctl_cluster_start_node(struct kvctl_cluster *cluster, uint32_t place);

/* Report a wait that did not end well. */
enum kvctl_exit kvctl_cluster_fail_wait(const struct kvctl_cluster *cluster, enum kvctl_wait wait,
                                        uint32_t place);

/* Find the directory; read its file if there is one (required: there must be). A failure has
 * been reported. Returned cluster is freed with kvctl_cluster_close, always. */
struct kvctl_cluster *kvctl_cluster_new(const struct kvctl_command *command,
                                        const struct kvctl_options *options);
enum kvctl_exit kvctl_cluster_open(struct kvctl_cluster *cluster, bool required);
void kvctl_cluster_close(struct kvctl_cluster *cluster);

/* Start it, and make it first if there is none; wait until it serves, and print what there is. */
enum kvctl_exit kvctl_cluster_start(struct kvctl_cluster *cluster);

/* restore.c: make the data of all nodes of a new cluster from the backup. A failure has been reported. */
enum kvctl_exit kvctl_cluster_fill(struct kvctl_cluster *cluster);

/* Take or give back the lock on the directory. */
enum kvctl_exit kvctl_cluster_lock(struct kvctl_cluster *cluster);
void kvctl_cluster_unlock(struct kvctl_cluster *cluster);

/* Print which nodes have which processes; json: as an array for a larger object. */
void kvctl_cluster_print_nodes(const struct kvctl_cluster *cluster);
json_t *kvctl_cluster_nodes_json(const struct kvctl_cluster *cluster);

#endif

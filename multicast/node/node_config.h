/* SPDX-License-Identifier: Apache-2.0 */
/* node_config: the cluster file: which nodes exist, which groups, and where their members are.
 *
 *     cluster: demo                # name; part of every frame and file
 *     partitions: 2                # groups 1..2; group 0 is the oracle
 *     nodes:
 *       - id: 1
 *         endpoint: tcp://127.0.0.1:7401
 *     groups:                      # optional; default: three members each, spread over the nodes
 *       - id: 0
 *         members: [1, 2, 3]
 *
 * Unknown keys, missing keys, wrong types and impossible values are errors that name file and line. */
#ifndef KV_NODE_CONFIG_H
#define KV_NODE_CONFIG_H

#include "multicast/base/status.h"
#include "multicast/wire/message.h"

#define NODE_CONFIG_NAME_BYTES_MAX 64

/* Members of a group unless the file says otherwise: survives one crash. */
#define NODE_CONFIG_MEMBERS_DEFAULT 3

struct node_config {
    char name[NODE_CONFIG_NAME_BYTES_MAX + 1];
    uint32_t partitions; /* 1..KV_GROUPS_MAX - 1 */
    uint32_t node_count; /* 1..KV_NODES_MAX */
    struct node_config_node {
        kv_node_id node;
        char endpoint[WIRE_ENDPOINT_BYTES_MAX];
    } nodes[KV_NODES_MAX];
    uint32_t group_count; /* partitions + 1; groups[g] is group g */
    struct wire_config groups[KV_GROUPS_MAX];
};

#define NODE_CONFIG_ERROR_BYTES 512

struct node_config_error {
    char text[NODE_CONFIG_ERROR_BYTES]; /* "cluster.yaml:7: ..." */
};

/* Read and check a cluster file. STATUS_INVALID, STATUS_NOT_FOUND, STATUS_IO: error says why. */
KV_MUST_CHECK enum status node_config_read(const char *path, struct node_config *ret,
                                           struct node_config_error *error);

/* One node that hosts everything, at endpoint: kvd --dev. partitions: 1..KV_GROUPS_MAX - 1. */
void node_config_single(struct node_config *ret, const char *endpoint, uint32_t partitions);

/* Members for the groups that have none: group g on the nodes g, g+1, g+2 (modulo the number of nodes), which spreads
 * leaders and load. */
void node_config_spread(struct node_config *config);

/* The node with this id, or NULL. */
const struct node_config_node *node_config_find(const struct node_config *config, kv_node_id node);

/* Whether group g has a member on node. */
bool node_config_hosts(const struct node_config *config, kv_group_id group, kv_node_id node);

#endif

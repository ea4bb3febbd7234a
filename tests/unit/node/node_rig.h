/* SPDX-License-Identifier: Apache-2.0 */
/* node_rig: a real node, the only one of its cluster, in a directory of its own, with applications that only do what a test adds. */
#ifndef KV_TESTS_NODE_RIG_H
#define KV_TESTS_NODE_RIG_H

#include "multicast/node/node.h"

struct node_rig {
    struct node *node;
    struct node_config config;
    char directory[32];
    int stop_fd;
};

/* Open a node of so many partitions. The settings say what is special: applications, reports, workers. */
void node_rig_open(struct node_rig *rig, uint32_t partitions, struct node_settings settings);

/* [any thread] The node that runs is to end. */
void node_rig_stop(struct node_rig *rig);

/* Nobody runs it any more. */
void node_rig_close(struct node_rig *rig);

/* Slots of an application that takes no commands, reads nothing, and is freed with kv_free. */
struct node_application_ops node_rig_ops(void);

#endif

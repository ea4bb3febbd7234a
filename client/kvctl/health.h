/* SPDX-License-Identifier: Apache-2.0 */
/* health: what the members say of themselves, judged and printed.
 *
 * A group is healthy if a member that answered leads it in the highest term that was heard of,
 * and a majority of its members answered. How many members a group has is known from the cluster
 * file; without one the default rule for placing groups is assumed. Members that have delivered
 * the same prefix and have different digests are a fault of the store itself, and are told. */
#ifndef KVCTL_HEALTH_H
#define KVCTL_HEALTH_H

#include "client/kvctl/report.h"
#include "multicast/node/node_config.h"

struct kvctl_group_health {
    uint32_t leader;    /* node, 0: none */
    uint32_t members;   /* in the group */
    uint32_t reachable; /* of them */
    uint64_t term;
};

struct kvctl_health {
    bool healthy;
    uint32_t group_count; /* the oracle included */
    struct kvctl_group_health groups[KV_GROUPS_MAX];
    json_t *problems; /* array of sentences; owned */
};

/* Judge. config may be NULL. Close it. */
void kvctl_health_of(const kv_cluster_status *status, const struct node_config *config,
                     struct kvctl_health *health);
void kvctl_health_close(struct kvctl_health *health);

/* "oracle" or "1"; text lives until the next call. */
const char *kvctl_group_text(uint32_t group);

/* The status of a cluster as one JSON object, or as tables on file. */
json_t *kvctl_health_json(const kv_cluster_status *status, const struct kvctl_health *health);

/* What a node says of its workers, as fields of an object. */
void kvctl_health_workers_json(json_t *json, kv_node_status node);

void kvctl_health_print(const kv_cluster_status *status, const struct kvctl_health *health,
                        FILE *file);

#endif

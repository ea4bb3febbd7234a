/* SPDX-License-Identifier: Apache-2.0 */
/* usage: what a run costs at the nodes: how often they synced their logs and how much they wrote.
 *
 * Taken from the status of all nodes before and after; the difference is the run's, if nothing else uses the cluster. */
#ifndef KV_BENCH_USAGE_H
#define KV_BENCH_USAGE_H

#include <stdbool.h>

#include "client/lib/kv.h"
#include "multicast/base/limits.h"

#define BENCH_CLUSTER_NAME_BYTES 128

struct bench_usage {
    char cluster[BENCH_CLUSTER_NAME_BYTES];
    uint32_t partitions;
    uint32_t node_count;
    struct bench_usage_node {
        uint32_t node;
        bool reachable;
        uint64_t uptime_ms, syncs, bytes;
        uint64_t messages; /* of its members, to other members */
    } nodes[KV_NODES_MAX];
};

/* KV_OK, or the status of kv_cluster_status_get. */
kv_status bench_usage_read(kv_client *client, uint64_t timeout_ms, struct bench_usage *ret);

/* The sums over all nodes between two readings. False: a node did not answer or has restarted in between, so the sums would
 * be wrong; nothing is set. */
bool bench_usage_between(const struct bench_usage *before, const struct bench_usage *after,
                         uint64_t *ret_syncs, uint64_t *ret_bytes);

/* Messages between members, of all nodes, between two readings for which bench_usage_between is true. */
uint64_t bench_usage_messages(const struct bench_usage *before, const struct bench_usage *after);

#endif

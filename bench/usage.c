/* SPDX-License-Identifier: Apache-2.0 */
/* Readings of the nodes' log counters. */
#include "bench/usage.h"

#include <stdio.h>

kv_status bench_usage_read(kv_client *client, uint64_t timeout_ms, struct bench_usage *ret)
{
    kv_cluster_status *status;
    kv_status code = kv_cluster_status_get(client, timeout_ms, &status);

    if (code != KV_OK) {
        return code;
    }
    *ret = (struct bench_usage){.partitions = kv_cluster_status_partitions(status)};
    snprintf(ret->cluster, sizeof ret->cluster, "%s", kv_cluster_status_name(status));
    ret->node_count = kv_cluster_status_nodes(status);
    if (ret->node_count > KV_NODES_MAX) {
        ret->node_count = KV_NODES_MAX;
    }
    for (uint32_t i = 0; i < ret->node_count; i++) {
        kv_node_status node = kv_cluster_status_node(status, i);

        ret->nodes[i] = (struct bench_usage_node){.node = node.node,
                                                  .reachable = node.reachable,
                                                  .uptime_ms = node.uptime_ms,
                                                  .syncs = node.log_syncs,
                                                  .bytes = node.log_bytes};
    }
    for (uint32_t m = 0; m < kv_cluster_status_members(status); m++) {
        const kv_member_status member = kv_cluster_status_member(status, m);

        for (uint32_t i = 0; i < ret->node_count; i++) {
            ret->nodes[i].messages += ret->nodes[i].node == member.node ? member.messages : 0;
        }
    }
    kv_cluster_status_free(status);
    return KV_OK;
}

static const struct bench_usage_node *find(const struct bench_usage *usage, uint32_t node)
{
    for (uint32_t i = 0; i < usage->node_count; i++) {
        if (usage->nodes[i].node == node) {
            return &usage->nodes[i];
        }
    }
    return NULL;
}

bool bench_usage_between(const struct bench_usage *before, const struct bench_usage *after,
                         uint64_t *ret_syncs, uint64_t *ret_bytes)
{
    uint64_t syncs = 0, bytes = 0;

    if (before->node_count == 0 || before->node_count != after->node_count) {
        return false;
    }
    for (uint32_t i = 0; i < after->node_count; i++) {
        const struct bench_usage_node *now = &after->nodes[i];
        const struct bench_usage_node *then = find(before, now->node);

        if (then == NULL || !then->reachable || !now->reachable ||
            now->uptime_ms < then->uptime_ms || now->syncs < then->syncs ||
            now->bytes < then->bytes) {
            return false;
        }
        syncs += now->syncs - then->syncs;
        bytes += now->bytes - then->bytes;
    }
    *ret_syncs = syncs;
    *ret_bytes = bytes;
    return true;
}

uint64_t bench_usage_messages(const struct bench_usage *before, const struct bench_usage *after)
{
    uint64_t messages = 0;

    for (uint32_t i = 0; i < after->node_count; i++) {
        const struct bench_usage_node *then = find(before, after->nodes[i].node);

        if (then != NULL && after->nodes[i].messages > then->messages) {
            messages += after->nodes[i].messages - then->messages;
        }
    }
    return messages;
}

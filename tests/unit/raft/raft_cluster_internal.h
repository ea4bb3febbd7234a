/* SPDX-License-Identifier: Apache-2.0 */
/* raft_cluster_internal: between raft_cluster.c (effects, time) and raft_cluster_check.c
 * (checks). */
#ifndef KV_TESTS_RAFT_CLUSTER_INTERNAL_H
#define KV_TESTS_RAFT_CLUSTER_INTERNAL_H

#include "multicast/base/assert.h"
#include "tests/unit/raft/raft_cluster.h"

/* Fail the running test; says seed and time. */
void cluster_fail(struct cluster *cluster, const char *what);

/* What a durable record does to the disk. */
void cluster_disk_apply(struct cluster_disk *disk, const struct raft_persist *persist);

/* C4: `message` leaves `node` now. */
void cluster_check_promise(struct cluster *cluster, uint32_t node,
                           const struct cluster_message *message);
/* C1, C2, C3 after a step of `node`. */
void cluster_check_member(struct cluster *cluster, uint32_t node);
/* C6. */
void cluster_check_read(struct cluster *cluster, uint32_t node, const struct raft_read *read);
/* C7. */
void cluster_check_chunk(struct cluster *cluster, uint32_t node,
                         const struct wire_snapshot_chunk *chunk);
/* The restored core has exactly what the disk has. */
void cluster_check_restored(struct cluster *cluster, uint32_t node);

/* CLUSTER_SNAPSHOT_SIZE bytes. */
const uint8_t *cluster_snapshot_bytes(kv_index index);

#endif

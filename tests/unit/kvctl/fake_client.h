/* SPDX-License-Identifier: Apache-2.0 */
/* fake_client: the functions of kv.h over a sorted array in memory, so that kvctl is tested
 * without a cluster.
 *
 * Operations complete in kv_client_run, in the order of submission. The home of all keys is partition
 * 1; the index counts writes. Faults are set in `fake`. The rows live beyond a client: each run
 * of kvctl opens one of its own. */
#ifndef FAKE_CLIENT_H
#define FAKE_CLIENT_H

#include "client/lib/kv.h"

#define FAKE_NODES_MAX   8
#define FAKE_MEMBERS_MAX 24
#define FAKE_CHANGES_MAX 4

struct fake {
    kv_status next_status;    /* other than KV_OK: the next operation ends with it, untouched */
    kv_status status_of_move; /* the same for the next move */
    kv_status open_status;    /* what kv_client_open returns */
    uint32_t busy; /* so many submissions are answered KV_BUSY while something is in flight */
    uint32_t outstanding_max; /* beyond it submissions are answered KV_BUSY; 0: 1024 */
    uint32_t hold; /* complete only when so many are in flight or none is submitted any more */
    uint32_t outstanding_seen; /* most in flight */
    kv_status cluster_status;
    uint32_t partitions;
    uint32_t node_count;
    kv_node_status nodes[FAKE_NODES_MAX];
    uint32_t member_count;
    kv_member_status members[FAKE_MEMBERS_MAX];
    char endpoints[256]; /* of the last open */
    char cluster_name[64];
    uint64_t timeout_ms;
    bool stale_seen;
    kv_policy policy_seen;
    uint32_t partition_seen; /* of the last operation */
    uint32_t submissions;
    bool partitions_known; /* a partition that does not exist is refused when it is submitted */
    uint32_t change_count;
    kv_change changes[FAKE_CHANGES_MAX]; /* what watches see */
    uint32_t transfer_group, transfer_node;
};
extern struct fake fake;

/* Forget all rows and faults. */
void fake_reset(void);

#endif

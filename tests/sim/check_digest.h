/* SPDX-License-Identifier: Apache-2.0 */
/* check_digest: replicas have the same state.
 *
 * We check: two members that have delivered the same number of messages of their group have engines
 * with the same digest, however they got there: by executing, by a restart, by loading a snapshot. */
#ifndef KV_SIM_CHECK_DIGEST_H
#define KV_SIM_CHECK_DIGEST_H

#include "multicast/base/ids.h"
#include "tests/sim/sim_report.h"

struct check_digest {
    kv_group_id group;
    uint64_t *digests; /* after position p: digests[p] */
    bool *known;
    uint64_t capacity;
};

void check_digest_close(struct check_digest *check);

/* A member's engine stands behind `position` with this digest. */
void check_digest_at(struct check_digest *check, struct sim_report *report, kv_node_id node,
                     uint64_t position, uint64_t digest);

#endif

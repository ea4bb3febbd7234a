/* SPDX-License-Identifier: Apache-2.0 */
/* check_locks: what clients were told about locks, against what locks promise (docs/protocol/locks.md).
 *
 * We check, at the end of a run:
 *   1. No change under a token that was asked for behind the grant of a larger token that excludes it has taken effect.
 *   2. A lock that was renewed less than its ttl ago, by the fastest clock there is, and whose end nobody asked for, is not lost.
 * Of the delays of others the liveness phase takes care: who waits for a lock whose client is gone gets his answer there. */
#ifndef KV_SIM_CHECK_LOCKS_H
#define KV_SIM_CHECK_LOCKS_H

#include "tests/sim/history.h"
#include "tests/sim/sim_report.h"

struct check_locks_found {
    uint64_t granted, lost, refused; /* OKs to LOCK; LOCK_LOST; LOCKED */
};

/* clock_rate_permille: how much faster a monotonic clock may be than the true one. */
void check_locks_run(const struct history *history, uint64_t clock_rate_permille,
                     struct sim_report *report, struct check_locks_found *ret);

#endif

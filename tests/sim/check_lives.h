/* SPDX-License-Identifier: Apache-2.0 */
/* check_lives: what clients saw of keys that do not last, against what is promised (docs/protocol/locks.md, K1-K7). Each of these keys is
 * set once, and nobody deletes it.
 *
 * We check, at the end of a run:
 *   1. A key with a ttl is there until its ttl has passed, by the fastest clock there is; one that is bound to a session until its ttl has
 *      passed since the session was renewed last, unless somebody asked for the session's end.
 *   2. A key that has gone does not come back.
 *   3. All of them have gone when nobody renews sessions any more (sim_run.c asks for it before a run is over). */
#ifndef KV_SIM_CHECK_LIVES_H
#define KV_SIM_CHECK_LIVES_H

#include "tests/sim/history.h"
#include "tests/sim/sim_report.h"

/* Names of these keys begin with this, and a number follows; no others begin so. */
#define CHECK_LIVES_PREFIX "brief"

struct check_lives_found {
    uint64_t bound, gone; /* keys that were set; answers that there is none (any more) */
};

void check_lives_run(const struct history *history, uint64_t clock_rate_permille,
                     struct sim_report *report, struct check_lives_found *ret);

/* Whether this is one of the keys, and its number. */
bool check_lives_is_brief(kv_slice key, uint32_t *ret_number);

#endif

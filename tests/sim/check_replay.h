/* SPDX-License-Identifier: Apache-2.0 */
/* check_replay: is the whole history strictly serializable, and is everything where it belongs?
 *
 * We check, at the end of a run:
 *   1. Every message was delivered by all of its groups, with the same content and the same timestamp (O7).
 *   2. The reference (tests/reference), fed with all messages in the order of their timestamps, gives the answers that the engines
 *      gave, verdict by verdict. An execution by the oracle is never late (D7).
 *   3. Every answer that a client got is that of its message. So what was acknowledged was delivered: nothing acknowledged is lost.
 *      What a client was told is not executed was not.
 *   4. Every linearizable read gives what the reference holds behind the timestamp that its reply names.
 *   5. States that were cut at a mark are that of the reference (check_cut.h).
 *   6. Real time (strict_order.h): conflicts in the order of timestamps and "answered before asked" make no cycle.
 * All of it takes linear time and looks at all groups at once, so commands over several partitions are seen whole. */
#ifndef KV_SIM_CHECK_REPLAY_H
#define KV_SIM_CHECK_REPLAY_H

#include <stdio.h>

#include "tests/reference/reference.h"
#include "tests/sim/check_cut.h"
#include "tests/sim/check_order.h"
#include "tests/sim/history.h"

struct check_replay {
    struct check_order *chronicles; /* borrowed: of all groups */
    const struct history *history;  /* borrowed */
    struct check_cut *cuts;         /* borrowed */
    uint32_t groups;
    uint32_t sessions_max;           /* of partitions' engines */
    struct reference *reference;     /* behind the last message, when all is done */
    FILE *trace;                     /* NULL: none; the commands of a cycle are written there */
    uint64_t stale, pinned, errands; /* answers of these kinds, and executions by the oracle */
};

/* 1-6. The reference stays open for the caller to look at. */
void check_replay_run(struct check_replay *check, struct sim_report *report);
void check_replay_close(struct check_replay *check);

#endif

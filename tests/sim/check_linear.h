/* SPDX-License-Identifier: Apache-2.0 */
/* check_linear: is the whole history linearizable, commands on several keys included?
 *
 * We check, at the end of a run:
 *   1. Replay: the model, fed with the delivered sequence of a group, gives the answers that the
 *      engine gave; a message that was delivered again gives the first answer and changes nothing.
 *   2. Every answer that a client got is that of its message at the log index that the reply names.
 *      So what was acknowledged is in the sequence: nothing acknowledged is lost.
 *   3. Every read gives what the model holds behind the index that its reply names (stale reads
 *      included).
 *   4. Real time: a command that was asked after another one of the group was answered stands
 *      behind it; a linearizable read sees everything that was answered before it was asked.
 *   5. Per key, by what clients saw alone (check_wgl.h).
 * 1-4 take linear time and are complete for one group; groups compose, because linearizability is
 * local. 5 would find a violation even if replies lied about indexes. */
#ifndef KV_SIM_CHECK_LINEAR_H
#define KV_SIM_CHECK_LINEAR_H

#include <stdio.h>

#include "tests/sim/check_order.h"
#include "tests/sim/check_wgl.h"
#include "tests/sim/history.h"

/* The history with commands and answers taken apart; operations[i] belongs to
 * history->operations[i]. */
struct check_linear {
    const struct history *history; /* borrowed */
    struct model model;
    struct model_operation *operations;
    bool sessions_limited; /* engines drop living sessions: SESSION_UNKNOWN is no surprise */
    uint64_t repeats;      /* deliveries of messages that had been delivered before */
    uint64_t wgl_gave_up;  /* keys whose search was given up */
    FILE *trace; /* NULL: none; the history of a key that is not linearizable is written there */
};

/* Take the history apart; fails the report if an answer does not have the form of one. */
void check_linear_begin(struct check_linear *check, struct sim_report *report,
                        const struct history *history);
void check_linear_close(struct check_linear *check);

/* 1-4 for one group. */
void check_linear_replay(struct check_linear *check, struct sim_report *report,
                         const struct check_order *chronicle);

/* 5. */
void check_linear_keys(struct check_linear *check, struct sim_report *report);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* check_linear: is the history of each key linearizable, by what clients saw alone (check_wgl.h)?
 *
 * Knows nothing of logs, timestamps and groups, so it would find a violation even if everything that check_replay looks at lied.
 * Commands on several keys are projected; TXN and MOVE have no projection and are left out: keys of TXNs are others. */
#ifndef KV_SIM_CHECK_LINEAR_H
#define KV_SIM_CHECK_LINEAR_H

#include <stdio.h>

#include "tests/sim/sim_report.h"
#include "tests/sim/check_wgl.h"
#include "tests/sim/history.h"

/* The history with commands and answers taken apart; operations[i] belongs to
 * history->operations[i]. */
struct check_linear {
    const struct history *history; /* borrowed */
    struct model model;
    struct model_operation *operations;
    bool *opaque;         /* by key: a TXN names it */
    uint64_t wgl_gave_up; /* keys whose search was given up */
    FILE *trace; /* NULL: none; the history of a key that is not linearizable is written there */
};

/* Take the history apart; fails the report if an answer does not have the form of one. */
void check_linear_begin(struct check_linear *check, struct sim_report *report,
                        const struct history *history);
void check_linear_close(struct check_linear *check);

/* Check every key. */
void check_linear_keys(struct check_linear *check, struct sim_report *report);

#endif

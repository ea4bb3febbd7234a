/* SPDX-License-Identifier: Apache-2.0 */
/* check_once: exactly once, by counting in the final state; knows nothing of logs, indexes or
 * orders.
 *
 * We check, for keys that are only appended to (each append has a value of its own) or only
 * incremented (by positive numbers):
 *   1. An acknowledged append is in the final value exactly once; one with an unknown outcome at
 *      most once; nothing else is in it.
 *   2. The final number is the sum of the acknowledged increments and of some of those with an
 *      unknown outcome.
 *   3. No two increments were answered with the same sum. */
#ifndef KV_SIM_CHECK_ONCE_H
#define KV_SIM_CHECK_ONCE_H

#include "tests/sim/check_linear.h"

/* The final value of a key that was only appended to; key and value as numbers of check->model. */
void check_once_appends(struct check_linear *check, struct sim_report *report, uint32_t key,
                        uint32_t value);

/* The final value of a key that was only incremented. */
void check_once_increments(struct check_linear *check, struct sim_report *report, uint32_t key,
                           uint32_t value);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* counter_check: what clients of one counter were told, and whether it can be true.
 *
 * Each count adds 1, so each has a sum of its own. We check:
 *   1. No two counts were told the same sum: none was lost, none shared.
 *   2. A count that was asked after another one was answered was told more.
 *   3. In the end there is every count that was answered, and what there is more can be explained by counts in doubt: none was done
 *      twice. */
#ifndef KV_BENCH_COUNTER_CHECK_H
#define KV_BENCH_COUNTER_CHECK_H

#include <stdbool.h>
#include <stdint.h>

/* Zero-initialised is a counter at 0. */
struct counter_check {
    uint64_t answered; /* counts */
    uint64_t in_doubt; /* counts */
    int64_t highest;   /* sum that was told */
    uint64_t *seen;    /* one bit per sum */
    uint64_t words;
};

void counter_check_close(struct counter_check *check);

/* A count that was asked when `floor` was the highest sum was answered. NULL, or why that cannot be. */
const char *counter_check_answer(struct counter_check *check, int64_t floor, int64_t sum);

/* NULL, or why it cannot end with that. */
const char *counter_check_end(const struct counter_check *check, int64_t sum);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* arrivals: when the operations of an open loop are due.
 *
 * The times depend on the rate only, never on answers: an operation that cannot begin when it is due is late, and its latency counts
 * from when it was due. So a system that stalls is not asked less while it does ("coordinated omission").
 *
 * Time is an input. */
#ifndef KV_BENCH_ARRIVALS_H
#define KV_BENCH_ARRIVALS_H

#include <stdbool.h>
#include <stdint.h>

#include "multicast/base/prng.h"

struct bench_arrivals {
    double gap_us;  /* between arrivals, in the mean */
    double next_us; /* since from_us */
    uint64_t from_us;
    bool poisson; /* gaps are exponentially distributed; else all are equal */
    struct kv_prng prng;
};

/* rate > 0 per second in all, of which the worker `index` of `workers` plays its part: equal gaps interleave. */
void bench_arrivals_init(struct bench_arrivals *arrivals, double rate, bool poisson, uint32_t index,
                         uint32_t workers, uint64_t from_us, uint64_t seed);

/* When the next one is due. */
uint64_t bench_arrivals_due(const struct bench_arrivals *arrivals);

/* It has been taken: go on to the one behind it. */
void bench_arrivals_advance(struct bench_arrivals *arrivals);

#endif

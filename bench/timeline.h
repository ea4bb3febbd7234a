/* SPDX-License-Identifier: Apache-2.0 */
/* timeline: throughput and latencies interval by interval, so that a stall shows where it was.
 *
 * Intervals count operations by when they ended. Their histograms have about 3 % of precision, a hundredth of the size of
 * those of the whole run. */
#ifndef KV_BENCH_TIMELINE_H
#define KV_BENCH_TIMELINE_H

#include <stdbool.h>
#include <stdint.h>

/* Parts of a power of two, and slots up to BENCH_HISTOGRAM_VALUE_MAX. */
#define BENCH_INTERVAL_PARTS 32u
#define BENCH_INTERVAL_SLOTS (BENCH_INTERVAL_PARTS * 28u)

/* Most intervals. What comes later counts in the last. */
#define BENCH_TIMELINE_MAX 3600

/* How long they are in a run of so many seconds (0: not known): one second, more if it is longer than an hour. */
uint64_t bench_interval_seconds(uint64_t seconds);

struct bench_interval {
    uint64_t operations;
    uint64_t failed; /* of them */
    uint64_t max_us; /* of those that did not fail, as all below */
    uint32_t slots[BENCH_INTERVAL_SLOTS];
};

/* Zero-initialised is valid and empty. */
struct bench_timeline {
    struct bench_interval *intervals;
    uint32_t count;
    uint32_t capacity;
};

void bench_timeline_add(struct bench_timeline *timeline, uint64_t interval, bool failed,
                        uint64_t latency_us);
void bench_timeline_merge(struct bench_timeline *timeline, const struct bench_timeline *more);
void bench_timeline_close(struct bench_timeline *timeline);

/* As bench_histogram_quantile; never above max_us. */
uint64_t bench_interval_quantile(const struct bench_interval *interval, uint32_t per_myriad);

#endif

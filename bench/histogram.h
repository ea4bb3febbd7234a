/* SPDX-License-Identifier: Apache-2.0 */
/* histogram: counts of latencies, log-linear, with three significant digits.
 *
 * As HdrHistogram (which Debian 12 does not have for C) with 3 digits: values below 2048 are exact, above that each power of
 * two is cut into 1024 parts, so a value is off by at most 0.1 %. Values above BENCH_HISTOGRAM_VALUE_MAX count as that;
 * minimum, maximum and mean are exact. */
#ifndef KV_BENCH_HISTOGRAM_H
#define KV_BENCH_HISTOGRAM_H

#include <stdint.h>

/* In microseconds a little more than an hour. */
#define BENCH_HISTOGRAM_VALUE_MAX  UINT64_C(0xFFFFFFFF)

#define BENCH_HISTOGRAM_EXACT_BITS 11
#define BENCH_HISTOGRAM_SLOTS                                                                      \
    ((1u << BENCH_HISTOGRAM_EXACT_BITS) +                                                          \
     (32 - BENCH_HISTOGRAM_EXACT_BITS) * (1u << (BENCH_HISTOGRAM_EXACT_BITS - 1)))

/* Zero-initialised is valid and empty. */
struct bench_histogram {
    uint64_t count;
    uint64_t sum;
    uint64_t min; /* 0 when empty */
    uint64_t max;
    uint64_t slots[BENCH_HISTOGRAM_SLOTS];
};

void bench_histogram_add(struct bench_histogram *histogram, uint64_t value);

/* Add all of `more` to `histogram`. */
void bench_histogram_merge(struct bench_histogram *histogram, const struct bench_histogram *more);

/* The smallest recorded value, to three digits rounded up, such that per_myriad/10000 of all values are at or below it; 0
 * when empty. 1 <= per_myriad <= 10000; never above max. Whole numbers, because 99.9 % of 1000 is 999 and not 999.0000001. */
uint64_t bench_histogram_quantile(const struct bench_histogram *histogram, uint32_t per_myriad);

/* 0 when empty. */
double bench_histogram_mean(const struct bench_histogram *histogram);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Exponentially distributed age of the items that are asked for. */
#include "bench/generator.h"

#include <math.h>

void bench_exponential_init(struct bench_exponential *exponential, uint64_t records)
{
    double range = (double)records * BENCH_EXPONENTIAL_FRACTION;

    exponential->gamma = -log(1.0 - BENCH_EXPONENTIAL_PERCENTILE / 100.0) / range;
}

double bench_exponential_at(const struct bench_exponential *exponential, double uniform)
{
    /* The logarithm of 0 is no number that can be cut to an integer; half of the smallest step stands for it. */
    return -log(uniform > 0 ? uniform : 0x1p-54) / exponential->gamma;
}

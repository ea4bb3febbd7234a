/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of gaps. In doubles: an hour of microseconds leaves twenty bits for the fractions. */
#include "bench/arrivals.h"

#include <math.h>

#include "multicast/base/assert.h"

static double draw_gap(struct bench_arrivals *arrivals)
{
    if (!arrivals->poisson) {
        return arrivals->gap_us;
    }
    return -log(1.0 - kv_prng_unit(&arrivals->prng)) * arrivals->gap_us;
}

void bench_arrivals_init(struct bench_arrivals *arrivals, double rate, bool poisson, uint32_t index,
                         uint32_t workers, uint64_t from_us, uint64_t seed)
{
    KV_ASSERT(rate > 0 && index < workers);
    *arrivals = (struct bench_arrivals){
        .gap_us = 1e6 * workers / rate, .from_us = from_us, .poisson = poisson};
    kv_prng_init(&arrivals->prng, seed);
    arrivals->next_us = poisson ? draw_gap(arrivals) : arrivals->gap_us * index / workers;
}

uint64_t bench_arrivals_due(const struct bench_arrivals *arrivals)
{
    return arrivals->from_us + (uint64_t)arrivals->next_us;
}

void bench_arrivals_advance(struct bench_arrivals *arrivals)
{
    arrivals->next_us += draw_gap(arrivals);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Zipf by Gray's method: one power per draw, after one sum over all items.
 *
 * Ranks 0 and 1 are exact; the tail is the inverse of an integral that approximates the sum. */
#include "bench/generator.h"

#include <math.h>

#include "multicast/base/assert.h"

#define THETA BENCH_ZIPFIAN_CONSTANT

/* sum + 1 / i^theta for i = from+1 .. to, added from the front as YCSB does: the order decides the last bits. */
static double zeta(uint64_t from, uint64_t to, double sum)
{
    for (uint64_t i = from; i < to; i++) {
        sum += 1 / pow((double)(i + 1), THETA);
    }
    return sum;
}

static void set_eta(struct bench_zipfian *zipfian)
{
    zipfian->eta = (1 - pow(2.0 / (double)zipfian->items, 1 - THETA)) /
                   (1 - zipfian->zeta_2 / zipfian->zeta_n);
}

void bench_zipfian_init_known(struct bench_zipfian *zipfian, uint64_t items, double zeta_n)
{
    KV_ASSERT(items >= 1);
    zipfian->items = items;
    zipfian->zeta_items = items;
    zipfian->zeta_n = zeta_n;
    zipfian->zeta_2 = zeta(0, 2, 0);
    zipfian->alpha = 1.0 / (1.0 - THETA);
    set_eta(zipfian);
}

void bench_zipfian_init(struct bench_zipfian *zipfian, uint64_t items)
{
    bench_zipfian_init_known(zipfian, items, zeta(0, items, 0));
}

uint64_t bench_zipfian_at(struct bench_zipfian *zipfian, uint64_t items, double uniform)
{
    double share;

    if (items > zipfian->zeta_items) {
        zipfian->zeta_n = zeta(zipfian->zeta_items, items, zipfian->zeta_n);
        zipfian->zeta_items = items;
        /* With the items of init, not the new ones: so does YCSB. */
        set_eta(zipfian);
    }
    share = uniform * zipfian->zeta_n;
    if (share < 1.0) {
        return 0;
    }
    if (share < 1.0 + pow(0.5, THETA)) {
        return 1;
    }
    return (uint64_t)((double)items *
                      pow(zipfian->eta * uniform - zipfian->eta + 1, zipfian->alpha));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Zipf with the popular items spread over the key space. */
#include "bench/generator.h"
#include "multicast/base/assert.h"

void bench_scrambled_init(struct bench_scrambled *scrambled, uint64_t items)
{
    KV_ASSERT(items >= 1);
    /* One more than the constant says: YCSB gives it as the largest item, counted from 0. */
    bench_zipfian_init_known(&scrambled->zipfian, BENCH_SCRAMBLED_ITEMS + 1,
                             BENCH_SCRAMBLED_ZETA_N);
    scrambled->items = items;
}

uint64_t bench_scrambled_at(struct bench_scrambled *scrambled, double uniform)
{
    uint64_t rank = bench_zipfian_at(&scrambled->zipfian, scrambled->zipfian.items, uniform);

    return bench_hash(rank) % scrambled->items;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A hot set and a cold set. */
#include "bench/generator.h"

void bench_hotspot_init(struct bench_hotspot *hotspot, uint64_t items)
{
    hotspot->hot_items = (uint64_t)((double)items * BENCH_HOTSPOT_ITEMS);
    hotspot->cold_items = items - hotspot->hot_items;
    /* Fewer than five items have no hot part. */
    hotspot->hot_draws = hotspot->hot_items == 0 ? 0.0 : BENCH_HOTSPOT_DRAWS;
}

uint64_t bench_hotspot_draw(const struct bench_hotspot *hotspot, struct kv_prng *prng)
{
    if (kv_prng_unit(prng) < hotspot->hot_draws) {
        return kv_prng_below(prng, hotspot->hot_items);
    }
    return hotspot->hot_items + kv_prng_below(prng, hotspot->cold_items);
}

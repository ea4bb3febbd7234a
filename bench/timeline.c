/* SPDX-License-Identifier: Apache-2.0 */
/* A growing array of intervals; slot s < 2 * PARTS holds the value s, the next PARTS hold steps of 2, and so on. */
#include "bench/timeline.h"

#include <string.h>

#include "bench/histogram.h"
#include "multicast/base/assert.h"
#include "multicast/base/bytes.h"

#define PARTS BENCH_INTERVAL_PARTS

static uint32_t slot_of(uint64_t value)
{
    uint32_t shift;

    if (value > BENCH_HISTOGRAM_VALUE_MAX) {
        value = BENCH_HISTOGRAM_VALUE_MAX;
    }
    if (value < PARTS) {
        return (uint32_t)value;
    }
    shift = 58 - (uint32_t)__builtin_clzll(value); /* leaves PARTS .. 2 * PARTS - 1 */
    return shift * PARTS + (uint32_t)(value >> shift);
}

static uint64_t slot_end(uint32_t slot)
{
    uint32_t shift;

    if (slot < 2 * PARTS) {
        return slot;
    }
    shift = slot / PARTS - 1;
    return ((uint64_t)(slot % PARTS + PARTS + 1) << shift) - 1;
}

uint64_t bench_interval_seconds(uint64_t seconds)
{
    /* The last interval takes what is answered after the end. */
    return seconds / (BENCH_TIMELINE_MAX - 1) + 1;
}

static struct bench_interval *at(struct bench_timeline *timeline, uint64_t interval)
{
    uint32_t place = interval < BENCH_TIMELINE_MAX ? (uint32_t)interval : BENCH_TIMELINE_MAX - 1;

    if (place >= timeline->capacity) {
        uint32_t capacity = place * 2 + 16;
        struct bench_interval *grown = kv_alloc_zero(capacity, sizeof *grown);

        if (timeline->count > 0) {
            memcpy(grown, timeline->intervals, timeline->count * sizeof *grown);
        }
        kv_free(timeline->intervals);
        timeline->intervals = grown;
        timeline->capacity = capacity;
    }
    if (place >= timeline->count) {
        timeline->count = place + 1;
    }
    return &timeline->intervals[place];
}

void bench_timeline_add(struct bench_timeline *timeline, uint64_t interval, bool failed,
                        uint64_t latency_us)
{
    struct bench_interval *mine = at(timeline, interval);

    mine->operations++;
    mine->failed += failed;
    if (!failed) {
        mine->slots[slot_of(latency_us)]++;
        mine->max_us = latency_us > mine->max_us ? latency_us : mine->max_us;
    }
}

void bench_timeline_merge(struct bench_timeline *timeline, const struct bench_timeline *more)
{
    for (uint32_t i = 0; i < more->count; i++) {
        const struct bench_interval *other = &more->intervals[i];
        struct bench_interval *mine = at(timeline, i);

        mine->operations += other->operations;
        mine->failed += other->failed;
        mine->max_us = other->max_us > mine->max_us ? other->max_us : mine->max_us;
        for (uint32_t slot = 0; slot < BENCH_INTERVAL_SLOTS; slot++) {
            mine->slots[slot] += other->slots[slot];
        }
    }
}

void bench_timeline_close(struct bench_timeline *timeline)
{
    kv_free(timeline->intervals);
    *timeline = (struct bench_timeline){0};
}

uint64_t bench_interval_quantile(const struct bench_interval *interval, uint32_t per_myriad)
{
    uint64_t count = interval->operations - interval->failed;
    uint64_t wanted = (count * per_myriad + 9999) / 10000, seen = 0;

    KV_ASSERT(per_myriad >= 1 && per_myriad <= 10000);
    for (uint32_t slot = 0; slot < BENCH_INTERVAL_SLOTS && count > 0; slot++) {
        seen += interval->slots[slot];
        if (seen >= wanted) {
            return slot_end(slot) < interval->max_us ? slot_end(slot) : interval->max_us;
        }
    }
    return interval->max_us;
}

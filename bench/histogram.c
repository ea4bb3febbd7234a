/* SPDX-License-Identifier: Apache-2.0 */
/* Slots of a log-linear histogram: slot s < 2048 holds the value s; the next 1024 hold 2048..4095 in steps of 2, the next
 * 4096..8191 in steps of 4, and so on. */
#include "bench/histogram.h"

#include "multicast/base/assert.h"

#define EXACT (UINT64_C(1) << BENCH_HISTOGRAM_EXACT_BITS)
#define PARTS (EXACT / 2)

static uint32_t slot_of(uint64_t value)
{
    uint32_t shift;

    if (value < EXACT) {
        return (uint32_t)value;
    }
    shift = 63 - (uint32_t)__builtin_clzll(value) - (BENCH_HISTOGRAM_EXACT_BITS - 1);
    return (uint32_t)(EXACT + (shift - 1) * PARTS + ((value >> shift) - PARTS));
}

/* The largest value that belongs to a slot. */
static uint64_t slot_end(uint32_t slot)
{
    uint64_t shift, part;

    if (slot < EXACT) {
        return slot;
    }
    shift = (slot - EXACT) / PARTS + 1;
    part = (slot - EXACT) % PARTS + PARTS;
    return ((part + 1) << shift) - 1;
}

void bench_histogram_add(struct bench_histogram *histogram, uint64_t value)
{
    if (value > BENCH_HISTOGRAM_VALUE_MAX) {
        value = BENCH_HISTOGRAM_VALUE_MAX;
    }
    if (histogram->count == 0 || value < histogram->min) {
        histogram->min = value;
    }
    if (value > histogram->max) {
        histogram->max = value;
    }
    histogram->count++;
    histogram->sum += value;
    histogram->slots[slot_of(value)]++;
}

void bench_histogram_merge(struct bench_histogram *histogram, const struct bench_histogram *more)
{
    if (more->count == 0) {
        return;
    }
    if (histogram->count == 0 || more->min < histogram->min) {
        histogram->min = more->min;
    }
    if (more->max > histogram->max) {
        histogram->max = more->max;
    }
    histogram->count += more->count;
    histogram->sum += more->sum;
    for (uint32_t i = 0; i < BENCH_HISTOGRAM_SLOTS; i++) {
        histogram->slots[i] += more->slots[i];
    }
}

uint64_t bench_histogram_quantile(const struct bench_histogram *histogram, uint32_t per_myriad)
{
    uint64_t wanted = (histogram->count * per_myriad + 9999) / 10000;
    uint64_t seen = 0;

    KV_ASSERT(per_myriad >= 1 && per_myriad <= 10000);
    for (uint32_t i = 0; i < BENCH_HISTOGRAM_SLOTS && histogram->count > 0; i++) {
        seen += histogram->slots[i];
        if (seen >= wanted && histogram->slots[i] > 0) {
            return slot_end(i) < histogram->max ? slot_end(i) : histogram->max;
        }
    }
    return histogram->max;
}

double bench_histogram_mean(const struct bench_histogram *histogram)
{
    return histogram->count == 0 ? 0.0 : (double)histogram->sum / (double)histogram->count;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The window is a ring of bits; the limit eats set bits from its front. */
#include "bench/acknowledged.h"

#include "multicast/base/assert.h"
#include "multicast/base/bytes.h"

#define WINDOW BENCH_ACKNOWLEDGED_WINDOW

_Static_assert((WINDOW & (WINDOW - 1)) == 0 && WINDOW % 64 == 0, "a ring of whole words");

static uint64_t *word_of(struct bench_acknowledged *acknowledged, uint64_t number)
{
    return &acknowledged->window[number % WINDOW / 64];
}

static uint64_t bit_of(uint64_t number)
{
    return UINT64_C(1) << (number % 64);
}

void bench_acknowledged_init(struct bench_acknowledged *acknowledged, uint64_t records)
{
    KV_ASSERT(records >= 1);
    pthread_mutex_init(&acknowledged->mutex, NULL);
    acknowledged->next = records;
    atomic_init(&acknowledged->count, records);
    acknowledged->window = kv_alloc_zero(WINDOW / 64, sizeof *acknowledged->window);
}

void bench_acknowledged_close(struct bench_acknowledged *acknowledged)
{
    pthread_mutex_destroy(&acknowledged->mutex);
    kv_free(acknowledged->window);
    acknowledged->window = NULL;
}

bool bench_acknowledged_take(struct bench_acknowledged *acknowledged, uint64_t *ret_number)
{
    bool taken;

    pthread_mutex_lock(&acknowledged->mutex);
    taken = acknowledged->next - atomic_load(&acknowledged->count) < WINDOW;
    if (taken) {
        *ret_number = acknowledged->next++;
    }
    pthread_mutex_unlock(&acknowledged->mutex);
    return taken;
}

void bench_acknowledged_answer(struct bench_acknowledged *acknowledged, uint64_t number)
{
    uint64_t count;

    pthread_mutex_lock(&acknowledged->mutex);
    count = atomic_load(&acknowledged->count);
    KV_ASSERT(number >= count && number < acknowledged->next);
    KV_ASSERT((*word_of(acknowledged, number) & bit_of(number)) == 0);

    *word_of(acknowledged, number) |= bit_of(number);
    while (count < acknowledged->next && (*word_of(acknowledged, count) & bit_of(count)) != 0) {
        *word_of(acknowledged, count) &= ~bit_of(count);
        count++;
    }
    atomic_store(&acknowledged->count, count);
    pthread_mutex_unlock(&acknowledged->mutex);
}

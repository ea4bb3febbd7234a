/* SPDX-License-Identifier: Apache-2.0 */
/* prng: xoshiro256**, seeded by splitmix64. */
#include "multicast/base/prng.h"

#include "multicast/base/assert.h"

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t rotate_left(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

void kv_prng_init(struct kv_prng *prng, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        prng->state[i] = splitmix64(&seed);
    }
}

uint64_t kv_prng_next(struct kv_prng *prng)
{
    uint64_t *s = prng->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t kv_prng_below(struct kv_prng *prng, uint64_t bound)
{
    KV_ASSERT(bound > 0);
    /* Redraw the short last interval, so that every value is equally likely. */
    uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
    uint64_t value;
    do {
        value = kv_prng_next(prng);
    } while (value >= limit);
    return value % bound;
}

uint64_t kv_prng_between(struct kv_prng *prng, uint64_t low, uint64_t high)
{
    KV_ASSERT(low <= high);
    if (low == 0 && high == UINT64_MAX) {
        return kv_prng_next(prng);
    }
    return low + kv_prng_below(prng, high - low + 1);
}

bool kv_prng_chance(struct kv_prng *prng, uint32_t numerator, uint32_t denominator)
{
    return kv_prng_below(prng, denominator) < numerator;
}

double kv_prng_unit(struct kv_prng *prng)
{
    return (double)(kv_prng_next(prng) >> 11) * 0x1.0p-53;
}

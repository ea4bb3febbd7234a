/* SPDX-License-Identifier: Apache-2.0 */
/* prng: the only source of randomness inside of cores; seeded, so that the same seed gives the same run.
 *
 * xoshiro256** by Blackman and Vigna, seeded by splitmix64 (https://prng.di.unimi.it). Not for secrets. */
#ifndef KV_BASE_PRNG_H
#define KV_BASE_PRNG_H

#include <stdbool.h>
#include <stdint.h>

struct kv_prng {
    uint64_t state[4];
};

/* Any seed, 0 included, gives a good state. */
void kv_prng_init(struct kv_prng *prng, uint64_t seed);

/* 64 uniform bits. */
uint64_t kv_prng_next(struct kv_prng *prng);

/* Uniform in [0, bound); bound > 0. */
uint64_t kv_prng_below(struct kv_prng *prng, uint64_t bound);

/* Uniform in [low, high]; low <= high. */
uint64_t kv_prng_between(struct kv_prng *prng, uint64_t low, uint64_t high);

/* True with the chance numerator / denominator. */
bool kv_prng_chance(struct kv_prng *prng, uint32_t numerator, uint32_t denominator);

/* Uniform in [0, 1). */
double kv_prng_unit(struct kv_prng *prng);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* generator: the distributions of YCSB, so that results can be compared with those of other stores.
 *
 * Each generator is a function from one uniform number in [0, 1) to a value, with the arithmetic of YCSB's own classes, in
 * the same order: the same number gives the same value, bit by bit. Only where the numbers come from differs (kv_prng here,
 * java.util.Random there). One file per generator: generator_<name>.c.
 *
 * Threads. A generator is used by one thread; copying the struct gives another one. */
#ifndef KV_BENCH_GENERATOR_H
#define KV_BENCH_GENERATOR_H

#include <stdint.h>

#include "multicast/base/prng.h"

/* Hash of a number: FNV-1a, 64 bits, over its 8 bytes, lowest first, without the sign of the result. */
uint64_t bench_hash(uint64_t number);

/* Skew of every Zipfian distribution of YCSB. */
#define BENCH_ZIPFIAN_CONSTANT 0.99

/* Zipf over ranks 0 .. items-1; rank 0 is drawn most often. [Gray et al., "Quickly Generating Billion-Record Synthetic
 * Databases", SIGMOD 1994, figure 9] The number of items may grow from draw to draw. */
struct bench_zipfian {
    uint64_t items;      /* at init */
    uint64_t zeta_items; /* that zeta_n stands for; grows only */
    double zeta_n;       /* sum of 1 / i^theta for i = 1 .. zeta_items */
    double zeta_2;
    double alpha;
    double eta;
};

/* items >= 1. Takes a time proportional to items: 10 million are about a second. */
void bench_zipfian_init(struct bench_zipfian *zipfian, uint64_t items);

/* As above with zeta(items) known beforehand; takes no time. */
void bench_zipfian_init_known(struct bench_zipfian *zipfian, uint64_t items, double zeta_n);

/* The rank for `uniform`, among `items`; items that are new since the last draw are added to zeta_n. */
uint64_t bench_zipfian_at(struct bench_zipfian *zipfian, uint64_t items, double uniform);

/* What YCSB calls "zipfian": ranks of a Zipf over 10^10 items, hashed onto `items` numbers, so that the popular ones are
 * spread over the key space. The share of the hottest key does not depend on the number of records. */
struct bench_scrambled {
    struct bench_zipfian zipfian;
    uint64_t items;
};

#define BENCH_SCRAMBLED_ITEMS  UINT64_C(10000000000)
#define BENCH_SCRAMBLED_ZETA_N 26.46902820178302

void bench_scrambled_init(struct bench_scrambled *scrambled, uint64_t items);
uint64_t bench_scrambled_at(struct bench_scrambled *scrambled, double uniform);

/* Zipf backwards from the newest item: `newest` itself is drawn most often. */
struct bench_latest {
    struct bench_zipfian zipfian;
};

void bench_latest_init(struct bench_latest *latest, uint64_t newest);
uint64_t bench_latest_at(struct bench_latest *latest, uint64_t newest, double uniform);

/* A share of the items, the lowest, gets a share of the draws; uniform inside of both parts. */
struct bench_hotspot {
    uint64_t hot_items;
    uint64_t cold_items;
    double hot_draws;
};

#define BENCH_HOTSPOT_ITEMS 0.2
#define BENCH_HOTSPOT_DRAWS 0.8

void bench_hotspot_init(struct bench_hotspot *hotspot, uint64_t items);
uint64_t bench_hotspot_draw(const struct bench_hotspot *hotspot, struct kv_prng *prng);

/* Distance backwards from the newest item, exponentially distributed: `percentile` per cent of the draws are within
 * `fraction` of the records. Has no upper bound. */
struct bench_exponential {
    double gamma;
};

#define BENCH_EXPONENTIAL_PERCENTILE 95.0
#define BENCH_EXPONENTIAL_FRACTION   0.8571428571

void bench_exponential_init(struct bench_exponential *exponential, uint64_t records);
double bench_exponential_at(const struct bench_exponential *exponential, double uniform);

#endif

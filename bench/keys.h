/* SPDX-License-Identifier: Apache-2.0 */
/* keys: the keys of a command that has several, and over how many partitions they are spread.
 *
 * Plain functions on a chooser; where a key lives is asked of the driver. */
#ifndef KV_BENCH_KEYS_H
#define KV_BENCH_KEYS_H

#include "bench/driver.h"
#include "bench/options.h"

/* Where the keys of a command have to be. */
enum bench_spread {
    BENCH_SPREAD_ANY,     /* wherever they are drawn */
    BENCH_SPREAD_ONE,     /* in one partition */
    BENCH_SPREAD_SEVERAL, /* in two at least */
};

struct bench_keys {
    uint32_t count;
    uint64_t hashes[BENCH_KEYS_MAX]; /* all different */
};

/* Draw keys->count keys of records 0 .. last, the first one in partition `home` (0: any). False: there are no such keys; those that were found are in *keys. */
bool bench_keys_choose(struct bench_keys *keys, enum bench_spread spread, uint32_t home,
                       struct bench_chooser *chooser, uint64_t last, struct kv_prng *prng,
                       const struct bench_driver *driver, const void *connection);

/* Whether they are in more than one partition. */
bool bench_keys_cross(const struct bench_keys *keys, const struct bench_driver *driver,
                      const void *connection);

#endif

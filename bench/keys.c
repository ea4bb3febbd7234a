/* SPDX-License-Identifier: Apache-2.0 */
/* Drawn again until they fit; after many draws in vain, the next records behind the last one drawn. */
#include "bench/keys.h"

#include "multicast/base/assert.h"

/* Draws for one key; a key that fits is one of as many as there are partitions. */
#define DRAWS_MAX 64

/* Records that are looked at one after the other, then. */
#define STEPS_MAX 4096

static uint32_t partition_of(const struct bench_driver *driver, const void *connection,
                             uint64_t hash)
{
    char name[BENCH_KEY_BYTES];

    return driver->partition_of(connection, kv_bytes_of(name, bench_key_name(hash, name)));
}

/* Whether the key may stand behind the first `count` ones. Of several partitions the second key decides. */
static bool fits(const struct bench_keys *keys, uint32_t count, uint64_t hash,
                 enum bench_spread spread, uint32_t home, const struct bench_driver *driver,
                 const void *connection)
{
    for (uint32_t i = 0; i < count; i++) {
        if (keys->hashes[i] == hash) {
            return false;
        }
    }
    if (count == 0) {
        return home == 0 || partition_of(driver, connection, hash) == home;
    }
    switch (spread) {
    case BENCH_SPREAD_ANY:
        return true;
    case BENCH_SPREAD_ONE:
        return partition_of(driver, connection, hash) ==
               partition_of(driver, connection, keys->hashes[0]);
    case BENCH_SPREAD_SEVERAL:
        return count > 1 || partition_of(driver, connection, hash) !=
                                partition_of(driver, connection, keys->hashes[0]);
    }
    KV_UNREACHABLE();
}

bool bench_keys_choose(struct bench_keys *keys, enum bench_spread spread, uint32_t home,
                       struct bench_chooser *chooser, uint64_t last, struct kv_prng *prng,
                       const struct bench_driver *driver, const void *connection)
{
    KV_ASSERT(keys->count >= 1 && keys->count <= BENCH_KEYS_MAX);
    for (uint32_t i = 0; i < keys->count; i++) {
        uint64_t record = 0, hash = 0;
        bool found = false;

        for (uint32_t draw = 0; !found && draw < DRAWS_MAX + STEPS_MAX; draw++) {
            record = draw < DRAWS_MAX ? bench_chooser_record(chooser, last, prng)
                                      : (record + 1) % (last + 1);
            hash = bench_hash(record);
            found = fits(keys, i, hash, spread, home, driver, connection);
        }
        if (!found) {
            keys->count = i;
            return false;
        }
        keys->hashes[i] = hash;
    }
    return true;
}

bool bench_keys_cross(const struct bench_keys *keys, const struct bench_driver *driver,
                      const void *connection)
{
    for (uint32_t i = 1; i < keys->count; i++) {
        if (partition_of(driver, connection, keys->hashes[i]) !=
            partition_of(driver, connection, keys->hashes[0])) {
            return true;
        }
    }
    return false;
}

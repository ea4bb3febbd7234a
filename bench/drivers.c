/* SPDX-License-Identifier: Apache-2.0 */
/* The drivers of this build: those of other systems are there if their client libraries were. */
#include <string.h>

#include "bench/driver.h"

#ifdef KV_BENCH_REDIS
extern const struct bench_driver bench_driver_redis;
#endif
#ifdef KV_BENCH_ZOOKEEPER
extern const struct bench_driver bench_driver_zookeeper;
#endif

static const struct bench_driver *const drivers[] = {
    &bench_driver_kv,
#ifdef KV_BENCH_REDIS
    &bench_driver_redis,
#endif
#ifdef KV_BENCH_ZOOKEEPER
    &bench_driver_zookeeper,
#endif
};

const struct bench_driver *bench_driver_find(const char *name)
{
    for (size_t i = 0; i < sizeof drivers / sizeof drivers[0]; i++) {
        if (strcmp(drivers[i]->name, name) == 0) {
            return drivers[i];
        }
    }
    return NULL;
}

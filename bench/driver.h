/* SPDX-License-Identifier: Apache-2.0 */
/* driver: what a system has to do to be measured by kvbench.
 *
 * Questions are kv_op of client/lib/kv.h, outcomes kv_status; answers come as rows, so that one workload, one loop and one
 * check serve every system.
 *
 * Threads.   A connection is used by one thread; open more for more.
 * Ownership. The question is copied before submit returns; rows are borrowed until `done` returns. */
#ifndef KV_BENCH_DRIVER_H
#define KV_BENCH_DRIVER_H

#include <stdbool.h>

#include "client/lib/kv.h"

/* Most operations in flight on one connection: what one kv_client takes. */
#define BENCH_OUTSTANDING_MAX 1024

/* Rows of an answer. get returns false for a key that is absent. */
struct bench_rows {
    uint32_t count;
    const void *source;
    bool (*get)(const void *source, uint32_t row, kv_bytes *ret_key, kv_bytes *ret_value);
};

typedef void (*bench_done)(void *context, kv_status status, const struct bench_rows *rows);

/* What is measured. Borrowed. */
struct bench_target {
    const char *endpoints; /* "host:port,host:port" */
    const char *cluster;   /* the name that nodes must have; NULL: any */
    uint64_t timeout_ms;
};

struct bench_driver {
    const char *name;
    bool has_status; /* kv_cluster_status_get works on its endpoints */

    /* Nothing has been sent yet when it returns. */
    kv_status (*open)(const struct bench_target *target, void **ret);
    void (*close)(void **connection); /* with nothing in flight; NULL inside is fine */

    /* One command that changes nothing. Blocks. */
    kv_status (*connect)(void *connection);

    /* As kv_submit: after KV_OK `done` is called exactly once, from run. GET, PUT, SCAN, MGET and MPUT; KV_REFUSED for what
     * the system does not have. */
    kv_status (*submit)(void *connection, const kv_op *op, bench_done done, void *context);

    /* Work until something has completed or timeout_us have passed, to the precision of the system's timers. */
    void (*run)(void *connection, uint64_t timeout_us);

    /* The partition of a key; 0: not known, or there are none. */
    uint32_t (*partition_of)(const void *connection, kv_bytes key);
};

/* This store, through its client library. */
extern const struct bench_driver bench_driver_kv;

/* NULL: this build has none of that name. */
const struct bench_driver *bench_driver_find(const char *name);

#endif

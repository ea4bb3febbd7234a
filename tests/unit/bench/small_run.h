/* SPDX-License-Identifier: Apache-2.0 */
/* small_run: the settings of a benchmark that is over in a moment, from which the tests go on. */
#ifndef KV_TEST_SMALL_RUN_H
#define KV_TEST_SMALL_RUN_H

#include "bench/driver.h"
#include "bench/options.h"

static inline struct bench_settings small_run(void)
{
    return (struct bench_settings){.workload = bench_workload_find("a"),
                                   .distribution = BENCH_ZIPFIAN,
                                   .records = 100,
                                   .operations = 1000,
                                   .clients = 8,
                                   .threads = 1,
                                   .fields = 1,
                                   .field_bytes = 20,
                                   .keys_per_command = 1,
                                   .loop = BENCH_LOOP_CLOSED,
                                   .driver_name = "kv",
                                   .driver = &bench_driver_kv,
                                   .seed = 1,
                                   .timeout_ms = 1000};
}

#endif

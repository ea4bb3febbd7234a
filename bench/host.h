/* SPDX-License-Identifier: Apache-2.0 */
/* host: what a result was measured on. Unknown texts are empty, unknown numbers 0. */
#ifndef KV_BENCH_HOST_H
#define KV_BENCH_HOST_H

#include <stdint.h>

#define BENCH_HOST_TEXT_BYTES 128

struct bench_host {
    char system[BENCH_HOST_TEXT_BYTES]; /* "Linux 6.1.0 x86_64" */
    char cpu[BENCH_HOST_TEXT_BYTES];    /* its model */
    uint32_t cpus;                      /* that this process may use */
    uint64_t memory_bytes;
    double load;                      /* average of the last minute: what else was running */
    char time[BENCH_HOST_TEXT_BYTES]; /* now, UTC, as in ISO 8601 */
};

void bench_host_read(struct bench_host *ret);

#endif

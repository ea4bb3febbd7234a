/* SPDX-License-Identifier: Apache-2.0 */
/* series: what became of the operations of one kind: latencies and outcomes.
 *
 * Every finished operation counts once under its outcome; its latency goes to `ok` or to `failed`. A failure is any status
 * but KV_OK, and a value that is not the one that was written. */
#ifndef KV_BENCH_SERIES_H
#define KV_BENCH_SERIES_H

#include <stdbool.h>

#include "bench/histogram.h"
#include "bench/timeline.h"
#include "bench/workload.h"
#include "client/lib/kv.h"

/* The statuses of the library in the order of its table, and one of our own. */
enum bench_outcome {
#define X(NAME, code, text) BENCH_OUTCOME_##NAME,
    KV_STATUS_MAP(X)
#undef X
        BENCH_OUTCOME_CORRUPT, /* the answer is not what was written under that key */
    BENCH_OUTCOMES
};

enum bench_outcome bench_outcome_of(kv_status status);
const char *bench_outcome_name(enum bench_outcome outcome);
const char *bench_outcome_text(enum bench_outcome outcome);

struct bench_series {
    struct bench_histogram ok;
    struct bench_histogram failed;
    uint64_t outcomes[BENCH_OUTCOMES];
};

void bench_series_add(struct bench_series *series, enum bench_outcome outcome, uint64_t latency_us);
void bench_series_merge(struct bench_series *series, const struct bench_series *more);

/* Of one phase: by kind of operation, as YCSB has it: the read and the update inside of a READ-MODIFY-WRITE also count as READ
 * and UPDATE. Zero-initialised is valid and empty.
 *
 * In a closed loop latencies count from when an operation was sent. In an open loop they count from when it was due, and those from
 * when it was sent are in `service`: what is between the two was spent waiting for a free virtual client. */
struct bench_measures {
    struct bench_series series[BENCH_OPS];
    struct bench_histogram service[BENCH_OPS]; /* open loop; of those that did not fail */
    struct bench_histogram all;                /* of operations that did not fail */
    struct bench_series multi;                 /* of operations with keys on several partitions */
    struct bench_timeline timeline;            /* of operations, as clients began them */
    uint64_t operations; /* what clients began and finished; a READ-MODIFY-WRITE is one */
    uint64_t failed;     /* of these */
    uint64_t ordered;    /* writes inside of them that were answered: each went through a log */
    uint64_t unsent;     /* open loop: operations that were due and never sent */
};

void bench_measures_merge(struct bench_measures *measures, const struct bench_measures *more);
void bench_measures_close(struct bench_measures *measures);

#endif

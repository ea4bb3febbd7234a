/* SPDX-License-Identifier: Apache-2.0 */
/* worker: one thread with one connection that plays many virtual clients.
 *
 * A virtual client has one operation in flight: when its answer comes, it goes on inside of the callback. Operations that were due before
 * plan.measure_from_us are carried out and not counted.
 *
 * Closed loop (plan.rate is 0): a client begins its next operation when the last one is answered. A slow answer delays the next question,
 * so latencies are service times under exactly `clients` concurrent operations; they say nothing about the queue that an arrival rate of
 * its own would build up (docs/bench.md). One that the driver refuses at once is counted as failed, and the client pauses until the
 * driver has been run, so that a full queue is not asked in a tight loop.
 *
 * Open loop: operations are due at times of their own (arrivals.h) and begin when they are, or, while all clients are busy, as
 * soon as one is free; latencies count from when they were due. What is not begun by plan.give_up_us counts as unsent.
 *
 * Threads. Open and close from one thread, run on another; progress is read from any. */
#ifndef KV_BENCH_WORKER_H
#define KV_BENCH_WORKER_H

#include <pthread.h>
#include <stdatomic.h>

#include "bench/acknowledged.h"
#include "bench/driver.h"
#include "bench/options.h"
#include "bench/series.h"

/* What all workers of a phase share. */
struct bench_plan {
    const struct bench_settings *settings;
    bool load;                           /* insert every record once, instead of the workload */
    struct bench_acknowledged *records;  /* run: the records that are there */
    const struct bench_chooser *chooser; /* run: each worker has a copy */
    uint64_t measure_from_us;            /* of kv_now_us */
    uint64_t end_us;                     /* nothing is due from here on; UINT64_MAX: no such time */
    uint32_t pinned_partitions;          /* clients begin in one of so many; 0: anywhere */
    uint32_t clients;                    /* closed loop: of each worker; 0: all that it has */
    double rate;                         /* per second, of all workers; 0: closed loop */
    uint64_t from_us;                    /* open loop: the first is due from here on */
    uint64_t give_up_us;                 /* open loop: begin nothing from here on */
    uint64_t interval_us;                /* of the timeline */
    _Atomic uint64_t begun; /* load: records; run with settings.operations: measured operations */
    atomic_bool stop;       /* begin nothing more */
    _Atomic(enum bench_outcome)
        load_failure; /* why a record could not be inserted; OUTCOME_OK: none failed */
};

/* Attempts at inserting one record of the load phase: an election may make one or two fail. */
#define BENCH_LOAD_ATTEMPTS_MAX 5

struct bench_worker;

/* A worker with its share of settings.clients. KV_OK, or the status of kv_client_open. */
kv_status bench_worker_open(const struct bench_settings *settings, uint32_t index,
                            const char *endpoints, const char *cluster, struct bench_worker **ret);
void bench_worker_close(struct bench_worker **worker);

/* Send one command that changes nothing, so that connecting and the session are not measured. Blocks. */
kv_status bench_worker_connect(struct bench_worker *worker);

/* Play a phase to its end. measures is added to. Blocks. Returns when the last answer came (kv_now_us). */
uint64_t bench_worker_run(struct bench_worker *worker, struct bench_plan *plan,
                          struct bench_measures *measures);

/* Operations finished, and those of them that failed, since open; measured or not. */
struct bench_progress {
    uint64_t finished, failed;
};
struct bench_progress bench_worker_progress(const struct bench_worker *worker);

#endif

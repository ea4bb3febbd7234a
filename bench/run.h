/* SPDX-License-Identifier: Apache-2.0 */
/* run: a benchmark from beginning to end: look at the cluster, load, run, look again.
 *
 * The calling thread keeps the time, prints progress and reads the nodes' counters; the workers are threads of their own. */
#ifndef KV_BENCH_RUN_H
#define KV_BENCH_RUN_H

#include <signal.h>

#include "bench/options.h"
#include "bench/search.h"
#include "bench/series.h"
#include "bench/usage.h"

struct bench_phase {
    bool done;           /* the phase took place, to its end or until it was stopped */
    double rate;         /* of the open loop; 0: closed */
    uint64_t runtime_us; /* from where measuring begins to the last answer */
    struct bench_measures measures;
};

/* Operations per second; 0 if no time has passed. */
static inline double bench_throughput(const struct bench_phase *phase)
{
    return phase->runtime_us == 0
               ? 0.0
               : (double)phase->measures.operations * 1e6 / (double)phase->runtime_us;
}

struct bench_result {
    struct bench_phase load;
    double calibrated; /* throughput of the closed loop that the rate was chosen by; 0: none */
    struct bench_search search; /* --find-max */
    struct bench_phase run;
    struct bench_usage before, after;                   /* the measured part of the run */
    bool has_usage;                                     /* syncs and bytes are known */
    uint64_t syncs, bytes;                              /* of all nodes' logs */
    struct bench_fault_result faults[BENCH_FAULTS_MAX]; /* of settings.faults */
    bool interrupted;
};

/* What the benchmark ended with; the values are exit statuses of kvbench. */
enum bench_end {
    BENCH_END_OK = 0,
    BENCH_END_FAILURES = 1, /* some operations failed; the result says which */
    BENCH_END_USAGE = 2,
    BENCH_END_UNAVAILABLE = 5,  /* the cluster could not be used; error says why */
    BENCH_END_INTERRUPTED = 130 /* *interrupt was set; the result covers what was done */
};

#define BENCH_RUN_ERROR_BYTES 512

/* Do it. `interrupt` is polled; progress goes to stderr if settings say so. cluster: the name that the nodes must have,
 * or NULL. *ret is new memory, also after a failure; free it with bench_result_free. */
enum bench_end bench_run(const struct bench_settings *settings, const char *endpoints,
                         const char *cluster, const volatile sig_atomic_t *interrupt,
                         struct bench_result **ret, char error[BENCH_RUN_ERROR_BYTES]);
void bench_result_free(struct bench_result *result);

#endif

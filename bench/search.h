/* SPDX-License-Identifier: Apache-2.0 */
/* search: the highest rate that keeps a latency bound.
 *
 * Rates are tried one after the other: up by a quarter while they keep the bound, then between the highest that did and the lowest
 * that did not, until these are close. One that fails is tried once more, because on a shared machine a single stall is not the
 * system's. What was tried is kept for the report.
 *
 * No I/O, no clock: the caller tries, and says how it went. */
#ifndef KV_BENCH_SEARCH_H
#define KV_BENCH_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

/* Trials in all. Doubling the first guess eight times and then halving eight times finds anything. */
#define BENCH_TRIALS_MAX 40

struct bench_trial {
    double rate;       /* asked for */
    double throughput; /* seen */
    uint64_t bound_us; /* the quantile that the bound is about */
    uint64_t p50_us, p99_us;
    bool kept; /* the bound, with nothing failed and nothing left unsent */
};

struct bench_search {
    double low;  /* the highest rate that was kept; 0: none yet */
    double high; /* the lowest that was not; 0: none yet */
    double next;
    double floor; /* give up below */
    bool again;   /* next has failed once */
    uint32_t count;
    struct bench_trial trials[BENCH_TRIALS_MAX];
};

void bench_search_init(struct bench_search *search, double first_rate);

/* False: it has ended; the result is search->low. */
bool bench_search_next(const struct bench_search *search, double *ret_rate);

/* How search->next went. */
void bench_search_note(struct bench_search *search, const struct bench_trial *trial);

#endif

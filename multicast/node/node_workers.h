/* SPDX-License-Identifier: Apache-2.0 */
/* node_workers: threads that compute for the node's thread, any number of them, none included.
 *
 * The node adds jobs and flushes them: each worker gets a bundle, with at most one wake-up. Results are taken in any order. Between the
 * node and each worker there are two rings with one producer and one consumer each: no lock, and nobody waits for anybody.
 *
 *   node_workers_add -> ring -> worker: work(job) -> ring -> node_workers_take
 *
 * 1. A job goes to the worker of its shard, or to the one that has least to do if that one has clearly less. What finds all rings full
 *    waits at the node.
 * 2. Without workers the node's thread does the work itself, when it takes the result.
 * 3. The number may change at any time: a worker that is not wanted any more finishes what it has.
 * 4. Who has nothing to do spins for a moment and then sleeps; the node's thread sleeps on node_workers_fd.
 *
 * Threads. All functions are the node's thread's. `work` runs on any, and shares nothing with other jobs. */
#ifndef KV_NODE_WORKERS_H
#define KV_NODE_WORKERS_H

#include <stdbool.h>
#include <stdint.h>

#include "multicast/base/limits.h"

/* Jobs of one worker, on their way there, there, or on their way back: so a result always finds room. A power of two. */
#define NODE_WORKER_JOBS_MAX 256

struct node_workers;

struct node_work {
    void (*work)(void *job);
    void (*drop)(void *job); /* for what is left at the end */
    void *job;
    uint64_t number; /* the owner's */
    uint64_t shard;  /* jobs of one shard prefer one worker */
    void *owner;
};

/* Totals since the beginning, of results that were taken. */
struct node_workers_measure {
    uint64_t jobs;
    uint64_t wait_ns;    /* from the flush to the beginning of the work */
    uint64_t service_ns; /* of the work */
};

struct node_workers *node_workers_new(uint32_t count);

/* Drops what has not begun, waits for work under way, and drops the results. */
void node_workers_destroy(struct node_workers **workers);

/* So many threads from now on, up to KV_WORKERS_MAX; fewer if the system gives no more. */
void node_workers_set(struct node_workers *workers, uint32_t count);
uint32_t node_workers_count(const struct node_workers *workers);

/* A job that the next flush hands out. */
void node_workers_add(struct node_workers *workers, const struct node_work *work);
void node_workers_flush(struct node_workers *workers);

/* The next result; false: there is none at this time. */
bool node_workers_take(struct node_workers *workers, struct node_work *ret);

/* Jobs whose results have not been taken. */
uint32_t node_workers_out(const struct node_workers *workers);

/* About to sleep: from now on a result makes node_workers_fd readable. False: there is one already, or work for this thread. */
bool node_workers_rest(struct node_workers *workers);
void node_workers_rise(struct node_workers *workers);
int node_workers_fd(const struct node_workers *workers);

struct node_workers_measure node_workers_measure(const struct node_workers *workers);

#endif

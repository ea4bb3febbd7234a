/* SPDX-License-Identifier: Apache-2.0 */
/* acknowledged: the numbers of the records: which come next, and up to which all have been inserted.
 *
 * Inserts of several clients finish in any order; a read may choose only among records whose insert is answered, so the
 * limit moves over the longest prefix of answered ones. At most BENCH_ACKNOWLEDGED_WINDOW inserts are ahead of it.
 *
 * Threads. Any. bench_acknowledged_last costs one atomic load. */
#ifndef KV_BENCH_ACKNOWLEDGED_H
#define KV_BENCH_ACKNOWLEDGED_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Inserts ahead of the oldest unanswered one: five seconds (the default deadline) at 200,000 inserts per second. */
#define BENCH_ACKNOWLEDGED_WINDOW (1u << 20)

struct bench_acknowledged {
    pthread_mutex_t mutex;
    uint64_t next;
    _Atomic uint64_t count; /* all numbers below it are answered */
    uint64_t *window;       /* one bit per number, by its low bits */
};

/* The numbers below `records` are there already. */
void bench_acknowledged_init(struct bench_acknowledged *acknowledged, uint64_t records);
void bench_acknowledged_close(struct bench_acknowledged *acknowledged);

/* Take the next number. False: the window is full, try again after an insert has been answered. */
bool bench_acknowledged_take(struct bench_acknowledged *acknowledged, uint64_t *ret_number);

/* The insert of a number that was taken has been answered. */
void bench_acknowledged_answer(struct bench_acknowledged *acknowledged, uint64_t number);

/* The highest number such that it and all below it are answered; records - 1 in the beginning. */
static inline uint64_t bench_acknowledged_last(struct bench_acknowledged *acknowledged)
{
    return atomic_load_explicit(&acknowledged->count, memory_order_relaxed) - 1;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* engine_queue: places of runs in the queues of variables. */
#ifndef KV_ENGINE_ENGINE_QUEUE_H
#define KV_ENGINE_ENGINE_QUEUE_H

#include "multicast/base/hash_table.h"
#include "partition/engine/engine_jobs.h"

struct engine_queue;

/* A run's place in the queue of one variable. */
struct engine_place {
    struct engine_run *run;
    struct engine_queue *queue;
    bool write;
    bool granted;
    TAILQ_ENTRY(engine_place) link;
};
TAILQ_HEAD(engine_place_list, engine_place);

struct engine_queue {
    struct engine_place_list places;
    UT_hash_handle hh;
    uint32_t key_size;
    uint8_t key[];
};

/* Whether the opened footprint would have to wait. */
bool engine_queue_is_free(const struct engine *engine);

/* Take a place for each variable of the opened footprint. */
void engine_queue_enter(struct engine *engine, struct engine_run *run);

/* The run's turn has come. */
void engine_queue_ready(struct engine *engine, struct engine_run *run);

/* All places of a run; whose turn comes by that is put into `ready`. */
void engine_queue_leave(struct engine *engine, struct engine_run *run);

void engine_queue_check(const struct engine *engine); /* E6 */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* engine_lock: commands that keep their places when they have executed, and what runs inside of them. [locks.md, L1-L9] */
#ifndef KV_ENGINE_ENGINE_LOCK_H
#define KV_ENGINE_ENGINE_LOCK_H

#include <sys/queue.h>

#include "multicast/base/hash_table.h"
#include "partition/engine/engine.h"

struct engine_run;
struct engine_lock;

/* As the bytes of a hash key: without padding. */
struct engine_lock_key {
    uint64_t clock;
    uint64_t group;
};

/* A run's place inside of a lock: of a command that carries its token; or of one that would not wait for it, which must not be overtaken
 * by a release before it has been told so. */
struct engine_inside {
    struct engine_run *run;
    struct engine_lock *lock; /* NULL: it has ended */
    struct engine_lock_key token;
    bool barrier; /* the latter */
    TAILQ_ENTRY(engine_inside) link;
};
TAILQ_HEAD(engine_inside_list, engine_inside);

/* The lock that a run has, or will have: from its delivery until it is released, or comes to nothing. */
struct engine_lock {
    struct engine_lock_key token;
    struct engine_run *run;
    bool advancing;                   /* so that turns do not nest */
    struct engine_inside_list inside; /* in the order of delivery; the first one has its turn */
    UT_hash_handle hh;
};

/* Take the places that the opened footprint asks for, inside of a lock or in the queues of variables. */
void engine_places_enter(struct engine *engine, struct engine_run *run);

/* The run has left its queues: the lock that it had is no more, and its places inside of others go. */
void engine_lock_leave(struct engine *engine, struct engine_run *run);

/* Who is first inside has his turn, if the lock is held. */
void engine_lock_advance(struct engine *engine, struct engine_lock *lock);

/* The run has come through the gate: what it does not wait for, it is told now. */
void engine_lock_on_gate(struct engine *engine, struct engine_run *run);

/* The run holds from now on: it has executed, and is in no list. */
void engine_lock_hold(struct engine *engine, struct engine_run *run);

/* The lock that the run stands in ends. */
void engine_lock_release(struct engine *engine, struct engine_run *run);

void engine_lock_check(const struct engine *engine); /* E10, E11 */

#endif

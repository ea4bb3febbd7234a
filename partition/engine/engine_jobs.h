/* SPDX-License-Identifier: Apache-2.0 */
/* engine_jobs: computations of commands that are under way outside of the engine. */
#ifndef KV_ENGINE_ENGINE_JOBS_H
#define KV_ENGINE_ENGINE_JOBS_H

#include <sys/queue.h>

#include "partition/engine/engine.h"

struct engine_run;
TAILQ_HEAD(engine_run_list, engine_run);

/* A job that is out. Its number is its slot and a count, so that none ever comes twice. */
struct engine_job_slot {
    uint64_t number;        /* 0: the slot is free */
    struct engine_run *run; /* NULL: it is gone, and the result will be dropped */
    uint32_t next_free;
};

struct engine_jobs {
    uint32_t
        max; /* that may be out, as the last step said; 0: computations run inside of the step */
    uint32_t out;
    uint64_t count; /* of jobs handed out ever */
    uint32_t slot_count, first_free;
    struct engine_job_slot *slots; /* up to ENGINE_JOBS_MAX, made when they are needed */
    void *
        computed; /* of the command that is open, in this step: what it has told may borrow from it. NULL: none */
    struct engine_run_list wanting; /* GRANTED, all votes in: they wait until fewer are out */
};

/* A result has come. */
void engine_on_worked(struct engine *engine, uint64_t number, void *job);

/* A job for the opened command, if one is possible; NULL: it is to be executed. `votes`: as to machine_ops.execute. */
void *engine_job_take(struct engine *engine, const struct machine_vote *votes, uint32_t count);

/* Another command is opened, or the engine is emptied. */
void engine_job_drop_computed(struct engine *engine);

/* The votes are in: its computation goes out, or waits for that. False: it is to be executed now. */
bool engine_job_begin(struct engine *engine, struct engine_run *run);

/* Those who wanted go on, as far as may be. */
void engine_jobs_resume(struct engine *engine);

/* A run is about to be freed or executed. */
void engine_job_forget(struct engine *engine, struct engine_run *run);

/* A run was loaded: if its computation was out it goes on with the next step. */
void engine_job_loaded(struct engine *engine, struct engine_run *run);

void engine_jobs_check(const struct engine *engine, uint32_t working, uint32_t wanting); /* E9 */

#endif

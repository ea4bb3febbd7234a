/* SPDX-License-Identifier: Apache-2.0 */
/* engine_jobs: what a command computes leaves the engine as a job and comes back as a result. [docs/execution.md, Workers]
 *
 *   GRANTED, votes in -> take -> WORKING (job is out) -> WORKED -> apply -> answer, record, reply -> FINISHED
 *
 * 1. A run that works holds its places (E9), so what it has read stays true and nobody reads what it is about to write; who touches
 *    other variables goes on. So the state is the same function of the deliveries whenever results come, and in whatever order.
 * 2. Nothing of a job is saved: a run that works is saved as GRANTED, and takes its job again when it is loaded.
 * 3. A job that is out comes back once, whatever has become of its run: a run that is gone leaves its slot, and its result is dropped.
 * 4. If no jobs may be out the engine computes itself, between take and apply, in the same step. */
#include "partition/engine/engine_internal.h"

/* A number is a slot below these bits and a count above them. */
#define JOB_SLOT_BITS   10
#define JOB_SLOTS_FIRST 16
_Static_assert(ENGINE_JOBS_MAX == 1u << JOB_SLOT_BITS, "a slot fits its part of a number");

void *engine_job_take(struct engine *engine, const struct machine_vote *votes, uint32_t count)
{
    KV_ASSERT(engine_job_is_possible(engine));
    for (uint32_t i = 0; i < count; i++) {
        if (votes[i].verdict != WIRE_VERDICT_OK) {
            return NULL; /* nothing will be done: there is nothing to compute */
        }
    }
    return engine->machine.ops->take(engine->machine.state, votes, count);
}

static struct engine_job_slot *engine_job_slot_of(const struct engine *engine, uint64_t number)
{
    const uint64_t slot = number & (ENGINE_JOBS_MAX - 1);
    return number != 0 && slot < engine->jobs.slot_count &&
                   engine->jobs.slots[slot].number == number
               ? &engine->jobs.slots[slot]
               : NULL;
}

/* A slot of a new number for this run. */
static uint64_t engine_job_slot_take(struct engine *engine, struct engine_run *run)
{
    struct engine_jobs *jobs = &engine->jobs;
    if (jobs->out == jobs->slot_count) {
        const uint32_t count = jobs->slot_count == 0 ? JOB_SLOTS_FIRST : 2 * jobs->slot_count;
        KV_ASSERT(count <= ENGINE_JOBS_MAX);
        jobs->slots = kv_realloc(jobs->slots, count * sizeof(*jobs->slots));
        for (uint32_t i = jobs->slot_count; i < count; i++) {
            jobs->slots[i] = (struct engine_job_slot){.next_free = i + 1};
        }
        jobs->first_free = jobs->slot_count;
        jobs->slot_count = count;
    }
    const uint32_t at = jobs->first_free;
    struct engine_job_slot *slot = &jobs->slots[at];
    KV_ASSERT(slot->number == 0);
    jobs->first_free = slot->next_free;
    jobs->out++;
    slot->number = ++jobs->count << JOB_SLOT_BITS | at;
    slot->run = run;
    return slot->number;
}

static void engine_job_slot_give(struct engine *engine, struct engine_job_slot *slot)
{
    struct engine_jobs *jobs = &engine->jobs;
    *slot = (struct engine_job_slot){.next_free = jobs->first_free};
    jobs->first_free = (uint32_t)(slot - jobs->slots);
    jobs->out--;
}

static void engine_job_want(struct engine *engine, struct engine_run *run)
{
    KV_ASSERT(run->state == ENGINE_RUN_GRANTED && !run->wants_job && !run->is_ready);
    run->wants_job = true;
    TAILQ_INSERT_TAIL(&engine->jobs.wanting, run, ready);
}

void engine_job_loaded(struct engine *engine, struct engine_run *run)
{
    if (run->state == ENGINE_RUN_GRANTED && engine_run_has_votes(run)) {
        engine_job_want(engine, run);
    }
}

void engine_job_forget(struct engine *engine, struct engine_run *run)
{
    struct engine_job_slot *slot = engine_job_slot_of(engine, run->job);
    if (run->wants_job) {
        run->wants_job = false;
        TAILQ_REMOVE(&engine->jobs.wanting, run, ready);
    }
    if (slot != NULL) {
        slot->run = NULL;
    }
    run->job = 0;
}

static uint64_t engine_job_shard(const struct engine *engine)
{
    const struct machine_footprint *footprint = &engine->footprint;
    return footprint->count == 0
               ? 0
               : engine_hash(footprint->variables[0].key.data, footprint->variables[0].key.size);
}

void engine_job_drop_computed(struct engine *engine)
{
    if (engine->jobs.computed != NULL) {
        engine->machine.ops->drop(engine->jobs.computed);
        engine->jobs.computed = NULL;
    }
}

bool engine_job_begin(struct engine *engine, struct engine_run *run)
{
    struct engine_jobs *jobs = &engine->jobs;
    if (jobs->max == 0 || !run->computes || run->verdict != WIRE_VERDICT_OK) {
        return false;
    }
    if (jobs->out >= jobs->max) {
        engine_job_want(engine, run);
        return true;
    }
    engine_run_open(engine, run);
    const uint32_t votes = engine_run_votes(engine, run);
    void *job = engine_job_take(engine, votes > 0 ? engine->votes : NULL, votes);
    if (job == NULL) {
        return false;
    }
    run->state = ENGINE_RUN_WORKING;
    run->job = engine_job_slot_take(engine, run);
    *engine_emit_job(engine) = (struct engine_job){.number = run->job,
                                                   .shard = engine_job_shard(engine),
                                                   .job = job,
                                                   .work = engine->machine.ops->work,
                                                   .drop = engine->machine.ops->drop};
    return true;
}

void engine_jobs_resume(struct engine *engine)
{
    struct engine_jobs *jobs = &engine->jobs;
    struct engine_run *run;
    while ((run = TAILQ_FIRST(&jobs->wanting)) != NULL &&
           (jobs->max == 0 || jobs->out < jobs->max)) {
        engine_job_forget(engine, run);
        engine_run_maybe_finish(engine, run);
    }
}

void engine_on_worked(struct engine *engine, uint64_t number, void *job)
{
    struct engine_job_slot *slot = engine_job_slot_of(engine, number);
    KV_ASSERT(slot != NULL); /* it was handed out, and has not come back before */
    struct engine_run *run = slot->run;
    engine_job_slot_give(engine, slot);
    if (run != NULL) {
        KV_ASSERT(run->state == ENGINE_RUN_WORKING && run->job == number);
        run->state = ENGINE_RUN_GRANTED;
        run->job = 0;
        engine_run_finish(engine, run, job);
        engine_run_maybe_forget(engine, run);
    }
    engine->machine.ops->drop(job);
    engine_jobs_resume(engine);
}

void engine_jobs_check(const struct engine *engine, uint32_t working, uint32_t wanting)
{
    const struct engine_jobs *jobs = &engine->jobs;
    const struct engine_run *run;
    uint32_t out = 0;
    for (uint32_t i = 0; i < jobs->slot_count; i++) {
        const struct engine_job_slot *slot = &jobs->slots[i];
        out += slot->number != 0 ? 1 : 0;
        working -= slot->run != NULL ? 1 : 0;
        KV_ASSERT(slot->run == NULL || (slot->run->job == slot->number && slot->number != 0 &&
                                        slot->run->state == ENGINE_RUN_WORKING)); /* E9 */
    }
    TAILQ_FOREACH(run, &jobs->wanting, ready)
    {
        KV_ASSERT(run->wants_job && run->state == ENGINE_RUN_GRANTED);
        wanting--;
    }
    KV_ASSERT(out == jobs->out && working == 0 && wanting == 0);
}

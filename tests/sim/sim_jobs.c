/* SPDX-License-Identifier: Apache-2.0 */
/* sim_jobs: the workers of a node: each job of an engine comes back after a drawn time, so results come in any order.
 *
 * It draws from a generator of its own. When everything is healed they are quick. A node that is stopped has its results when it goes on; one that crashes never has them. */
#include "multicast/base/assert.h"
#include "tests/sim/sim.h"

/* In a healed cluster: one command after the other on one variable must come to an end within the bound of the liveness phase. */
#define HEALED_US_MAX 1000

/* A job under way. */
struct sim_job {
    struct engine_job job;
    kv_group_id group;
};

uint32_t sim_jobs_max(struct sim *sim)
{
    if (sim->options.mutant == SIM_MUTANT_SNAPSHOT_WITHOUT_SESSIONS) {
        return 0; /* it replaces engines, whose jobs would come back to others */
    }
    /* Their number may change at any time. */
    return sim->parameters.jobs_max > 0 && kv_prng_chance(&sim->jobs, 1, 16)
               ? (uint32_t)kv_prng_between(&sim->jobs, 0, sim->parameters.jobs_max)
               : (uint32_t)sim->parameters.jobs_max;
}

void sim_jobs_begin(struct sim *sim, const struct sim_node *node, const struct sim_member *member)
{
    const struct engine_effects *effects = &member->executions;
    const uint64_t longest = sim->healed && sim->parameters.job_us_max > HEALED_US_MAX
                                 ? HEALED_US_MAX
                                 : sim->parameters.job_us_max;
    for (uint32_t i = 0; i < effects->job_count; i++) {
        struct sim_job *begun = kv_alloc(sizeof(*begun));
        *begun = (struct sim_job){effects->jobs[i], member->group};
        sim->counters.jobs++;
        sim_queue_push(&sim->queue,
                       (struct sim_event){.at = sim->now + kv_prng_between(&sim->jobs, 0, longest),
                                          .kind = SIM_EVENT_WORKED,
                                          .actor = node->id.value,
                                          .number = node->incarnation,
                                          .payload = begun});
    }
}

void sim_jobs_drop(struct sim_job *job)
{
    job->job.drop(job->job.job);
    kv_free(job);
}

void sim_jobs_on_worked(struct sim *sim, struct sim_node *node, const struct sim_event *event)
{
    struct sim_job *done = event->payload;
    if (node->incarnation != event->number || node->state == SIM_NODE_DOWN) {
        sim_jobs_drop(done);
        return;
    }
    if (node->state == SIM_NODE_PAUSED) {
        struct sim_event later = *event;
        later.at = node->resume_at > sim->now ? node->resume_at : sim->now + 1;
        sim_queue_push(&sim->queue, later);
        return;
    }
    struct sim_member *member = &node->members[done->group.value];
    const struct engine_job job = done->job;
    kv_free(done);
    KV_ASSERT(member->engine != NULL);
    job.work(job.job);
    sim_execute(
        sim, node, member,
        (struct engine_event){.kind = ENGINE_EVENT_WORKED, .token = job.number, .job = job.job});
    sim_node_wake(sim, node, sim->now);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* sim_slow: see the header. */
#include "tests/sim/sim_slow.h"

#include "multicast/base/assert.h"

struct slow {
    struct machine behind;
    const struct slow_job *applied; /* by the command that is open */
    bool told_all;                  /* its job is gone: it tells nobody any more */
};

struct slow_job {
    struct slow *by; /* that has applied it; NULL: none has */
    bool worked;
    uint32_t count;
    struct machine_vote votes[KV_GROUPS_MAX];
    struct kv_buffer payloads[KV_GROUPS_MAX];
};

static struct machine *behind(void *state)
{
    return &((struct slow *)state)->behind;
}

static bool slow_open(void *state, const struct machine_context *context, kv_slice body,
                      struct machine_footprint *ret)
{
    ((struct slow *)state)->applied = NULL;
    ((struct slow *)state)->told_all = false;
    const bool opened = behind(state)->ops->open(behind(state)->state, context, body, ret);
    ret->computes = opened && !context->read && !ret->everything && !ret->cuts && ret->count > 0;
    return opened;
}

static enum wire_verdict slow_vote(void *state)
{
    return behind(state)->ops->vote(behind(state)->state);
}

static void slow_payload(void *state, kv_group_id to, struct kv_buffer *ret)
{
    KV_ASSERT(!((struct slow *)state)->told_all);
    behind(state)->ops->payload(behind(state)->state, to, ret);
}

static enum machine_outcome slow_execute(void *state, const struct machine_vote *votes,
                                         uint32_t count, struct wire_answer *ret)
{
    return behind(state)->ops->execute(behind(state)->state, votes, count, ret);
}

static void *slow_take(void *state, const struct machine_vote *votes, uint32_t count)
{
    struct slow_job *job = kv_alloc_zero(1, sizeof(*job));
    (void)state;
    job->count = count;
    for (uint32_t i = 0; i < count; i++) {
        job->votes[i] = votes[i];
        kv_buffer_append(&job->payloads[i], votes[i].payload.data, votes[i].payload.size);
    }
    return job;
}

static void slow_work(void *context)
{
    struct slow_job *job = context;
    for (uint32_t i = 0; i < job->count; i++) {
        job->votes[i].payload = kv_buffer_slice(&job->payloads[i]);
    }
    job->worked = true;
}

static enum machine_outcome slow_apply(void *state, const void *context, struct wire_answer *ret)
{
    const struct slow_job *job = context;
    struct slow *slow = state;
    KV_ASSERT(job->worked);
    slow->applied = job;
    ((struct slow_job *)(uintptr_t)context)->by = slow; /* a machine may not, a spy may */
    return slow_execute(state, job->count > 0 ? job->votes : NULL, job->count, ret);
}

static void slow_drop(void *context)
{
    struct slow_job *job = context;
    if (job->by != NULL &&
        job->by->applied == job) { /* what the command tells may borrow from it */
        job->by->told_all = true;
        job->by->applied = NULL;
    }
    for (uint32_t i = 0; i < job->count; i++) {
        kv_buffer_close(&job->payloads[i]);
    }
    kv_free(job);
}

static bool slow_read(void *state, struct wire_answer *ret)
{
    return behind(state)->ops->read(behind(state)->state, ret);
}

static const struct machine *behind_const(const void *state)
{
    return &((const struct slow *)state)->behind;
}

static bool slow_dispatch(void *state, const struct machine_moment *now, uint64_t after,
                          struct machine_dispatch *ret)
{
    return behind(state)->ops->dispatch(behind(state)->state, now, after, ret);
}

static bool slow_tick(void *state, uint64_t us, kv_timestamp since, struct machine_dispatch *ret)
{
    return behind(state)->ops->tick(behind(state)->state, us, since, ret);
}

static uint64_t slow_digest(const void *state)
{
    return behind_const(state)->ops->digest(behind_const(state)->state);
}

static uint64_t slow_keys(const void *state)
{
    return behind_const(state)->ops->keys(behind_const(state)->state);
}

static uint32_t slow_stores(void *state, struct machine_store ret[MACHINE_STORES_MAX])
{
    return behind(state)->ops->stores(behind(state)->state, ret);
}

static void slow_save(const void *state, bool rows, struct kv_buffer *ret)
{
    behind_const(state)->ops->save(behind_const(state)->state, rows, ret);
}

static enum status slow_load(void *state, kv_slice bytes, const struct store_base *bases)
{
    return behind(state)->ops->load(behind(state)->state, bytes, bases);
}

static void slow_renew(void *state)
{
    behind(state)->ops->renew(behind(state)->state);
}

static void slow_destroy(void *state)
{
    behind(state)->ops->destroy(behind(state)->state);
    kv_free(state);
}

static const struct machine_ops slow_ops = {
    .open = slow_open,
    .vote = slow_vote,
    .payload = slow_payload,
    .execute = slow_execute,
    .take = slow_take,
    .work = slow_work,
    .apply = slow_apply,
    .drop = slow_drop,
    .read = slow_read,
    .dispatch = slow_dispatch,
    .tick = slow_tick,
    .digest = slow_digest,
    .keys = slow_keys,
    .stores = slow_stores,
    .save = slow_save,
    .load = slow_load,
    .renew = slow_renew,
    .destroy = slow_destroy,
};

struct machine sim_slow_new(struct machine hidden)
{
    struct slow *slow = kv_alloc_zero(1, sizeof(*slow));
    KV_ASSERT(hidden.ops->dispatch != NULL && hidden.ops->take == NULL);
    slow->behind = hidden;
    return (struct machine){.ops = &slow_ops, .state = slow};
}

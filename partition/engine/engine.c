/* SPDX-License-Identifier: Apache-2.0 */
/* engine: construction, the door, and the questions that have short answers. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "partition/engine/engine_internal.h"

uint64_t engine_hash(const void *data, size_t size)
{
    return XXH3_64bits(data, size);
}

struct engine *engine_new(kv_group_id group, struct machine machine, uint32_t sessions_max)
{
    KV_ASSERT(machine.ops != NULL);
    KV_ASSERT(group.value < KV_GROUPS_MAX);
    struct engine *engine = kv_alloc_zero(1, sizeof(*engine));
    engine->group = group;
    engine->machine = machine;
    engine->wake = KV_INSTANT_NEVER;
    engine->dispatch_at = KV_INSTANT_NEVER;
    TAILQ_INIT(&engine->expected);
    TAILQ_INIT(&engine->waiting);
    TAILQ_INIT(&engine->done);
    TAILQ_INIT(&engine->held);
    engine->time_from = KV_INSTANT_NEVER;
    engine->time_at = KV_INSTANT_NEVER;
    TAILQ_INIT(&engine->reads);
    TAILQ_INIT(&engine->scans);
    TAILQ_INIT(&engine->gated);
    engine->gate.at = KV_INSTANT_NEVER;
    TAILQ_INIT(&engine->ready);
    TAILQ_INIT(&engine->jobs.wanting);
    engine_sessions_init(&engine->sessions, sessions_max == 0 ? KV_SESSIONS_MAX : sessions_max);
    return engine;
}

void engine_destroy(struct engine **engine)
{
    if (*engine == NULL) {
        return;
    }
    engine_clear(*engine);
    engine_job_drop_computed(*engine);
    while (!TAILQ_EMPTY(&(*engine)->reads)) {
        engine_run_free(*engine, TAILQ_FIRST(&(*engine)->reads));
    }
    while (!TAILQ_EMPTY(&(*engine)->scans)) {
        engine_run_free(*engine, TAILQ_FIRST(&(*engine)->scans));
    }
    (*engine)->machine.ops->destroy((*engine)->machine.state);
    kv_buffer_close(&(*engine)->answer_bytes);
    kv_buffer_close(&(*engine)->scratch);
    kv_free((*engine)->jobs.slots);
    kv_free(*engine);
    *engine = NULL;
}

void engine_step(struct engine *engine, const struct engine_event *event,
                 struct engine_effects *effects)
{
    engine_effects_clear(effects);
    engine->effects = effects;
    engine->steps++;
    engine->now = event->now.us > engine->now.us ? event->now : engine->now;
    engine->jobs.max = event->jobs_max < ENGINE_JOBS_MAX ? event->jobs_max : ENGINE_JOBS_MAX;
    engine_on_gate_time(engine);
    if (event->leads != engine->leads) {
        engine_on_role(engine, event->leads);
    }
    /* Who waited behind a gate, or was loaded, comes before what is delivered now: registrations touch no variable, and their order is
     * part of the oracle's state. */
    if (!TAILQ_EMPTY(&engine->jobs.wanting)) {
        engine_jobs_resume(engine);
    }
    engine_run_ready(engine);
    switch (event->kind) {
    case ENGINE_EVENT_DELIVER:
        engine_on_deliver(engine, event);
        break;
    case ENGINE_EVENT_REMOTE:
        engine_on_remote(engine, event->entry);
        break;
    case ENGINE_EVENT_MESSAGE:
        engine_on_message(engine, event->message);
        break;
    case ENGINE_EVENT_READ:
        engine_on_read(engine, event->token, event->body);
        break;
    case ENGINE_EVENT_WORKED:
        engine_on_worked(engine, event->token, event->job);
        break;
    case ENGINE_EVENT_TICK:
        engine_on_tick(engine);
        break;
    }
    engine_run_ready(engine);
    engine_maybe_dispatch(engine);
    engine_maybe_time(engine);
    engine_effects_settle(effects);
    engine->effects = NULL;
}

kv_instant engine_deadline(const struct engine *engine)
{
    return kv_instant_min(kv_instant_min(engine->wake, engine->dispatch_at),
                          kv_instant_min(engine->gate.at, engine->time_at));
}

uint64_t engine_digest(const struct engine *engine)
{
    const struct engine_sessions *sessions = &engine->sessions;
    const uint64_t parts[] = {
        engine->machine.ops->digest(engine->machine.state),
        sessions->digest,
        sessions->floor.registered.clock.value,
        sessions->floor.registered.group.value,
        engine->clock.now_us,
    };
    return engine_hash(parts, sizeof(parts));
}

kv_timestamp engine_cursor(const struct engine *engine)
{
    return engine->cursor;
}

uint32_t engine_unfinished(const struct engine *engine)
{
    return engine->waiting_count;
}

uint32_t engine_runs(const struct engine *engine)
{
    return engine->run_count;
}

uint64_t engine_keys(const struct engine *engine)
{
    return engine->machine.ops->keys(engine->machine.state);
}

enum status engine_status(const struct engine *engine)
{
    struct machine_store stores[MACHINE_STORES_MAX];
    const uint32_t count = engine->machine.ops->stores(engine->machine.state, stores);
    for (uint32_t i = 0; i < count; i++) {
        if (store_status(stores[i].store) != STATUS_OK) {
            return store_status(stores[i].store);
        }
    }
    return STATUS_OK;
}

uint64_t engine_sessions(const struct engine *engine)
{
    return engine->sessions.count;
}

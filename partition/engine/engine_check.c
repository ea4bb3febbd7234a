/* SPDX-License-Identifier: Apache-2.0 */
/* engine_check: asserts the invariants of engine.h over the whole state, and that what is kept
 * incrementally is right. */
#include "partition/engine/engine_internal.h"

/* E3, E5; returns the sum of the records' hashes. */
static uint64_t engine_check_records(const struct engine_session *session)
{
    const struct engine_records *records = &session->records;
    uint64_t digest = 0;
    uint64_t far_bytes = 0, competing_bytes = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < records->capacity; i++) {
        const struct engine_record *record = &records->slots[i];
        if (record->sequence == 0) {
            continue;
        }
        KV_ASSERT(record->sequence > session->floor); /* E3 */
        KV_ASSERT(record->sequence <= records->highest);
        KV_ASSERT(engine_record_find(session, record->sequence) == record);
        KV_ASSERT(kv_timestamp_compare(record->timestamp, session->last) <= 0);
        KV_ASSERT(record->size <= KV_BODY_BYTES_MAX);
        KV_ASSERT(!record->running || (record->hash == 0 && record->size == 0));
        if (record->size > ENGINE_RECORD_NEAR_BYTES) {
            far_bytes += record->size;
        }
        if (record->size > ENGINE_RECORD_FREE_BYTES) {
            competing_bytes += record->size;
            KV_ASSERT(record->newer_bytes + record->size <= KV_SESSION_RECORD_BYTES_MAX);
        }
        digest += record->hash;
        count++;
    }
    KV_ASSERT(count == records->count);
    KV_ASSERT(count <= KV_SESSION_OUTSTANDING_MAX); /* E5 */
    KV_ASSERT(far_bytes == records->far_bytes);
    KV_ASSERT(competing_bytes <= KV_SESSION_RECORD_BYTES_MAX);
    return digest;
}

static void engine_check_sessions(const struct engine *engine)
{
    const struct engine_sessions *sessions = &engine->sessions;
    const struct engine_session *session;
    kv_timestamp last = {0};
    uint64_t digest = 0;
    uint32_t count = 0;
    TAILQ_FOREACH(session, &sessions->by_age, by_age)
    {
        KV_ASSERT(engine_session_find(sessions, engine_session_id(session)) == session);
        KV_ASSERT(kv_timestamp_compare(session->last, last) >= 0);
        last = session->last;
        digest += session->hash + engine_check_records(session);
        count++;
    }
    KV_ASSERT(kv_timestamp_compare(last, engine->cursor) <= 0);
    KV_ASSERT(digest == sessions->digest);
    KV_ASSERT(count == sessions->count && count == HASH_COUNT(sessions->by_id));
    KV_ASSERT(count <= sessions->max); /* E5 */
}

/* Between two steps nobody who could go on waits. */
static void engine_check_waiting(const struct engine *engine, const struct engine_run *run)
{
    bool complete = true;
    uint32_t blocked = 0;
    for (uint32_t i = 0; i < run->place_count; i++) {
        blocked += run->places[i].queue != NULL && !run->places[i].granted ? 1 : 0;
    }
    blocked += (run->gated ? 1u : 0u) + (run->inside_waits ? 1u : 0u);
    KV_ASSERT(run->state != ENGINE_RUN_WORKING || blocked == 0); /* E9 */
    KV_ASSERT(blocked == run->blocked && (!run->gated || engine->gate.closed));
    for (uint32_t i = 0; i < run->signal_count; i++) {
        complete = complete && run->signals[i].present;
    }
    KV_ASSERT(run->signal_count == (uint32_t)kv_group_set_count(run->awaits));
    for (uint32_t i = 0; i < run->owed_count; i++) {
        const bool told = kv_group_set_has(run->tells, run->owed[i].group);
        KV_ASSERT(run->owed[i].ready == (told && run->state != ENGINE_RUN_QUEUED)); /* E7 */
    }
    KV_ASSERT((run->state == ENGINE_RUN_QUEUED) == (blocked > 0));
    KV_ASSERT(run->state == ENGINE_RUN_QUEUED || run->state == ENGINE_RUN_WORKING ||
              run->wants_job || !complete);
    KV_ASSERT(run->state != ENGINE_RUN_WORKING || (complete && !engine_run_lets_go(run)));
}

static void engine_check_done(const struct engine_run *run)
{
    bool needed = false;
    for (uint32_t i = 0; i < run->signal_count; i++) {
        KV_ASSERT(run->signals[i].present); /* E7 */
        needed = needed || !run->signals[i].logged;
    }
    for (uint32_t i = 0; i < run->owed_count; i++) {
        KV_ASSERT(run->owed[i].ready);
        needed = needed || !run->owed[i].acknowledged;
    }
    KV_ASSERT(needed && run->place_count == 0); /* E8 */
}

void engine_check(const struct engine *engine)
{
    const struct engine_run *run;
    uint32_t waiting = 0, done = 0, held = 0, expected = 0, gated = 0, working = 0, wanting = 0;
    uint32_t open[ENGINE_OPENS] = {0};
    uint64_t position = 0;
    engine_check_sessions(engine);
    engine_queue_check(engine);
    KV_ASSERT(TAILQ_EMPTY(&engine->ready));
    TAILQ_FOREACH(run, &engine->waiting, link)
    {
        KV_ASSERT(run->position > position);
        position = run->position;
        engine_check_waiting(engine, run);
        gated += run->gated ? 1 : 0;
        KV_ASSERT(run->open == engine_open_of(run));
        open[run->open]++;
        working += run->state == ENGINE_RUN_WORKING ? 1 : 0;
        wanting += run->wants_job ? 1 : 0;
        waiting++;
    }
    TAILQ_FOREACH(run, &engine->done, link)
    {
        engine_check_done(run);
        done++;
    }
    TAILQ_FOREACH(run, &engine->expected, link)
    {
        expected++;
    }
    TAILQ_FOREACH(run, &engine->held, link)
    {
        KV_ASSERT(run->state == ENGINE_RUN_HELD && run->lock != NULL); /* E10 */
        held++;
    }
    engine_lock_check(engine);
    engine_jobs_check(engine, working, wanting);
    KV_ASSERT(gated == engine->gated_count);
    KV_ASSERT(open[ENGINE_OPEN_JOINT] == engine->open[ENGINE_OPEN_JOINT]);
    KV_ASSERT(open[ENGINE_OPEN_TURNED] == engine->open[ENGINE_OPEN_TURNED]);
    KV_ASSERT(waiting == engine->waiting_count && expected == engine->expected_count);
    KV_ASSERT(waiting + done + held + expected == engine->run_count);
    KV_ASSERT(engine->run_count == HASH_COUNT(engine->by_id));
}

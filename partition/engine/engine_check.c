/* SPDX-License-Identifier: Apache-2.0 */
/* engine_check: asserts the invariants of engine.h over the whole state, and that what is kept
 * incrementally is right. */
#include "partition/engine/engine_internal.h"

/* E3, E5; returns the sum of the records' hashes. */
static uint64_t engine_check_records(const struct engine_session *session)
{
    const struct engine_records *records = &session->records;
    uint64_t digest = 0;
    uint64_t far_bytes = 0;
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
        if (record->size > ENGINE_RECORD_NEAR_BYTES) {
            far_bytes += record->size;
        }
        digest += record->hash;
        count++;
    }
    KV_ASSERT(count == records->count);
    KV_ASSERT(count <= KV_SESSION_OUTSTANDING_MAX); /* E5 */
    KV_ASSERT(far_bytes == records->far_bytes);
    KV_ASSERT(far_bytes <= KV_SESSION_RECORD_BYTES_MAX);
    return digest;
}

void engine_check(const struct engine *engine)
{
    const struct engine_sessions *sessions = &engine->sessions;
    const struct engine_session *session;
    kv_timestamp last = {0};
    uint64_t digest = 0;
    uint32_t count = 0;
    TAILQ_FOREACH(session, &sessions->by_age, by_age)
    {
        KV_ASSERT(engine_session_find(sessions, engine_session_id(session)) == session);
        KV_ASSERT(kv_timestamp_compare(session->last, last) > 0);
        last = session->last;
        digest += session->hash + engine_check_records(session);
        count++;
    }
    KV_ASSERT(kv_timestamp_compare(last, engine->cursor) <= 0);
    KV_ASSERT(digest == sessions->digest);
    KV_ASSERT(count == sessions->count && count == HASH_COUNT(sessions->by_id));
    KV_ASSERT(count <= sessions->max); /* E5 */
}

/* SPDX-License-Identifier: Apache-2.0 */
/* engine_record: the messages of one session.
 *
 * 1. One record for each sequence: that of its latest attempt that was delivered. An attempt n+1 exists only after a
 *    definitive NO to attempt n (X2), so the record of n has served; a late duplicate of it is refused
 *    (engine_judge.c). A message that has to wait has a record without verdict from its delivery on.
 * 2. Records sit in a ring addressed by sequence. It grows with the distance between the floor and
 *    the highest sequence, which is at most KV_SESSION_OUTSTANDING_MAX (E5), and goes back to nothing
 *    when a burst is over.
 * 3. Small answers sit in the record, others on the heap. A large one is kept while it and all large ones of its session that
 *    were delivered behind it are within KV_SESSION_RECORD_BYTES_MAX: a function of what was delivered and
 *    answered, not of the order in which messages finished; so one counts even if it finishes when nobody needs its record. */
#include <string.h>

#include "partition/engine/engine_internal.h"

/* A ring of more slots than this is freed when it is empty: it was grown for a burst. */
#define ENGINE_RECORD_SLOTS_KEPT 64

static struct engine_record *engine_record_slot(const struct engine_records *records,
                                                uint64_t sequence)
{
    return &records->slots[sequence & (records->capacity - 1)];
}

struct engine_record *engine_record_find(const struct engine_session *session, uint64_t sequence)
{
    const struct engine_records *records = &session->records;
    if (records->count == 0) {
        return NULL;
    }
    struct engine_record *record = engine_record_slot(records, sequence);
    return sequence != 0 && record->sequence == sequence ? record : NULL;
}

static bool engine_record_is_far(const struct engine_record *record)
{
    return record->size > ENGINE_RECORD_NEAR_BYTES;
}

kv_slice engine_record_answer(const struct engine_record *record)
{
    const uint8_t *data = engine_record_is_far(record) ? record->answer.far : record->answer.near;
    return (kv_slice){data, record->size};
}

uint32_t engine_attempt_rank(uint32_t attempt)
{
    return (attempt & KV_ATTEMPT_MAX) << KV_ATTEMPT_DISPATCH_SHIFT |
           attempt >> KV_ATTEMPT_DISPATCH_SHIFT;
}

/* The session is part of it: a record that moved to another session must show. */
static uint64_t engine_record_hash(const struct engine_session *session,
                                   const struct engine_record *record)
{
    const kv_slice answer = engine_record_answer(record);
    const uint64_t parts[] = {
        session->key.clock,
        session->key.group,
        record->sequence,
        record->attempt,
        record->timestamp.clock.value,
        record->timestamp.group.value,
        record->index.value,
        (uint64_t)record->verdict,
        record->complete ? 1 : 0,
        record->size,
        engine_hash(answer.data, answer.size),
    };
    return engine_hash(parts, sizeof(parts));
}

/* Free the slot. */
static void engine_record_drop(struct engine_sessions *sessions, struct engine_session *session,
                               struct engine_record *record)
{
    if (engine_record_is_far(record)) {
        session->records.far_bytes -= record->size;
        kv_free(record->answer.far);
    }
    sessions->digest -= record->hash;
    session->records.count--;
    record->sequence = 0;
}

static void engine_record_lose_body(struct engine_sessions *sessions,
                                    struct engine_session *session, struct engine_record *record)
{
    KV_ASSERT(engine_record_is_far(record));
    session->records.far_bytes -= record->size;
    kv_free(record->answer.far);
    record->size = 0;
    sessions->digest -= record->hash;
    record->hash = engine_record_hash(session, record);
    sessions->digest += record->hash;
}

/* Make the ring large enough for sequences that are up to `span` above the floor. */
static void engine_record_ensure_capacity(struct engine_records *records, uint64_t span)
{
    KV_ASSERT(span >= 1 && span <= KV_SESSION_OUTSTANDING_MAX);
    if (records->capacity >= span) {
        return;
    }
    struct engine_records grown = *records;
    grown.capacity = ENGINE_RECORD_SLOTS_MIN;
    while (grown.capacity < span) {
        grown.capacity *= 2;
    }
    grown.slots = kv_alloc_zero(grown.capacity, sizeof(*grown.slots));
    for (uint32_t i = 0; i < records->capacity; i++) {
        if (records->slots[i].sequence != 0) {
            *engine_record_slot(&grown, records->slots[i].sequence) = records->slots[i];
        }
    }
    kv_free(records->slots);
    *records = grown;
}

/* The slot of a sequence above the floor, free or holding that sequence. */
static struct engine_record *engine_record_room(struct engine_session *session, uint64_t sequence)
{
    KV_ASSERT(sequence > session->floor); /* E3 */
    engine_record_ensure_capacity(&session->records, sequence - session->floor);
    struct engine_record *record = engine_record_slot(&session->records, sequence);
    KV_ASSERT(record->sequence == 0 || record->sequence == sequence);
    return record;
}

void engine_record_begin(struct engine_sessions *sessions, struct engine_session *session,
                         const struct engine_reply *reply)
{
    struct engine_records *records = &session->records;
    struct engine_record *record = engine_record_room(session, reply->id.sequence);
    if (record->sequence != 0) {
        KV_ASSERT(engine_attempt_rank(record->attempt) < engine_attempt_rank(reply->id.attempt));
        engine_record_drop(sessions, session, record);
    }
    *record = (struct engine_record){
        .sequence = reply->id.sequence,
        .attempt = reply->id.attempt,
        .timestamp = reply->timestamp,
        .index = reply->index,
        .running = true,
    };
    records->count++;
    if (reply->id.sequence > records->highest) {
        records->highest = reply->id.sequence;
    }
}

/* A large answer competes with those that were delivered before it: the oldest lose. */
static void engine_record_compete(struct engine_sessions *sessions, struct engine_session *session,
                                  const struct engine_reply *reply)
{
    struct engine_records *records = &session->records;
    if (reply->answer.size <= ENGINE_RECORD_FREE_BYTES) {
        return;
    }
    for (uint32_t i = 0; i < records->capacity; i++) {
        struct engine_record *record = &records->slots[i];
        if (record->sequence == 0) {
            continue;
        }
        if (kv_timestamp_compare(record->timestamp, reply->timestamp) < 0) {
            record->newer_bytes += reply->answer.size;
        }
        if (record->size > ENGINE_RECORD_FREE_BYTES &&
            record->newer_bytes + record->size > KV_SESSION_RECORD_BYTES_MAX) {
            engine_record_lose_body(sessions, session, record);
        }
    }
}

static void engine_record_fill(struct engine_sessions *sessions, struct engine_session *session,
                               struct engine_record *record, const struct engine_reply *reply,
                               enum wire_verdict verdict)
{
    record->running = false;
    record->verdict = verdict;
    record->complete = reply->complete;
    record->size = (uint32_t)reply->answer.size;
    if (engine_record_is_far(record)) {
        record->answer.far = kv_alloc(record->size);
        memcpy(record->answer.far, reply->answer.data, record->size);
        session->records.far_bytes += record->size;
    } else if (record->size > 0) {
        memcpy(record->answer.near, reply->answer.data, record->size);
    }
    record->hash = engine_record_hash(session, record);
    sessions->digest += record->hash;
}

void engine_record_load(struct engine_sessions *sessions, struct engine_session *session,
                        const struct engine_reply *reply, enum wire_verdict verdict,
                        uint64_t newer_bytes)
{
    engine_record_begin(sessions, session, reply);
    struct engine_record *record = engine_record_find(session, reply->id.sequence);
    record->newer_bytes = newer_bytes;
    if (verdict != 0) {
        engine_record_fill(sessions, session, record, reply, verdict);
    }
}

static bool engine_record_is_needed(const struct engine_session *session, kv_message_id id)
{
    if (id.sequence <= session->floor) {
        return false; /* [X6] its client has its answer */
    }
    const struct engine_record *record = engine_record_find(session, id.sequence);
    /* [X2] A later attempt exists because this one had a NO. */
    return record == NULL ||
           engine_attempt_rank(record->attempt) <= engine_attempt_rank(id.attempt);
}

void engine_record_put(struct engine_sessions *sessions, struct engine_session *session,
                       const struct engine_reply *reply, enum wire_verdict verdict)
{
    KV_ASSERT(reply->answer.size <= KV_BODY_BYTES_MAX);
    if (engine_record_is_needed(session, reply->id)) {
        struct engine_record *record = engine_record_room(session, reply->id.sequence);
        if (record->sequence == 0 || record->attempt != reply->id.attempt) {
            engine_record_begin(sessions, session, reply);
        }
        KV_ASSERT(record->running);
        engine_record_fill(sessions, session, record, reply, verdict);
    }
    engine_record_compete(sessions, session, reply);
}

void engine_record_prune(struct engine_sessions *sessions, struct engine_session *session,
                         uint64_t floor)
{
    struct engine_records *records = &session->records;
    KV_ASSERT(floor >= session->floor); /* E2 */
    const uint64_t last = floor < records->highest ? floor : records->highest;
    for (uint64_t sequence = session->floor + 1; sequence <= last && records->count > 0;
         sequence++) {
        struct engine_record *record = engine_record_find(session, sequence);
        if (record != NULL) {
            engine_record_drop(sessions, session, record);
        }
    }
    session->floor = floor;
    if (records->count == 0 && records->capacity > ENGINE_RECORD_SLOTS_KEPT) {
        kv_free(records->slots);
        *records = (struct engine_records){0};
    }
}

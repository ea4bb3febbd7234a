/* SPDX-License-Identifier: Apache-2.0 */
/* engine_save: the whole state as bytes, and back.
 *
 *   u32 magic "KVE1"  u16 group  u64+u16 cursor  u64+u16 session floor
 *   u32 sessions, then for each, oldest delivery first:
 *     u64+u16 id  u64 floor  u64+u16 last delivery
 *     u32 records, then for each by ascending sequence:
 *       u64 sequence  u32 attempt  u8 verdict  u64+u16 timestamp  u64 index  u32 size  answer
 *   u64 digest of the state
 *   u64 bytes of the machine, in the machine's own form
 *   u64 XXH3-64 of all before
 *
 * 1. Equal states give equal bytes, so a member's snapshot can be compared with another's.
 * 2. The checksum finds damage. The checks behind it hold against bytes that were made to harm:
 *    every field is tested against the invariants before it is used, and nothing is allocated on the
 *    word of a count.
 * 3. At last the digest of what was loaded must be the one that was saved: a loader that forgets a
 *    field is found out at once. */
#include <string.h>

#include "partition/engine/engine_internal.h"
#include "partition/engine/state_bytes.h"

#define ENGINE_SAVE_MAGIC UINT32_C(0x3145564b) /* "KVE1" */

static void engine_save_record(const struct engine_record *record, struct kv_buffer *ret)
{
    const kv_slice answer = engine_record_answer(record);
    state_write_u64(ret, record->sequence);
    state_write_u32(ret, record->attempt);
    state_write_u8(ret, (uint8_t)record->verdict);
    state_write_timestamp(ret, record->timestamp);
    state_write_u64(ret, record->index.value);
    state_write_u32(ret, record->size);
    kv_buffer_append(ret, answer.data, answer.size);
}

static void engine_save_session(const struct engine_session *session, struct kv_buffer *ret)
{
    const struct engine_records *records = &session->records;
    state_write_timestamp(ret, engine_session_id(session).registered);
    state_write_u64(ret, session->floor);
    state_write_timestamp(ret, session->last);
    state_write_u32(ret, records->count);
    uint32_t left = records->count;
    for (uint64_t sequence = session->floor + 1; left > 0; sequence++) {
        const struct engine_record *record = engine_record_find(session, sequence);
        if (record != NULL) {
            engine_save_record(record, ret);
            left--;
        }
    }
}

void engine_save(const struct engine *engine, struct kv_buffer *ret)
{
    const struct engine_sessions *sessions = &engine->sessions;
    const size_t start = ret->size;
    state_write_u32(ret, ENGINE_SAVE_MAGIC);
    state_write_u16(ret, engine->group.value);
    state_write_timestamp(ret, engine->cursor);
    state_write_timestamp(ret, sessions->floor.registered);
    state_write_u32(ret, sessions->count);
    const struct engine_session *session;
    TAILQ_FOREACH(session, &sessions->by_age, by_age)
    {
        engine_save_session(session, ret);
    }
    state_write_u64(ret, engine_digest(engine));
    const size_t size_at = ret->size;
    state_write_u64(ret, 0);
    engine->machine.ops->save(engine->machine.state, ret);
    const uint64_t size = htole64(ret->size - size_at - sizeof(uint64_t));
    memcpy(ret->data + size_at, &size, sizeof(size));
    state_write_u64(ret, engine_hash(ret->data + start, ret->size - start));
}

void engine_clear(struct engine *engine)
{
    engine_sessions_clear(&engine->sessions);
    engine->cursor = (kv_timestamp){0};
    /* No bytes are no state: whether the machine refuses them or takes them, it is empty
     * afterwards. */
    (void)engine->machine.ops->load(engine->machine.state, kv_slice_of(NULL, 0));
}

static bool engine_load_is_verdict(uint8_t number)
{
    switch (number) {
#define X(NAME, code, text)                                                                        \
    case code:                                                                                     \
        return true;
        WIRE_VERDICT_MAP(X)
#undef X
    default:
        return false;
    }
}

/* Records come by ascending sequence: `above` is the one before, or the floor. */
static bool engine_load_record(struct engine *engine, struct engine_session *session,
                               struct state_reader *reader, uint64_t above)
{
    struct engine_reply reply = {.id = {.session = engine_session_id(session)}};
    reply.id.sequence = state_read_u64(reader);
    reply.id.attempt = state_read_u32(reader);
    const uint8_t verdict = state_read_u8(reader);
    reply.timestamp = state_read_timestamp(reader);
    reply.index.value = state_read_u64(reader);
    const uint32_t size = state_read_u32(reader);
    const uint8_t *data = state_read_bytes(reader, size);
    if (reader->failed || !engine_load_is_verdict(verdict) || size > KV_BODY_BYTES_MAX ||
        reply.id.sequence <= above ||
        reply.id.sequence - session->floor > KV_SESSION_OUTSTANDING_MAX ||
        kv_timestamp_compare(reply.timestamp, session->last) > 0) {
        return false;
    }
    reply.answer = kv_slice_of(data, size);
    const uint64_t far_bytes = session->records.far_bytes;
    if (size > ENGINE_RECORD_NEAR_BYTES && far_bytes + size > KV_SESSION_RECORD_BYTES_MAX) {
        return false;
    }
    engine_record_put(&engine->sessions, session, &reply, (enum wire_verdict)verdict);
    return true;
}

/* Sessions come by ascending last delivery: `before` is the one of the session before. */
static bool engine_load_session(struct engine *engine, struct state_reader *reader,
                                kv_timestamp *before)
{
    struct engine_sessions *sessions = &engine->sessions;
    kv_session_id id;
    id.registered = state_read_timestamp(reader);
    const uint64_t floor = state_read_u64(reader);
    const kv_timestamp last = state_read_timestamp(reader);
    const uint32_t records = state_read_u32(reader);
    if (reader->failed || kv_session_is_none(id) || engine_session_find(sessions, id) != NULL ||
        kv_timestamp_compare(last, *before) <= 0 ||
        kv_timestamp_compare(last, engine->cursor) > 0 || records > KV_SESSION_OUTSTANDING_MAX) {
        return false;
    }
    *before = last;
    struct engine_session *session = engine_session_add(sessions, id);
    engine_session_touch(sessions, session, floor, last);
    uint64_t above = floor;
    for (uint32_t i = 0; i < records; i++) {
        if (!engine_load_record(engine, session, reader, above)) {
            return false;
        }
        above = session->records.highest;
    }
    return true;
}

static bool engine_load_sessions(struct engine *engine, struct state_reader *reader)
{
    if (state_read_u32(reader) != ENGINE_SAVE_MAGIC ||
        state_read_u16(reader) != engine->group.value) {
        return false;
    }
    engine->cursor = state_read_timestamp(reader);
    const kv_timestamp floor = state_read_timestamp(reader);
    const uint32_t count = state_read_u32(reader);
    if (reader->failed || count > engine->sessions.max) {
        return false;
    }
    kv_timestamp before = {0};
    for (uint32_t i = 0; i < count; i++) {
        if (!engine_load_session(engine, reader, &before)) {
            return false;
        }
    }
    /* Last, since adding sessions must not depend on it. */
    engine->sessions.floor.registered = floor;
    return true;
}

static bool engine_load_all(struct engine *engine, kv_slice bytes)
{
    if (bytes.size < sizeof(uint64_t)) {
        return false;
    }
    const size_t size = bytes.size - sizeof(uint64_t);
    struct state_reader trailer = {{bytes.data + size, sizeof(uint64_t)}, false};
    if (state_read_u64(&trailer) != engine_hash(bytes.data, size)) {
        return false;
    }
    struct state_reader reader = {{bytes.data, size}, false};
    if (!engine_load_sessions(engine, &reader)) {
        return false;
    }
    const uint64_t digest = state_read_u64(&reader);
    const uint64_t machine = state_read_u64(&reader);
    if (reader.failed || machine != reader.rest.size ||
        engine->machine.ops->load(engine->machine.state, reader.rest) != STATUS_OK) {
        return false;
    }
    return engine_digest(engine) == digest;
}

enum status engine_load(struct engine *engine, kv_slice bytes)
{
    engine_clear(engine);
    if (!engine_load_all(engine, bytes)) {
        engine_clear(engine);
        return STATUS_CORRUPT;
    }
    return STATUS_OK;
}

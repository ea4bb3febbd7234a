/* SPDX-License-Identifier: Apache-2.0 */
/* engine_deliver: the life of a delivered message, and the look at one before it is ordered.
 *
 *   deliver -> judge -> (grant) -> execute -> record -> reply
 *
 * 1. deliver: the session is found or created, and its floor raised, whatever becomes of the
 *    message (X5).
 * 2. judge (engine_judge.c): a message that must not run is answered here and leaves no trace.
 * 3. grant: a message to one group is granted at once. Messages to several groups will wait in the
 *    queues of their variables between judge and execute, and be judged again at their turn (X10).
 * 4. execute (engine_execute.c): decode, run on the machine, encode the answer.
 * 5. record (engine_record.c): verdict and answer, NO as well as OK (X4). */
#include "partition/engine/engine_internal.h"

static void engine_reply_from_record(kv_message_id id, const struct engine_record *record,
                                     struct engine_reply *ret)
{
    *ret = (struct engine_reply){
        .id = id,
        .timestamp = record->timestamp,
        .index = record->index,
        .answer = engine_record_answer(record),
    };
}

/* Give a message its turn on the machine, and remember the outcome if it belongs to a session. */
static void engine_run(struct engine *engine, struct engine_session *session, kv_slice body,
                       struct engine_reply *ret)
{
    const struct machine_context context = {
        .group = engine->group,
        .timestamp = ret->timestamp,
        .id = ret->id,
    };
    const enum wire_verdict verdict = engine_execute(engine, body, &context);
    ret->answer = kv_buffer_slice(&engine->answer_bytes);
    if (session != NULL) {
        engine_record_put(&engine->sessions, session, ret, verdict);
    }
}

static void engine_refuse(struct engine *engine, enum wire_verdict verdict,
                          struct engine_reply *ret)
{
    engine_answer_verdict(engine, verdict);
    ret->answer = kv_buffer_slice(&engine->answer_bytes);
}

/* The session of a delivered message with its floor raised; NULL if it is neither known nor may be
 * created. */
static struct engine_session *engine_deliver_session(struct engine *engine,
                                                     const struct wire_entry *entry,
                                                     kv_timestamp timestamp)
{
    struct engine_sessions *sessions = &engine->sessions;
    if (kv_session_is_none(entry->id.session)) {
        return NULL;
    }
    struct engine_session *session = engine_session_find(sessions, entry->id.session);
    if (session == NULL) {
        if (!engine_session_is_new(sessions, entry->id.session)) {
            return NULL;
        }
        session = engine_session_add(sessions, entry->id.session);
    }
    engine_session_touch(sessions, session, entry->floor, timestamp);
    return session;
}

void engine_deliver(struct engine *engine, const struct wire_entry *entry, kv_timestamp timestamp,
                    struct engine_reply *ret)
{
    KV_ASSERT(kv_timestamp_compare(timestamp, engine->cursor) > 0);
    engine->cursor = timestamp;
    *ret = (struct engine_reply){.id = entry->id, .timestamp = timestamp, .index = entry->index};
    if (entry->kind != WIRE_ENTRY_CMD) {
        /* A message to several groups would need their votes, which this version does not exchange. Admission
         * refuses it, but another group's leader may have it ordered here: nobody executes it, everywhere. */
        (void)engine_deliver_session(engine, entry, timestamp);
        engine_refuse(engine, WIRE_VERDICT_UNSUPPORTED, ret);
        return;
    }
    if (kv_session_is_none(entry->id.session)) {
        engine_run(engine, /* session */ NULL, wire_entry_body(entry), ret);
        return;
    }

    struct engine_session *session = engine_deliver_session(engine, entry, timestamp);
    struct engine_record *record;
    switch (engine_judge(&engine->sessions, session, entry->id, entry->floor, &record)) {
    case ENGINE_JUDGED_EXECUTE:
        engine_run(engine, session, wire_entry_body(entry), ret);
        break;
    case ENGINE_JUDGED_RECORDED:
        engine_reply_from_record(entry->id, record, ret);
        break;
    case ENGINE_JUDGED_REFUSED:
    case ENGINE_JUDGED_BEYOND:
        engine_refuse(engine, WIRE_VERDICT_REFUSED, ret);
        break;
    case ENGINE_JUDGED_SESSION_UNKNOWN:
        engine_refuse(engine, WIRE_VERDICT_SESSION_UNKNOWN, ret);
        break;
    }
}

enum engine_admission engine_admit(const struct engine *engine, kv_message_id id, uint64_t floor,
                                   struct engine_reply *ret)
{
    if (kv_session_is_none(id.session)) {
        return ENGINE_ADMIT;
    }
    const struct engine_session *session = engine_session_find(&engine->sessions, id.session);
    struct engine_record *record;
    switch (engine_judge(&engine->sessions, session, id, floor, &record)) {
    case ENGINE_JUDGED_EXECUTE:
        return ENGINE_ADMIT;
    case ENGINE_JUDGED_RECORDED:
        engine_reply_from_record(id, record, ret);
        return ENGINE_RECORDED;
    case ENGINE_JUDGED_REFUSED:
        return ENGINE_REFUSED;
    case ENGINE_JUDGED_BEYOND:
        return ENGINE_SESSION_FULL;
    case ENGINE_JUDGED_SESSION_UNKNOWN:
        return ENGINE_SESSION_UNKNOWN;
    }
    KV_UNREACHABLE();
}

/* SPDX-License-Identifier: Apache-2.0 */
/* engine_session: the table of sessions.
 *
 * 1. Found by id through a hash table; kept in the order of their last deliveries in a list, so
 *    that the oldest is known at once.
 * 2. The oldest is dropped when a new one needs room. Its id raises the session floor, below which
 *    no session is ever created again: a late duplicate of a dropped session is answered
 *    SESSION_UNKNOWN, and cannot run twice.
 * 3. Each session and record has a hash; their sum is kept up to date with every change. */
#include "partition/engine/engine_internal.h"

static struct engine_session_key engine_session_key_of(kv_session_id id)
{
    return (struct engine_session_key){id.registered.clock.value, id.registered.group.value};
}

kv_session_id engine_session_id(const struct engine_session *session)
{
    kv_session_id id;
    id.registered.clock.value = session->key.clock;
    id.registered.group.value = (uint16_t)session->key.group;
    return id;
}

static uint64_t engine_session_hash(const struct engine_session *session)
{
    const uint64_t parts[] = {session->key.clock, session->key.group, session->floor,
                              session->last.clock.value, session->last.group.value};
    return engine_hash(parts, sizeof(parts));
}

void engine_sessions_init(struct engine_sessions *sessions, uint32_t max)
{
    *sessions = (struct engine_sessions){.max = max};
    TAILQ_INIT(&sessions->by_age);
}

/* Out of the table and of the digest, with its records. */
static void engine_session_remove(struct engine_sessions *sessions, struct engine_session *session)
{
    engine_record_prune(sessions, session, UINT64_MAX);
    KV_ASSERT(session->records.count == 0);
    sessions->digest -= session->hash;
    sessions->count--;
    HASH_DEL(sessions->by_id, session);
    TAILQ_REMOVE(&sessions->by_age, session, by_age);
    kv_free(session->records.slots);
    kv_free(session);
}

void engine_sessions_clear(struct engine_sessions *sessions)
{
    while (!TAILQ_EMPTY(&sessions->by_age)) {
        engine_session_remove(sessions, TAILQ_FIRST(&sessions->by_age));
    }
    KV_ASSERT(sessions->count == 0 && sessions->digest == 0);
    sessions->floor = (kv_session_id){0};
}

struct engine_session *engine_session_find(const struct engine_sessions *sessions, kv_session_id id)
{
    const struct engine_session_key key = engine_session_key_of(id);
    struct engine_session *session;
    HASH_FIND(hh, sessions->by_id, &key, sizeof(key), session);
    return session;
}

bool engine_session_is_new(const struct engine_sessions *sessions, kv_session_id id)
{
    return kv_session_compare(id, sessions->floor) > 0;
}

struct engine_session *engine_session_add(struct engine_sessions *sessions, kv_session_id id)
{
    KV_ASSERT(!kv_session_is_none(id));
    if (sessions->count == sessions->max) {
        struct engine_session *oldest = TAILQ_FIRST(&sessions->by_age);
        const kv_session_id dropped = engine_session_id(oldest);
        if (kv_session_compare(dropped, sessions->floor) > 0) {
            sessions->floor = dropped;
        }
        engine_session_remove(sessions, oldest);
    }
    struct engine_session *session = kv_alloc_zero(1, sizeof(*session));
    session->key = engine_session_key_of(id);
    session->hash = engine_session_hash(session);
    sessions->digest += session->hash;
    sessions->count++;
    HASH_ADD(hh, sessions->by_id, key, sizeof(session->key), session);
    TAILQ_INSERT_TAIL(&sessions->by_age, session, by_age);
    return session;
}

void engine_session_touch(struct engine_sessions *sessions, struct engine_session *session,
                          uint64_t floor, kv_timestamp timestamp)
{
    if (floor > session->floor) {
        engine_record_prune(sessions, session, floor);
    }
    session->last = timestamp;
    sessions->digest -= session->hash;
    session->hash = engine_session_hash(session);
    sessions->digest += session->hash;
    TAILQ_REMOVE(&sessions->by_age, session, by_age);
    TAILQ_INSERT_TAIL(&sessions->by_age, session, by_age);
}

void engine_session_end(struct engine_sessions *sessions, kv_session_id id, kv_timestamp timestamp)
{
    struct engine_session *session = engine_session_find(sessions, id);
    if (session == NULL && !engine_session_is_new(sessions, id)) {
        return; /* it was forgotten: that is as good */
    }
    if (session == NULL) {
        session = engine_session_add(sessions, id);
    }
    engine_session_touch(sessions, session, ENGINE_SESSION_ENDED, timestamp);
}

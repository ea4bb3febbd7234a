/* SPDX-License-Identifier: Apache-2.0 */
/* oracle_sessions: which sessions are open; found by id and by nonce, kept in the order of their
 * opening. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "oracle/oracle_internal.h"

uint64_t oracle_hash(const void *data, size_t size)
{
    return XXH3_64bits(data, size);
}

static struct oracle_session_key oracle_session_key_of(kv_session_id id)
{
    return (struct oracle_session_key){id.registered.clock.value, id.registered.group.value};
}

kv_session_id oracle_session_id(const struct oracle_session *session)
{
    kv_session_id id;
    id.registered.clock.value = session->id.clock;
    id.registered.group.value = (uint16_t)session->id.group;
    return id;
}

struct oracle_session *oracle_session_by_id(const struct oracle_sessions *sessions,
                                            kv_session_id id)
{
    const struct oracle_session_key key = oracle_session_key_of(id);
    struct oracle_session *session;
    HASH_FIND(by_id, sessions->by_id, &key, sizeof(key), session);
    return session;
}

struct oracle_session *oracle_session_by_nonce(const struct oracle_sessions *sessions,
                                               uint64_t nonce)
{
    struct oracle_session *session;
    HASH_FIND(by_nonce, sessions->by_nonce, &nonce, sizeof(nonce), session);
    return session;
}

void oracle_session_close(struct oracle_sessions *sessions, struct oracle_session *session)
{
    HASH_DELETE(by_id, sessions->by_id, session);
    HASH_DELETE(by_nonce, sessions->by_nonce, session);
    sessions->digest -= session->hash;
    sessions->count--;
    kv_free(session);
}

void oracle_session_open(struct oracle_sessions *sessions, kv_session_id id, uint64_t nonce)
{
    KV_ASSERT(!kv_session_is_none(id));
    if (sessions->count == sessions->max) {
        oracle_session_close(sessions, sessions->by_id);
    }
    struct oracle_session *session = kv_alloc_zero(1, sizeof(*session));
    session->id = oracle_session_key_of(id);
    session->nonce = nonce;
    const uint64_t parts[] = {session->id.clock, session->id.group, nonce};
    session->hash = oracle_hash(parts, sizeof(parts));
    HASH_ADD(by_id, sessions->by_id, id, sizeof(session->id), session);
    HASH_ADD(by_nonce, sessions->by_nonce, nonce, sizeof(session->nonce), session);
    sessions->digest += session->hash;
    sessions->count++;
}

void oracle_sessions_clear(struct oracle_sessions *sessions)
{
    while (sessions->by_id != NULL) {
        oracle_session_close(sessions, sessions->by_id);
    }
    KV_ASSERT(sessions->count == 0 && sessions->digest == 0);
}

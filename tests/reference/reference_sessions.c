/* SPDX-License-Identifier: Apache-2.0 */
/* reference_sessions: the rules of docs/execution.md with lists that are searched from the beginning. */
#include "multicast/base/assert.h"
#include "tests/reference/reference.h"

struct seen {
    uint64_t sequence;
    bool delivered;
    uint32_t attempt;
};

struct session {
    kv_session_id id;
    uint64_t floor;
    kv_timestamp last;
    uint32_t count, capacity;
    struct seen *seen;
};

struct reference_sessions {
    uint32_t max, count, capacity;
    kv_session_id floor;
    struct session *sessions;
};

struct reference_sessions *reference_sessions_new(uint32_t sessions_max)
{
    struct reference_sessions *sessions = kv_alloc_zero(1, sizeof(*sessions));
    sessions->max = sessions_max;
    return sessions;
}

void reference_sessions_close(struct reference_sessions **sessions)
{
    for (uint32_t i = 0; i < (*sessions)->count; i++) {
        kv_free((*sessions)->sessions[i].seen);
    }
    kv_free((*sessions)->sessions);
    kv_free(*sessions);
    *sessions = NULL;
}

static struct session *find(struct reference_sessions *sessions, kv_session_id id)
{
    for (uint32_t i = 0; i < sessions->count; i++) {
        if (kv_session_compare(sessions->sessions[i].id, id) == 0) {
            return &sessions->sessions[i];
        }
    }
    return NULL;
}

static void drop_oldest(struct reference_sessions *sessions)
{
    uint32_t oldest = 0;
    for (uint32_t i = 1; i < sessions->count; i++) {
        if (kv_timestamp_compare(sessions->sessions[i].last, sessions->sessions[oldest].last) < 0) {
            oldest = i;
        }
    }
    struct session *dropped = &sessions->sessions[oldest];
    if (kv_session_compare(dropped->id, sessions->floor) > 0) {
        sessions->floor = dropped->id;
    }
    kv_free(dropped->seen);
    *dropped = sessions->sessions[--sessions->count];
}

static struct session *find_or_add(struct reference_sessions *sessions, kv_session_id id)
{
    struct session *session = find(sessions, id);
    if (session != NULL) {
        return session;
    }
    if (kv_session_compare(id, sessions->floor) <= 0) {
        return NULL;
    }
    if (sessions->max != 0 && sessions->count == sessions->max) {
        drop_oldest(sessions);
    }
    if (sessions->count == sessions->capacity) {
        sessions->capacity = sessions->capacity == 0 ? 8 : 2 * sessions->capacity;
        sessions->sessions =
            kv_realloc(sessions->sessions, sessions->capacity * sizeof(*sessions->sessions));
    }
    session = &sessions->sessions[sessions->count++];
    *session = (struct session){.id = id};
    return session;
}

static struct seen *seen_of(struct session *session, uint64_t sequence)
{
    for (uint32_t i = 0; i < session->count; i++) {
        if (session->seen[i].sequence == sequence) {
            return &session->seen[i];
        }
    }
    if (session->count == session->capacity) {
        session->capacity = session->capacity == 0 ? 8 : 2 * session->capacity;
        session->seen = kv_realloc(session->seen, session->capacity * sizeof(*session->seen));
    }
    struct seen *seen = &session->seen[session->count++];
    *seen = (struct seen){.sequence = sequence};
    return seen;
}

/* Attempts in the order in which they can come about: an execution stands behind the attempt that asked for it. */
static uint32_t place_of(uint32_t attempt)
{
    return (attempt & KV_ATTEMPT_MAX) << KV_ATTEMPT_DISPATCH_SHIFT |
           attempt >> KV_ATTEMPT_DISPATCH_SHIFT;
}

enum reference_judgement reference_judge(struct reference_sessions *sessions,
                                         const struct reference_message *message, uint64_t floor)
{
    struct session *session = find_or_add(sessions, message->id.session);
    if (session == NULL) {
        return REFERENCE_NO_SESSION;
    }
    session->last = message->timestamp;
    if (floor > session->floor) {
        session->floor = floor;
    }
    const uint64_t sequence = message->id.sequence;
    if (sequence <= session->floor || sequence - session->floor > KV_SESSION_OUTSTANDING_MAX) {
        return REFERENCE_REFUSE;
    }
    struct seen *seen = seen_of(session, sequence);
    if (seen->delivered && seen->attempt == message->id.attempt) {
        return REFERENCE_KNOWN;
    }
    if (seen->delivered && place_of(message->id.attempt) < place_of(seen->attempt)) {
        return REFERENCE_REFUSE;
    }
    seen->delivered = true;
    seen->attempt = message->id.attempt;
    return REFERENCE_RUN;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* api_answers: a hash of sessions over a list by last use; each has its answers in ascending order of their sequences. */
#include "multicast/api/api_answers.h"

#include <string.h>

#include "multicast/base/assert.h"
#include "multicast/base/hash_table.h"

struct session_key {
    uint64_t clock;
    uint64_t group;
};

struct api_session {
    struct session_key key;
    uint64_t floor;
    struct api_answer *answers; /* ascending */
    uint32_t count, capacity;
    struct api_session *older, *newer;
    UT_hash_handle hh;
};

static struct api_session *find(const struct api_answers *answers, kv_session_id id)
{
    struct session_key key = {id.registered.clock.value, id.registered.group.value};
    struct api_session *found = NULL;
    HASH_FIND(hh, answers->by_id, &key, sizeof key, found);
    return found;
}

static void unlink_session(struct api_answers *answers, struct api_session *session)
{
    *(session->older == NULL ? &answers->oldest : &session->older->newer) = session->newer;
    *(session->newer == NULL ? &answers->newest : &session->newer->older) = session->older;
}

static void link_newest(struct api_answers *answers, struct api_session *session)
{
    session->newer = NULL;
    session->older = answers->newest;
    *(answers->newest == NULL ? &answers->oldest : &answers->newest->newer) = session;
    answers->newest = session;
}

/* The first `count` answers go. */
static void drop_first(struct api_session *session, uint32_t count)
{
    if (count == 0) {
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        kv_buffer_close(&session->answers[i].body);
    }
    session->count -= count;
    memmove(session->answers, session->answers + count, session->count * sizeof *session->answers);
}

static void drop_session(struct api_answers *answers, struct api_session *session)
{
    unlink_session(answers, session);
    HASH_DELETE(hh, answers->by_id, session);
    answers->count--;
    drop_first(session, session->count);
    kv_free(session->answers);
    kv_free(session);
}

static struct api_session *use(struct api_answers *answers, kv_session_id id)
{
    struct api_session *session = find(answers, id);
    if (session != NULL) {
        unlink_session(answers, session);
        link_newest(answers, session);
        return session;
    }
    if (answers->count == API_SESSIONS_MAX) {
        drop_session(answers, answers->oldest);
    }
    session = kv_alloc_zero(1, sizeof *session);
    session->key = (struct session_key){id.registered.clock.value, id.registered.group.value};
    HASH_ADD(hh, answers->by_id, key, sizeof session->key, session);
    link_newest(answers, session);
    answers->count++;
    return session;
}

enum api_answer_state api_answers_find(const struct api_answers *answers, kv_message_id id,
                                       const struct api_answer **ret)
{
    const struct api_session *session = find(answers, id.session);
    if (session == NULL) {
        return API_ANSWER_NONE;
    }
    for (uint32_t i = 0; i < session->count; i++) {
        if (session->answers[i].sequence == id.sequence) {
            *ret = &session->answers[i];
            return API_ANSWER_KNOWN;
        }
    }
    return id.sequence <= session->floor ? API_ANSWER_DROPPED : API_ANSWER_NONE;
}

static void raise_floor(struct api_session *session, uint64_t floor)
{
    session->floor = floor > session->floor ? floor : session->floor;
    uint32_t dropped = 0;
    while (dropped < session->count && session->answers[dropped].sequence <= session->floor) {
        dropped++;
    }
    drop_first(session, dropped);
}

void api_answers_add(struct api_answers *answers, kv_message_id id, uint64_t floor,
                     kv_timestamp timestamp, kv_index index, kv_slice body)
{
    struct api_session *session = use(answers, id.session);
    raise_floor(session, floor);
    if (id.sequence <= session->floor) {
        return; /* its client has given it up; another group had not (X9) */
    }
    if (session->count == API_ANSWERS_MAX) {
        raise_floor(session, session->answers[0].sequence);
    }
    if (session->count == session->capacity) {
        session->capacity = session->capacity == 0 ? 2 : session->capacity * 2;
        session->answers =
            kv_realloc(session->answers, session->capacity * sizeof *session->answers);
    }
    uint32_t at = session->count++;
    while (at > 0 && session->answers[at - 1].sequence > id.sequence) {
        session->answers[at] = session->answers[at - 1];
        at--;
    }
    session->answers[at] =
        (struct api_answer){.sequence = id.sequence, .timestamp = timestamp, .index = index};
    kv_buffer_append(&session->answers[at].body, body.data, body.size);
}

uint32_t api_answers_sessions(const struct api_answers *answers)
{
    return answers->count;
}

void api_answers_close(struct api_answers *answers)
{
    while (answers->oldest != NULL) {
        drop_session(answers, answers->oldest);
    }
}

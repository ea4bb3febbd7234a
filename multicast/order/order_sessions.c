/* SPDX-License-Identifier: Apache-2.0 */
/* order_sessions: a hash of sessions over a list by last use; each has a floor and a short sorted array of ids above it. */
#include "multicast/order/order_sessions.h"

#include <string.h>

#include "multicast/base/assert.h"
#include "multicast/base/hash_table.h"
#include "multicast/order/order_bytes.h"

/* Ids above the floor of one session: several times what a client may have in flight (KV_SESSION_OUTSTANDING_MAX), with all its
 * attempts. A client that never moves its floor loses the oldest: they count as below the floor. */
#define SESSION_IDS_MAX 8192

struct session_id {
    uint64_t sequence;
    uint32_t attempt;
};

struct session_key {
    uint64_t clock;
    uint64_t group;
};

struct order_session {
    struct session_key key;
    uint64_t floor;
    struct session_id *ids; /* ascending; ids[first..first+count) */
    uint32_t first, count, capacity;
    struct order_session *older, *newer;
    UT_hash_handle hh;
};

static struct session_key key_of(kv_session_id session)
{
    return (struct session_key){session.registered.clock.value, session.registered.group.value};
}

static kv_session_id session_of(struct session_key key)
{
    return (kv_session_id){{{key.clock}, {(uint16_t)key.group}}};
}

static struct order_session *find(const struct order_sessions *sessions, kv_session_id session)
{
    struct session_key key = key_of(session);
    struct order_session *found = NULL;
    HASH_FIND(hh, sessions->by_id, &key, sizeof key, found);
    return found;
}

static int compare_ids(struct session_id a, struct session_id b)
{
    if (a.sequence != b.sequence) {
        return a.sequence < b.sequence ? -1 : 1;
    }
    return a.attempt < b.attempt ? -1 : a.attempt > b.attempt;
}

/* Position of the first id that is not below `id`. */
static uint32_t position_of(const struct order_session *session, struct session_id id)
{
    uint32_t low = session->first, high = session->first + session->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (compare_ids(session->ids[middle], id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

enum order_id_state order_sessions_look(const struct order_sessions *sessions, kv_message_id id)
{
    if (kv_session_is_none(id.session)) {
        return ORDER_ID_NEW; /* a registration: its machine knows its nonce */
    }
    const struct order_session *session = find(sessions, id.session);
    if (session == NULL) {
        return kv_session_compare(id.session, sessions->dropped) <= 0 ? ORDER_ID_BELOW_FLOOR
                                                                      : ORDER_ID_NEW;
    }
    if (id.sequence <= session->floor) {
        return ORDER_ID_BELOW_FLOOR;
    }
    struct session_id wanted = {id.sequence, id.attempt};
    uint32_t at = position_of(session, wanted);
    bool found = at < session->first + session->count && compare_ids(session->ids[at], wanted) == 0;
    return found ? ORDER_ID_FORGOTTEN : ORDER_ID_NEW;
}

static void unlink_session(struct order_sessions *sessions, struct order_session *session)
{
    if (session->older == NULL) {
        sessions->oldest = session->newer;
    } else {
        session->older->newer = session->newer;
    }
    if (session->newer == NULL) {
        sessions->newest = session->older;
    } else {
        session->newer->older = session->older;
    }
}

static void link_newest(struct order_sessions *sessions, struct order_session *session)
{
    session->newer = NULL;
    session->older = sessions->newest;
    if (sessions->newest == NULL) {
        sessions->oldest = session;
    } else {
        sessions->newest->newer = session;
    }
    sessions->newest = session;
}

static void drop_session(struct order_sessions *sessions, struct order_session *session)
{
    unlink_session(sessions, session);
    HASH_DELETE(hh, sessions->by_id, session);
    sessions->count--;
    kv_free(session->ids);
    kv_free(session);
}

static struct order_session *use(struct order_sessions *sessions, kv_session_id id)
{
    struct order_session *session = find(sessions, id);
    if (session != NULL) {
        if (sessions->newest != session) {
            unlink_session(sessions, session);
            link_newest(sessions, session);
        }
        return session;
    }
    if (sessions->count == sessions->max) {
        kv_session_id oldest = session_of(sessions->oldest->key);
        if (kv_session_compare(oldest, sessions->dropped) > 0) {
            sessions->dropped = oldest;
        }
        drop_session(sessions, sessions->oldest);
    }
    session = kv_alloc_zero(1, sizeof *session);
    session->key = key_of(id);
    HASH_ADD(hh, sessions->by_id, key, sizeof session->key, session);
    link_newest(sessions, session);
    sessions->count++;
    return session;
}

static void prune(struct order_session *session)
{
    while (session->count > 0 && session->ids[session->first].sequence <= session->floor) {
        session->first++;
        session->count--;
    }
    if (session->count == 0) {
        session->first = 0;
    }
}

static void make_room(struct order_session *session)
{
    if (session->first + session->count < session->capacity) {
        return;
    }
    if (session->first > session->capacity / 2) {
        memmove(session->ids, session->ids + session->first, session->count * sizeof *session->ids);
        session->first = 0;
        return;
    }
    session->capacity = session->capacity == 0 ? 4 : session->capacity * 2;
    session->ids = kv_realloc(session->ids, session->capacity * sizeof *session->ids);
}

/* A session that was dropped does not come back: its ids count as below the floor, and so they must stay. */
static bool is_dropped(const struct order_sessions *sessions, kv_session_id id)
{
    return kv_session_compare(id, sessions->dropped) <= 0 && find(sessions, id) == NULL;
}

void order_sessions_forget(struct order_sessions *sessions, kv_message_id id)
{
    if (kv_session_is_none(id.session) || is_dropped(sessions, id.session)) {
        return;
    }
    struct order_session *session = use(sessions, id.session);
    struct session_id added = {id.sequence, id.attempt};
    if (id.sequence <= session->floor) {
        return;
    }
    make_room(session);
    uint32_t at = position_of(session, added), end = session->first + session->count;
    if (at < end && compare_ids(session->ids[at], added) == 0) {
        return;
    }
    memmove(session->ids + at + 1, session->ids + at, (end - at) * sizeof *session->ids);
    session->ids[at] = added;
    session->count++;
    if (session->count > SESSION_IDS_MAX) {
        session->floor = session->ids[session->first].sequence;
        prune(session);
    }
}

void order_sessions_raise_floor(struct order_sessions *sessions, kv_session_id id, uint64_t floor)
{
    if (kv_session_is_none(id) || is_dropped(sessions, id)) {
        return;
    }
    struct order_session *session = use(sessions, id);
    if (floor > session->floor) {
        session->floor = floor;
        prune(session);
    }
}

void order_sessions_start(struct order_sessions *sessions, kv_session_id dropped)
{
    const uint32_t max = sessions->max;
    order_sessions_close(sessions);
    sessions->max = max;
    sessions->dropped = dropped;
}

/* dropped, count, then each session from the least recently used: id, floor, count, ids. */
void order_sessions_save(const struct order_sessions *sessions, struct kv_buffer *ret)
{
    order_put_u64(ret, sessions->dropped.registered.clock.value);
    order_put_u64(ret, sessions->dropped.registered.group.value);
    order_put_u64(ret, sessions->count);
    for (const struct order_session *s = sessions->oldest; s != NULL; s = s->newer) {
        order_put_u64(ret, s->key.clock);
        order_put_u64(ret, s->key.group);
        order_put_u64(ret, s->floor);
        order_put_u64(ret, s->count);
        for (uint32_t i = 0; i < s->count; i++) {
            order_put_u64(ret, s->ids[s->first + i].sequence);
            order_put_u64(ret, s->ids[s->first + i].attempt);
        }
    }
}

static bool load_session(struct order_sessions *sessions, kv_slice *bytes)
{
    uint64_t clock, group, floor, count;
    if (!order_take_u64(bytes, &clock) || !order_take_u64(bytes, &group) ||
        !order_take_u64(bytes, &floor) || !order_take_u64(bytes, &count) || group > UINT16_MAX ||
        clock == 0 || count > SESSION_IDS_MAX) {
        return false;
    }
    kv_session_id id = session_of((struct session_key){clock, group});
    if (find(sessions, id) != NULL || sessions->count == sessions->max) {
        return false;
    }
    order_sessions_raise_floor(sessions, id, floor);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t sequence, attempt;
        if (!order_take_u64(bytes, &sequence) || !order_take_u64(bytes, &attempt) ||
            attempt > UINT32_MAX || sequence <= floor) {
            return false;
        }
        order_sessions_forget(sessions, (kv_message_id){id, sequence, (uint32_t)attempt});
    }
    return true;
}

enum status order_sessions_load(struct order_sessions *sessions, kv_slice *bytes)
{
    order_sessions_start(sessions, (kv_session_id){0});
    uint64_t clock, group, count;
    if (!order_take_u64(bytes, &clock) || !order_take_u64(bytes, &group) ||
        !order_take_u64(bytes, &count) || group > UINT16_MAX) {
        return STATUS_CORRUPT;
    }
    for (uint64_t i = 0; i < count; i++) {
        if (!load_session(sessions, bytes)) {
            return STATUS_CORRUPT;
        }
    }
    /* Last: live sessions may be older than the youngest that was dropped. */
    sessions->dropped = session_of((struct session_key){clock, group});
    return STATUS_OK;
}

void order_sessions_close(struct order_sessions *sessions)
{
    while (sessions->oldest != NULL) {
        drop_session(sessions, sessions->oldest);
    }
    *sessions = (struct order_sessions){0};
}

/* SPDX-License-Identifier: Apache-2.0 */
/* client_session: registrations, sequences, floors, and the end of sessions.
 *
 * 1. One session gives ids; it is registered when the first operation that is to be ordered needs
 *    it. Others only finish what they have begun.
 * 2. The floor moves over sequences with a definitive answer. Where one is left without, the floor
 *    stops for ever and the session gives no more ids, so the groups keep every record that a
 *    late duplicate could meet (C1).
 * 3. What waits behind the locks of others holds the floor for as long as they like. When the window is full behind it, the
 *    session is left to it, and all others go on in a new one.
 * 4. A session whose last operation is gone is ended at the oracle, as far as that is heard. Sessions
 *    are bounded by the operations that keep them alive. */
#include "client/core/client_internal.h"

struct client_session *client_session_of(const struct client *client, kv_session_id id)
{
    struct client_session *session;
    TAILQ_FOREACH(session, &client->sessions, link)
    {
        if (kv_session_compare(session->id, id) == 0) {
            return session;
        }
    }
    return NULL;
}

static struct client_session *client_session_new(struct client *client, kv_session_id id)
{
    struct client_session *session = kv_alloc_zero(1, sizeof *session);
    session->id = id;
    session->opened = client->now;
    session->next_sequence = 1;
    session->window = client->window;
    session->ring = kv_alloc_zero(session->window, sizeof(struct client_operation *));
    TAILQ_INSERT_HEAD(&client->sessions, session, link);
    return session;
}

void client_session_free(struct client *client, struct client_session *session)
{
    TAILQ_REMOVE(&client->sessions, session, link);
    if (client->session == session) {
        client->session = NULL;
    }
    kv_free(session->ring);
    kv_free(session);
}

static struct client_operation **client_place(struct client_session *session, uint64_t sequence)
{
    return &session->ring[sequence & (session->window - 1)];
}

static void client_give_id(const struct client *client, struct client_session *session,
                           struct client_operation *operation)
{
    operation->id = (kv_message_id){.session = session->id, .sequence = session->next_sequence++};
    operation->session = session;
    operation->began = client->now;
    KV_ASSERT(*client_place(session, operation->id.sequence) == NULL);
    *client_place(session, operation->id.sequence) = operation;
    session->live++;
}

/* An ordered attempt of an operation without keys, to the oracle. */
static void client_encode_bare(struct client *client, struct client_operation *operation,
                               enum wire_op op)
{
    wire_command_begin(&client->command, op);
    wire_command_encode(&client->command, &operation->command);
    operation->op = op;
    operation->mode = WIRE_REQUEST_ORDERED;
    client_route_alone(operation, KV_GROUP_ORACLE);
}

static void client_ensure_opening(struct client *client)
{
    if (client->opening != NULL) {
        return;
    }
    struct client_operation *operation = client_acquire(client, CLIENT_ROLE_OPEN);
    client_encode_bare(client, operation, WIRE_OP_SESSION_OPEN);
    operation->id.sequence = kv_prng_next(&client->prng) | CLIENT_NONCE_BIT;
    client->opening = operation;
    client_launch(client, operation);
}

/* Tell the oracle that a session is over, when all its operations are gone. */
static void client_session_end(struct client *client, struct client_session *session)
{
    KV_ASSERT(session->retired && session->live == 0 && !session->ending);
    if (client->ending == CLIENT_ENDING_MAX) {
        client_session_free(client, session);
        return;
    }
    client->ending++;
    CLIENT_TRACE(client, TRACE_DECISION, "session %llu has no operations left -> end it",
                 (unsigned long long)session->id.registered.clock.value);
    struct client_operation *operation = client_acquire(client, CLIENT_ROLE_END);
    client_encode_bare(client, operation, WIRE_OP_SESSION_CLOSE);
    operation->deadline = kv_instant_add(client->now, CLIENT_CLOSE_US);
    session->ending = true;
    client_give_id(client, session, operation);
    client_wake_at(client, operation->deadline);
    client_launch(client, operation);
}

void client_retire(struct client *client, struct client_session *session)
{
    if (client->session == session) {
        client->session = NULL;
    }
    session->retired = true;
    if (session->live == 0) {
        client_session_end(client, session);
    }
}

/* Take the operation out of its session; the session may be gone afterwards. */
static void client_detach(struct client *client, struct client_operation *operation)
{
    struct client_session *session = operation->session;
    struct client_operation **place = client_place(session, operation->id.sequence);
    KV_ASSERT(*place == operation && session->live > 0);
    *place = NULL;
    session->live--;
    operation->session = NULL;
    while (!session->frozen && session->floor + 1 < session->next_sequence &&
           *client_place(session, session->floor + 1) == NULL) {
        session->floor++;
    }
    if (session->ending) {
        client->ending--;
        client_session_free(client, session);
    } else if (session->retired && session->live == 0) {
        client_session_end(client, session);
    }
}

void client_settle(struct client *client, struct client_operation *operation)
{
    client_detach(client, operation);
    if (!TAILQ_EMPTY(&client->waiting_session) && !client->closed) {
        client_pump(client);
    }
}

void client_leave(struct client *client, struct client_operation *operation)
{
    struct client_session *session = operation->session;
    if (!session->ending) {
        session->frozen = true;
        session->retired = true;
        if (client->session == session) {
            client->session = NULL;
        }
    }
    client_detach(client, operation);
}

/* Until when the window may stay full behind its oldest operation. Nobody waits for what was abandoned, and a LOCK that may
 * wait is expected to. */
static kv_instant client_patience(const struct client_operation *oldest)
{
    return oldest->role == CLIENT_ROLE_ABANDONED || client_may_wait(oldest)
               ? oldest->began
               : kv_instant_add(oldest->began, CLIENT_PINNED_US);
}

/* The session to give the next id, or NULL: none is open, or its window is full. */
static struct client_session *client_session_with_room(struct client *client)
{
    struct client_session *session = client->session;
    if (session != NULL &&
        kv_instant_reached(kv_instant_add(session->opened, CLIENT_SESSION_AGE_US), client->now)) {
        client_retire(client, session);
        session = NULL;
    }
    if (session != NULL && session->next_sequence - 1 - session->floor >= session->window) {
        const struct client_operation *oldest = *client_place(session, session->floor + 1);
        const kv_instant patience = client_patience(oldest);
        if (!kv_instant_reached(patience, client->now)) {
            client_wake_at(client, patience);
            return NULL; /* its answer is on the way, so the floor will move */
        }
        CLIENT_TRACE(client, TRACE_DECISION, "the window is full behind a %s -> another session",
                     wire_op_name(oldest->op));
        client->counters.sessions_left++;
        client_retire(client, session);
        session = NULL;
    }
    if (session == NULL) {
        client_ensure_opening(client);
    }
    return session;
}

void client_pump(struct client *client)
{
    struct client_operation *operation;
    while ((operation = TAILQ_FIRST(&client->waiting_session)) != NULL) {
        struct client_session *session = client_session_with_room(client);
        if (session == NULL) {
            return;
        }
        client_give_id(client, session, operation);
        client_launch(client, operation);
    }
}

void client_on_opened(struct client *client, struct client_operation *operation,
                      const struct wire_reply *reply)
{
    kv_session_id id = {reply->timestamp};
    if (client->answer.verdict == WIRE_VERDICT_EXISTS) { /* an earlier sending has registered it */
        id.registered.clock.value = (uint64_t)client->answer.number;
        id.registered.group.value = (uint16_t)client->answer.hint;
    } else if (client->answer.verdict != WIRE_VERDICT_OK) {
        id.registered.clock.value = 0;
    }
    if (kv_session_is_none(id) || client_session_of(client, id) != NULL) {
        client_pause(client, operation, &operation->leg); /* an answer that makes no sense */
        return;
    }
    CLIENT_TRACE(client, TRACE_DECISION, "registered as %llu -> %s",
                 (unsigned long long)id.registered.clock.value, "writes go on");
    client_release(client, operation);
    client->counters.sessions_opened++;
    client->session = client_session_new(client, id);
    client_pump(client);
}

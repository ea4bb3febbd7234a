/* SPDX-License-Identifier: Apache-2.0 */
/* client_operation: the pool of operations, and how they end.
 *
 * 1. A reply finds its operation without a search: the sequence of what is ordered is its place in
 *    the session's ring, a read's sequence contains its place in the pool.
 * 2. Memory is reused: an operation and its buffers go back to the pool.
 * 3. What the caller is told is decided in one place, from two questions: may a sending have been
 *    ordered, and would that have changed anything. */
#include "client/core/client_internal.h"

#include <stddef.h>
#include <string.h>

void client_set_state(struct client_operation *operation, enum client_operation_state state)
{
    static const uint8_t allowed[] = {
        [CLIENT_OPERATION_FREE] = 1 << CLIENT_OPERATION_WAITING | 1 << CLIENT_OPERATION_GATHERING |
                                  1 << CLIENT_OPERATION_SENT,
        [CLIENT_OPERATION_WAITING] = 1 << CLIENT_OPERATION_FREE | 1 << CLIENT_OPERATION_GATHERING |
                                     1 << CLIENT_OPERATION_SENT | 1 << CLIENT_OPERATION_WAITING,
        [CLIENT_OPERATION_SENT] = 1 << CLIENT_OPERATION_FREE | 1 << CLIENT_OPERATION_SENT |
                                  1 << CLIENT_OPERATION_PAUSED | 1 << CLIENT_OPERATION_WAITING,
        [CLIENT_OPERATION_PAUSED] =
            1 << CLIENT_OPERATION_FREE | 1 << CLIENT_OPERATION_SENT | 1 << CLIENT_OPERATION_WAITING,
        [CLIENT_OPERATION_GATHERING] = 1 << CLIENT_OPERATION_FREE,
    };
    KV_ASSERT((allowed[operation->state] & (1 << state)) != 0);
    if (operation->list != NULL) {
        TAILQ_REMOVE(operation->list, operation, link);
        operation->list = NULL;
    }
    operation->state = state;
}

void client_wait(struct client_operation *operation, struct client_operation_list *list)
{
    client_set_state(operation, CLIENT_OPERATION_WAITING);
    operation->list = list;
    TAILQ_INSERT_TAIL(list, operation, link);
}

struct client_operation *client_acquire(struct client *client, enum client_operation_role role)
{
    struct client_operation *operation = TAILQ_FIRST(&client->free_operations);
    if (operation != NULL) {
        TAILQ_REMOVE(&client->free_operations, operation, link);
    } else {
        KV_ASSERT(client->pool_end < CLIENT_POOL_MAX);
        operation = kv_alloc_zero(1, sizeof *operation);
        operation->place = client->pool_end;
        client->pool[client->pool_end++] = operation;
    }
    memset(operation, 0, offsetof(struct client_operation, place));
    operation->role = role;
    operation->deadline = KV_INSTANT_NEVER;
    operation->wake = KV_INSTANT_NEVER;
    kv_buffer_clear(&operation->command);
    kv_buffer_clear(&operation->body);
    return operation;
}

void client_release(struct client *client, struct client_operation *operation)
{
    if (operation->role == CLIENT_ROLE_ABANDONED || operation->role == CLIENT_ROLE_GIVE_BACK) {
        client->abandoned--;
    } else if (operation->role == CLIENT_ROLE_PART) {
        client->parts--;
    } else if (operation->role == CLIENT_ROLE_OPEN) {
        client->opening = NULL;
    } else if (operation->role == CLIENT_ROLE_LOADS) {
        client->asking = NULL;
    }
    client_set_state(operation, CLIENT_OPERATION_FREE);
    TAILQ_INSERT_TAIL(&client->released, operation, link);
    if (operation->session != NULL) {
        client_leave(client, operation);
    }
}

static void client_shrink(struct kv_buffer *buffer)
{
    if (buffer->capacity > CLIENT_BODY_KEEP_BYTES) {
        kv_buffer_close(buffer);
    }
}

void client_recycle(struct client *client)
{
    struct client_operation *operation;
    while ((operation = TAILQ_FIRST(&client->released)) != NULL) {
        TAILQ_REMOVE(&client->released, operation, link);
        client_scan_free(operation);
        client_shrink(&operation->command);
        client_shrink(&operation->body);
        if (operation->verdicts != NULL) {
            kv_free(operation->verdicts);
            operation->verdicts = NULL;
        }
        if (operation->more_capacity > CLIENT_LEGS_KEEP) {
            kv_free(operation->more);
            operation->more = NULL;
            operation->more_capacity = 0;
        }
        TAILQ_INSERT_HEAD(&client->free_operations, operation, link);
    }
}

void client_free_operation(struct client_operation *operation)
{
    client_scan_free(operation);
    kv_buffer_close(&operation->command);
    kv_buffer_close(&operation->body);
    kv_free(operation->verdicts);
    kv_free(operation->more);
    kv_free(operation);
}

/* The operation whose id has this place in ring or pool, whatever its attempt is now. */
static struct client_operation *client_at(const struct client *client, kv_message_id id)
{
    if (!kv_session_is_none(id.session)) {
        const struct client_session *session = client_session_of(client, id.session);
        return session == NULL ? NULL : session->ring[id.sequence & (session->window - 1)];
    }
    if ((id.sequence & CLIENT_NONCE_BIT) != 0) {
        return client->opening;
    }
    const uint64_t place = id.sequence & (CLIENT_POOL_MAX - 1);
    return place < client->pool_end ? client->pool[place] : NULL;
}

struct client_operation *client_find(const struct client *client, kv_message_id id)
{
    struct client_operation *operation = client_at(client, id);
    const bool found = operation != NULL && operation->state == CLIENT_OPERATION_SENT &&
                       kv_message_id_equal(operation->id, id);
    return found ? operation : NULL;
}

struct client_operation *client_find_later(const struct client *client, kv_message_id id)
{
    struct client_operation *operation = client_at(client, id);
    const bool found = operation != NULL && operation->session != NULL &&
                       kv_session_compare(operation->id.session, id.session) == 0 &&
                       operation->id.sequence == id.sequence && operation->id.attempt > id.attempt;
    return found ? operation : NULL;
}

static void client_count_result(struct client *client, enum client_result result)
{
    switch (result) {
    case CLIENT_ANSWERED:
        client->counters.answered++;
        return;
    case CLIENT_UNAVAILABLE:
    case CLIENT_NO_SPACE:
        client->counters.unavailable++;
        return;
    case CLIENT_IN_DOUBT:
    case CLIENT_PROTOCOL:
        client->counters.in_doubt++;
        return;
    case CLIENT_REFUSED:
    case CLIENT_CLOSED:
        return;
    }
}

/* What may be said to the caller. Some keys done: it cannot be said that nothing was. Only reading:
 * whether it was done makes no difference. */
static enum client_result client_honest(const struct client *client,
                                        const struct client_operation *operation,
                                        enum client_result result)
{
    if (result == CLIENT_ANSWERED || result == CLIENT_PROTOCOL) {
        return result;
    }
    if (operation->changed) {
        return CLIENT_IN_DOUBT;
    }
    if (result == CLIENT_IN_DOUBT && operation->read_only) {
        return client->closed ? CLIENT_CLOSED : CLIENT_UNAVAILABLE;
    }
    return result;
}

void client_tell(struct client *client, struct client_operation *operation,
                 enum client_result result, const struct wire_reply *reply, const char *why)
{
    KV_ASSERT(operation->role == CLIENT_ROLE_USER || operation->role == CLIENT_ROLE_SCAN);
    KV_ASSERT(client->outstanding > 0);
    result = client_honest(client, operation, result);
    client->outstanding--;
    client_count_result(client, result);
    CLIENT_TRACE(client, result == CLIENT_ANSWERED ? TRACE_DETAIL : TRACE_DECISION,
                 "%s, sequence %llu, %u sendings: %s -> completed as %d",
                 wire_op_name(operation->op), (unsigned long long)operation->id.sequence,
                 operation->sendings, why, (int)result);
    const bool via_oracle = kv_group_set_has(operation->destinations, KV_GROUP_ORACLE);
    const int groups = client_is_alone(operation) ? 1 : kv_group_set_count(operation->destinations);
    struct client_effect *effect = client_emit(client, CLIENT_EFFECT_COMPLETE, 0);
    effect->as.complete = (struct client_completion){
        .context = operation->context,
        .result = result,
        .answer = result == CLIENT_ANSWERED ? &client->answer : NULL,
        .id = operation->id,
        .read = operation->mode != WIRE_REQUEST_ORDERED,
        .group = operation->answered_by,
        .attempts = operation->sendings,
        .partitions = (uint32_t)(groups - via_oracle),
        .via_oracle = via_oracle,
        .why = why,
    };
    if (reply != NULL) {
        effect->as.complete.index = reply->index;
        effect->as.complete.timestamp = reply->timestamp;
    }
}

/* What is in doubt goes on without its caller, unless there is too much of it. A LOCK is waited for until it is granted, so that
 * it can be given back. */
static void client_abandon(struct client *client, struct client_operation *operation)
{
    KV_ASSERT(operation->state == CLIENT_OPERATION_SENT);
    if (client->abandoned == CLIENT_ABANDONED_MAX || client->closed) {
        client_release(client, operation);
        return;
    }
    client->abandoned++;
    operation->role = CLIENT_ROLE_ABANDONED;
    operation->context = NULL;
    operation->deadline = client_may_wait(operation)
                              ? KV_INSTANT_NEVER
                              : kv_instant_add(client->now, CLIENT_ABANDONED_US);
    for (uint32_t i = 0; i < operation->leg_count; i++) {
        struct client_leg *leg = client_leg_at(operation, i);
        leg->wake = kv_instant_min(leg->wake, kv_instant_add(client->now, leg->timeout_us));
        client_wake_at(client, leg->wake);
    }
}

void client_give_back(struct client *client, kv_timestamp token)
{
    KV_ASSERT(client->abandoned < CLIENT_ABANDONED_MAX); /* the LOCK was one of them */
    struct client_operation *operation = client_acquire(client, CLIENT_ROLE_GIVE_BACK);
    client->abandoned++;
    client->counters.given_back++;
    wire_command_begin(&client->command, WIRE_OP_UNLOCK);
    client->command.token = token;
    wire_command_encode(&client->command, &operation->command);
    operation->op = WIRE_OP_UNLOCK;
    operation->deadline = kv_instant_add(client->now, CLIENT_ABANDONED_US);
    client_route_alone(operation, KV_GROUP_ORACLE);
    client_start(client, operation);
}

/* Let go of an operation of which nothing more is wanted: its sequence counts as done if nothing of
 * it can still be ordered. */
static void client_let_go(struct client *client, struct client_operation *operation)
{
    if (operation->session != NULL && !client_is_in_doubt(operation)) {
        client_settle(client, operation);
    }
    client_release(client, operation);
}

void client_fail(struct client *client, struct client_operation *operation,
                 enum client_result result, const char *why)
{
    struct client_operation *other;
    switch (operation->role) {
    case CLIENT_ROLE_USER:
        client_tell(client, operation, result, NULL, why);
        client_let_go(client, operation);
        return;
    case CLIENT_ROLE_SCAN:
        client_tell(client, operation, result, NULL, why);
        client_scan_drop(client, operation);
        client_release(client, operation);
        return;
    case CLIENT_ROLE_PART:
        client_fail(client, operation->parent, result, why);
        return;
    case CLIENT_ROLE_OPEN: /* others wait for it: there is nothing better than to try again */
        client_pause(client, operation, &operation->leg);
        return;
    case CLIENT_ROLE_LOADS:
        client_release(client, operation);
        while ((other = TAILQ_FIRST(&client->waiting_loads)) != NULL) {
            client_fail(client, other, result, why);
        }
        return;
    case CLIENT_ROLE_ABANDONED:
    case CLIENT_ROLE_GIVE_BACK: /* the lock ends by its ttl */
        client_let_go(client, operation);
        return;
    case CLIENT_ROLE_END:
        client_release(client, operation);
        return;
    }
}

/* Why an operation without an id has none. */
static const char *client_why_waiting(const struct client *client,
                                      const struct client_operation *operation)
{
    if (!client->map_known) {
        return client->refusal[0] != '\0' ? client->refusal : "no node of the cluster has answered";
    }
    if (operation->list == &client->waiting_loads) {
        return "the oracle does not say which partition has the fewest keys";
    }
    return client->session == NULL ? "no session could be registered"
                                   : "writes in doubt fill the session";
}

/* Why an attempt that is under way has no answer. */
static const char *client_why_sent(const struct client_operation *operation)
{
    bool sent = false;
    bool busy = false;
    for (uint32_t i = 0; i < operation->leg_count; i++) {
        const struct client_leg *leg = client_leg_see(operation, i);
        sent = sent || leg->state == CLIENT_LEG_SENT;
        busy = busy || leg->busy > 0;
    }
    if (operation->leg_count > 1) {
        return sent ? "no answer from the groups that own the keys"
                    : "none of the groups that own the keys takes the operation";
    }
    return sent   ? "no answer from the group that owns the key"
           : busy ? "the group that owns the key is busy"
                  : "the group that owns the key has no leader";
}

/* Why an operation has no answer at its deadline. */
static const char *client_why(const struct client *client, const struct client_operation *operation)
{
    switch (operation->state) {
    case CLIENT_OPERATION_WAITING:
        return client_why_waiting(client, operation);
    case CLIENT_OPERATION_SENT:
        return client_why_sent(operation);
    case CLIENT_OPERATION_PAUSED:
        return "the last attempt was refused, the next one had no time";
    case CLIENT_OPERATION_FREE:
    case CLIENT_OPERATION_GATHERING:
        break;
    }
    KV_UNREACHABLE();
}

static const char client_why_full[] = "the disk of the group's leader is full";

/* Whether the last thing heard about an operation, or about the session that it waits for, was that a disk is full. */
static bool client_lacks_space(const struct client *client,
                               const struct client_operation *operation)
{
    bool lacks = false;
    if (operation->state == CLIENT_OPERATION_WAITING) {
        return client->session == NULL && client->opening != NULL && client->opening->leg.no_space;
    }
    for (uint32_t i = 0; i < operation->leg_count; i++) {
        lacks = lacks || client_leg_see(operation, i)->no_space;
    }
    return operation->state == CLIENT_OPERATION_SENT && lacks;
}

void client_give_up(struct client *client, struct client_operation *operation)
{
    const char *why = client_why(client, operation);
    if (operation->role == CLIENT_ROLE_USER && client_is_in_doubt(operation)) {
        client_tell(client, operation, CLIENT_IN_DOUBT, NULL, why);
        client_abandon(client, operation);
        return;
    }
    if (operation->role == CLIENT_ROLE_ABANDONED) {
        client->counters.sessions_left++;
        CLIENT_TRACE(client, TRACE_DECISION,
                     "sequence %llu is still in doubt -> its session is left",
                     (unsigned long long)operation->id.sequence);
    }
    if (client_lacks_space(client, operation)) {
        client_fail(client, operation, CLIENT_NO_SPACE, client_why_full);
        return;
    }
    client_fail(client, operation, CLIENT_UNAVAILABLE, why);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* client_operation: the pool of operations, how they begin and how they end.
 *
 * 1. A reply finds its operation without a search: a write's sequence is its place in the session's
 *    ring, a read's sequence contains its place in the pool.
 * 2. Memory is reused: an operation and its body buffer go back to the pool. */
#include "client/core/client_internal.h"

void client_set_state(struct client_operation *operation, enum client_operation_state state)
{
    static const uint8_t allowed[] = {
        [CLIENT_OPERATION_FREE] = 1 << CLIENT_OPERATION_WAITING | 1 << CLIENT_OPERATION_GATHERING |
                                  1 << CLIENT_OPERATION_PAUSED | 1 << CLIENT_OPERATION_SENT,
        [CLIENT_OPERATION_WAITING] = 1 << CLIENT_OPERATION_FREE | 1 << CLIENT_OPERATION_GATHERING |
                                     1 << CLIENT_OPERATION_SENT | 1 << CLIENT_OPERATION_PAUSED |
                                     1 << CLIENT_OPERATION_WAITING,
        [CLIENT_OPERATION_SENT] = 1 << CLIENT_OPERATION_FREE | 1 << CLIENT_OPERATION_SENT |
                                  1 << CLIENT_OPERATION_PAUSED | 1 << CLIENT_OPERATION_WAITING,
        [CLIENT_OPERATION_PAUSED] = 1 << CLIENT_OPERATION_FREE | 1 << CLIENT_OPERATION_SENT |
                                    1 << CLIENT_OPERATION_PAUSED | 1 << CLIENT_OPERATION_WAITING,
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

bool client_is_write(const struct client_operation *operation)
{
    return operation->mode == WIRE_REQUEST_ORDERED;
}

bool client_is_in_doubt(const struct client_operation *operation)
{
    bool unresolved = operation->doubt;
    for (uint32_t i = 0; i < operation->target_count; i++) {
        unresolved = unresolved || operation->targets[i].unresolved > 0;
    }
    return unresolved && client_is_write(operation);
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
    struct kv_buffer body = operation->body;
    kv_buffer_clear(&body);
    *operation = (struct client_operation){.place = operation->place,
                                           .role = role,
                                           .state = CLIENT_OPERATION_FREE,
                                           .body = body,
                                           .deadline = KV_INSTANT_NEVER,
                                           .wake = KV_INSTANT_NEVER,
                                           .timeout_us = CLIENT_TIMEOUT_US};
    return operation;
}

void client_release(struct client *client, struct client_operation *operation)
{
    if (operation->role == CLIENT_ROLE_ABANDONED) {
        client->abandoned--;
    } else if (operation->role == CLIENT_ROLE_PART) {
        client->parts--;
    } else if (operation->role == CLIENT_ROLE_OPEN) {
        client->opening = NULL;
    }
    client_set_state(operation, CLIENT_OPERATION_FREE);
    TAILQ_INSERT_TAIL(&client->released, operation, link);
    if (operation->session != NULL) {
        client_leave(client, operation);
    }
}

void client_recycle(struct client *client)
{
    struct client_operation *operation;
    while ((operation = TAILQ_FIRST(&client->released)) != NULL) {
        TAILQ_REMOVE(&client->released, operation, link);
        client_scan_free(operation);
        if (operation->body.capacity > CLIENT_BODY_KEEP_BYTES) {
            kv_buffer_close(&operation->body);
        }
        TAILQ_INSERT_HEAD(&client->free_operations, operation, link);
    }
}

struct client_operation *client_find(const struct client *client, kv_message_id id)
{
    struct client_operation *operation = NULL;
    if (!kv_session_is_none(id.session)) {
        const struct client_session *session = client_session_of(client, id.session);
        operation = session == NULL ? NULL : session->ring[id.sequence & (session->window - 1)];
    } else if ((id.sequence & CLIENT_NONCE_BIT) != 0) {
        operation = client->opening;
    } else if ((id.sequence & (CLIENT_POOL_MAX - 1)) < client->pool_end) {
        operation = client->pool[id.sequence & (CLIENT_POOL_MAX - 1)];
    }
    const bool found = operation != NULL && operation->state != CLIENT_OPERATION_FREE &&
                       operation->state != CLIENT_OPERATION_WAITING &&
                       kv_message_id_equal(operation->id, id);
    return found ? operation : NULL;
}

static void client_count_result(struct client *client, enum client_result result)
{
    switch (result) {
    case CLIENT_ANSWERED:
        client->counters.answered++;
        return;
    case CLIENT_UNAVAILABLE:
        client->counters.unavailable++;
        return;
    case CLIENT_IN_DOUBT:
    case CLIENT_PROTOCOL:
        client->counters.in_doubt++;
        return;
    case CLIENT_CROSS_PARTITION:
    case CLIENT_REFUSED:
    case CLIENT_CLOSED:
        return;
    }
}

void client_tell(struct client *client, struct client_operation *operation,
                 enum client_result result, const struct wire_reply *reply, const char *why)
{
    KV_ASSERT(operation->role == CLIENT_ROLE_USER || operation->role == CLIENT_ROLE_SCAN);
    KV_ASSERT(client->outstanding > 0);
    client->outstanding--;
    client_count_result(client, result);
    CLIENT_TRACE(client, result == CLIENT_ANSWERED ? TRACE_DETAIL : TRACE_DECISION,
                 "%s, sequence %llu, %u sendings: %s -> completed as %d",
                 wire_op_name(operation->op), (unsigned long long)operation->id.sequence,
                 operation->attempts, why, (int)result);
    struct client_effect *effect = client_emit(client, CLIENT_EFFECT_COMPLETE, 0);
    effect->as.complete = (struct client_completion){
        .context = operation->context,
        .result = result,
        .answer = result == CLIENT_ANSWERED ? &client->answer : NULL,
        .group = operation->group,
        .attempts = operation->attempts,
        .why = why,
    };
    if (reply != NULL) {
        effect->as.complete.index = reply->index;
        effect->as.complete.timestamp = reply->timestamp;
    }
}

/* A write in doubt goes on without its caller, unless there are too many of them. */
static void client_abandon(struct client *client, struct client_operation *operation)
{
    if (client->abandoned == CLIENT_ABANDONED_MAX || client->closed) {
        client_release(client, operation);
        return;
    }
    client->abandoned++;
    operation->role = CLIENT_ROLE_ABANDONED;
    operation->context = NULL;
    operation->deadline = kv_instant_add(client->now, CLIENT_ABANDONED_US);
    operation->wake =
        kv_instant_min(operation->wake, kv_instant_add(client->now, operation->timeout_us));
    client_wake_at(client, operation->wake);
}

void client_fail(struct client *client, struct client_operation *operation,
                 enum client_result result, const char *why)
{
    switch (operation->role) {
    case CLIENT_ROLE_USER:
        client_tell(client, operation, result, NULL, why);
        if (result != CLIENT_IN_DOUBT && operation->session != NULL) {
            client_settle(client, operation);
        }
        client_release(client, operation);
        return;
    case CLIENT_ROLE_SCAN:
        client_tell(client, operation, result, NULL, why);
        client_scan_drop(client, operation);
        client_release(client, operation);
        return;
    case CLIENT_ROLE_PART:
        client_fail(client, operation->parent, result, why);
        return;
    case CLIENT_ROLE_OPEN:
        client_pause(client,
                     operation); /* writes wait for it: there is nothing better than to try again */
        return;
    case CLIENT_ROLE_ABANDONED:
    case CLIENT_ROLE_END:
        client_release(client, operation);
        return;
    }
}

/* Why an operation has no answer at its deadline. */
static const char *client_why(const struct client *client, const struct client_operation *operation)
{
    switch (operation->state) {
    case CLIENT_OPERATION_WAITING:
        return !client->map_known && client->refusal[0] != '\0' ? client->refusal
               : !client->map_known      ? "no node of the cluster has answered"
               : client->session == NULL ? "no session could be registered"
                                         : "writes in doubt fill the session";
    case CLIENT_OPERATION_SENT:
        return "no answer from the group that owns the key";
    case CLIENT_OPERATION_PAUSED:
        return operation->busy > 0 ? "the group that owns the key is busy"
                                   : "the group that owns the key has no leader";
    case CLIENT_OPERATION_FREE:
    case CLIENT_OPERATION_GATHERING:
        break;
    }
    KV_UNREACHABLE();
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
    client_fail(client, operation, CLIENT_UNAVAILABLE, why);
}

bool client_group_of(const struct client *client, const struct wire_command *command,
                     kv_group_id *ret)
{
    *ret = wire_home_of(command->keys[0], client->partitions);
    for (uint32_t i = 1; i < command->key_count; i++) {
        if (!kv_group_equal(wire_home_of(command->keys[i], client->partitions), *ret)) {
            return false;
        }
    }
    return true;
}

void client_route(struct client *client, struct client_operation *operation,
                  const struct wire_command *command)
{
    KV_ASSERT(client->map_known);
    if (operation->op == WIRE_OP_SCAN) {
        client_scan_start(client, operation);
        return;
    }
    if (!client_group_of(client, command, &operation->group)) {
        client_fail(client, operation, CLIENT_CROSS_PARTITION,
                    "the keys live on several partitions");
        return;
    }
    if (!client_is_write(operation)) {
        client_send(client, operation);
        return;
    }
    client_wait(operation, &client->waiting_session);
    client_pump(client);
}

static enum status client_ignore_submit(const struct client *client,
                                        const struct client_submit *submit)
{
    const struct wire_command *command = submit->command;
    kv_group_id group;
    if (client->closed) {
        return STATUS_UNAVAILABLE;
    }
    if (client->outstanding >= client->outstanding_max) {
        return STATUS_FULL;
    }
    if (command->op == WIRE_OP_SCAN) {
        return client->parts + client->partitions > CLIENT_PARTS_MAX ? STATUS_FULL : STATUS_OK;
    }
    if (client->map_known && !client_group_of(client, command, &group)) {
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

enum status client_on_submit(struct client *client, const struct client_submit *submit)
{
    const struct wire_command *command = submit->command;
    const enum status status = client_ignore_submit(client, submit);
    if (status != STATUS_OK) {
        return status;
    }
    KV_ASSERT(command->op != WIRE_OP_SESSION_OPEN && command->op != WIRE_OP_SESSION_CLOSE);
    KV_ASSERT(command->op != WIRE_OP_MAP);

    const enum client_operation_role role =
        command->op == WIRE_OP_SCAN ? CLIENT_ROLE_SCAN : CLIENT_ROLE_USER;
    struct client_operation *operation = client_acquire(client, role);
    operation->context = submit->context;
    operation->op = command->op;
    operation->deadline = submit->deadline;
    operation->mode = !wire_op_is_read_only(command->op) ? WIRE_REQUEST_ORDERED
                      : submit->stale_ok                 ? WIRE_REQUEST_STALE
                                                         : WIRE_REQUEST_READ;
    wire_command_encode(command, &operation->body);
    client->outstanding++;
    client->counters.submitted++;
    client_wake_at(client, operation->deadline);

    if (client->map_known && !kv_instant_reached(operation->deadline, client->now)) {
        client_route(client, operation, command);
    } else {
        client_wait(operation, &client->waiting_map);
    }
    return STATUS_OK;
}

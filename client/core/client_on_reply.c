/* SPDX-License-Identifier: Apache-2.0 */
/* client_on_reply: what each outcome of a request means for its operation.
 *
 * 1. Only ANSWERED with a verdict about the command is definitive [X2]. A refusal says that one
 *    sending was not ordered.
 * 2. A refusal of an older sending only clears its booking: the latest sending is on its way and
 *    will be answered.
 * 3. REFUSED and SESSION_UNKNOWN come as outcomes (not ordered) or as verdicts (ordered, and found
 *    so at its turn); both mean that this sending has had no effect, and nothing about others of
 *    the same id. */
#include "client/core/client_internal.h"

/* What became of the operation's latest sending, rather than of an older one. */
static bool client_is_latest(const struct client_operation *operation, kv_node_id from)
{
    return operation->state == CLIENT_OPERATION_SENT && kv_node_equal(operation->target, from);
}

/* An abandoned write that turns out to have been refused everywhere is over: it was never ordered. */
static bool client_maybe_end_abandoned(struct client *client, struct client_operation *operation)
{
    if (operation->role != CLIENT_ROLE_ABANDONED || client_is_in_doubt(operation)) {
        return false;
    }
    client_settle(client, operation);
    client_release(client, operation);
    return true;
}

static void client_on_not_leader(struct client *client, struct client_operation *operation,
                                 kv_node_id from, kv_node_id hint)
{
    struct client_group *group = &client->groups[operation->group.value];
    const bool latest = client_is_latest(operation, from);
    client->counters.redirects++;
    client_resolve(operation, from);
    if (client_maybe_end_abandoned(client, operation)) {
        return;
    }
    if (kv_node_equal(group->leader, from)) {
        group->leader = KV_NODE_NONE;
    }
    if (hint.value >= 1 && hint.value <= KV_NODES_MAX && !kv_node_equal(hint, from) &&
        client->nodes[hint.value].known && !client_is_silent(client, hint)) {
        group->leader = hint;
    }
    if (!latest) {
        return;
    }
    const bool follow = !kv_node_equal(group->leader, KV_NODE_NONE) &&
                        !client_is_silent(client, group->leader) &&
                        operation->hops < CLIENT_HOPS_MAX;
    CLIENT_TRACE(client, TRACE_DETAIL, "node %u does not lead group %u, hint %u -> %s", from.value,
                 operation->group.value, hint.value, follow ? "follow" : "pause");
    operation->avoid = from;
    if (follow) {
        operation->hops++;
        client_send(client, operation);
    } else {
        client_pause(client, operation);
    }
}

static void client_on_busy(struct client *client, struct client_operation *operation,
                           kv_node_id from)
{
    const bool latest = client_is_latest(operation, from);
    client->counters.busy++;
    client_resolve(operation, from);
    if (!client_maybe_end_abandoned(client, operation) && latest) {
        operation->avoid = KV_NODE_NONE;
        client_pause_busy(client, operation);
    }
}

static void client_on_wrong_group(struct client *client, struct client_operation *operation,
                                  kv_node_id from)
{
    const bool latest = client_is_latest(operation, from);
    client_resolve(operation, from);
    client_refresh(client);
    if (!client_maybe_end_abandoned(client, operation) && latest) {
        operation->avoid = from;
        client_pause(client, operation);
    }
}

/* Let a user's write start again under a new id; the present one is settled. */
static void client_restart(struct client *client, struct client_operation *operation)
{
    KV_ASSERT(operation->session == NULL && client_is_write(operation));
    operation->target_count = 0;
    operation->doubt = false;
    operation->avoid = KV_NODE_NONE;
    operation->restarts++;
    client->counters.restarted++;
    if (operation->restarts > 1) {
        client_pause(
            client, operation); /* once is a session that has ended; more often asks for patience */
        return;
    }
    client_wait(operation, &client->waiting_session);
    client_pump(client);
}

static void client_on_session_unknown(struct client *client, struct client_operation *operation,
                                      kv_node_id from)
{
    client->counters.sessions_unknown++;
    client_resolve(operation, from);
    if (operation->role == CLIENT_ROLE_END) {
        client_release(client, operation); /* it has ended already */
        return;
    }
    if (operation->session == NULL) {
        client_pause(client, operation); /* a read has no session: an answer that makes no sense */
        return;
    }
    client_retire(client, operation->session);
    if (client_maybe_end_abandoned(client, operation)) {
        return;
    }
    if (operation->role == CLIENT_ROLE_USER && !client_is_in_doubt(operation)) {
        client_settle(client, operation);
        client_restart(client, operation);
        return;
    }
    /* An earlier sending may have been executed before the session, and its record with it, went
     * away. */
    client_fail(client, operation, CLIENT_IN_DOUBT,
                "the session ended while the write was under way");
}

/* [X2] No verdict: an earlier sending may have been executed and its record have lost its body. Its
 * answer may still come, so ask again later; the doubt remains. */
static void client_on_refused(struct client *client, struct client_operation *operation,
                              kv_node_id from)
{
    operation->doubt = true;
    if (client_is_latest(operation, from)) {
        client_pause_for(client, operation, operation->timeout_us);
        operation->timeout_us = client_backoff(operation->timeout_us, CLIENT_TIMEOUT_US_MAX, 1);
    }
}

/* A definitive NO: the map is out of date. The next attempt is a new operation [X2]. */
static void client_on_stale(struct client *client, struct client_operation *operation)
{
    const uint32_t hint = client->answer.hint;
    if (operation->role == CLIENT_ROLE_USER && hint >= 1 && hint <= client->partitions) {
        operation->group = (kv_group_id){(uint16_t)hint};
    }
    client_refresh(client);
    if (operation->session == NULL) {
        client_pause(client, operation);
        return;
    }
    client_settle(client, operation);
    if (operation->role == CLIENT_ROLE_USER) {
        client_restart(client, operation);
    } else {
        client_release(client, operation);
    }
}

/* The answer to a user's operation has the form that its operation asks for. Rows of GET and MGET
 * get their keys. */
static bool client_is_answer_sound(struct client *client, const struct client_operation *operation)
{
    struct wire_answer *answer = &client->answer;
    if (answer->verdict != WIRE_VERDICT_OK) {
        return answer->row_count <= 1;
    }
    if (operation->op != WIRE_OP_GET && operation->op != WIRE_OP_MGET) {
        return answer->row_count == 0;
    }
    const enum status status =
        wire_command_decode(kv_buffer_slice(&operation->body), &client->command);
    KV_ASSERT(status == STATUS_OK); /* our own bytes */
    if (answer->row_count != client->command.key_count) {
        return false;
    }
    for (uint32_t i = 0; i < answer->row_count; i++) {
        answer->rows[i].key = client->command.keys[i];
    }
    return true;
}

static void client_on_unsound(struct client *client, struct client_operation *operation)
{
    if (operation->role == CLIENT_ROLE_OPEN) {
        client_pause(client, operation);
    } else {
        client_fail(client, operation, CLIENT_PROTOCOL, "an answer could not be understood");
    }
}

/* A definitive verdict on the command. */
static void client_on_verdict(struct client *client, struct client_operation *operation,
                              const struct wire_reply *reply)
{
    switch (operation->role) {
    case CLIENT_ROLE_USER:
        if (!client_is_answer_sound(client, operation)) {
            client_on_unsound(client, operation);
            return;
        }
        client_tell(client, operation, CLIENT_ANSWERED, reply, "");
        break;
    case CLIENT_ROLE_PART:
        client_scan_on_part(client, operation, reply);
        return;
    case CLIENT_ROLE_OPEN:
        client_on_opened(client, operation, reply);
        return;
    case CLIENT_ROLE_ABANDONED:
        break;
    case CLIENT_ROLE_END:
        client_release(client, operation);
        return;
    case CLIENT_ROLE_SCAN: /* is never sent */
        KV_UNREACHABLE();
    }
    if (operation->session != NULL) {
        client_settle(client, operation);
    }
    client_release(client, operation);
}

static void client_on_answered(struct client *client, struct client_operation *operation,
                               kv_node_id from, const struct wire_reply *reply)
{
    struct client_group *group = &client->groups[operation->group.value];
    if (operation->mode != WIRE_REQUEST_STALE &&
        (kv_node_equal(group->leader, KV_NODE_NONE) || client_is_silent(client, group->leader))) {
        group->leader = from;
    }
    if (wire_answer_decode(reply->body, &client->answer) != STATUS_OK) {
        client_on_unsound(client, operation);
        return;
    }
    switch (client->answer.verdict) {
    case WIRE_VERDICT_OK:
    case WIRE_VERDICT_NOT_FOUND:
    case WIRE_VERDICT_EXISTS:
    case WIRE_VERDICT_MISMATCH:
    case WIRE_VERDICT_NOT_A_NUMBER:
    case WIRE_VERDICT_OVERFLOW:
    case WIRE_VERDICT_TOO_LARGE:
        client_on_verdict(client, operation, reply);
        return;
    case WIRE_VERDICT_STALE:
    case WIRE_VERDICT_PINNED:
    case WIRE_VERDICT_DEFERRED:
        client_on_stale(client, operation);
        return;
    case WIRE_VERDICT_REFUSED:
        client_on_refused(client, operation, from);
        return;
    case WIRE_VERDICT_SESSION_UNKNOWN:
        client_on_session_unknown(client, operation, from);
        return;
    case WIRE_VERDICT_UNSUPPORTED:
        client_fail(client, operation, CLIENT_REFUSED, "the cluster does not know the operation");
        return;
    }
}

/* This sending is not a valid command to the node: it was not ordered, and never will be. */
static void client_on_malformed(struct client *client, struct client_operation *operation,
                                kv_node_id from)
{
    client_resolve(operation, from);
    client_fail(client, operation, client_is_in_doubt(operation) ? CLIENT_IN_DOUBT : CLIENT_REFUSED,
                "the cluster does not understand the operation");
}

void client_on_reply(struct client *client, kv_node_id from, const struct wire_reply *reply)
{
    struct client_operation *operation = client_find(client, reply->id);
    if (operation == NULL || from.value < 1 || from.value > KV_NODES_MAX) {
        client->counters.unmatched++;
        return;
    }
    switch (reply->outcome) {
    case WIRE_OUTCOME_ANSWERED:
        client_on_answered(client, operation, from, reply);
        return;
    case WIRE_OUTCOME_NOT_LEADER:
        client_on_not_leader(client, operation, from, reply->leader);
        return;
    case WIRE_OUTCOME_BUSY:
        client_on_busy(client, operation, from);
        return;
    case WIRE_OUTCOME_SESSION_UNKNOWN:
        client_on_session_unknown(client, operation, from);
        return;
    case WIRE_OUTCOME_REFUSED:
        client_on_refused(client, operation, from);
        return;
    case WIRE_OUTCOME_MALFORMED:
        client_on_malformed(client, operation, from);
        return;
    case WIRE_OUTCOME_WRONG_GROUP:
        client_on_wrong_group(client, operation, from);
        return;
    }
}

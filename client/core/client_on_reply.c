/* SPDX-License-Identifier: Apache-2.0 */
/* client_on_reply: what each outcome of a request means for its operation.
 *
 * 1. Only ANSWERED with a verdict about the command is definitive [X2], from whichever group. A refusal says that one sending
 *    on one leg was not ordered.
 * 2. A refusal of an older sending only clears its booking: the latest sending of that leg is on its way and will be answered.
 * 3. REFUSED and SESSION_UNKNOWN come as outcomes (not ordered) or as verdicts (ordered, and found so at its turn); both mean
 *    that this sending has had no effect, and nothing about others of the same id.
 * 4. What an answer to an older attempt says of places is worth knowing; the rest of it is past. */
#include "client/core/client_internal.h"

/* What became of the leg's latest sending, rather than of an older one. */
static bool client_is_latest(const struct client_leg *leg, kv_node_id from)
{
    return leg->state == CLIENT_LEG_SENT && kv_node_equal(leg->target, from);
}

/* An abandoned operation that turns out to have been refused everywhere is over: it was never ordered. */
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
                                 struct client_leg *leg, const struct client_response *response)
{
    struct client_group *group = &client->groups[leg->group.value];
    const kv_node_id from = response->from;
    const kv_node_id hint = response->reply->leader;
    const bool latest = client_is_latest(leg, from);
    client->counters.redirects++;
    client_resolve(leg, from);
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
                        !client_is_silent(client, group->leader) && leg->hops < CLIENT_HOPS_MAX;
    CLIENT_TRACE(client, TRACE_DETAIL, "node %u does not lead group %u, hint %u -> %s", from.value,
                 leg->group.value, hint.value, follow ? "follow" : "pause");
    leg->avoid = from;
    leg->around = false;
    if (follow) {
        leg->hops++;
        client_send(client, operation, leg);
    } else {
        client_pause(client, operation, leg);
    }
}

static void client_on_busy(struct client *client, struct client_operation *operation,
                           struct client_leg *leg, kv_node_id from)
{
    const bool latest = client_is_latest(leg, from);
    client->counters.busy++;
    client_resolve(leg, from);
    if (!client_maybe_end_abandoned(client, operation) && latest) {
        leg->avoid = KV_NODE_NONE;
        client_pause_busy(client, operation, leg);
    }
}

static void client_on_wrong_group(struct client *client, struct client_operation *operation,
                                  struct client_leg *leg, kv_node_id from)
{
    const bool latest = client_is_latest(leg, from);
    client_resolve(leg, from);
    client_refresh(client);
    if (!client_maybe_end_abandoned(client, operation) && latest) {
        leg->avoid = from;
        client_pause(client, operation, leg);
    }
}

/* The session of an ordered operation has ended. `leg`: that said so, or NULL; `outcome`: it says so of a sending that was
 * not ordered. */
static void client_on_session_ended(struct client *client, struct client_operation *operation,
                                    struct client_leg *leg, bool outcome)
{
    client_retire(client, operation->session);
    if (client_maybe_end_abandoned(client, operation)) {
        return;
    }
    const bool in_doubt = client_is_in_doubt(operation);
    if (operation->role == CLIENT_ROLE_USER && (!in_doubt || operation->read_only)) {
        if (in_doubt) {
            client_leave(client, operation); /* to read twice does no harm, but the id is lost */
        } else {
            client_settle(client, operation);
        }
        client_restart(client, operation);
        return;
    }
    if (outcome && leg != NULL && !client_is_unresolved(leg) && !operation->doubt &&
        leg->unknown++ < CLIENT_UNKNOWN_MAX) {
        client_pause(client, operation, leg); /* another leg may have been ordered, and will tell */
        return;
    }
    /* An earlier sending may have been executed before the session, and its record with it, went
     * away. */
    client_fail(client, operation, CLIENT_IN_DOUBT,
                "the session ended while the write was under way");
}

static void client_on_session_unknown(struct client *client, struct client_operation *operation,
                                      struct client_leg *leg,
                                      const struct client_response *response)
{
    client->counters.sessions_unknown++;
    if (leg != NULL) {
        client_resolve(leg, response->from);
    }
    if (operation->role == CLIENT_ROLE_END) {
        client_release(client, operation); /* it has ended already */
        return;
    }
    if (operation->session == NULL) { /* a read has no session: an answer that makes no sense */
        client_pause(client, operation, leg != NULL ? leg : &operation->leg);
        return;
    }
    client_on_session_ended(client, operation, leg,
                            response->reply->outcome == WIRE_OUTCOME_SESSION_UNKNOWN);
}

/* [X2] No verdict: an earlier sending may have been executed and its record have lost its body. Its
 * answer may still come, so ask again later; the doubt remains. */
static void client_on_refused(struct client *client, struct client_operation *operation,
                              struct client_leg *leg, kv_node_id from)
{
    operation->doubt = true;
    if (leg != NULL && client_is_latest(leg, from)) {
        client_pause_for(client, operation, leg, leg->timeout_us);
        leg->timeout_us = client_backoff(leg->timeout_us, CLIENT_TIMEOUT_US_MAX, 1);
    }
}

/* ---- Answers ---- */

/* Rows that stand for keys get their keys. False: there is another number of them. */
static bool client_name_rows(struct client *client, const struct client_operation *operation)
{
    struct wire_answer *answer = &client->answer;
    const struct wire_command *command = client_decode(client, client_body_of(operation));
    if (answer->row_count != command->key_count) {
        return false;
    }
    for (uint32_t i = 0; i < answer->row_count; i++) {
        answer->rows[i].key = command->keys[i];
    }
    return true;
}

/* The same for rows that stand for the steps of the branch that was taken. */
static bool client_name_steps(struct client *client, const struct client_operation *operation)
{
    struct wire_answer *answer = &client->answer;
    const struct wire_command *command = client_decode(client, client_body_of(operation));
    const enum wire_branch branch = answer->number == 0 ? WIRE_BRANCH_ELSE : WIRE_BRANCH_THEN;
    if (answer->row_count != wire_command_steps(command, branch)) {
        return false;
    }
    for (uint32_t i = 0; i < answer->row_count; i++) {
        answer->rows[i].key = command->keys[wire_command_step(command, branch, i).key];
    }
    return true;
}

/* The answer to a user's operation has the form that its operation asks for. */
static bool client_is_answer_sound(struct client *client, const struct client_operation *operation)
{
    const struct wire_answer *answer = &client->answer;
    if (answer->verdict != WIRE_VERDICT_OK) {
        return answer->row_count <= 1;
    }
    switch (operation->op) {
    case WIRE_OP_GET:
    case WIRE_OP_MGET:
        return client_name_rows(client, operation);
    case WIRE_OP_TXN:
        return client_name_steps(client, operation);
    case WIRE_OP_WHERE:
    case WIRE_OP_LOCK:
        return answer->row_count == 0 &&
               answer->place_count == client_decode(client, client_body_of(operation))->key_count;
    case WIRE_OP_HISTORY:
        return answer->place_count == answer->row_count;
    case WIRE_OP_PARTITIONS:
    case WIRE_OP_LOCKS:
    case WIRE_OP_SESSIONS:
        return true;
    case WIRE_OP_PUT:
    case WIRE_OP_PUT_IF_ABSENT:
    case WIRE_OP_CAS:
    case WIRE_OP_INCR:
    case WIRE_OP_APPEND:
    case WIRE_OP_MPUT:
    case WIRE_OP_DELETE:
    case WIRE_OP_CREATE:
    case WIRE_OP_MOVE:
    case WIRE_OP_MAP:
    case WIRE_OP_MARK:
    case WIRE_OP_UNLOCK:
    case WIRE_OP_KEEPALIVE:
    case WIRE_OP_SESSION_BEGIN:
    case WIRE_OP_SESSION_CLOSE:
        return answer->row_count == 0;
    case WIRE_OP_SCAN: /* its parts are answered */
    case WIRE_OP_SESSION_OPEN:
    case WIRE_OP_REVOKE: /* groups' own */
    case WIRE_OP_TICK:
    case WIRE_OP_EXPIRE:
    case WIRE_OP_SESSION_END:
        break;
    }
    KV_UNREACHABLE();
}

static void client_on_unsound(struct client *client, struct client_operation *operation)
{
    if (operation->role == CLIENT_ROLE_OPEN || operation->role == CLIENT_ROLE_LOADS) {
        client_pause(client, operation, &operation->leg);
    } else {
        client_resolve_all(operation);
        client_fail(client, operation, CLIENT_PROTOCOL, "an answer could not be understood");
    }
}

/* The last word on an operation that its caller has given up. */
static void client_on_late_verdict(struct client *client, struct client_operation *operation,
                                   const struct wire_reply *reply)
{
    const bool granted = operation->op == WIRE_OP_LOCK && client->answer.verdict == WIRE_VERDICT_OK;
    client_settle(client, operation);
    client_release(client, operation);
    if (granted) {
        client_give_back(client, reply->timestamp);
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
        client_learn_yes(client, operation);
        client_tell(client, operation, CLIENT_ANSWERED, reply, "");
        break;
    case CLIENT_ROLE_PART:
        client_scan_on_part(client, operation, reply);
        return;
    case CLIENT_ROLE_OPEN:
        client_on_opened(client, operation, reply);
        return;
    case CLIENT_ROLE_LOADS:
        client_on_loads(client, operation);
        return;
    case CLIENT_ROLE_ABANDONED:
        client_on_late_verdict(client, operation, reply);
        return;
    case CLIENT_ROLE_GIVE_BACK:
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
                               struct client_leg *leg, const struct client_response *response)
{
    if (leg != NULL && operation->mode != WIRE_REQUEST_STALE) {
        struct client_group *group = &client->groups[leg->group.value];
        if (kv_node_equal(group->leader, KV_NODE_NONE) || client_is_silent(client, group->leader)) {
            group->leader = response->from;
        }
    }
    if (wire_answer_decode(response->reply->body, &client->answer) != STATUS_OK) {
        client_on_unsound(client, operation);
        return;
    }
    operation->answered_by = response->group;
    if (client_verdicts_on_answer(client, operation, response->reply)) {
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
    case WIRE_VERDICT_LOCKED:
    case WIRE_VERDICT_SESSION_ENDED:
        client_on_verdict(client, operation, response->reply);
        return;
    case WIRE_VERDICT_LOCK_LOST:
        /* Perhaps it only went to the wrong partition, which does not know the token: the oracle knows the right one. */
        if (!operation->exec && client_can_exec(operation)) {
            client_on_no(client, operation, leg);
        } else {
            client_on_verdict(client, operation, response->reply);
        }
        return;
    case WIRE_VERDICT_STALE:
    case WIRE_VERDICT_PINNED:
    case WIRE_VERDICT_DEFERRED:
        client_on_no(client, operation, leg);
        return;
    case WIRE_VERDICT_REFUSED:
        client_on_refused(client, operation, leg, response->from);
        return;
    case WIRE_VERDICT_SESSION_UNKNOWN:
        client_on_session_unknown(client, operation, leg, response);
        return;
    case WIRE_VERDICT_UNSUPPORTED:
        client_resolve_all(operation);
        client_fail(client, operation, CLIENT_REFUSED, "the cluster does not know the operation");
        return;
    }
}

/* This sending is not a valid command to the node: it was not ordered, and never will be. */
static void client_on_malformed(struct client *client, struct client_operation *operation,
                                struct client_leg *leg, kv_node_id from)
{
    client_resolve(leg, from);
    client_fail(client, operation, client_is_in_doubt(operation) ? CLIENT_IN_DOUBT : CLIENT_REFUSED,
                "the cluster does not understand the operation");
}

/* A refusal of one sending, on a leg of an attempt that is under way. */
static void client_on_refusal_of(struct client *client, struct client_operation *operation,
                                 struct client_leg *leg, const struct client_response *response)
{
    leg->no_space = response->reply->outcome == WIRE_OUTCOME_NO_SPACE;
    switch (response->reply->outcome) {
    case WIRE_OUTCOME_ANSWERED:
        KV_UNREACHABLE();
    case WIRE_OUTCOME_NOT_LEADER:
        client_on_not_leader(client, operation, leg, response);
        return;
    case WIRE_OUTCOME_BUSY:
    case WIRE_OUTCOME_NO_SPACE:
        client_on_busy(client, operation, leg, response->from);
        return;
    case WIRE_OUTCOME_SESSION_UNKNOWN:
        client_on_session_unknown(client, operation, leg, response);
        return;
    case WIRE_OUTCOME_REFUSED:
        client_on_refused(client, operation, leg, response->from);
        return;
    case WIRE_OUTCOME_MALFORMED:
        client_on_malformed(client, operation, leg, response->from);
        return;
    case WIRE_OUTCOME_WRONG_GROUP:
        client_on_wrong_group(client, operation, leg, response->from);
        return;
    }
}

/* A reply that belongs to nothing under way. */
static void client_on_unmatched(struct client *client, const struct client_response *response)
{
    const struct wire_reply *reply = response->reply;
    const struct client_operation *operation = client_find_later(client, reply->id);
    client->counters.unmatched++;
    if (operation != NULL && reply->outcome == WIRE_OUTCOME_ANSWERED &&
        wire_answer_decode(reply->body, &client->answer) == STATUS_OK) {
        client_learn_late(client, operation);
    }
}

void client_on_reply(struct client *client, const struct client_response *response)
{
    struct client_operation *operation = client_find(client, response->reply->id);
    const bool from_node = response->from.value >= 1 && response->from.value <= KV_NODES_MAX;
    const bool answered = response->reply->outcome == WIRE_OUTCOME_ANSWERED;
    struct client_leg *leg = operation == NULL ? NULL : client_leg_of(operation, response->group);
    if (!from_node || operation == NULL || (leg == NULL && !answered)) {
        client_on_unmatched(client, response);
    } else if (answered) {
        client_on_answered(client, operation, leg, response);
    } else {
        client_on_refusal_of(client, operation, leg, response);
    }
}

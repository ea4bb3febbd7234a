/* SPDX-License-Identifier: Apache-2.0 */
/* node_requests: what clients ask for.
 *
 * An ordered request is looked up in the application (it may have been executed before), handed to the order, and its route
 * remembered; the answer follows its delivery. Every refusal says an outcome that is no verdict (wire/message.h). */
#include "multicast/node/node_internal.h"

static void answer_reply(struct node *node, const struct net_route *route, kv_group_id group,
                         const struct wire_reply *reply)
{
    struct wire_message message = {.kind = WIRE_MESSAGE_REPLY, .group = group};
    message.as.reply = *reply;
    node_outbox_answer(&node->outbox, route, &message);
}

void node_answer_outcome(struct node *node, const struct net_route *route, kv_group_id group,
                         kv_message_id id, enum wire_outcome outcome)
{
    struct node_member *member = node_member_of(node, group);
    struct wire_reply reply = {.id = id, .outcome = outcome};
    if (member != NULL) {
        kv_node_id leader = raft_leader(order_raft(member->order));
        bool self_but_not_leading =
            kv_node_equal(leader, node->self) && outcome == WIRE_OUTCOME_NOT_LEADER;
        reply.leader = self_but_not_leading ? KV_NODE_NONE : leader;
    }
    answer_reply(node, route, group, &reply);
}

/* Hand a request to the order; false: it was delivered before. */
static bool order_request(struct node *node, struct node_member *member,
                          const struct net_route *route, const struct wire_request *request)
{
    struct order_event event = {
        .kind = ORDER_EVENT_SUBMIT,
        .raft = {.now = node->now},
        .physical = node_clock_physical(),
        .submit = {.id = request->id,
                   .destinations = request->destinations,
                   .floor = request->floor,
                   .body = request->body},
    };
    if (node->space.is_low) {
        node_answer_outcome(node, route, member->group, request->id, WIRE_OUTCOME_NO_SPACE);
        return true;
    }
    if (node->entry_bytes > node->settings.log_bytes_max) {
        node_answer_outcome(node, route, member->group, request->id, WIRE_OUTCOME_BUSY);
        return true;
    }
    member->touched = true;
    enum status status = order_step(member->order, &event, &member->effects);
    if (status == STATUS_OK || status == STATUS_EXISTS) {
        node_waiters_add(&node->waiters, member->group, request->id, route);
    } else if (status == STATUS_NOT_LEADER) {
        node_answer_outcome(node, route, member->group, request->id, WIRE_OUTCOME_NOT_LEADER);
    } else if (status == STATUS_FULL) {
        node_answer_outcome(node, route, member->group, request->id, WIRE_OUTCOME_BUSY);
    } else if (status == STATUS_NOT_FOUND) {
        return false;
    } else {
        node_answer_outcome(node, route, member->group, request->id, WIRE_OUTCOME_MALFORMED);
    }
    return true;
}

static void answer_recorded(struct node *node, const struct node_member *member,
                            const struct net_route *route, const struct node_answer *answer)
{
    answer_reply(node, route, member->group,
                 &(struct wire_reply){.id = answer->id,
                                      .outcome = WIRE_OUTCOME_ANSWERED,
                                      .leader = raft_leader(order_raft(member->order)),
                                      .timestamp = answer->timestamp,
                                      .index = answer->index,
                                      .body = answer->body});
}

/* The order has delivered it, perhaps a moment ago: the application executes that first, and then knows the answer or has
 * dropped it because the client said that it needs it no more. */
static void answer_delivered(struct node *node, struct node_member *member,
                             const struct net_route *route, const struct wire_request *request)
{
    struct node_answer answer;
    node_carry_out(node, member);
    if (node->failure != STATUS_OK) {
        return;
    }
    enum node_admission admission =
        member->application.ops->admit(member->application.state, request, &answer);
    if (admission == NODE_RECORDED) {
        answer_recorded(node, member, route, &answer);
    } else if (admission == NODE_RUNNING) {
        node_waiters_add(&node->waiters, member->group, request->id, route);
    } else if (admission != NODE_ELSEWHERE) {
        /* The application would take it: then it is the order that no longer knows the ids of this session. */
        node_answer_outcome(node, route, member->group, request->id,
                            admission == NODE_ADMIT ? WIRE_OUTCOME_SESSION_UNKNOWN
                                                    : WIRE_OUTCOME_REFUSED);
    }
}

static void on_ordered(struct node *node, struct node_member *member, const struct net_route *route,
                       const struct wire_request *request)
{
    struct node_answer answer;
    enum node_admission admission =
        member->application.ops->admit(member->application.state, request, &answer);
    bool leads = raft_role(order_raft(member->order)) == RAFT_LEADER;
    if (admission != NODE_RECORDED && admission != NODE_MALFORMED && !leads) {
        node_answer_outcome(node, route, member->group, request->id, WIRE_OUTCOME_NOT_LEADER);
        return;
    }
    switch (admission) {
    case NODE_ADMIT:
        if (!order_request(node, member, route, request)) {
            answer_delivered(node, member, route, request);
        }
        return;
    case NODE_RECORDED:
        answer_recorded(node, member, route, &answer);
        return;
    case NODE_RUNNING:
        node_waiters_add(&node->waiters, member->group, request->id, route);
        return;
    case NODE_ELSEWHERE:
        return; /* the client waits for that answer, not for this one */
    case NODE_REFUSED:
        node_answer_outcome(node, route, member->group, request->id, WIRE_OUTCOME_REFUSED);
        return;
    case NODE_SESSION_UNKNOWN:
        node_answer_outcome(node, route, member->group, request->id, WIRE_OUTCOME_SESSION_UNKNOWN);
        return;
    case NODE_SESSION_FULL:
    case NODE_BUSY:
        node_answer_outcome(node, route, member->group, request->id, WIRE_OUTCOME_BUSY);
        return;
    case NODE_MALFORMED:
        node_answer_outcome(node, route, member->group, request->id, WIRE_OUTCOME_MALFORMED);
        return;
    }
}

static void on_stale_read(struct node *node, struct node_member *member,
                          const struct net_route *route, const struct wire_request *request)
{
    struct node_read_answer answer = {0};
    if (raft_is_blank(order_raft(member->order))) {
        node_answer_outcome(node, route, member->group, request->id, WIRE_OUTCOME_NOT_LEADER);
        return; /* it has no state at all yet, not an old one */
    }
    if (!member->application.ops->stale_read(member->application.state, request->body, &answer)) {
        node_answer_outcome(node, route, member->group, request->id, WIRE_OUTCOME_MALFORMED);
        return;
    }
    member->reads_served++;
    answer_reply(node, route, member->group,
                 &(struct wire_reply){.id = request->id,
                                      .outcome = WIRE_OUTCOME_ANSWERED,
                                      .leader = raft_leader(order_raft(member->order)),
                                      .timestamp = answer.timestamp,
                                      .index = member->executed,
                                      .body = answer.body});
}

static void on_request(struct node *node, const struct net_route *route, kv_group_id group,
                       const struct wire_request *request)
{
    struct node_member *member = node_member_of(node, group);
    if (member == NULL) {
        node_answer_outcome(node, route, group, request->id, WIRE_OUTCOME_WRONG_GROUP);
        return;
    }
    switch (request->mode) {
    case WIRE_REQUEST_ORDERED:
        on_ordered(node, member, route, request);
        return;
    case WIRE_REQUEST_READ:
        node_read_begin(node, member, route, request);
        return;
    case WIRE_REQUEST_STALE:
        on_stale_read(node, member, route, request);
        return;
    }
}

static void on_transfer_request(struct node *node, const struct net_route *route, kv_group_id group,
                                const struct wire_transfer_request *request)
{
    struct node_member *member = node_member_of(node, group);
    struct wire_message reply = {.kind = WIRE_MESSAGE_TRANSFER_REPLY, .group = group};
    if (member != NULL) {
        enum status status = node_step_raft(
            node, member,
            (struct raft_event){.kind = RAFT_EVENT_TRANSFER, .node = request->target});
        reply.as.transfer_reply.started = status == STATUS_OK;
        reply.as.transfer_reply.leader = raft_leader(order_raft(member->order));
    }
    node_outbox_answer(&node->outbox, route, &reply);
}

static void on_checkpoint_request(struct node *node, const struct net_route *route)
{
    struct wire_message reply = {.kind = WIRE_MESSAGE_CHECKPOINT_REPLY};
    for (uint32_t i = 0; i < node->member_count; i++) {
        node->members[i].cut.wanted = true;
        reply.as.checkpoint_reply.members += node->members[i].application.ops->freeze != NULL;
    }
    node_outbox_answer(&node->outbox, route, &reply);
}

void node_on_client(struct node *node, const struct net_route *route,
                    const struct wire_message *message)
{
    switch (message->kind) {
    case WIRE_MESSAGE_HELLO:
        node_on_hello(node, route, &message->as.hello);
        return;
    case WIRE_MESSAGE_REQUEST:
        on_request(node, route, message->group, &message->as.request);
        return;
    case WIRE_MESSAGE_STATUS_REQUEST:
        node_on_status_request(node, route);
        return;
    case WIRE_MESSAGE_TRANSFER_REQUEST:
        on_transfer_request(node, route, message->group, &message->as.transfer_request);
        return;
    case WIRE_MESSAGE_CHECKPOINT_REQUEST:
        on_checkpoint_request(node, route);
        return;
    case WIRE_MESSAGE_BACKUP_REQUEST:
        node_backup_on_request(node, route, message->group, &message->as.backup_request);
        return;
    case WIRE_MESSAGE_WORKERS_REQUEST:
        node_crew_on_request(node, route, &message->as.workers_request);
        return;
    case WIRE_MESSAGE_WATCH_REQUEST:
        node_watch_on_request(node, route, message->group, &message->as.watch_request);
        return;
    case WIRE_MESSAGE_VOTE_REQUEST:
    case WIRE_MESSAGE_VOTE_REPLY:
    case WIRE_MESSAGE_APPEND:
    case WIRE_MESSAGE_APPEND_REPLY:
    case WIRE_MESSAGE_SNAPSHOT_CHUNK:
    case WIRE_MESSAGE_SNAPSHOT_REPLY:
    case WIRE_MESSAGE_TIMEOUT_NOW:
    case WIRE_MESSAGE_ROLL_CALL:
    case WIRE_MESSAGE_ROLL_REPLY:
    case WIRE_MESSAGE_ADMITTED:
    case WIRE_MESSAGE_SOFT:
    case WIRE_MESSAGE_FIX:
    case WIRE_MESSAGE_ACK:
    case WIRE_MESSAGE_DONE_REQUEST:
    case WIRE_MESSAGE_DONE:
    case WIRE_MESSAGE_FORGET:
    case WIRE_MESSAGE_ASK:
    case WIRE_MESSAGE_TELL:
    case WIRE_MESSAGE_SIGNAL:
    case WIRE_MESSAGE_SIGNAL_REQUEST:
    case WIRE_MESSAGE_SIGNAL_ACK:
    case WIRE_MESSAGE_FORWARD:
    case WIRE_MESSAGE_WELCOME:
    case WIRE_MESSAGE_REPLY:
    case WIRE_MESSAGE_STATUS_REPLY:
    case WIRE_MESSAGE_TRANSFER_REPLY:
    case WIRE_MESSAGE_CHECKPOINT_REPLY:
    case WIRE_MESSAGE_COMPARE:
    case WIRE_MESSAGE_BACKUP_REPLY:
    case WIRE_MESSAGE_WORKERS_REPLY:
    case WIRE_MESSAGE_WATCH_REPLY:
    case WIRE_MESSAGE_REFUSAL:
        node->frames_dropped++; /* not for a client to say */
        return;
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* node_port: what an application says through its member. */
#include "multicast/node/node_internal.h"

struct node_port node_port_of(struct node *node, struct node_member *member)
{
    return (struct node_port){
        .node = node,
        .member = member,
        .now = node->now,
        .leads = raft_role(order_raft(member->order)) == RAFT_LEADER,
    };
}

void node_tick_application(struct node *node, struct node_member *member)
{
    const struct node_port port = node_port_of(node, member);
    if (member->application.ops->tick != NULL) {
        member->application.ops->tick(member->application.state, &port);
    }
}

void node_port_answer(const struct node_port *port, const struct node_answer *answer)
{
    struct net_route route;
    struct node_member *member = port->member;
    if (!node_waiters_take(&port->node->waiters, member->group, answer->id, &route)) {
        return;
    }
    struct wire_message reply = {.kind = WIRE_MESSAGE_REPLY, .group = member->group};
    reply.as.reply = (struct wire_reply){
        .id = answer->id,
        .outcome = WIRE_OUTCOME_ANSWERED,
        .leader = raft_leader(order_raft(member->order)),
        .timestamp = answer->timestamp,
        .index = answer->index,
        .body = answer->body,
    };
    node_outbox_answer(&port->node->outbox, &route, &reply);
}

static void send_to(const struct node_port *port, struct wire_message *message, kv_node_id to)
{
    message->to = to;
    port->member->messages++;
    /* No room in a frame to this node itself: lost, like any other may be. */
    (void)!node_outbox_add(&port->node->outbox, message, false);
}

void node_port_send(const struct node_port *port, const struct wire_message *message, bool everyone)
{
    const struct order *order = port->member->order;
    struct wire_message sent = *message;
    KV_ASSERT(message->kind == WIRE_MESSAGE_SIGNAL ||
              message->kind == WIRE_MESSAGE_SIGNAL_REQUEST ||
              message->kind == WIRE_MESSAGE_SIGNAL_ACK || message->kind == WIRE_MESSAGE_FORWARD);
    sent.from = port->node->self;
    sent.as.signal.speaker = order_speaker(order); /* first in all of them (wire/message.h) */
    if (message->to.value != 0) {
        send_to(port, &sent, message->to);
        return;
    }
    kv_node_id to[KV_MEMBERS_MAX];
    const uint32_t count = order_receivers(order, message->group, everyone, to);
    for (uint32_t i = 0; i < count; i++) {
        send_to(port, &sent, to[i]);
    }
}

/* What cannot be done now (another member leads, a queue is full) is tried again by the application. */
static void step(const struct node_port *port, struct order_event *event)
{
    event->raft.now = port->node->now;
    event->physical = node_clock_physical();
    port->member->touched = true;
    (void)!order_step(port->member->order, event, &port->member->effects);
}

void node_port_append(const struct node_port *port, const struct order_remote *remote)
{
    struct order_event event = {.kind = ORDER_EVENT_REMOTE, .remote = *remote};
    step(port, &event);
}

void node_port_submit(const struct node_port *port, const struct order_submit *submit)
{
    for (uint32_t i = 0; i < port->member->coming_count; i++) {
        if (kv_message_id_equal(port->member->coming[i].entry->id, submit->id)) {
            return; /* it is delivered: the application is about to hear of it */
        }
    }
    struct order_event event = {.kind = ORDER_EVENT_SUBMIT, .submit = *submit};
    step(port, &event);
}

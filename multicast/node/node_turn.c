/* SPDX-License-Identifier: Apache-2.0 */
/* node_turn: one turn of the loop.
 *
 * 1. Frames that have arrived are opened, checked against cluster and addressee, and their messages fed to the cores; results of
 *    workers (node_crew.h) go to their applications.
 * 2. Members whose time has come are ticked; members that had an event are flushed.
 * 3. Effects are carried out, what may leave leaves, the log is synced once, and what follows from that is done. */
#include <stdio.h>

#include "multicast/node/node_internal.h"

/* Frames taken in one turn: bounds the time between two syncs and two looks at the clock. */
#define TURN_FRAMES_MAX 256

enum status node_step_raft(struct node *node, struct node_member *member, struct raft_event event)
{
    event.now = node->now;
    struct order_event order_event = {
        .kind = ORDER_EVENT_RAFT, .raft = event, .physical = node_clock_physical()};
    member->touched = true;
    return order_step(member->order, &order_event, &member->effects);
}

/* What another group's application says to this one. */
static bool on_application_message(struct node *node, struct node_member *member,
                                   const struct wire_message *message)
{
    const struct node_port port = node_port_of(node, member);
    if (member->application.ops->message == NULL || !order_hear(member->order, message)) {
        return false;
    }
    member->application.ops->message(member->application.state, &port, message);
    return true;
}

/* A piece is in the frame that has just come, so it is taken at once, before the next frame. */
static void on_chunk(struct node *node, struct node_member *member,
                     const struct wire_message *message)
{
    struct raft_effects *effects = &member->effects.raft;
    (void)node_step_raft(node, member,
                         (struct raft_event){.kind = RAFT_EVENT_MESSAGE, .message = message});
    if (effects->has_chunk_received) {
        const struct raft_chunk_received received = effects->chunk_received;
        effects->has_chunk_received = false;
        node_transfer_receive(node, member, &received);
    }
}

/* What another member's state is. */
static void on_compare(struct node *node, struct node_member *member,
                       const struct wire_message *message)
{
    uint64_t at = 0;
    const uint32_t voters = raft_config(order_raft(member->order))->count;
    switch (node_compare_hear(&member->compare, message->from, voters, &message->as.compare, &at)) {
    case NODE_OPINION_NONE:
        return;
    case NODE_OPINION_OTHER:
        node_report(
            node, "group %u: ALARM: node %u has another state than this one at position %llu",
            (unsigned)member->group.value, (unsigned)message->from.value, (unsigned long long)at);
        return;
    case NODE_OPINION_SELF:
        node_report(node, "group %u: ALARM: at position %llu", (unsigned)member->group.value,
                    (unsigned long long)at);
        node_distrust(node, member, "its state is another one than that of a majority");
        return;
    }
}

static void tell_digests(struct node *node, struct node_member *member)
{
    struct wire_message message = {
        .kind = WIRE_MESSAGE_COMPARE, .group = member->group, .from = node->self};
    struct node_sample samples[WIRE_COMPARE_SAMPLES_MAX];
    const struct wire_config *members = raft_config(order_raft(member->order));
    message.as.compare.count = node_compare_tell(&member->compare, samples);
    for (uint32_t i = 0; i < message.as.compare.count; i++) {
        message.as.compare.samples[i] =
            (struct wire_sample){samples[i].position, samples[i].digest};
    }
    for (uint32_t i = 0; i < members->count && message.as.compare.count > 0; i++) {
        if (!kv_node_equal(members->members[i].node, node->self)) {
            message.to = members->members[i].node;
            member->messages++;
            (void)!node_outbox_add(&node->outbox, &message, false);
        }
    }
}

/* Now and then: the state of this moment, if nothing waits, and what is known goes to the others. */
static void compare(struct node *node)
{
    if (!kv_instant_reached(node->compare_at, node->now)) {
        return;
    }
    node->compare_at = kv_instant_add(node->now, NODE_COMPARE_US);
    for (uint32_t i = 0; i < node->member_count; i++) {
        struct node_member *member = &node->members[i];
        if (!member->touched && member->effects.delivery_count == 0) {
            node_sample_state(member, order_delivered(member->order));
        }
        tell_digests(node, member);
    }
}

/* A message between members; false: nobody here should have got it. */
static bool on_peer(struct node *node, const struct wire_message *message)
{
    struct node_member *member = node_member_of(node, message->group);
    if (member == NULL) {
        return false;
    }
    switch (message->kind) {
    case WIRE_MESSAGE_VOTE_REQUEST:
    case WIRE_MESSAGE_VOTE_REPLY:
    case WIRE_MESSAGE_APPEND:
    case WIRE_MESSAGE_APPEND_REPLY:
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
        /* A message never fails a step: what is stale or wrong in it is ignored inside. */
        (void)node_step_raft(node, member,
                             (struct raft_event){.kind = RAFT_EVENT_MESSAGE, .message = message});
        return true;
    case WIRE_MESSAGE_SNAPSHOT_CHUNK:
        on_chunk(node, member, message);
        return true;
    case WIRE_MESSAGE_COMPARE:
        on_compare(node, member, message);
        return true;
    case WIRE_MESSAGE_SIGNAL:
    case WIRE_MESSAGE_SIGNAL_REQUEST:
    case WIRE_MESSAGE_SIGNAL_ACK:
    case WIRE_MESSAGE_FORWARD:
        return on_application_message(node, member, message);
    case WIRE_MESSAGE_HELLO:
    case WIRE_MESSAGE_WELCOME:
    case WIRE_MESSAGE_REQUEST:
    case WIRE_MESSAGE_REPLY:
    case WIRE_MESSAGE_STATUS_REQUEST:
    case WIRE_MESSAGE_STATUS_REPLY:
    case WIRE_MESSAGE_TRANSFER_REQUEST:
    case WIRE_MESSAGE_TRANSFER_REPLY:
    case WIRE_MESSAGE_CHECKPOINT_REQUEST:
    case WIRE_MESSAGE_CHECKPOINT_REPLY:
    case WIRE_MESSAGE_BACKUP_REQUEST:
    case WIRE_MESSAGE_BACKUP_REPLY:
    case WIRE_MESSAGE_WORKERS_REQUEST:
    case WIRE_MESSAGE_WORKERS_REPLY:
    case WIRE_MESSAGE_WATCH_REQUEST:
    case WIRE_MESSAGE_WATCH_REPLY:
    case WIRE_MESSAGE_REFUSAL:
        return false;
    }
    return false;
}

/* Whether a frame is meant for this node and comes from a client or a peer of this cluster. */
static bool accepts_frame(struct node *node, const struct net_route *route,
                          const struct wire_frame_reader *frame)
{
    bool from_client = frame->from.value == 0;
    bool any_cluster =
        from_client && frame->cluster.value == 0; /* a client that does not know yet */
    if (frame->cluster.value != node->cluster.value && !any_cluster) {
        if (from_client) {
            node_refuse(node, route, WIRE_REFUSAL_CLUSTER, "this node belongs to another cluster");
        }
        return false;
    }
    if (from_client) {
        return frame->to.value == 0 || kv_node_equal(frame->to, node->self);
    }
    return kv_node_equal(frame->to, node->self) && !kv_node_equal(frame->from, node->self) &&
           node_config_find(node->config, frame->from) != NULL;
}

static void on_frame(struct node *node, const struct net_route *route, kv_slice bytes)
{
    struct wire_frame_reader *reader = &node->reader;
    enum status status = wire_frame_open(reader, bytes);
    if (status == STATUS_VERSION && reader->from.value == 0) {
        node_refuse(node, route, WIRE_REFUSAL_VERSION,
                    "this version of the protocol is not spoken");
    }
    if (status != STATUS_OK || !accepts_frame(node, route, reader)) {
        node->frames_dropped++;
        return;
    }
    struct wire_message message;
    while ((status = wire_frame_next(reader, &message)) == STATUS_OK) {
        if (reader->from.value == 0) {
            node_on_client(node, route, &message);
        } else if (!on_peer(node, &message)) {
            node->frames_dropped++;
        }
    }
    if (status != STATUS_END) {
        node->frames_dropped++;
        if (reader->from.value == 0) {
            node_refuse(node, route, WIRE_REFUSAL_MALFORMED, "a message could not be decoded");
        }
    }
}

static bool receive(struct node *node)
{
    struct net_route route;
    kv_slice frame;
    for (uint32_t i = 0; i < TURN_FRAMES_MAX; i++) {
        if (net_server_receive(node->net, &route, &frame) != STATUS_OK) {
            return i > 0;
        }
        on_frame(node, &route, frame);
    }
    return true;
}

static kv_instant application_deadline(const struct node_member *member)
{
    const struct node_application *application = &member->application;
    return application->ops->deadline == NULL ? KV_INSTANT_NEVER
                                              : application->ops->deadline(application->state);
}

static void tick(struct node *node)
{
    for (uint32_t i = 0; i < node->member_count; i++) {
        struct node_member *member = &node->members[i];
        if (kv_instant_reached(order_deadline(member->order), node->now)) {
            (void)node_step_raft(node, member, (struct raft_event){.kind = RAFT_EVENT_TICK});
            node_reads_give_up(node, member);
        }
        if (kv_instant_reached(application_deadline(member), node->now)) {
            node_tick_application(node, member);
        }
    }
}

/* Flush what was touched and carry it out; returns whether there was anything. */
static bool flush(struct node *node)
{
    bool any = false;
    for (uint32_t i = 0; i < node->member_count; i++) {
        struct node_member *member = &node->members[i];
        if (!member->touched) {
            continue;
        }
        any = true;
        (void)node_step_raft(node, member, (struct raft_event){.kind = RAFT_EVENT_FLUSH});
        member->touched = false;
        node_carry_out(node, member);
    }
    return any;
}

/* Members of different groups on this node talk through the same codec as all others; returns whether they did. */
static bool deliver_local(struct node *node, bool synced)
{
    bool any = false;
    while (node_outbox_take_local(&node->outbox, synced, &node->local)) {
        struct wire_message message;
        enum status status = wire_frame_open(&node->reader, wire_frame_finish(&node->local));
        KV_ASSERT(status == STATUS_OK);
        while (wire_frame_next(&node->reader, &message) == STATUS_OK) {
            (void)on_peer(node, &message);
        }
        any = true;
    }
    return any;
}

/* Rounds of talk inside of one node and turn; what comes after that waits for the next turn. */
#define LOCAL_ROUNDS_MAX 8

/* Flush until the members of this node have nothing more to say to each other; returns whether anything happened. */
static bool settle(struct node *node, bool synced)
{
    bool any = false;
    for (uint32_t i = 0; i < LOCAL_ROUNDS_MAX; i++) {
        bool talked = deliver_local(node, synced && i == 0);
        if (!flush(node) && !talked) {
            break;
        }
        any = true;
    }
    return any;
}

/* Whether records wait for a sync. */
static bool node_is_dirty(const struct node *node)
{
    for (uint32_t i = 0; i < node->member_count; i++) {
        if (node->members[i].appended > node->members[i].durable) {
            return true;
        }
    }
    return false;
}

void node_distrust(struct node *node, const struct node_member *member, const char *why)
{
    if (node->failure != STATUS_OK) {
        return;
    }
    node->failure = STATUS_CORRUPT;
    snprintf(node->failure_text.text, sizeof node->failure_text.text, "ALARM: group %u in %s: %s",
             (unsigned)member->group.value, node->settings.directory, why);
    if (member->application.ops->open != NULL && node_set_aside(node, member) != STATUS_OK) {
        node->failure = STATUS_IO; /* the next life would meet it again */
    }
}

/* Damage that an application has met on disk: nothing that it says may be believed any more. */
static void look_at_health(struct node *node)
{
    for (uint32_t i = 0; i < node->member_count && node->failure == STATUS_OK; i++) {
        struct node_member *member = &node->members[i];
        const struct node_application *application = &member->application;
        const enum status status = application->ops->health == NULL
                                       ? STATUS_OK
                                       : application->ops->health(application->state);
        if (status != STATUS_OK) {
            node_distrust(node, member, "its checkpoint is damaged");
        }
    }
}

bool node_turn(struct node *node)
{
    node->now = node_clock();
    node_look_at_space(node);
    bool busy = receive(node);
    busy = node_crew_collect(node) || busy;
    tick(node);
    busy = settle(node, false) || busy;
    node_crew_flush(node);
    node_outbox_send(&node->outbox, false);
    node_sync(node);
    if (node->failure != STATUS_OK) {
        return false; /* nothing leaves any more: what waited for the sync is lost on purpose */
    }
    node_outbox_send(&node->outbox, true);
    busy = settle(node, true) || busy;
    node_crew_flush(node);
    node_watch_turn(node);
    node_outbox_send(&node->outbox, !node_is_dirty(node));
    compare(node);
    node_checkpoint_prune(node);
    node_writer_turn(node);
    look_at_health(node);
    return busy || node_is_dirty(node);
}

kv_instant node_deadline(const struct node *node)
{
    kv_instant deadline = kv_instant_min(node->stop_by, node_watch_deadline(&node->watches));
    for (uint32_t i = 0; i < node->member_count; i++) {
        deadline = kv_instant_min(deadline, order_deadline(node->members[i].order));
        deadline = kv_instant_min(deadline, application_deadline(&node->members[i]));
    }
    return deadline;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* client_send: whom an operation is sent to, and when it is sent again.
 *
 * 1. The believed leader of the group, unless it is silent or has just let a sending time out; else
 *    the members in turn.
 * 2. Every pause has jitter, so that the clients of a group that has lost its leader do not come
 *    back in step.
 * 3. Each sending is booked under its node until that node refuses it: this decides between
 *    IN_DOUBT and not executed. */
#include "client/core/client_internal.h"

/* `first` doubled `times` times, at most `max`. */
uint64_t client_backoff(uint64_t first_us, uint64_t max_us, uint32_t times)
{
    uint64_t pause_us = first_us;
    for (uint32_t i = 0; i < times && pause_us < max_us; i++) {
        pause_us *= 2;
    }
    return pause_us < max_us ? pause_us : max_us;
}

static uint32_t client_member_index(const struct client_group *group, kv_node_id node)
{
    for (uint32_t i = 0; i < group->config.count; i++) {
        if (kv_node_equal(group->config.members[i].node, node)) {
            return i;
        }
    }
    return group->config.count;
}

static bool client_can_ask(const struct client *client, kv_node_id node, kv_node_id avoid)
{
    return !kv_node_equal(node, avoid) && client->nodes[node.value].known &&
           !client_is_silent(client, node);
}

/* The next member in turn, better one that answers than a silent one. None if the group is not
 * known. */
static kv_node_id client_next_member(struct client *client, struct client_group *group,
                                     kv_node_id avoid)
{
    const uint32_t count = group->config.count;
    if (count == 0) {
        return KV_NODE_NONE;
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t place = (group->rotation + i) % count;
        if (client_can_ask(client, group->config.members[place].node, avoid)) {
            group->rotation = place;
            return group->config.members[place].node;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        const kv_node_id node = group->config.members[group->rotation++ % count].node;
        if (client->nodes[node.value].known && (count == 1 || !kv_node_equal(node, avoid))) {
            return node;
        }
    }
    return KV_NODE_NONE;
}

static kv_node_id client_choose(struct client *client, const struct client_operation *operation)
{
    struct client_group *group = &client->groups[operation->group.value];
    const uint32_t index = client_member_index(group, operation->avoid);
    if (index < group->config.count) {
        group->rotation = index + 1;
    }
    if (operation->mode == WIRE_REQUEST_STALE && group->config.count > 0) {
        group->rotation = (uint32_t)kv_prng_below(&client->prng, group->config.count);
    } else if (!kv_node_equal(group->leader, KV_NODE_NONE) &&
               client_can_ask(client, group->leader, operation->avoid)) {
        return group->leader;
    }
    return client_next_member(client, group, operation->avoid);
}

static void client_book(struct client_operation *operation, kv_node_id node)
{
    uint32_t i = 0;
    while (i < operation->target_count && !kv_node_equal(operation->targets[i].node, node)) {
        i++;
    }
    if (i == KV_MEMBERS_MAX ||
        (i < operation->target_count && operation->targets[i].unresolved == UINT16_MAX)) {
        operation->doubt = true; /* nothing to book it in: it counts as unresolved for ever */
        return;
    }
    if (i == operation->target_count) {
        operation->targets[i] = (struct client_target){.node = node};
        operation->target_count++;
    }
    operation->targets[i].unresolved++;
}

void client_resolve(struct client_operation *operation, kv_node_id node)
{
    for (uint32_t i = 0; i < operation->target_count; i++) {
        struct client_target *target = &operation->targets[i];
        if (kv_node_equal(target->node, node) && target->unresolved > 0) {
            target->unresolved--;
        }
    }
}

static uint32_t client_budget_ms(const struct client *client,
                                 const struct client_operation *operation)
{
    if (operation->deadline.us == KV_INSTANT_NEVER.us) {
        return UINT32_MAX;
    }
    const uint64_t left_us =
        operation->deadline.us > client->now.us ? operation->deadline.us - client->now.us : 0;
    const uint64_t left_ms = left_us / 1000 + 1;
    return left_ms < UINT32_MAX ? (uint32_t)left_ms : UINT32_MAX;
}

void client_send(struct client *client, struct client_operation *operation)
{
    const kv_node_id node = client_choose(client, operation);
    if (kv_node_equal(node, KV_NODE_NONE)) {
        client_pause(client, operation);
        return;
    }
    if (operation->session == NULL && operation->role != CLIENT_ROLE_OPEN &&
        operation->attempts == 0) {
        KV_ASSERT(!client_is_write(operation));
        operation->id.sequence =
            (client->read_count++ << CLIENT_POOL_BITS | operation->place) & ~CLIENT_NONCE_BIT;
    }
    client_set_state(operation, CLIENT_OPERATION_SENT);
    operation->target = node;
    operation->sent_at = client->now;
    operation->attempts++;
    operation->wake =
        kv_instant_add(client->now, operation->timeout_us +
                                        kv_prng_below(&client->prng, operation->timeout_us / 4));
    client_book(operation, node);
    client_wake_at(client, kv_instant_min(operation->wake, operation->deadline));
    client->counters.sendings++;

    const uint32_t slot = client_connect_node(client, node);
    struct client_effect *effect = client_emit(client, CLIENT_EFFECT_SEND, slot);
    effect->as.send.kind = WIRE_MESSAGE_REQUEST;
    effect->as.send.group = operation->group;
    effect->as.send.to = node;
    effect->as.send.as.request = (struct wire_request){
        .id = operation->id,
        .mode = operation->mode,
        .destinations = kv_group_set_of(operation->group),
        .floor = operation->session == NULL ? 0 : operation->session->floor,
        .budget_ms = client_budget_ms(client, operation),
        .body = kv_buffer_slice(&operation->body),
    };
}

void client_pause_for(struct client *client, struct client_operation *operation, uint64_t pause_us)
{
    client_set_state(operation, CLIENT_OPERATION_PAUSED);
    operation->wake =
        kv_instant_add(client->now, pause_us / 2 + kv_prng_below(&client->prng, pause_us / 2 + 1));
    client_wake_at(client, kv_instant_min(operation->wake, operation->deadline));
}

void client_pause(struct client *client, struct client_operation *operation)
{
    const uint32_t times = operation->pauses++;
    operation->hops = 0;
    client_pause_for(client, operation,
                     client_backoff(CLIENT_PAUSE_US, CLIENT_PAUSE_US_MAX, times));
    if (operation->pauses >= CLIENT_PAUSES_REFRESH) {
        client_refresh(client);
    }
}

void client_pause_busy(struct client *client, struct client_operation *operation)
{
    client_pause_for(client, operation,
                     client_backoff(CLIENT_BUSY_US, CLIENT_BUSY_US_MAX, operation->busy++));
}

void client_resume(struct client *client, struct client_operation *operation)
{
    KV_ASSERT(operation->state == CLIENT_OPERATION_PAUSED);
    if (client_is_write(operation) && operation->session == NULL &&
        operation->role == CLIENT_ROLE_USER) {
        client_wait(operation, &client->waiting_session);
        client_wake_at(client, operation->deadline);
        client_pump(client);
        return;
    }
    client_send(client, operation);
}

void client_on_timeout(struct client *client, struct client_operation *operation)
{
    struct client_group *group = &client->groups[operation->group.value];
    struct client_node *node = &client->nodes[operation->target.value];
    client->counters.timeouts++;
    if (node->heard.us <= operation->sent_at.us) {
        node->silent_until = kv_instant_add(client->now, CLIENT_SILENT_US);
        if (kv_node_equal(group->leader, operation->target)) {
            group->leader = KV_NODE_NONE;
        }
        client_refresh(client);
    }
    CLIENT_TRACE(client, TRACE_DECISION, "no answer from node %u in %llu us -> the next member",
                 operation->target.value, (unsigned long long)operation->timeout_us);
    operation->avoid = operation->target;
    operation->timeout_us = client_backoff(operation->timeout_us, CLIENT_TIMEOUT_US_MAX, 1);
    client_send(client, operation);
}

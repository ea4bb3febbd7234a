/* SPDX-License-Identifier: Apache-2.0 */
/* client_send: whom the legs of an attempt are sent to, and when they are sent again.
 *
 * 1. The believed leader of the group, unless it is silent or has just let a sending time out; else
 *    the members in turn.
 * 2. Every pause has jitter, so that the clients of a group that has lost its leader do not come
 *    back in step.
 * 3. Each sending is booked under its leg and node until that node refuses it: this decides between
 *    IN_DOUBT and not executed.
 * 4. A message to several groups may be answered late because of any of them, and most of them never
 *    answer it: its silence says nothing about the node that was asked. */
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

static kv_node_id client_choose(struct client *client, const struct client_operation *operation,
                                const struct client_leg *leg)
{
    struct client_group *group = &client->groups[leg->group.value];
    const uint32_t index = client_member_index(group, leg->avoid);
    if (index < group->config.count) {
        group->rotation = index + 1;
    }
    if (operation->mode == WIRE_REQUEST_STALE && group->config.count > 0) {
        group->rotation = (uint32_t)kv_prng_below(&client->prng, group->config.count);
    } else if (!leg->around && !kv_node_equal(group->leader, KV_NODE_NONE) &&
               client_can_ask(client, group->leader, leg->avoid)) {
        return group->leader;
    }
    return client_next_member(client, group, leg->avoid);
}

/* ---- Bookings ---- */

static void client_book(struct client_operation *operation, struct client_leg *leg, kv_node_id node)
{
    uint32_t i = 0;
    while (i < leg->target_count && !kv_node_equal(leg->targets[i].node, node)) {
        i++;
    }
    if (i == KV_MEMBERS_MAX ||
        (i < leg->target_count && leg->targets[i].unresolved == UINT16_MAX)) {
        operation->doubt = true; /* nothing to book it in: it counts as unresolved for ever */
        return;
    }
    if (i == leg->target_count) {
        leg->targets[i] = (struct client_target){.node = node};
        leg->target_count++;
    }
    leg->targets[i].unresolved++;
}

void client_resolve(struct client_leg *leg, kv_node_id node)
{
    for (uint32_t i = 0; i < leg->target_count; i++) {
        struct client_target *target = &leg->targets[i];
        if (kv_node_equal(target->node, node) && target->unresolved > 0) {
            target->unresolved--;
        }
    }
}

bool client_is_unresolved(const struct client_leg *leg)
{
    bool unresolved = false;
    for (uint32_t i = 0; i < leg->target_count; i++) {
        unresolved = unresolved || leg->targets[i].unresolved > 0;
    }
    return unresolved;
}

void client_resolve_all(struct client_operation *operation)
{
    operation->doubt = false;
    for (uint32_t i = 0; i < operation->leg_count; i++) {
        client_leg_at(operation, i)->target_count = 0;
    }
}

bool client_is_in_doubt(const struct client_operation *operation)
{
    bool unresolved = operation->doubt;
    for (uint32_t i = 0; i < operation->leg_count; i++) {
        unresolved = unresolved || client_is_unresolved(client_leg_see(operation, i));
    }
    return unresolved && client_is_ordered(operation);
}

/* ---- Sending ---- */

struct client_leg *client_leg_of(struct client_operation *operation, kv_group_id group)
{
    for (uint32_t i = 0; i < operation->leg_count; i++) {
        if (kv_group_equal(client_leg_at(operation, i)->group, group)) {
            return client_leg_at(operation, i);
        }
    }
    return NULL;
}

/* A message that concerns the oracle goes to it alone: it tells the others once it is committed there
 * (docs/decisions/0006-oracle-first.md). */
static kv_group_set client_legs_wanted(const struct client_operation *operation)
{
    return kv_group_set_has(operation->destinations, KV_GROUP_ORACLE)
               ? kv_group_set_of(KV_GROUP_ORACLE)
               : operation->destinations;
}

static void client_reserve_legs(struct client_operation *operation, uint32_t count)
{
    if (count > operation->more_capacity + 1) {
        operation->more_capacity = 2 * count - 1;
        operation->more =
            kv_realloc(operation->more, operation->more_capacity * sizeof *operation->more);
    }
}

void client_launch(struct client *client, struct client_operation *operation)
{
    uint64_t left = client_legs_wanted(operation).bits;
    KV_ASSERT(left != 0 && !client_is_in_doubt(operation));
    client_set_state(operation, CLIENT_OPERATION_SENT);
    for (operation->leg_count = 0; left != 0; left &= left - 1) {
        client_reserve_legs(operation, operation->leg_count + 1);
        *client_leg_at(operation, operation->leg_count++) = (struct client_leg){
            .group = {(uint16_t)__builtin_ctzll(left)}, .timeout_us = CLIENT_TIMEOUT_US};
    }
    for (uint32_t i = 0; i < operation->leg_count; i++) {
        client_send(client, operation, client_leg_at(operation, i));
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

void client_send(struct client *client, struct client_operation *operation, struct client_leg *leg)
{
    const kv_node_id node = client_choose(client, operation, leg);
    if (kv_node_equal(node, KV_NODE_NONE)) {
        client_pause(client, operation, leg);
        return;
    }
    leg->state = CLIENT_LEG_SENT;
    leg->target = node;
    leg->sent_at = client->now;
    leg->wake = kv_instant_add(client->now,
                               leg->timeout_us + kv_prng_below(&client->prng, leg->timeout_us / 4));
    client_book(operation, leg, node);
    client_wake_at(client, kv_instant_min(leg->wake, operation->deadline));
    operation->sendings++;
    client->counters.sendings++;
    client->counters.oracle_requests += kv_group_equal(leg->group, KV_GROUP_ORACLE);

    const uint32_t slot = client_connect_node(client, node);
    struct client_effect *effect = client_emit(client, CLIENT_EFFECT_SEND, slot);
    effect->as.send.kind = WIRE_MESSAGE_REQUEST;
    effect->as.send.group = leg->group;
    effect->as.send.to = node;
    effect->as.send.as.request = (struct wire_request){
        .id = operation->id,
        .mode = operation->mode,
        .destinations = operation->destinations,
        .floor = operation->session == NULL ? 0 : operation->session->floor,
        .budget_ms = client_budget_ms(client, operation),
        .body = client_body_of(operation),
    };
}

/* ---- Again ---- */

void client_pause_for(struct client *client, struct client_operation *operation,
                      struct client_leg *leg, uint64_t pause_us)
{
    leg->state = CLIENT_LEG_PAUSED;
    leg->wake =
        kv_instant_add(client->now, pause_us / 2 + kv_prng_below(&client->prng, pause_us / 2 + 1));
    client_wake_at(client, kv_instant_min(leg->wake, operation->deadline));
}

void client_pause(struct client *client, struct client_operation *operation, struct client_leg *leg)
{
    const uint32_t times = leg->pauses++;
    leg->hops = 0;
    client_pause_for(client, operation, leg,
                     client_backoff(CLIENT_PAUSE_US, CLIENT_PAUSE_US_MAX, times));
    if (leg->pauses >= CLIENT_PAUSES_REFRESH) {
        client_refresh(client);
    }
}

void client_pause_busy(struct client *client, struct client_operation *operation,
                       struct client_leg *leg)
{
    client_pause_for(client, operation, leg,
                     client_backoff(CLIENT_BUSY_US, CLIENT_BUSY_US_MAX, leg->busy++));
}

static void client_on_timeout(struct client *client, struct client_operation *operation,
                              struct client_leg *leg)
{
    struct client_group *group = &client->groups[leg->group.value];
    struct client_node *node = &client->nodes[leg->target.value];
    const bool alone = client_is_alone(operation);
    client->counters.timeouts++;
    if (node->heard.us <= leg->sent_at.us) {
        if (alone) {
            node->silent_until = kv_instant_add(client->now, CLIENT_SILENT_US);
            if (kv_node_equal(group->leader, leg->target)) {
                group->leader = KV_NODE_NONE;
            }
        }
        client_refresh(client);
    }
    CLIENT_TRACE(client, TRACE_DECISION, "no answer from node %u in %llu us -> the next member",
                 leg->target.value, (unsigned long long)leg->timeout_us);
    leg->avoid = leg->target;
    leg->around = !alone;
    leg->timeout_us = client_backoff(leg->timeout_us, CLIENT_TIMEOUT_US_MAX, 1);
    client_send(client, operation, leg);
}

void client_on_legs_time(struct client *client, struct client_operation *operation)
{
    for (uint32_t i = 0; i < operation->leg_count; i++) {
        struct client_leg *leg = client_leg_at(operation, i);
        if (!kv_instant_reached(leg->wake, client->now)) {
            client_wake_at(client, leg->wake);
            continue;
        }
        switch (leg->state) {
        case CLIENT_LEG_SENT:
            client_on_timeout(client, operation, leg);
            break;
        case CLIENT_LEG_PAUSED:
            client_send(client, operation, leg);
            break;
        }
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* client_map: nodes, groups and limits, and how they are learnt.
 *
 * 1. Until the first WELCOME, the endpoints are greeted in turn, each with more patience than the
 *    one before.
 * 2. After it, nodes are connected when something is sent to them, and the endpoints only serve
 *    again when all nodes are silent.
 * 3. A refusal concerns one endpoint. When all have refused, what waits for the map is told so at
 *    once. */
#include "client/core/client_internal.h"

#include <stdio.h>
#include <string.h>

bool client_is_silent(const struct client *client, kv_node_id node)
{
    return client->nodes[node.value].silent_until.us > client->now.us;
}

void client_heard(struct client *client, kv_node_id node)
{
    if (node.value >= 1 && node.value <= KV_NODES_MAX) {
        client->nodes[node.value].heard = client->now;
        client->nodes[node.value].silent_until = (kv_instant){0};
    }
}

static uint32_t client_slot_of(kv_node_id node)
{
    return CLIENT_ENDPOINTS_MAX + node.value - 1U;
}

uint32_t client_connect_node(struct client *client, kv_node_id id)
{
    struct client_node *node = &client->nodes[id.value];
    KV_ASSERT(node->known);
    if (!node->connected) {
        node->connected = true;
        client_emit(client, CLIENT_EFFECT_CONNECT, client_slot_of(id))->as.endpoint =
            kv_slice_of(node->endpoint, node->endpoint_size);
    }
    return client_slot_of(id);
}

static uint32_t client_connect_endpoint(struct client *client, uint32_t i)
{
    struct client_endpoint *endpoint = &client->endpoints[i];
    if (!endpoint->connected) {
        endpoint->connected = true;
        client_emit(client, CLIENT_EFFECT_CONNECT, i)->as.endpoint = endpoint->text;
    }
    return i;
}

/* A node that answers, all of them in turn, or none: what one of them knows of a group may be old. */
static kv_node_id client_some_node(struct client *client)
{
    for (uint32_t i = 0; i < KV_NODES_MAX; i++) {
        const kv_node_id node = {(uint16_t)(1 + (client->hello_node.value + i) % KV_NODES_MAX)};
        if (client->nodes[node.value].known && !client_is_silent(client, node)) {
            client->hello_node = node;
            return node;
        }
    }
    return KV_NODE_NONE;
}

void client_say_hello(struct client *client)
{
    const kv_node_id node = client_some_node(client);
    const uint32_t slot =
        kv_node_equal(node, KV_NODE_NONE)
            ? client_connect_endpoint(client, client->hello_turn++ % client->endpoint_count)
            : client_connect_node(client, node);
    struct client_effect *effect = client_emit(client, CLIENT_EFFECT_SEND, slot);
    effect->as.send.kind = WIRE_MESSAGE_HELLO;
    effect->as.send.group = KV_GROUP_ORACLE;
    effect->as.send.to = node;
    effect->as.send.as.hello = (struct wire_hello){WIRE_VERSION_MIN, WIRE_VERSION};
    client->counters.hellos++;
    client->hello_last = client->now;
    client->hello_at = kv_instant_add(client->now, client->hello_us);
    client->hello_us = client_backoff(client->hello_us, CLIENT_HELLO_US_MAX, 1);
}

void client_refresh(struct client *client)
{
    if (client->hello_at.us != KV_INSTANT_NEVER.us || client->closed) {
        return; /* one is under way or due */
    }
    client->hello_at = kv_instant_add(client->hello_last, CLIENT_REFRESH_US);
}

static void client_learn_nodes(struct client *client, const struct wire_welcome *welcome)
{
    for (uint32_t i = 0; i <= KV_NODES_MAX; i++) {
        client->nodes[i].known = false;
    }
    for (uint32_t i = 0; i < welcome->node_count; i++) {
        const kv_slice endpoint = welcome->nodes[i].endpoint;
        const uint16_t id = welcome->nodes[i].node.value;
        if (id < 1 || id > KV_NODES_MAX || endpoint.size == 0 ||
            endpoint.size > WIRE_ENDPOINT_BYTES_MAX) {
            continue;
        }
        struct client_node *node = &client->nodes[id];
        node->known = true;
        if (!kv_slice_equal(kv_slice_of(node->endpoint, node->endpoint_size), endpoint)) {
            memcpy(node->endpoint, endpoint.data, endpoint.size);
            node->endpoint_size = (uint32_t)endpoint.size;
            node->connected = false;
        }
    }
}

static void client_learn_groups(struct client *client, const struct wire_welcome *welcome)
{
    for (uint32_t i = 0; i < welcome->group_count; i++) {
        if (welcome->groups[i].group.value >= KV_GROUPS_MAX) {
            continue;
        }
        struct client_group *group = &client->groups[welcome->groups[i].group.value];
        const kv_node_id leader = welcome->groups[i].leader;
        group->config.count = 0;
        for (uint32_t m = 0; m < welcome->groups[i].config.count; m++) {
            const struct wire_config_member member = welcome->groups[i].config.members[m];
            if (member.node.value >= 1 && member.node.value <= KV_NODES_MAX) {
                group->config.members[group->config.count++] = member;
            }
        }
        if (leader.value < 1 || leader.value > KV_NODES_MAX || !client->nodes[leader.value].known) {
            continue;
        }
        /* A node that is not the leader may be behind in what it believes: what we know better
         * stays. */
        if (kv_node_equal(group->leader, KV_NODE_NONE) || client_is_silent(client, group->leader)) {
            group->leader = leader;
        }
    }
}

static uint32_t client_lower(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static void client_learn_limits(struct client *client, const struct wire_welcome *welcome)
{
    client->limits.key_bytes_max = client_lower(welcome->key_bytes_max, KV_KEY_BYTES_MAX);
    client->limits.value_bytes_max = client_lower(welcome->value_bytes_max, KV_VALUE_BYTES_MAX);
    client->limits.command_keys_max = client_lower(welcome->command_keys_max, KV_COMMAND_KEYS_MAX);
    client->window = 1;
    while (2 * client->window <=
           client_lower(welcome->session_outstanding_max, CLIENT_OUTSTANDING_MAX)) {
        client->window *= 2;
    }
}

static void client_set_refusal(struct client *client, uint32_t slot, const char *reason,
                               kv_slice text)
{
    (void)snprintf(client->refusal, sizeof client->refusal, "%s%s%.*s", reason,
                   text.size > 0 ? ": " : "",
                   (int)(text.size < sizeof client->refusal ? text.size : sizeof client->refusal),
                   text.size > 0 ? (const char *)text.data : "");
    CLIENT_TRACE(client, TRACE_DECISION, "slot %u refuses us -> %s", slot, client->refusal);
    if (slot >= client->endpoint_count || client->map_known) {
        return;
    }
    const bool first = !client->endpoints[slot].refused;
    client->endpoints[slot].refused = true;
    bool all = true;
    for (uint32_t i = 0; i < client->endpoint_count; i++) {
        all = all && client->endpoints[i].refused;
    }
    struct client_operation *operation;
    while (all && (operation = TAILQ_FIRST(&client->waiting_map)) != NULL) {
        client_fail(client, operation, CLIENT_REFUSED, client->refusal);
    }
    if (!all && first && !client->closed) {
        client_say_hello(client);
    }
}

void client_on_refusal(struct client *client, uint32_t slot, const struct wire_refusal *refusal)
{
    const char *reason = "the node does not understand this client";
    switch (refusal->reason) {
    case WIRE_REFUSAL_VERSION:
        reason = "the node speaks other versions of the protocol";
        break;
    case WIRE_REFUSAL_CLUSTER:
        reason = "the node belongs to another cluster";
        break;
    case WIRE_REFUSAL_MALFORMED:
        break;
    }
    client_set_refusal(client, slot, reason, refusal->text);
}

static void client_begin(struct client *client)
{
    for (uint32_t i = 0; i < client->endpoint_count; i++) {
        if (client->endpoints[i].connected) {
            client->endpoints[i].connected = false;
            (void)client_emit(client, CLIENT_EFFECT_DISCONNECT, i);
        }
    }
    struct client_operation *operation;
    while ((operation = TAILQ_FIRST(&client->waiting_map)) != NULL) {
        client_attempt(client, operation);
    }
}

void client_on_welcome(struct client *client, uint32_t slot, kv_node_id from,
                       const struct wire_welcome *welcome)
{
    const kv_slice expected = kv_buffer_slice(&client->cluster_name);
    if (expected.size > 0 && !kv_slice_equal(expected, welcome->cluster_name)) {
        client_set_refusal(client, slot, "the node belongs to another cluster",
                           welcome->cluster_name);
        return;
    }
    if (welcome->version < WIRE_VERSION_MIN || welcome->version > WIRE_VERSION) {
        client_set_refusal(client, slot, "the node speaks other versions of the protocol",
                           (kv_slice){NULL, 0});
        return;
    }
    if (welcome->partitions < 1 || welcome->partitions >= KV_GROUPS_MAX ||
        (client->map_known && welcome->map_version < client->map_version)) {
        return;
    }
    if (expected.size == 0) {
        kv_buffer_append(&client->cluster_name, welcome->cluster_name.data,
                         welcome->cluster_name.size);
    }
    CLIENT_TRACE(client, TRACE_DECISION, "node %u welcomes us, %u partitions on %u nodes -> %s",
                 from.value, welcome->partitions, welcome->node_count,
                 client->map_known ? "refreshed" : "begin");
    if (client->partitions != welcome->partitions) {
        client_places_clear(&client->places); /* homes have changed with it */
    }
    client->partitions = welcome->partitions;
    client->map_version = welcome->map_version;
    client_learn_nodes(client, welcome);
    client_learn_groups(client, welcome);
    client_learn_limits(client, welcome);
    client->hello_at = KV_INSTANT_NEVER;
    client->hello_us = CLIENT_HELLO_US;
    client->map_known = true;
    client_begin(client);
}

kv_slice client_cluster_name(const struct client *client)
{
    return kv_buffer_slice(&client->cluster_name);
}

uint32_t client_partitions(const struct client *client)
{
    return client->partitions;
}

kv_group_id client_partition_of(const struct client *client, kv_slice key)
{
    struct client_place place;
    if (!client->map_known) {
        return KV_GROUP_ORACLE;
    }
    return client_places_look(&client->places, key, &place) ? place.group
                                                            : wire_home_of(key, client->partitions);
}

struct client_limits client_limits(const struct client *client)
{
    return client->limits;
}

kv_slice client_node_endpoint(const struct client *client, kv_node_id id)
{
    KV_ASSERT(id.value >= 1 && id.value <= KV_NODES_MAX);
    const struct client_node *node = &client->nodes[id.value];
    return node->known ? kv_slice_of(node->endpoint, node->endpoint_size) : (kv_slice){NULL, 0};
}

uint32_t client_node_slot(struct client *client, kv_node_id node, struct client_effects *effects)
{
    KV_ASSERT(client->effects == NULL);
    client->effects = effects;
    const uint32_t slot = client_connect_node(client, node);
    client->effects = NULL;
    return slot;
}

kv_node_id client_leader_of(const struct client *client, kv_group_id group)
{
    return group.value < KV_GROUPS_MAX ? client->groups[group.value].leader : KV_NODE_NONE;
}

const char *client_refusal(const struct client *client)
{
    return client->refusal;
}

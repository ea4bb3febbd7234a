/* SPDX-License-Identifier: Apache-2.0 */
/* api_connection: finding the cluster, and frames to and from its nodes.
 *
 * Slot n - 1 of the net client is node n; the slots behind KV_NODES_MAX are the endpoints that the client was opened with. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "multicast/api/api_client.h"
#include "multicast/base/assert.h"

/* Pause before the endpoints are asked again who is there. */
#define HELLO_PAUSE_US 200000

kv_instant api_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (kv_instant){(uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000};
}

void api_fail(struct multicast_client *client, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(client->error, sizeof client->error, format, arguments);
    va_end(arguments);
}

static void send_frame(struct multicast_client *client, uint32_t slot, kv_node_id to,
                       const struct wire_message *message)
{
    wire_frame_begin(&client->writer, client->cluster, KV_NODE_NONE, to);
    enum status status = wire_frame_add(&client->writer, message);
    KV_ASSERT(status == STATUS_OK);
    /* A full queue is a lost frame: it is sent again. */
    (void)(net_client_send(client->net, slot, wire_frame_finish(&client->writer)) == STATUS_OK);
}

static void send_hello(struct multicast_client *client)
{
    struct wire_message hello = {.kind = WIRE_MESSAGE_HELLO};
    hello.as.hello =
        (struct wire_hello){.version_min = WIRE_VERSION_MIN, .version_max = WIRE_VERSION};
    for (uint32_t i = 0; i < client->seed_count; i++) {
        send_frame(client, KV_NODES_MAX + i, KV_NODE_NONE, &hello);
    }
}

static void on_welcome(struct multicast_client *client, const struct wire_welcome *welcome)
{
    kv_cluster_id cluster = wire_cluster_id(welcome->cluster_name);
    if (client->cluster.value != 0 && client->cluster.value != cluster.value) {
        return; /* the endpoints are of two clusters: the first one that answered counts */
    }
    client->cluster = cluster;
    for (uint32_t i = 0; i < welcome->node_count; i++) {
        const struct wire_node *node = &welcome->nodes[i];
        if (node->node.value >= 1 && node->node.value <= KV_NODES_MAX &&
            node->endpoint.size < WIRE_ENDPOINT_BYTES_MAX) {
            char *endpoint = client->endpoints[node->node.value];
            memcpy(endpoint, node->endpoint.data, node->endpoint.size);
            endpoint[node->endpoint.size] = '\0';
        }
    }
    for (uint32_t i = 0; i < welcome->group_count; i++) {
        const struct wire_group *group = &welcome->groups[i];
        struct api_group *known = &client->groups[group->group.value];
        known->members = group->config;
        if (group->leader.value != 0) {
            known->leader = group->leader;
        }
        if (group->group.value >= client->group_count) {
            client->group_count = group->group.value + 1u;
        }
    }
}

static void on_message(struct multicast_client *client, struct api_call *call,
                       const struct wire_message *message)
{
    switch ((int)message->kind) {
    case WIRE_MESSAGE_WELCOME:
        on_welcome(client, &message->as.welcome);
        return;
    case WIRE_MESSAGE_REFUSAL:
        client->refused = message->as.refusal.reason != WIRE_REFUSAL_MALFORMED;
        api_fail(client, "a node refuses: %.*s", (int)message->as.refusal.text.size,
                 (const char *)message->as.refusal.text.data);
        return;
    case WIRE_MESSAGE_REPLY:
        if (call != NULL) {
            api_on_reply(client, call, message->group, &message->as.reply);
        }
        return;
    default:
        return; /* nothing that a client has asked for */
    }
}

void api_receive(struct multicast_client *client, struct api_call *call)
{
    uint32_t slot;
    kv_slice frame;
    struct wire_message message;
    while (net_client_receive(client->net, &slot, &frame) == STATUS_OK) {
        if (wire_frame_open(&client->reader, frame) != STATUS_OK ||
            client->reader.from.value == 0 ||
            (client->cluster.value != 0 && client->reader.cluster.value != client->cluster.value)) {
            continue;
        }
        while (wire_frame_next(&client->reader, &message) == STATUS_OK) {
            on_message(client, call, &message);
        }
    }
}

multicast_status api_find_cluster(struct multicast_client *client, kv_instant until)
{
    kv_instant hello_at = {0};
    while (client->group_count == 0) {
        kv_instant now = api_now();
        if (client->refused) {
            client->refused = false; /* another node may be asked next time */
            return MULTICAST_REFUSED;
        }
        if (kv_instant_reached(until, now)) {
            api_fail(client, "no node of the cluster has answered");
            return MULTICAST_UNAVAILABLE;
        }
        if (kv_instant_reached(hello_at, now)) {
            send_hello(client);
            hello_at = kv_instant_add(now, HELLO_PAUSE_US);
        }
        net_client_wait(client->net, kv_instant_min(hello_at, until).us - now.us);
        api_receive(client, NULL);
    }
    return MULTICAST_OK;
}

static kv_node_id node_for(struct multicast_client *client, kv_group_id group)
{
    struct api_group *known = &client->groups[group.value];
    if (known->leader.value != 0) {
        return known->leader;
    }
    if (known->members.count == 0) {
        return KV_NODE_NONE;
    }
    return known->members.members[known->next_member++ % known->members.count].node;
}

void api_send(struct multicast_client *client, kv_group_id group,
              const struct wire_request *request)
{
    kv_node_id node = node_for(client, group);
    if (node.value == 0 || node.value > KV_NODES_MAX || client->endpoints[node.value][0] == '\0') {
        client->groups[group.value].leader = KV_NODE_NONE;
        return;
    }
    uint32_t slot = node.value - 1u;
    if (!client->connected[node.value]) {
        if (net_client_connect(client->net, slot, client->endpoints[node.value]) != STATUS_OK) {
            client->groups[group.value].leader = KV_NODE_NONE;
            return;
        }
        client->connected[node.value] = true;
    }
    struct wire_message message = {.kind = WIRE_MESSAGE_REQUEST, .group = group, .to = node};
    message.as.request = *request;
    send_frame(client, slot, node, &message);
}

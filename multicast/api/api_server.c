/* SPDX-License-Identifier: Apache-2.0 */
/* api_server: a multicast_service behind the driver's node_application.
 *
 * 1. The answers of a group are kept here (api_answers.h), so that a service need not know about sessions.
 * 2. Positions are counted: a restarted node delivers from the first message on. */
#include <stdio.h>
#include <string.h>

#include "multicast/api/api_answers.h"
#include "multicast/base/assert.h"
#include "multicast/multicast.h"
#include "multicast/node/node.h"

_Static_assert(MULTICAST_GROUPS_MAX == KV_GROUPS_MAX, "a set of groups is the same everywhere");
_Static_assert(MULTICAST_BODY_BYTES_MAX == KV_BODY_BYTES_MAX, "so is the largest body");
_Static_assert(MULTICAST_ERROR_BYTES == NODE_ERROR_BYTES, "and an error's text");

struct multicast_server {
    struct node_config config;
    struct node *node;
    multicast_server_settings settings;
};

struct member {
    multicast_service service;
    struct api_answers answers;
    uint64_t delivered;
    kv_timestamp cursor; /* of the last of them */
};

static enum node_admission admit(void *state, const struct wire_request *request,
                                 struct node_answer *ret)
{
    const struct member *member = state;
    const struct api_answer *answer = NULL;
    if (kv_session_is_none(request->id.session) || request->id.attempt != 0 ||
        request->floor >= request->id.sequence) {
        return NODE_MALFORMED;
    }
    switch (api_answers_find(&member->answers, request->id, &answer)) {
    case API_ANSWER_NONE:
        return NODE_ADMIT;
    case API_ANSWER_DROPPED:
        return NODE_REFUSED;
    case API_ANSWER_KNOWN:
        *ret = (struct node_answer){.id = request->id,
                                    .timestamp = answer->timestamp,
                                    .index = answer->index,
                                    .body = kv_buffer_slice(&answer->body)};
        return NODE_RECORDED;
    }
    KV_UNREACHABLE();
}

static void deliver(void *state, const struct node_port *port, struct wire_entry *entry,
                    kv_timestamp timestamp, uint64_t position)
{
    struct member *member = state;
    (void)position; /* counted from the start of this process, as the API says */
    multicast_bytes answer = {NULL, 0};
    multicast_message message = {.clock = timestamp.clock.value,
                                 .clock_group = timestamp.group.value,
                                 .position = ++member->delivered,
                                 .destinations = entry->destinations.bits,
                                 .body = {entry->body, entry->body_size}};
    member->cursor = timestamp;
    member->service.ops->deliver(member->service.state, &message, &answer);
    KV_ASSERT(answer.size <= MULTICAST_BODY_BYTES_MAX);
    kv_slice body = kv_slice_of(answer.data, answer.size);
    api_answers_add(&member->answers, entry->id, entry->floor, timestamp, entry->index, body);
    node_port_answer(
        port, &(struct node_answer){
                  .id = entry->id, .timestamp = timestamp, .index = entry->index, .body = body});
}

static bool read_state(void *state, kv_slice body, struct node_read_answer *ret)
{
    struct member *member = state;
    multicast_bytes answer = {NULL, 0};
    if (member->service.ops->read == NULL ||
        !member->service.ops->read(member->service.state, (multicast_bytes){body.data, body.size},
                                   &answer)) {
        return false;
    }
    KV_ASSERT(answer.size <= MULTICAST_BODY_BYTES_MAX);
    ret->timestamp = member->cursor;
    ret->body = kv_slice_of(answer.data, answer.size);
    return true;
}

static void read_confirmed(void *state, const struct node_port *port, uint64_t token, kv_slice body)
{
    struct node_read_answer answer = {.token = token};
    if (read_state(state, body, &answer)) {
        node_port_answer_read(port, &answer);
    } else {
        node_port_refuse_read(port, token);
    }
}

static struct node_application_status status_of(const void *state)
{
    const struct member *member = state;
    const multicast_service_ops *ops = member->service.ops;
    return (struct node_application_status){
        .digest = ops->digest == NULL ? 0 : ops->digest(member->service.state),
        .keys = member->delivered,
        .sessions = api_answers_sessions(&member->answers)};
}

static void destroy(void *state)
{
    struct member *member = state;
    if (member->service.ops->close != NULL) {
        member->service.ops->close(member->service.state);
    }
    api_answers_close(&member->answers);
    kv_free(member);
}

static struct node_application make_application(kv_group_id group, void *context)
{
    static const struct node_application_ops ops = {
        .admit = admit,
        .deliver = deliver,
        .read = read_confirmed,
        .stale_read = read_state,
        .status = status_of,
        .destroy = destroy,
    };
    const multicast_server *server = context;
    struct member *member = kv_alloc_zero(1, sizeof *member);
    member->service = server->settings.service(group.value, server->settings.context);
    return (struct node_application){.ops = &ops, .state = member};
}

static void report(const char *line, void *context)
{
    const multicast_server *server = context;
    if (server->settings.report != NULL) {
        server->settings.report(line, server->settings.report_context);
    }
}

static multicast_status refuse(char *error, const char *text)
{
    if (error != NULL) {
        snprintf(error, MULTICAST_ERROR_BYTES, "%s", text);
    }
    return MULTICAST_INVALID;
}

static multicast_status make_config(const multicast_cluster *cluster, struct node_config *ret,
                                    char *error)
{
    if (cluster->name == NULL || cluster->name[0] == '\0' ||
        strlen(cluster->name) > NODE_CONFIG_NAME_BYTES_MAX || cluster->group_count < 2 ||
        cluster->group_count > KV_GROUPS_MAX || cluster->node_count < 1 ||
        cluster->node_count > KV_NODES_MAX) {
        return refuse(error, "a cluster has a name of at most 64 bytes, 2 to 64 groups, and nodes");
    }
    *ret = (struct node_config){.partitions = cluster->group_count - 1,
                                .node_count = cluster->node_count,
                                .group_count = cluster->group_count};
    snprintf(ret->name, sizeof ret->name, "%s", cluster->name);
    for (uint32_t i = 0; i < cluster->node_count; i++) {
        const multicast_node *node = &cluster->nodes[i];
        if (node->node < 1 || node->node > KV_NODES_MAX || node->endpoint == NULL ||
            strlen(node->endpoint) >= WIRE_ENDPOINT_BYTES_MAX ||
            (i > 0 && node_config_find(ret, (kv_node_id){(uint16_t)node->node}) != NULL)) {
            return refuse(error, "nodes have distinct numbers from 1 to 192, and endpoints");
        }
        ret->nodes[i].node.value = (uint16_t)node->node;
        snprintf(ret->nodes[i].endpoint, sizeof ret->nodes[i].endpoint, "%s", node->endpoint);
    }
    node_config_spread(ret);
    return MULTICAST_OK;
}

static multicast_status status_of_node(enum status status)
{
    switch (status) {
    case STATUS_OK:
        return MULTICAST_OK;
    case STATUS_NETWORK:
        return MULTICAST_NETWORK;
    case STATUS_INVALID:
    case STATUS_NOT_FOUND:
        return MULTICAST_INVALID;
    case STATUS_TOO_LARGE:
    case STATUS_IO:
    case STATUS_NO_SPACE:
    case STATUS_LOCKED:
    case STATUS_VERSION:
    case STATUS_FOREIGN:
    case STATUS_CORRUPT:
    case STATUS_FULL:
    case STATUS_NOT_LEADER:
    case STATUS_UNAVAILABLE:
    case STATUS_END:
    case STATUS_EXISTS:
        return MULTICAST_STORAGE;
    }
    return MULTICAST_STORAGE;
}

multicast_status multicast_server_open(const multicast_server_settings *settings,
                                       multicast_server **ret, char *error)
{
    *ret = NULL;
    if (settings->service == NULL || settings->directory == NULL || settings->node > KV_NODES_MAX ||
        (settings->cluster_file == NULL && settings->cluster == NULL)) {
        return refuse(error, "a service, a directory, a node and a cluster are needed");
    }
    multicast_server *server = kv_alloc_zero(1, sizeof *server);
    struct node_config_error config_error = {{0}};
    server->settings = *settings;
    multicast_status status = MULTICAST_OK;
    if (settings->cluster_file == NULL) {
        status = make_config(settings->cluster, &server->config, error);
    } else if (node_config_read(settings->cluster_file, &server->config, &config_error) !=
               STATUS_OK) {
        status = refuse(error, config_error.text);
    }
    if (status == MULTICAST_OK) {
        struct node_settings node = {
            .config = &server->config,
            .self = {(uint16_t)settings->node},
            .directory = settings->directory,
            .unsafe_no_sync = settings->unsafe_no_sync,
            .stop_fd = settings->stop_fd,
            .election_timeout_us = (uint64_t)settings->election_timeout_ms * 1000,
            .application = make_application,
            .application_context = server,
            .report = report,
            .report_context = server,
        };
        struct node_error node_error = {{0}};
        status = status_of_node(node_open(&node, &server->node, &node_error));
        if (status != MULTICAST_OK && error != NULL) {
            memcpy(error, node_error.text, sizeof node_error.text);
        }
    }
    if (status != MULTICAST_OK) {
        kv_free(server);
        return status;
    }
    *ret = server;
    return MULTICAST_OK;
}

multicast_status multicast_server_run(multicast_server *server, char *error)
{
    struct node_error node_error = {{0}};
    multicast_status status = status_of_node(node_run(server->node, &node_error));
    if (status != MULTICAST_OK && error != NULL) {
        memcpy(error, node_error.text, sizeof node_error.text);
    }
    return status == MULTICAST_OK ? MULTICAST_OK : MULTICAST_STORAGE;
}

void multicast_server_close(multicast_server *server)
{
    if (server != NULL) {
        node_close(&server->node);
        kv_free(server);
    }
}

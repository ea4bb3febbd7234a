/* SPDX-License-Identifier: Apache-2.0 */
/* node_status: what a node says of itself and of the cluster. */
#include "multicast/node/node_internal.h"

/* The bucket map of this version: home of bucket b is partition 1 + b % partitions. */
#define MAP_VERSION 1

void node_refuse(struct node *node, const struct net_route *route, enum wire_refusal_reason reason,
                 const char *text)
{
    struct wire_message message = {.kind = WIRE_MESSAGE_REFUSAL};
    message.as.refusal = (struct wire_refusal){
        .reason = reason,
        .version_min = WIRE_VERSION_MIN,
        .version_max = WIRE_VERSION,
        .text = kv_slice_of_text(text),
    };
    node_outbox_answer(&node->outbox, route, &message);
}

/* The believed leader of a group: from the member here, or the group's first member. */
static kv_node_id believed_leader(struct node *node, kv_group_id group)
{
    struct node_member *member = node_member_of(node, group);
    return member == NULL ? KV_NODE_NONE : raft_leader(order_raft(member->order));
}

void node_on_hello(struct node *node, const struct net_route *route, const struct wire_hello *hello)
{
    if (hello->version_min > WIRE_VERSION || hello->version_max < WIRE_VERSION_MIN) {
        node_refuse(node, route, WIRE_REFUSAL_VERSION, "no common version of the protocol");
        return;
    }
    struct wire_group groups[KV_GROUPS_MAX];
    for (uint32_t g = 0; g < node->config->group_count; g++) {
        kv_group_id group = {(uint16_t)g};
        groups[g] = (struct wire_group){
            .group = group,
            .config = node->config->groups[g],
            .leader = believed_leader(node, group),
        };
    }
    struct wire_message message = {.kind = WIRE_MESSAGE_WELCOME};
    message.as.welcome = (struct wire_welcome){
        .version = hello->version_max < WIRE_VERSION ? hello->version_max : WIRE_VERSION,
        .cluster_name = kv_slice_of_text(node->config->name),
        .map_version = MAP_VERSION,
        .partitions = node->config->partitions,
        .node_count = node->config->node_count,
        .nodes = node->welcome_nodes,
        .group_count = node->config->group_count,
        .groups = groups,
        .key_bytes_max = KV_KEY_BYTES_MAX,
        .value_bytes_max = KV_VALUE_BYTES_MAX,
        .command_keys_max = KV_COMMAND_KEYS_MAX,
        .session_outstanding_max = KV_SESSION_OUTSTANDING_MAX,
    };
    node_outbox_answer(&node->outbox, route, &message);
}

static struct wire_member_status status_of(const struct node_member *member)
{
    const struct raft *raft = order_raft(member->order);
    struct node_application_status application =
        member->application.ops->status(member->application.state);
    return (struct wire_member_status){
        .group = member->group,
        .role = (enum wire_role)raft_role(raft),
        .term = raft_term(raft),
        .leader = raft_leader(raft),
        .last = raft_last(raft),
        .commit = raft_commit(raft),
        .applied = order_delivered_index(member->order),
        .delivered = order_delivered(member->order),
        .digest = application.digest,
        .keys = application.keys,
        .sessions = application.sessions,
        .commands = member->commands,
        .reads = member->reads_served,
        .messages = member->messages,
        .waiting = application.waiting,
        .checkpoint = member->cut.last,
    };
}

void node_on_status_request(struct node *node, const struct net_route *route)
{
    struct wire_member_status members[KV_GROUPS_MAX];
    for (uint32_t i = 0; i < node->member_count; i++) {
        members[i] = status_of(&node->members[i]);
    }
    struct log_counters log = log_counters(node->log);
    struct net_counters net = net_server_counters(node->net);
    struct wire_message message = {.kind = WIRE_MESSAGE_STATUS_REPLY};
    message.as.status_reply = (struct wire_status_reply){
        .node = node->self,
        .uptime_ms = (node->now.us - node->started.us) / 1000,
        .log_syncs = log.syncs,
        .log_bytes = log.bytes,
        .frames_dropped = node->frames_dropped + net.dropped_in,
        .log_files = log.segments,
        .disk_free = node->space.free_bytes,
        .no_space = node->space.is_low,
        .workers = node_crew_status(node),
        .member_count = node->member_count,
        .members = members,
    };
    node_outbox_answer(&node->outbox, route, &message);
}

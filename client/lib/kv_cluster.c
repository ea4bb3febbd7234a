/* SPDX-License-Identifier: Apache-2.0 */
/* kv_cluster: what the nodes say of themselves, and the hand-over of leadership.
 *
 * These questions are for people: they go past the core, straight to the nodes of its map, and are
 * not resent. */
#include <stdio.h>
#include <string.h>

#include "client/lib/kv_internal.h"

/* Pause before a hand-over is asked for again: a leader that is being elected needs about that
 * long. */
/* Between two looks at whether checkpoints are written. */
#define KV_CHECKPOINT_POLL_US 20000

#define KV_TRANSFER_PAUSE_US  (50 * 1000)

/* Time that one node is given to answer before the next is asked. */
#define KV_TRANSFER_ANSWER_US (500 * 1000)

struct kv_cluster_status {
    char *name;
    uint32_t partitions;
    uint32_t node_count;
    kv_node_status nodes[KV_NODES_MAX];
    uint32_t member_count, member_capacity;
    kv_member_status *members;
};

bool kv_find_cluster(kv_client *client, uint64_t until_us)
{
    kv_turn(client);
    while (client_partitions(client->core) == 0 && kv_now_us() < until_us) {
        kv_wait(client, until_us);
        kv_turn(client);
    }
    if (client_partitions(client->core) == 0) {
        const char *refusal = client_refusal(client->core);
        kv_set_error(client, "%s",
                     refusal[0] != '\0' ? refusal : "no node of the cluster has answered");
        return false;
    }
    return true;
}

uint32_t kv_ask(kv_client *client, kv_node_id node, const struct wire_message *question)
{
    const uint32_t slot = client_node_slot(client->core, node, &client->effects);
    kv_carry_out(client);
    kv_send(client, slot, question);
    return slot;
}

/* ---- Status ---- */

struct kv_status_listener {
    struct kv_listener listener;
    kv_cluster_status *status;
    uint32_t left;
};

static const char *kv_role_name(enum wire_role role)
{
    switch (role) {
    case WIRE_ROLE_FOLLOWER:
        return "follower";
    case WIRE_ROLE_CANDIDATE:
        return "candidate";
    case WIRE_ROLE_LEADER:
        return "leader";
    case WIRE_ROLE_LEARNER:
        return "learner";
    }
    return "unknown";
}

static void kv_add_member(kv_cluster_status *status, uint32_t node,
                          const struct wire_member_status *member)
{
    if (status->member_count == status->member_capacity) {
        status->member_capacity = 2 * status->member_capacity + 16;
        status->members =
            kv_realloc(status->members, status->member_capacity * sizeof *status->members);
    }
    status->members[status->member_count++] = (kv_member_status){
        .node = node,
        .group = member->group.value,
        .role = kv_role_name(member->role),
        .term = member->term.value,
        .leader = member->leader.value,
        .last = member->last.value,
        .commit = member->commit.value,
        .applied = member->applied.value,
        .delivered = member->delivered,
        .digest = member->digest,
        .keys = member->keys,
        .sessions = member->sessions,
        .commands = member->commands,
        .reads = member->reads,
        .messages = member->messages,
        .waiting = member->waiting,
        .checkpoint = member->checkpoint.value,
    };
}

static const char *kv_workers_state_name(enum wire_workers_state state)
{
    switch (state) {
    case WIRE_WORKERS_IDLE:
        return "idle";
    case WIRE_WORKERS_STEADY:
        return "steady";
    case WIRE_WORKERS_MORE:
        return "wants more";
    case WIRE_WORKERS_FEWER:
        return "wants fewer";
    }
    return "?";
}

static void kv_hear_status(struct kv_listener *base, uint32_t slot,
                           const struct wire_message *message)
{
    struct kv_status_listener *listener = (struct kv_status_listener *)base;
    (void)slot;
    if (message->kind != WIRE_MESSAGE_STATUS_REPLY) {
        return;
    }
    const struct wire_status_reply *reply = &message->as.status_reply;
    for (uint32_t i = 0; i < listener->status->node_count; i++) {
        kv_node_status *node = &listener->status->nodes[i];
        if (node->node != reply->node.value || node->reachable) {
            continue;
        }
        node->reachable = true;
        node->uptime_ms = reply->uptime_ms;
        node->log_syncs = reply->log_syncs;
        node->log_bytes = reply->log_bytes;
        node->frames_dropped = reply->frames_dropped;
        node->log_files = reply->log_files;
        node->disk_free = reply->disk_free;
        node->no_space = reply->no_space;
        node->workers = reply->workers.workers;
        node->workers_automatic = reply->workers.automatic;
        node->workers_state = kv_workers_state_name(reply->workers.state);
        node->jobs = reply->workers.jobs;
        node->jobs_out = reply->workers.out;
        node->jobs_wait_us = reply->workers.wait_us;
        node->jobs_work_us = reply->workers.work_us;
        for (uint32_t m = 0; m < reply->member_count; m++) {
            kv_add_member(listener->status, node->node, &reply->members[m]);
        }
        listener->left--;
    }
}

static char *kv_copy_text(kv_slice text)
{
    char *copy = kv_alloc(text.size + 1);
    if (text.size > 0) {
        memcpy(copy, text.data, text.size);
    }
    copy[text.size] = '\0';
    return copy;
}

static void kv_ask_status(kv_client *client, struct kv_status_listener *listener)
{
    kv_cluster_status *status = listener->status;
    struct wire_message *question = &client->message_out;
    for (uint16_t id = 1; id <= KV_NODES_MAX; id++) {
        const kv_slice endpoint = client_node_endpoint(client->core, (kv_node_id){id});
        if (endpoint.size == 0) {
            continue;
        }
        status->nodes[status->node_count++] =
            (kv_node_status){.node = id, .endpoint = kv_copy_text(endpoint)};
        listener->left++;
        question->kind = WIRE_MESSAGE_STATUS_REQUEST;
        question->group = KV_GROUP_ORACLE;
        question->from = KV_NODE_NONE;
        question->to = (kv_node_id){id};
        question->as.status_request = (struct wire_status_request){0};
        (void)kv_ask(client, question->to, question);
    }
}

kv_status kv_cluster_status_get(kv_client *client, uint64_t timeout_ms, kv_cluster_status **ret)
{
    *ret = NULL;
    if (client == NULL || client->in_callback) {
        return KV_INVALID;
    }
    const uint64_t until_us = kv_instant_add(kv_now(), timeout_ms * 1000).us;
    if (!kv_find_cluster(client, until_us)) {
        return client_refusal(client->core)[0] != '\0' ? KV_REFUSED : KV_UNAVAILABLE;
    }
    kv_cluster_status *status = kv_alloc_zero(1, sizeof *status);
    struct kv_status_listener listener = {.listener = {kv_hear_status}, .status = status};
    status->name = kv_copy_text(client_cluster_name(client->core));
    status->partitions = client_partitions(client->core);
    kv_ask_status(client, &listener);
    const uint32_t asked = listener.left;
    client->listener = &listener.listener;
    kv_turn(client);
    while (listener.left > 0 && kv_now_us() < until_us) {
        kv_wait(client, until_us);
        kv_turn(client);
    }
    client->listener = NULL;
    if (listener.left == asked) {
        kv_set_error(client, "none of %u nodes has answered", asked);
        kv_cluster_status_free(status);
        return KV_UNAVAILABLE;
    }
    *ret = status;
    return KV_OK;
}

const char *kv_cluster_status_name(const kv_cluster_status *status)
{
    return status->name;
}
uint32_t kv_cluster_status_partitions(const kv_cluster_status *status)
{
    return status->partitions;
}
uint32_t kv_cluster_status_nodes(const kv_cluster_status *status)
{
    return status->node_count;
}
uint32_t kv_cluster_status_members(const kv_cluster_status *status)
{
    return status->member_count;
}

kv_node_status kv_cluster_status_node(const kv_cluster_status *status, uint32_t i)
{
    return i < status->node_count ? status->nodes[i] : (kv_node_status){.endpoint = ""};
}

kv_member_status kv_cluster_status_member(const kv_cluster_status *status, uint32_t i)
{
    return i < status->member_count ? status->members[i] : (kv_member_status){.role = "unknown"};
}

void kv_cluster_status_free(kv_cluster_status *status)
{
    if (status == NULL) {
        return;
    }
    for (uint32_t i = 0; i < status->node_count; i++) {
        union {
            const char *given;
            char *owned;
        } endpoint = {status->nodes[i].endpoint};
        kv_free(endpoint.owned);
    }
    kv_free(status->name);
    kv_free(status->members);
    kv_free(status);
}

/* ---- Hand-over ---- */

struct kv_transfer_listener {
    struct kv_listener listener;
    uint32_t slot;
    bool answered;
    struct wire_transfer_reply reply;
};

static void kv_hear_transfer(struct kv_listener *base, uint32_t slot,
                             const struct wire_message *message)
{
    struct kv_transfer_listener *listener = (struct kv_transfer_listener *)base;
    if (message->kind == WIRE_MESSAGE_TRANSFER_REPLY && slot == listener->slot) {
        listener->answered = true;
        listener->reply = message->as.transfer_reply;
    }
}

kv_node_id kv_next_node(const kv_client *client, kv_node_id last)
{
    for (uint32_t i = 1; i <= KV_NODES_MAX; i++) {
        const kv_node_id node = {(uint16_t)(1 + (last.value + i - 1) % KV_NODES_MAX)};
        if (client_node_endpoint(client->core, node).size > 0) {
            return node;
        }
    }
    return KV_NODE_NONE;
}

/* Ask one node, and wait for what it says. */
static bool kv_ask_transfer(kv_client *client, struct kv_transfer_listener *listener,
                            kv_node_id asked, uint32_t group, uint32_t node, uint64_t until_us)
{
    struct wire_message *question = &client->message_out;
    const uint64_t patience_us = kv_now_us() + KV_TRANSFER_ANSWER_US;
    const uint64_t answer_us = patience_us < until_us ? patience_us : until_us;
    question->kind = WIRE_MESSAGE_TRANSFER_REQUEST;
    question->group = (kv_group_id){(uint16_t)group};
    question->from = KV_NODE_NONE;
    question->to = asked;
    question->as.transfer_request.target = (kv_node_id){(uint16_t)node};
    listener->answered = false;
    listener->slot = kv_ask(client, asked, question);
    kv_turn(client);
    while (!listener->answered && kv_now_us() < answer_us) {
        kv_wait(client, answer_us);
        kv_turn(client);
    }
    return listener->answered;
}

kv_status kv_transfer_leader(kv_client *client, uint32_t group, uint32_t node, uint64_t timeout_ms)
{
    if (client == NULL || client->in_callback || node > KV_NODES_MAX) {
        return KV_INVALID;
    }
    const uint64_t until_us = kv_instant_add(kv_now(), timeout_ms * 1000).us;
    if (!kv_find_cluster(client, until_us)) {
        return client_refusal(client->core)[0] != '\0' ? KV_REFUSED : KV_UNAVAILABLE;
    }
    if (group > client_partitions(client->core)) {
        kv_set_error(client, "there is no group %u", group);
        return KV_INVALID;
    }
    struct kv_transfer_listener listener = {.listener = {kv_hear_transfer}};
    kv_node_id asked = client_leader_of(client->core, (kv_group_id){(uint16_t)group});
    if (asked.value == 0 || client_node_endpoint(client->core, asked).size == 0) {
        asked = kv_next_node(client, KV_NODE_NONE);
    }
    client->listener = &listener.listener;
    while (asked.value != 0 && kv_now_us() < until_us) {
        const bool answered = kv_ask_transfer(client, &listener, asked, group, node, until_us);
        if (answered && listener.reply.started) {
            client->listener = NULL;
            return KV_OK;
        }
        const kv_node_id hint = answered ? listener.reply.leader : KV_NODE_NONE;
        const bool is_news = hint.value >= 1 && hint.value <= KV_NODES_MAX &&
                             hint.value != asked.value &&
                             client_node_endpoint(client->core, hint).size > 0;
        if (!is_news) {
            const uint64_t pause_us = kv_now_us() + KV_TRANSFER_PAUSE_US;
            while (kv_now_us() < pause_us && kv_now_us() < until_us) {
                kv_wait(client, pause_us);
                kv_turn(client);
            }
        }
        asked = is_news ? hint : hint.value == asked.value ? asked : kv_next_node(client, asked);
    }
    client->listener = NULL;
    kv_set_error(client, "no leader of group %u has begun to hand over", group);
    return KV_UNAVAILABLE;
}

/* ---- Asking nodes to do something ---- */

struct kv_answer_listener {
    struct kv_listener listener;
    enum wire_message_kind expected;
    uint32_t answers;
};

static void kv_hear_answer(struct kv_listener *base, uint32_t slot,
                           const struct wire_message *message)
{
    struct kv_answer_listener *listener = (struct kv_answer_listener *)base;
    (void)slot;
    listener->answers += message->kind == listener->expected;
}

/* Ask each node of the cluster, or one of them; false: one of them does not answer in time. */
static bool kv_ask_nodes(kv_client *client, uint32_t node, const struct wire_message *question,
                         enum wire_message_kind expected, uint64_t until_us)
{
    struct kv_answer_listener listener = {.listener = {kv_hear_answer}, .expected = expected};
    uint32_t asked = 0;
    client->listener = &listener.listener;
    for (uint16_t id = 1; id <= KV_NODES_MAX; id++) {
        const kv_node_id to = {id};
        if ((node != 0 && node != id) || client_node_endpoint(client->core, to).size == 0) {
            continue;
        }
        client->message_out = *question;
        client->message_out.group = KV_GROUP_ORACLE;
        client->message_out.from = KV_NODE_NONE;
        client->message_out.to = to;
        (void)kv_ask(client, to, &client->message_out);
        asked++;
    }
    kv_turn(client);
    while (listener.answers < asked && kv_now_us() < until_us) {
        kv_wait(client, until_us);
        kv_turn(client);
    }
    client->listener = NULL;
    return asked > 0 && listener.answers >= asked;
}

/* ---- Workers ---- */

kv_status kv_set_workers(kv_client *client, uint32_t node, uint32_t workers, uint64_t timeout_ms)
{
    struct wire_message question = {.kind = WIRE_MESSAGE_WORKERS_REQUEST};
    const bool automatic = workers == KV_WORKERS_AUTOMATIC;
    if (client == NULL || client->in_callback || node > KV_NODES_MAX ||
        (!automatic && workers > KV_WORKERS_MAX)) {
        return KV_INVALID;
    }
    question.as.workers_request =
        (struct wire_workers_request){.change = automatic ? WIRE_WORKERS_AUTO : WIRE_WORKERS_SET,
                                      .workers = automatic ? 0 : workers};
    const uint64_t until_us = kv_instant_add(kv_now(), timeout_ms * 1000).us;
    if (!kv_find_cluster(client, until_us)) {
        return client_refusal(client->core)[0] != '\0' ? KV_REFUSED : KV_UNAVAILABLE;
    }
    if (!kv_ask_nodes(client, node, &question, WIRE_MESSAGE_WORKERS_REPLY, until_us)) {
        kv_set_error(client, "not every node has answered");
        return KV_UNAVAILABLE;
    }
    return KV_OK;
}

/* ---- Checkpoints ---- */

/* Every member of `before`, on `node` or on any, has a checkpoint of what it had then. */
static bool kv_has_checkpoints(const kv_cluster_status *before, const kv_cluster_status *now,
                               uint32_t node)
{
    for (uint32_t i = 0; i < before->member_count; i++) {
        const kv_member_status *then = &before->members[i];
        bool has = node != 0 && then->node != node;
        for (uint32_t j = 0; j < now->member_count && !has; j++) {
            const kv_member_status *member = &now->members[j];
            has = member->node == then->node && member->group == then->group &&
                  member->checkpoint >= then->applied;
        }
        if (!has) {
            return false;
        }
    }
    return true;
}

kv_status kv_checkpoint(kv_client *client, uint32_t node, uint64_t timeout_ms)
{
    kv_cluster_status *before = NULL, *now = NULL;
    if (client == NULL || client->in_callback || node > KV_NODES_MAX) {
        return KV_INVALID;
    }
    const uint64_t until_us = kv_instant_add(kv_now(), timeout_ms * 1000).us;
    const kv_status status = kv_cluster_status_get(client, timeout_ms, &before);
    if (status != KV_OK) {
        return status;
    }
    bool done = false;
    const struct wire_message question = {.kind = WIRE_MESSAGE_CHECKPOINT_REQUEST};
    const bool begun =
        kv_ask_nodes(client, node, &question, WIRE_MESSAGE_CHECKPOINT_REPLY, until_us);
    while (begun && !done && kv_now_us() < until_us) {
        const uint64_t pause_us = kv_now_us() + KV_CHECKPOINT_POLL_US;
        while (kv_now_us() < pause_us) {
            kv_wait(client, pause_us);
            kv_turn(client);
        }
        if (kv_cluster_status_get(client, timeout_ms, &now) == KV_OK) {
            done = kv_has_checkpoints(before, now, node);
            kv_cluster_status_free(now);
            now = NULL;
        }
    }
    kv_cluster_status_free(before);
    if (!done) {
        kv_set_error(client, begun ? "not every member has written its checkpoint in time"
                                   : "not every node has answered");
        return KV_UNAVAILABLE;
    }
    return KV_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* kv_backup: images of all groups at a mark, read from the nodes that made them.
 *
 * As the other questions about the cluster they go past the core, straight to nodes. Which node has the image of a group is not known
 * before it is asked: the believed leader first, then the others in turn. */
#include "client/lib/kv_internal.h"

/* Time that one node is given to answer before the next is asked. */
#define BACKUP_ANSWER_US (500 * 1000)

/* Pause before the same is asked again. */
#define BACKUP_PAUSE_US (20 * 1000)

struct backup_listener {
    struct kv_listener listener;
    uint32_t slot;
    uint32_t group;
    uint64_t offset;
    bool answered;
    struct wire_backup_reply reply; /* its bytes are in client->piece */
    kv_client *client;
};

static void hear(struct kv_listener *base, uint32_t slot, const struct wire_message *message)
{
    struct backup_listener *listener = (struct backup_listener *)base;
    const struct wire_backup_reply *reply = &message->as.backup_reply;
    if (message->kind != WIRE_MESSAGE_BACKUP_REPLY || slot != listener->slot ||
        message->group.value != listener->group ||
        (reply->state == WIRE_BACKUP_READY && reply->offset != listener->offset)) {
        return; /* or an answer that came too late */
    }
    listener->answered = true;
    listener->reply = *reply;
    kv_buffer_clear(&listener->client->piece);
    kv_buffer_append(&listener->client->piece, reply->bytes.data, reply->bytes.size);
}

/* Ask one node, and wait for what it says. */
static bool ask(kv_client *client, struct backup_listener *listener, kv_node_id node,
                const struct wire_backup_request *request, uint64_t until_us)
{
    struct wire_message *question = &client->message_out;
    const uint64_t patience_us = kv_now_us() + BACKUP_ANSWER_US;
    const uint64_t answer_us = patience_us < until_us ? patience_us : until_us;
    question->kind = WIRE_MESSAGE_BACKUP_REQUEST;
    question->group = (kv_group_id){(uint16_t)listener->group};
    question->from = KV_NODE_NONE;
    question->to = node;
    question->as.backup_request = *request;
    listener->answered = false;
    listener->offset = request->offset;
    client->listener = &listener->listener;
    listener->slot = kv_ask(client, node, question);
    kv_turn(client);
    while (!listener->answered && kv_now_us() < answer_us) {
        kv_wait(client, answer_us);
        kv_turn(client);
    }
    client->listener = NULL;
    return listener->answered;
}

static void pause_until(kv_client *client, uint64_t until_us)
{
    const uint64_t pause_us = kv_now_us() + BACKUP_PAUSE_US;
    while (kv_now_us() < pause_us && kv_now_us() < until_us) {
        kv_wait(client, pause_us);
        kv_turn(client);
    }
}

/* Ask nodes in turn until one has something to say of the group other than that it is not its business. */
static bool ask_around(kv_client *client, struct backup_listener *listener,
                       const struct wire_backup_request *request, uint64_t until_us)
{
    kv_node_id node = client->imagers[listener->group];
    if (node.value == 0) {
        node = client_leader_of(client->core, (kv_group_id){(uint16_t)listener->group});
    }
    if (node.value == 0 || client_node_endpoint(client->core, node).size == 0) {
        node = kv_next_node(client, KV_NODE_NONE);
    }
    const kv_node_id first = node;
    while (node.value != 0 && kv_now_us() < until_us) {
        if (ask(client, listener, node, request, until_us) &&
            listener->reply.state != WIRE_BACKUP_NONE) {
            client->imagers[listener->group] = node;
            return true;
        }
        client->imagers[listener->group] = KV_NODE_NONE;
        node = kv_next_node(client, node);
        if (kv_node_equal(node, first)) {
            pause_until(client, until_us);
        }
    }
    kv_set_error(client, "no node has group %u's part of the backup", listener->group);
    return false;
}

static kv_status begin(kv_client *client, uint64_t until_us)
{
    if (client == NULL || client->in_callback) {
        return KV_INVALID;
    }
    if (!kv_find_cluster(client, until_us)) {
        return client_refusal(client->core)[0] != '\0' ? KV_REFUSED : KV_UNAVAILABLE;
    }
    return KV_OK;
}

/* All groups are asked although one is not ready: their nodes begin no checkpoints for a while from then on, and it must be the same while
 * for all of them. */
static bool all_are_ready(kv_client *client, uint64_t until_us)
{
    const struct wire_backup_request request = {.step = WIRE_BACKUP_PREPARE};
    bool ready = true;
    for (uint32_t g = 0; g <= client_partitions(client->core); g++) {
        struct backup_listener listener = {.listener = {hear}, .group = g, .client = client};
        const bool told = ask_around(client, &listener, &request, until_us);
        if (ready && (!told || listener.reply.state != WIRE_BACKUP_READY)) {
            kv_set_error(client, "group %u is not ready to be cut: %s", g,
                         told ? "its node is writing a checkpoint" : "nobody leads it");
            ready = false;
        }
    }
    return ready;
}

kv_status kv_backup_prepare(kv_client *client, uint64_t timeout_ms)
{
    const uint64_t until_us = kv_instant_add(kv_now(), timeout_ms * 1000).us;
    const kv_status status = begin(client, until_us);
    if (status != KV_OK) {
        return status;
    }
    while (!all_are_ready(client, until_us)) {
        if (kv_now_us() >= until_us) {
            return KV_BUSY;
        }
        pause_until(client, until_us);
    }
    return KV_OK;
}

kv_status kv_backup_read(kv_client *client, uint64_t cut, uint32_t group, uint64_t offset,
                         uint64_t timeout_ms, kv_backup_piece *ret)
{
    const uint64_t until_us = kv_instant_add(kv_now(), timeout_ms * 1000).us;
    const struct wire_backup_request request = {
        .step = WIRE_BACKUP_READ, .cut = cut, .offset = offset};
    struct backup_listener listener = {.listener = {hear}, .group = group, .client = client};
    const kv_status begun = begin(client, until_us);
    if (begun != KV_OK || group > client_partitions(client->core)) {
        return begun != KV_OK ? begun : KV_INVALID;
    }
    do {
        if (!ask_around(client, &listener, &request, until_us)) {
            return KV_UNAVAILABLE;
        }
        if (listener.reply.state == WIRE_BACKUP_FAILED) {
            kv_set_error(client, "group %u could not be cut at the mark; its node says why", group);
            return KV_REFUSED;
        }
        if (listener.reply.state == WIRE_BACKUP_WORKING) {
            pause_until(client, until_us);
        }
    } while (listener.reply.state == WIRE_BACKUP_WORKING && kv_now_us() < until_us);
    if (listener.reply.state == WIRE_BACKUP_WORKING) {
        kv_set_error(client, "the image of group %u is still being made", group);
        return KV_BUSY;
    }
    *ret = (kv_backup_piece){.cut_clock = listener.reply.cut.clock.value,
                             .cut_group = listener.reply.cut.group.value,
                             .total = listener.reply.total,
                             .digest = listener.reply.digest,
                             .offset = offset,
                             .bytes = kv_bytes_of(client->piece.data, client->piece.size)};
    return KV_OK;
}

void kv_backup_drop(kv_client *client, uint64_t cut)
{
    const struct wire_backup_request request = {.step = WIRE_BACKUP_DROP, .cut = cut};
    if (client == NULL || client->in_callback) {
        return;
    }
    for (uint32_t g = 0; g <= client_partitions(client->core); g++) {
        struct backup_listener listener = {.listener = {hear}, .group = g, .client = client};
        if (client->imagers[g].value != 0) {
            (void)ask(client, &listener, client->imagers[g], &request,
                      kv_now_us() + BACKUP_ANSWER_US);
        }
        client->imagers[g] = KV_NODE_NONE;
    }
}

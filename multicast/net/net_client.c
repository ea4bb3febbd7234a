/* SPDX-License-Identifier: Apache-2.0 */
/* net_client: one DEALER per node, and one epoll over all of them.
 *
 * 1. A slot is `hot` while something may be received from it: its descriptor was readable, or it
 *    was used in a way that may have swallowed the descriptor's signal (ZeroMQ's descriptors tell
 *    of changes only). Only hot slots are asked.
 * 2. A slot cools when ZeroMQ says that nothing is there; from then on its descriptor tells.
 * 3. Hot slots take turns, one frame each, so that one busy node does not starve the others. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "multicast/base/assert.h"
#include "multicast/net/net_internal.h"

/* Descriptors that one look at the epoll can report; more are reported by the next look. */
#define NET_EPOLL_EVENTS_MAX 64

struct net_client_slot {
    void *socket; /* NULL: free */
    char *endpoint;
    int fd;
    bool hot;
};

struct net_client {
    void *context;
    int epoll_fd;
    uint32_t turn; /* slot to ask first */
    uint32_t hot_count;
    uint32_t slot_end; /* above the highest slot ever used */
    zmq_msg_t last;    /* owns what the last receive has handed out */
    struct net_client_slot slots[NET_CLIENT_SLOTS_MAX];
};

enum status net_client_open(struct net_client **ret)
{
    struct net_client *client = kv_alloc_zero(1, sizeof *client);
    (void)zmq_msg_init(&client->last);
    client->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    client->context = client->epoll_fd < 0 ? NULL : net_context_new();
    if (client->context == NULL) {
        const int why = errno;
        net_client_close(&client);
        errno = why;
        *ret = NULL;
        return STATUS_NETWORK;
    }
    *ret = client;
    return STATUS_OK;
}

void net_client_close(struct net_client **client_ref)
{
    struct net_client *client = *client_ref;
    if (client == NULL) {
        return;
    }
    (void)zmq_msg_close(&client->last);
    for (uint32_t slot = 0; slot < client->slot_end; slot++) {
        net_client_disconnect(client, slot);
    }
    if (client->context != NULL) {
        (void)zmq_ctx_term(client->context);
    }
    if (client->epoll_fd >= 0) {
        (void)close(client->epoll_fd);
    }
    kv_free(client);
    *client_ref = NULL;
}

static void net_client_set_hot(struct net_client *client, struct net_client_slot *slot, bool hot)
{
    if (slot->hot != hot) {
        slot->hot = hot;
        client->hot_count += hot ? 1U : UINT32_MAX;
    }
}

static enum status net_client_open_slot(struct net_client *client, uint32_t index,
                                        const char *endpoint)
{
    struct net_client_slot *slot = &client->slots[index];
    slot->socket = net_socket_new(client->context, ZMQ_DEALER);
    if (slot->socket == NULL) {
        return STATUS_NETWORK;
    }
    net_socket_set_family(slot->socket, endpoint);
    if (zmq_connect(slot->socket, endpoint) != 0) {
        return errno == EINVAL ? STATUS_INVALID : STATUS_NETWORK;
    }
    size_t size = sizeof slot->fd;
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = index};
    if (zmq_getsockopt(slot->socket, ZMQ_FD, &slot->fd, &size) != 0 ||
        epoll_ctl(client->epoll_fd, EPOLL_CTL_ADD, slot->fd, &event) != 0) {
        return STATUS_NETWORK;
    }
    const size_t length = strlen(endpoint) + 1;
    slot->endpoint = kv_alloc(length);
    memcpy(slot->endpoint, endpoint, length);
    net_client_set_hot(client, slot, true);
    return STATUS_OK;
}

enum status net_client_connect(struct net_client *client, uint32_t index, const char *endpoint)
{
    KV_ASSERT(index < NET_CLIENT_SLOTS_MAX);
    const struct net_client_slot *slot = &client->slots[index];
    if (slot->socket != NULL && strcmp(slot->endpoint, endpoint) == 0) {
        return STATUS_OK;
    }
    net_client_disconnect(client, index);
    client->slot_end = client->slot_end > index + 1 ? client->slot_end : index + 1;
    const enum status status = net_client_open_slot(client, index, endpoint);
    if (status != STATUS_OK) {
        const int why = errno;
        net_client_disconnect(client, index);
        errno = why;
    }
    return status;
}

void net_client_disconnect(struct net_client *client, uint32_t index)
{
    KV_ASSERT(index < NET_CLIENT_SLOTS_MAX);
    struct net_client_slot *slot = &client->slots[index];
    if (slot->socket == NULL) {
        return;
    }
    if (slot->endpoint != NULL) {
        (void)epoll_ctl(client->epoll_fd, EPOLL_CTL_DEL, slot->fd, NULL);
        kv_free(slot->endpoint);
    }
    (void)zmq_close(slot->socket);
    net_client_set_hot(client, slot, false);
    *slot = (struct net_client_slot){.socket = NULL};
}

enum status net_client_send(struct net_client *client, uint32_t index, kv_slice frame)
{
    KV_ASSERT(index < NET_CLIENT_SLOTS_MAX);
    KV_ASSERT(frame.size <= KV_FRAME_BYTES_MAX);
    struct net_client_slot *slot = &client->slots[index];
    if (slot->socket == NULL) {
        return STATUS_FULL;
    }
    const int sent = net_socket_send(slot->socket, frame.data, frame.size, 0);
    net_client_set_hot(client, slot,
                       true); /* sending may have swallowed the signal of a frame that came */
    return sent == 0 ? STATUS_OK : STATUS_FULL;
}

/* Mark the slots whose descriptors are readable. */
static void net_client_look(struct net_client *client)
{
    struct epoll_event events[NET_EPOLL_EVENTS_MAX];
    const int count = epoll_wait(client->epoll_fd, events, NET_EPOLL_EVENTS_MAX, 0);
    for (int i = 0; i < count; i++) {
        net_client_set_hot(client, &client->slots[events[i].data.u32], true);
    }
}

/* A frame of one part from the slot, into client->last. False: there is none, the slot is cold now. */
static bool net_client_take(struct net_client *client, struct net_client_slot *slot)
{
    while (net_socket_receive(slot->socket, &client->last) == 0) {
        if (!zmq_msg_more(&client->last)) {
            return true;
        }
        net_socket_skip_parts(slot->socket, &client->last);
    }
    net_client_set_hot(client, slot, false);
    return false;
}

/* A frame from one of the hot slots, each asked at most once. */
static bool net_client_take_any(struct net_client *client, uint32_t *ret_slot)
{
    for (uint32_t i = 0; i < client->slot_end && client->hot_count > 0; i++) {
        const uint32_t index = (client->turn + i) % client->slot_end;
        if (client->slots[index].hot && net_client_take(client, &client->slots[index])) {
            client->turn = index + 1;
            *ret_slot = index;
            return true;
        }
    }
    return false;
}

enum status net_client_receive(struct net_client *client, uint32_t *ret_slot, kv_slice *ret_frame)
{
    if (!net_client_take_any(client, ret_slot)) {
        net_client_look(client);
        if (!net_client_take_any(client, ret_slot)) {
            return STATUS_END;
        }
    }
    *ret_frame = kv_slice_of(zmq_msg_data(&client->last), zmq_msg_size(&client->last));
    return STATUS_OK;
}

/* Cool the hot slots from which nothing can be received. True: one remains. */
static bool net_client_readable(struct net_client *client)
{
    for (uint32_t i = 0; i < client->slot_end && client->hot_count > 0; i++) {
        struct net_client_slot *slot = &client->slots[i];
        if (slot->hot) {
            if (net_socket_readable(slot->socket)) {
                return true;
            }
            net_client_set_hot(client, slot, false);
        }
    }
    return false;
}

void net_client_wait(struct net_client *client, uint64_t timeout_us)
{
    struct pollfd descriptor = {.fd = client->epoll_fd, .events = POLLIN};
    const uint64_t until = net_now_us() + (timeout_us < INT64_MAX ? timeout_us : INT64_MAX);
    while (!net_client_readable(client)) {
        const uint64_t now = net_now_us();
        const struct timespec rest = net_timespec(until > now ? until - now : 0);
        if (ppoll(&descriptor, 1, &rest, NULL) <= 0) {
            return;
        }
        net_client_look(client);
    }
}

int net_client_fd(struct net_client *client)
{
    return client->epoll_fd;
}

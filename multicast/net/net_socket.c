/* SPDX-License-Identifier: Apache-2.0 */
/* net_socket: makes sockets that have every limit set, and reads and writes single parts without
 * waiting.
 *
 * 1. ZeroMQ's defaults are unlimited or endless in places (frame size, linger, no heartbeats); none
 *    is left.
 * 2. MAXMSGSIZE is checked against the length that a peer claims, before memory is taken for it.
 * 3. It holds per part: what a peer sends of a message that it never ends is kept by ZeroMQ out of
 *    our sight. Only a memory limit on the process bounds that. */
#include "multicast/net/net_internal.h"

#include <errno.h>
#include <string.h>

#include "multicast/base/assert.h"

void *net_context_new(void)
{
    void *context = zmq_ctx_new();
    if (context == NULL) {
        return NULL;
    }
    (void)zmq_ctx_set(context, ZMQ_IO_THREADS, NET_IO_THREADS);
    (void)zmq_ctx_set(context, ZMQ_MAX_SOCKETS, NET_CLIENT_SLOTS_MAX + 1);
    (void)zmq_ctx_set(context, ZMQ_BLOCKY, 0);
    return context;
}

int net_socket_set(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value);
}

void *net_socket_new(void *context, int type)
{
    static const struct {
        int option;
        int value;
    } options[] = {
        {ZMQ_LINGER, 0},
        {ZMQ_SNDHWM, NET_QUEUE_FRAMES_MAX},
        {ZMQ_RCVHWM, NET_QUEUE_FRAMES_MAX},
        {ZMQ_HANDSHAKE_IVL, NET_HANDSHAKE_MS},
        {ZMQ_HEARTBEAT_IVL, NET_HEARTBEAT_MS},
        {ZMQ_HEARTBEAT_TIMEOUT, NET_HEARTBEAT_TIMEOUT_MS},
        {ZMQ_HEARTBEAT_TTL, NET_HEARTBEAT_TIMEOUT_MS},
        {ZMQ_RECONNECT_IVL, NET_RECONNECT_MS},
        {ZMQ_RECONNECT_IVL_MAX, NET_RECONNECT_MS_MAX},
        {ZMQ_CONNECT_TIMEOUT, NET_HANDSHAKE_MS},
        {ZMQ_BACKLOG, NET_BACKLOG},
    };
    void *socket = zmq_socket(context, type);
    if (socket == NULL) {
        return NULL;
    }
    const int64_t frame_bytes_max = KV_FRAME_BYTES_MAX;
    int failed = zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &frame_bytes_max, sizeof frame_bytes_max);
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        failed |= net_socket_set(socket, options[i].option, options[i].value);
    }
    KV_ASSERT(failed == 0); /* constants that every libzmq since 4.2 accepts */
    return socket;
}

void net_socket_set_family(void *socket, const char *endpoint)
{
    if (strchr(endpoint, '[') != NULL) {
        (void)net_socket_set(socket, ZMQ_IPV6, 1);
    }
}

bool net_socket_readable(void *socket)
{
    int events = 0;
    size_t size = sizeof events;
    if (zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size) != 0) {
        return false;
    }
    return (events & ZMQ_POLLIN) != 0;
}

int net_socket_send(void *socket, const void *data, size_t size, int flags)
{
    int sent;
    do {
        sent = zmq_send(socket, data, size, flags | ZMQ_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? -1 : 0;
}

int net_socket_receive(void *socket, zmq_msg_t *message)
{
    int received;
    do {
        received = zmq_msg_recv(message, socket, ZMQ_DONTWAIT);
    } while (received < 0 && errno == EINTR);
    return received < 0 ? -1 : 0;
}

void net_socket_skip_parts(void *socket, zmq_msg_t *message)
{
    while (zmq_msg_more(message) && net_socket_receive(socket, message) == 0) {
        continue;
    }
}

uint64_t net_now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

struct timespec net_timespec(uint64_t timeout_us)
{
    /* A day is as good as for ever and fits every time_t. */
    const uint64_t day_us = UINT64_C(86400) * 1000000;
    const uint64_t us = timeout_us < day_us ? timeout_us : day_us;
    return (struct timespec){.tv_sec = (time_t)(us / 1000000),
                             .tv_nsec = (long)(us % 1000000) * 1000};
}

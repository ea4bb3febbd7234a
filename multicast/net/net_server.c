/* SPDX-License-Identifier: Apache-2.0 */
/* net_server: the ROUTER on which everything arrives, and one DEALER to each peer's ROUTER.
 *
 * 1. A received message is [route][frame]; anything else is read to its end, dropped and counted.
 * 2. The ZeroMQ message of the last frame is kept, so handing the frame out copies nothing.
 * 3. Nothing is ever received on the DEALERs: they only send, so they need no polling. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "multicast/base/assert.h"
#include "multicast/net/net_internal.h"

/* Bytes of an endpoint as text, with the final NUL: the longest host name and a port. */
#define NET_ENDPOINT_BYTES_MAX 320

struct net_server {
    void *context;
    void *router;
    int router_fd;
    void *peers[KV_NODES_MAX + 1]; /* by node id; NULL: not connected */
    zmq_msg_t last;                /* owns what the last receive has handed out */
    bool drained;                  /* the last thing done with the ROUTER was to find it empty */
    struct net_counters counters;
    char endpoint[NET_ENDPOINT_BYTES_MAX];
};

static enum status net_server_open_router(struct net_server *server, const char *endpoint)
{
    server->router = net_socket_new(server->context, ZMQ_ROUTER);
    if (server->router == NULL) {
        return STATUS_NETWORK;
    }
    if (net_socket_set(server->router, ZMQ_ROUTER_MANDATORY, 1) != 0 ||
        net_socket_set(server->router, ZMQ_ROUTER_HANDOVER, 1) != 0 ||
        net_socket_set(server->router, ZMQ_IMMEDIATE, 1) != 0) {
        return STATUS_NETWORK;
    }
    net_socket_set_family(server->router, endpoint);
    if (zmq_bind(server->router, endpoint) != 0) {
        return STATUS_NETWORK;
    }
    size_t size = sizeof server->endpoint;
    if (zmq_getsockopt(server->router, ZMQ_LAST_ENDPOINT, server->endpoint, &size) != 0) {
        return STATUS_NETWORK;
    }
    size = sizeof server->router_fd;
    if (zmq_getsockopt(server->router, ZMQ_FD, &server->router_fd, &size) != 0) {
        return STATUS_NETWORK;
    }
    return STATUS_OK;
}

enum status net_server_open(const char *endpoint, struct net_server **ret)
{
    struct net_server *server = kv_alloc_zero(1, sizeof *server);
    (void)zmq_msg_init(&server->last);
    server->context = net_context_new();
    const enum status status =
        server->context == NULL ? STATUS_NETWORK : net_server_open_router(server, endpoint);
    if (status != STATUS_OK) {
        const int why = errno;
        net_server_close(&server);
        errno = why;
        *ret = NULL;
        return status;
    }
    *ret = server;
    return STATUS_OK;
}

void net_server_close(struct net_server **server_ref)
{
    struct net_server *server = *server_ref;
    if (server == NULL) {
        return;
    }
    (void)zmq_msg_close(&server->last);
    for (uint32_t i = 0; i <= KV_NODES_MAX; i++) {
        if (server->peers[i] != NULL) {
            (void)zmq_close(server->peers[i]);
        }
    }
    if (server->router != NULL) {
        (void)zmq_close(server->router);
    }
    if (server->context != NULL) {
        (void)zmq_ctx_term(server->context);
    }
    kv_free(server);
    *server_ref = NULL;
}

const char *net_server_endpoint(const struct net_server *server)
{
    return server->endpoint;
}

enum status net_server_connect(struct net_server *server, kv_node_id peer, const char *endpoint)
{
    KV_ASSERT(peer.value >= 1 && peer.value <= KV_NODES_MAX);
    void *socket = net_socket_new(server->context, ZMQ_DEALER);
    if (socket == NULL) {
        return STATUS_NETWORK;
    }
    net_socket_set_family(socket, endpoint);
    /* One frame at most waits to be received where nobody ever receives. */
    int failed = net_socket_set(socket, ZMQ_IMMEDIATE, 1);
    failed |= net_socket_set(socket, ZMQ_RCVHWM, 1);
    failed |= zmq_connect(socket, endpoint);
    if (failed != 0) {
        const int why = errno;
        (void)zmq_close(socket);
        errno = why;
        return why == EINVAL ? STATUS_INVALID : STATUS_NETWORK;
    }
    if (server->peers[peer.value] != NULL) {
        (void)zmq_close(server->peers[peer.value]);
    }
    server->peers[peer.value] = socket;
    return STATUS_OK;
}

static void net_server_count_sent(struct net_server *server, bool sent, size_t size)
{
    if (sent) {
        server->counters.frames_out++;
        server->counters.bytes_out += size;
    } else {
        server->counters.dropped_out++;
    }
}

void net_server_send_peer(struct net_server *server, kv_node_id peer, kv_slice frame)
{
    KV_ASSERT(peer.value >= 1 && peer.value <= KV_NODES_MAX);
    KV_ASSERT(frame.size <= KV_FRAME_BYTES_MAX);
    void *socket = server->peers[peer.value];
    const bool sent = socket != NULL && net_socket_send(socket, frame.data, frame.size, 0) == 0;
    net_server_count_sent(server, sent, frame.size);
}

void net_server_send_route(struct net_server *server, const struct net_route *route, kv_slice frame)
{
    KV_ASSERT(route->size <= NET_ROUTE_BYTES_MAX);
    KV_ASSERT(frame.size <= KV_FRAME_BYTES_MAX);
    /* With MANDATORY the first part tells whether the client is there and has room; once it is
     * taken, the second one is, too (ZeroMQ drops both by itself if the client goes away between
     * them). */
    server->drained = false;
    bool sent = net_socket_send(server->router, route->bytes, route->size, ZMQ_SNDMORE) == 0;
    if (sent) {
        sent = net_socket_send(server->router, frame.data, frame.size, 0) == 0;
    }
    net_server_count_sent(server, sent, frame.size);
}

/* Take the route of the message that begins with server->last, and its frame. False: it has another
 * form and was dropped; the socket is at the start of the next message in either case. */
static bool net_server_take(struct net_server *server, struct net_route *ret_route)
{
    zmq_msg_t *part = &server->last;
    const size_t route_size = zmq_msg_size(part);
    if (route_size == 0 || route_size > NET_ROUTE_BYTES_MAX || !zmq_msg_more(part)) {
        net_socket_skip_parts(server->router, part);
        return false;
    }
    struct net_route route = {.size = (uint8_t)route_size};
    memcpy(route.bytes, zmq_msg_data(part), route_size);
    if (net_socket_receive(server->router, part) != 0) {
        return false;
    }
    if (zmq_msg_more(part)) {
        net_socket_skip_parts(server->router, part);
        return false;
    }
    *ret_route = route;
    return true;
}

enum status net_server_receive(struct net_server *server, struct net_route *ret_route,
                               kv_slice *ret_frame)
{
    /* Ends: a message that is dropped was counted against the queue of its sender, which ZeroMQ
     * bounds. */
    while (net_socket_receive(server->router, &server->last) == 0) {
        if (!net_server_take(server, ret_route)) {
            server->counters.dropped_in++;
            continue;
        }
        *ret_frame = kv_slice_of(zmq_msg_data(&server->last), zmq_msg_size(&server->last));
        server->counters.frames_in++;
        server->counters.bytes_in += ret_frame->size;
        server->drained = false;
        return STATUS_OK;
    }
    server->drained = true;
    return STATUS_END;
}

bool net_server_wait(struct net_server *server, int wake_fd, uint64_t timeout_us)
{
    struct pollfd descriptors[2] = {
        {.fd = server->router_fd, .events = POLLIN},
        {.fd = wake_fd, .events = POLLIN}, /* poll ignores a negative one */
    };
    /* ZMQ_FD tells only of changes, so what is there already must be known before a sleep. A receive that found nothing knows it; a
     * send since then may have taken the news of something that came. */
    if (!server->drained && net_socket_readable(server->router)) {
        return false;
    }
    const struct timespec timeout = net_timespec(timeout_us);
    return ppoll(descriptors, 2, &timeout, NULL) > 0 && descriptors[1].revents != 0;
}

struct net_counters net_server_counters(const struct net_server *server)
{
    return server->counters;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* net: frames between nodes and clients over ZeroMQ. Moves bytes; knows nothing of what is in them.
 *
 * A server has one ROUTER socket, bound, on which everything arrives, and one DEALER socket per
 * peer, connected to that peer's ROUTER, on which it sends to that peer. Answers to a client go
 * back over the ROUTER. A client has one DEALER per node. Every socket has: MAXMSGSIZE, SNDHWM,
 * RCVHWM, LINGER 0, IMMEDIATE (no queue to a peer that is not connected), HANDSHAKE_IVL,
 * heartbeats; the ROUTER also ROUTER_MANDATORY and ROUTER_HANDOVER. A frame is one part: a message
 * of more or fewer parts is read to its end, dropped and counted. ZeroMQ itself refuses a frame
 * above KV_FRAME_BYTES_MAX before taking memory for it, and closes that connection. Sending never
 * blocks: what does not fit is dropped and counted; all protocols above resend.
 *
 * Known limit: ZeroMQ collects the parts of an unfinished message where no option bounds them. Who
 * may connect can make a node use memory that way; the bound is a memory limit on the process.
 *
 * Threads. One thread at a time per object; ZeroMQ's own I/O thread is inside. No use after fork. */
#ifndef KV_NET_NET_H
#define KV_NET_NET_H

#include "multicast/base/bytes.h"
#include "multicast/base/ids.h"
#include "multicast/base/limits.h"
#include "multicast/base/status.h"

/* Frames queued to one peer or client, and from one: with batching a frame is a whole turn of a
 * node's loop. */
#define NET_QUEUE_FRAMES_MAX 10000

/* Where a frame came from, to answer it; a connection's name is made by ZeroMQ. */
#define NET_ROUTE_BYTES_MAX 32
struct net_route {
    uint8_t size;
    uint8_t bytes[NET_ROUTE_BYTES_MAX];
};

struct net_counters {
    uint64_t frames_in, frames_out, bytes_in, bytes_out;
    uint64_t dropped_in;  /* wrong number of parts, or a route longer than ours */
    uint64_t dropped_out; /* queue full or peer not connected */
};

struct net_server;

/* Bind to endpoint ("tcp://127.0.0.1:7400"; port "*" lets the system choose).
 * STATUS_NETWORK: errno says why. */
KV_MUST_CHECK enum status net_server_open(const char *endpoint, struct net_server **ret);
void net_server_close(struct net_server **server);

/* The endpoint bound to, with the real port. */
const char *net_server_endpoint(const struct net_server *server);

/* Name a peer (1..KV_NODES_MAX) to send to, or its new endpoint. STATUS_NETWORK, STATUS_INVALID:
 * nothing changed. */
KV_MUST_CHECK enum status net_server_connect(struct net_server *server, kv_node_id peer,
                                             const char *endpoint);

/* Queue one frame (copied) to a peer; drops it when it cannot be queued. */
void net_server_send_peer(struct net_server *server, kv_node_id peer, kv_slice frame);

/* Queue one frame (copied) to where a request came from. */
void net_server_send_route(struct net_server *server, const struct net_route *route,
                           kv_slice frame);

/* The next frame that has arrived. STATUS_END: none at this time. The frame is valid until the next
 * call. */
KV_MUST_CHECK enum status net_server_receive(struct net_server *server, struct net_route *ret_route,
                                             kv_slice *ret_frame);

/* Wait until something can be received, `wake_fd` (-1: none) is readable, or timeout_us has passed; returns whether `wake_fd` is
 * known to be readable. May return early. */
bool net_server_wait(struct net_server *server, int wake_fd, uint64_t timeout_us);

struct net_counters net_server_counters(const struct net_server *server);

struct net_client;

KV_MUST_CHECK enum status net_client_open(struct net_client **ret);
void net_client_close(struct net_client **client);

/* Name a node and connect to it; a second call with another endpoint reconnects. */
KV_MUST_CHECK enum status net_client_connect(struct net_client *client, uint32_t slot,
                                             const char *endpoint);
void net_client_disconnect(struct net_client *client, uint32_t slot);

/* Slots of a client: one per node, and some for endpoints whose node is not known yet. */
#define NET_CLIENT_SLOTS_MAX (KV_NODES_MAX + 16)

/* Queue one frame (copied). Unlike a server, a client queues up to NET_QUEUE_FRAMES_MAX frames to a
 * node that is not connected yet. STATUS_FULL: dropped. */
KV_MUST_CHECK enum status net_client_send(struct net_client *client, uint32_t slot, kv_slice frame);

/* The next frame that has arrived, from any slot. STATUS_END: none. Valid until the next call. */
KV_MUST_CHECK enum status net_client_receive(struct net_client *client, uint32_t *ret_slot,
                                             kv_slice *ret_frame);

/* Wait as net_server_wait. */
void net_client_wait(struct net_client *client, uint64_t timeout_us);

/* A descriptor that becomes readable when net_client_receive may return something (edge-triggered:
 * always receive until STATUS_END after it). One epoll over the sockets of all slots. */
int net_client_fd(struct net_client *client);

#endif

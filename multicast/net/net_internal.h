/* SPDX-License-Identifier: Apache-2.0 */
/* net_internal: what net_server.c and net_client.c share: how sockets are made, and how one frame
 * is read. */
#ifndef KV_NET_NET_INTERNAL_H
#define KV_NET_NET_INTERNAL_H

#include <time.h>
#include <zmq.h>

#include "multicast/net/net.h"

/* Pings to a silent peer, and how long its silence is borne: a host that vanished without a word is
 * noticed before a client's second resend. */
#define NET_HEARTBEAT_MS         1000
#define NET_HEARTBEAT_TIMEOUT_MS 3000

/* A connection that has not said hello by then is closed: a port scan must not hold descriptors for
 * long. */
#define NET_HANDSHAKE_MS 2000

/* First and longest pause between connection attempts: short enough that a restarted node is back
 * within one election time-out, long enough not to burden the host of a dead one. */
#define NET_RECONNECT_MS     20
#define NET_RECONNECT_MS_MAX 500

/* Connections waiting to be accepted: all clients of a node come back at once when it restarts. */
#define NET_BACKLOG 1024

/* ZeroMQ's own threads per object: one moves more than one loop can use. */
#define NET_IO_THREADS 1

/* A context with its limits, or NULL (errno). */
void *net_context_new(void);

/* A socket of this type with every limit of net.h set, or NULL (errno). */
void *net_socket_new(void *context, int type);

/* Set an integer option; -1 and errno as zmq_setsockopt. */
int net_socket_set(void *socket, int option, int value);

/* Let the socket speak IPv6 if the endpoint does: an address in brackets. Not otherwise, so that a
 * name which has both kinds of addresses means the IPv4 one everywhere. */
void net_socket_set_family(void *socket, const char *endpoint);

/* Something can be received from the socket at once. Asking also lets ZeroMQ carry out what its I/O
 * thread has told the socket, so that the socket's descriptor is quiet afterwards. */
bool net_socket_readable(void *socket);

/* The parts of `message` that follow its last one: read and forget them, so that the socket is at a
 * message's start again. ZeroMQ shows a message only when all of it has arrived, so this never
 * waits. */
void net_socket_skip_parts(void *socket, zmq_msg_t *message);

/* Queue one part without waiting. 0, or -1 with errno as zmq_send. */
int net_socket_send(void *socket, const void *data, size_t size, int flags);

/* Receive one part without waiting. 0, or -1 with errno as zmq_msg_recv. */
int net_socket_receive(void *socket, zmq_msg_t *message);

/* Microseconds of CLOCK_MONOTONIC. */
uint64_t net_now_us(void);

/* `timeout_us` as ppoll wants it. */
struct timespec net_timespec(uint64_t timeout_us);

#endif

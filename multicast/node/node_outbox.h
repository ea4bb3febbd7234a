/* SPDX-License-Identifier: Apache-2.0 */
/* node_outbox: the messages of one turn, gathered into one frame for each receiver.
 *
 * To each peer there are two frames: what may leave at once, and what waits for the sync of this turn. Answers to clients are
 * gathered by route. Everything is encoded when it is added, so nothing borrows from effects. */
#ifndef KV_NODE_OUTBOX_H
#define KV_NODE_OUTBOX_H

#include "multicast/net/net.h"
#include "multicast/wire/codec.h"

/* Clients that one turn gathers answers for; more than that and the least recently added frame is sent early. */
#define NODE_OUTBOX_ROUTES_MAX 64

struct node_outbox {
    struct net_server *net;
    kv_cluster_id cluster;
    kv_node_id self;
    uint32_t peer_last;                                 /* highest node id added to so far */
    struct wire_frame_writer at_once[KV_NODES_MAX + 1]; /* by node id */
    struct wire_frame_writer after_sync[KV_NODES_MAX + 1];
    struct node_outbox_route {
        struct net_route route;
        struct wire_frame_writer frame;
    } routes[NODE_OUTBOX_ROUTES_MAX];
    uint32_t route_count;
};

void node_outbox_open(struct node_outbox *outbox, struct net_server *net, kv_cluster_id cluster,
                      kv_node_id self);
void node_outbox_close(struct node_outbox *outbox);

/* Add a message to message->to, which may be this node itself. STATUS_FULL: that frame has no room; only with after_sync (sync
 * and send first) or to this node (the message is lost, like any other may be). */
KV_MUST_CHECK enum status node_outbox_add(struct node_outbox *outbox,
                                          const struct wire_message *message, bool after_sync);

/* Add an answer to a client. */
void node_outbox_answer(struct node_outbox *outbox, const struct net_route *route,
                        const struct wire_message *message);

/* Move what this node's members have said to each other into *ret as one frame; false: nothing. With `synced` also what
 * waited for the sync has been moved. */
bool node_outbox_take_local(struct node_outbox *outbox, bool synced, struct wire_frame_writer *ret);

/* Send what may leave at once; with `synced` also what waited. */
void node_outbox_send(struct node_outbox *outbox, bool synced);

#endif

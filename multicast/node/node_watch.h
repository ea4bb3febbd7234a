/* SPDX-License-Identifier: Apache-2.0 */
/* node_watch: those who wait for changes of keys.
 *
 * 1. A request is parked, and looked at when the turn has carried out everything: what is in an answer has been delivered, so it is
 *    committed. Any member may answer that is in touch with its group.
 * 2. It is answered at once when there is something to say, or when it was not looked at everything (what a look costs is bounded, and
 *    the client asks for the rest when the others have had their turn), else behind NODE_WATCH_HOLD_US, with where to go on: that also tells
 *    the client that the member is alive. Nothing is kept for a client between two requests, so one that is slow costs nothing.
 * 3. One request of a connection to a group: the next one takes its place. One whose connection has gone is answered into the void when its
 *    time has come. */
#ifndef KV_NODE_WATCH_H
#define KV_NODE_WATCH_H

#include "multicast/net/net.h"
#include "multicast/wire/message.h"

struct node;

/* Requests that wait on one node: each is looked at in every turn, so their number is a part of the time of a turn. Whoever comes
 * beyond it is sent to another node. */
#define NODE_WATCHES_MAX 256

/* How long a request waits: shorter than a person's patience with a node that has died unseen, long enough to cost nothing. */
#define NODE_WATCH_HOLD_US 1000000

struct node_watch {
    struct net_route route;
    kv_group_id group;
    uint64_t number, from;
    uint32_t bytes;
    kv_instant until;
    struct kv_buffer prefix;
};

/* Zero-initialise. */
struct node_watches {
    struct node_watch *parked; /* NODE_WATCHES_MAX, made when the first one comes; dense */
    uint32_t count;
    struct kv_buffer changes; /* scratch */
};

void node_watch_on_request(struct node *node, const struct net_route *route, kv_group_id group,
                           const struct wire_watch_request *request);

/* Once in a turn, behind everything: answer whoever has something coming. */
void node_watch_turn(struct node *node);

/* When the first of them has waited long enough. */
kv_instant node_watch_deadline(const struct node_watches *watches);

void node_watches_close(struct node_watches *watches);

#endif

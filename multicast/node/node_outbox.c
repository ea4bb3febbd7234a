/* SPDX-License-Identifier: Apache-2.0 */
/* node_outbox: frames under construction. */
#include "multicast/node/node_outbox.h"

#include <string.h>

#include "multicast/base/assert.h"

void node_outbox_open(struct node_outbox *outbox, struct net_server *net, kv_cluster_id cluster,
                      kv_node_id self)
{
    memset(outbox, 0, sizeof *outbox);
    outbox->net = net;
    outbox->cluster = cluster;
    outbox->self = self;
}

void node_outbox_close(struct node_outbox *outbox)
{
    for (uint32_t i = 0; i <= KV_NODES_MAX; i++) {
        wire_frame_writer_close(&outbox->at_once[i]);
        wire_frame_writer_close(&outbox->after_sync[i]);
    }
    for (uint32_t i = 0; i < NODE_OUTBOX_ROUTES_MAX; i++) {
        wire_frame_writer_close(&outbox->routes[i].frame);
    }
}

static void send_to_peer(struct node_outbox *outbox, kv_node_id peer,
                         struct wire_frame_writer *frame)
{
    if (frame->count > 0) {
        net_server_send_peer(outbox->net, peer, wire_frame_finish(frame));
        frame->count = 0;
    }
}

enum status node_outbox_add(struct node_outbox *outbox, const struct wire_message *message,
                            bool after_sync)
{
    kv_node_id peer = message->to;
    KV_ASSERT(peer.value >= 1 && peer.value <= KV_NODES_MAX);
    outbox->peer_last = peer.value > outbox->peer_last ? peer.value : outbox->peer_last;
    struct wire_frame_writer *frame =
        after_sync ? &outbox->after_sync[peer.value] : &outbox->at_once[peer.value];
    if (frame->count == 0) {
        wire_frame_begin(frame, outbox->cluster, outbox->self, peer);
    }
    enum status status = wire_frame_add(frame, message);
    if (status == STATUS_FULL && !after_sync && !kv_node_equal(peer, outbox->self)) {
        send_to_peer(outbox, peer, frame);
        wire_frame_begin(frame, outbox->cluster, outbox->self, peer);
        status = wire_frame_add(frame, message);
    }
    return status;
}

static void send_to_route(struct node_outbox *outbox, struct node_outbox_route *route)
{
    if (route->frame.count > 0) {
        net_server_send_route(outbox->net, &route->route, wire_frame_finish(&route->frame));
        route->frame.count = 0;
    }
}

static struct node_outbox_route *route_for(struct node_outbox *outbox,
                                           const struct net_route *route)
{
    /* Newest first: answers to one client come in runs. */
    for (uint32_t i = outbox->route_count; i > 0; i--) {
        struct node_outbox_route *known = &outbox->routes[i - 1];
        if (known->route.size == route->size &&
            memcmp(known->route.bytes, route->bytes, route->size) == 0) {
            return known;
        }
    }
    if (outbox->route_count == NODE_OUTBOX_ROUTES_MAX) {
        for (uint32_t i = 0; i < outbox->route_count; i++) {
            send_to_route(outbox, &outbox->routes[i]);
        }
        outbox->route_count = 0;
    }
    struct node_outbox_route *added = &outbox->routes[outbox->route_count++];
    added->route = *route;
    return added;
}

void node_outbox_answer(struct node_outbox *outbox, const struct net_route *route,
                        const struct wire_message *message)
{
    struct node_outbox_route *to = route_for(outbox, route);
    if (to->frame.count == 0) {
        wire_frame_begin(&to->frame, outbox->cluster, outbox->self, KV_NODE_NONE);
    }
    if (wire_frame_add(&to->frame, message) == STATUS_FULL) {
        send_to_route(outbox, to);
        wire_frame_begin(&to->frame, outbox->cluster, outbox->self, KV_NODE_NONE);
        enum status status = wire_frame_add(&to->frame, message);
        KV_ASSERT(status == STATUS_OK);
    }
}

bool node_outbox_take_local(struct node_outbox *outbox, bool synced, struct wire_frame_writer *ret)
{
    struct wire_frame_writer *now = &outbox->at_once[outbox->self.value];
    struct wire_frame_writer *later = &outbox->after_sync[outbox->self.value];
    struct wire_frame_writer *taken = now->count > 0               ? now
                                      : synced && later->count > 0 ? later
                                                                   : NULL;
    if (taken == NULL) {
        return false;
    }
    struct wire_frame_writer empty = *ret;
    *ret = *taken;
    *taken = empty;
    taken->count = 0;
    return true;
}

void node_outbox_send(struct node_outbox *outbox, bool synced)
{
    for (uint32_t i = 1; i <= outbox->peer_last; i++) {
        kv_node_id peer = {(uint16_t)i};
        if (kv_node_equal(peer, outbox->self)) {
            continue;
        }
        send_to_peer(outbox, peer, &outbox->at_once[i]);
        if (synced) {
            send_to_peer(outbox, peer, &outbox->after_sync[i]);
        }
    }
    for (uint32_t i = 0; i < outbox->route_count; i++) {
        send_to_route(outbox, &outbox->routes[i]);
    }
    outbox->route_count = 0;
}

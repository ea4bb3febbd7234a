/* SPDX-License-Identifier: Apache-2.0 */
/* node_watch: see the header. */
#include "multicast/node/node_watch.h"

#include <string.h>

#include "multicast/node/node_internal.h"

static void answer(struct node *node, const struct net_route *route, kv_group_id group,
                   const struct wire_watch_reply *reply)
{
    struct wire_message message = {.kind = WIRE_MESSAGE_WATCH_REPLY, .group = group};
    message.as.watch_reply = *reply;
    node_outbox_answer(&node->outbox, route, &message);
}

static bool is_same(const struct node_watch *watch, const struct net_route *route,
                    kv_group_id group)
{
    return kv_group_equal(watch->group, group) && watch->route.size == route->size &&
           memcmp(watch->route.bytes, route->bytes, route->size) == 0;
}

/* The place of a request, or NULL: all are taken. */
static struct node_watch *place_for(struct node_watches *watches, const struct net_route *route,
                                    kv_group_id group)
{
    if (watches->parked == NULL) {
        watches->parked = kv_alloc_zero(NODE_WATCHES_MAX, sizeof(*watches->parked));
    }
    for (uint32_t i = 0; i < watches->count; i++) {
        if (is_same(&watches->parked[i], route, group)) {
            return &watches->parked[i];
        }
    }
    return watches->count == NODE_WATCHES_MAX ? NULL : &watches->parked[watches->count++];
}

void node_watch_on_request(struct node *node, const struct net_route *route, kv_group_id group,
                           const struct wire_watch_request *request)
{
    struct node_watch *watch = place_for(&node->watches, route, group);
    if (watch == NULL) {
        answer(node, route, group,
               &(struct wire_watch_reply){
                   .number = request->number, .state = WIRE_WATCH_LATER, .next = request->from});
        return;
    }
    watch->route = *route;
    watch->group = group;
    watch->number = request->number;
    watch->from = request->from;
    watch->bytes = request->bytes < WIRE_WATCH_BYTES_MAX ? request->bytes : WIRE_WATCH_BYTES_MAX;
    watch->until = kv_instant_add(node->now, NODE_WATCH_HOLD_US);
    kv_buffer_clear(&watch->prefix);
    kv_buffer_append(&watch->prefix, request->prefix.data, request->prefix.size);
}

/* What there is to say to it; its changes are in node->watches.changes. NONE: it may wait, unless more is to be looked at. */
static struct wire_watch_reply look(struct node *node, struct node_watch *watch, bool *ret_more)
{
    const struct node_member *member = node_member_of(node, watch->group);
    struct wire_watch_reply reply = {
        .number = watch->number, .state = WIRE_WATCH_NOT_HERE, .next = watch->from};
    struct node_changes found;
    *ret_more = false;
    kv_buffer_clear(&node->watches.changes);
    if (member == NULL || member->application.ops->changes == NULL) {
        return reply;
    }
    reply.state = WIRE_WATCH_LATER;
    if (raft_is_blank(order_raft(member->order)) ||
        raft_leader(order_raft(member->order)).value == 0) {
        return reply; /* cut off, it does not know what it does not know */
    }
    if (!member->application.ops->changes(
            member->application.state, member->position,
            &(struct node_watching){.prefix = kv_buffer_slice(&watch->prefix),
                                    .from = watch->from,
                                    .bytes = watch->bytes},
            &node->watches.changes, &found)) {
        return reply;
    }
    reply.state = found.gap                        ? WIRE_WATCH_GAP
                  : node->watches.changes.size > 0 ? WIRE_WATCH_CHANGES
                                                   : WIRE_WATCH_NONE;
    *ret_more = found.more;
    reply.first = found.first;
    reply.next = found.next;
    reply.changes = kv_buffer_slice(&node->watches.changes);
    return reply;
}

void node_watch_turn(struct node *node)
{
    struct node_watches *watches = &node->watches;
    for (uint32_t i = 0; i < watches->count;) {
        struct node_watch *watch = &watches->parked[i];
        bool more;
        const struct wire_watch_reply reply = look(node, watch, &more);
        const bool waits = reply.state == WIRE_WATCH_NONE && watch->from != 0 && !more &&
                           !kv_instant_reached(watch->until, node->now);
        if (waits) {
            watch->from = reply.next; /* what it was not interested in is not looked at again */
            i++;
            continue;
        }
        answer(node, &watch->route, watch->group, &reply);
        const struct node_watch spare = *watch;
        *watch = watches->parked[--watches->count];
        watches->parked[watches->count] = spare; /* its buffer serves the next one */
    }
}

kv_instant node_watch_deadline(const struct node_watches *watches)
{
    kv_instant deadline = KV_INSTANT_NEVER;
    for (uint32_t i = 0; i < watches->count; i++) {
        deadline = kv_instant_min(deadline, watches->parked[i].until);
    }
    return deadline;
}

void node_watches_close(struct node_watches *watches)
{
    for (uint32_t i = 0; i < NODE_WATCHES_MAX && watches->parked != NULL; i++) {
        kv_buffer_close(&watches->parked[i].prefix);
    }
    kv_free(watches->parked);
    kv_buffer_close(&watches->changes);
    *watches = (struct node_watches){0};
}

/* SPDX-License-Identifier: Apache-2.0 */
/* node_waiters: who is waiting here for the answer to which message. Volatile: a client that is forgotten resends. */
#ifndef KV_NODE_WAITERS_H
#define KV_NODE_WAITERS_H

#include "multicast/net/net.h"
#include "multicast/wire/message.h"

struct node_waiter;

struct node_waiters {
    struct node_waiter *by_id;
    struct node_waiter *first; /* oldest */
    struct node_waiter *last;
    struct node_waiter *free;
    uint32_t count;
};

/* Answers awaited at one node; beyond it the oldest is forgotten, and its client resends. */
#define NODE_WAITERS_MAX 131072

void node_waiters_close(struct node_waiters *waiters);

/* Remember that `route` waits for message `id` of `group`; replaces an earlier route of the same message. */
void node_waiters_add(struct node_waiters *waiters, kv_group_id group, kv_message_id id,
                      const struct net_route *route);

/* Forget the waiter of a message and say where it was; false if nobody waits. */
bool node_waiters_take(struct node_waiters *waiters, kv_group_id group, kv_message_id id,
                       struct net_route *ret);

#endif

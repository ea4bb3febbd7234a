/* SPDX-License-Identifier: Apache-2.0 */
/* node_waiters: a hash by (group, message id) over a list by age. */
#include "multicast/node/node_waiters.h"

#include <string.h>

#include "multicast/base/assert.h"
#include "multicast/base/hash_table.h"

struct waiter_key {
    struct kv_message_key message;
    uint64_t group;
};

struct node_waiter {
    struct waiter_key key;
    struct net_route route;
    struct node_waiter *older;
    struct node_waiter *newer;
    UT_hash_handle hh;
};

static struct node_waiter *find(const struct node_waiters *waiters, kv_group_id group,
                                kv_message_id id)
{
    struct waiter_key key = {kv_message_key_of(id), group.value};
    struct node_waiter *found = NULL;
    HASH_FIND(hh, waiters->by_id, &key, sizeof key, found);
    return found;
}

static void remove_waiter(struct node_waiters *waiters, struct node_waiter *waiter)
{
    HASH_DELETE(hh, waiters->by_id, waiter);
    if (waiter->older == NULL) {
        waiters->first = waiter->newer;
    } else {
        waiter->older->newer = waiter->newer;
    }
    if (waiter->newer == NULL) {
        waiters->last = waiter->older;
    } else {
        waiter->newer->older = waiter->older;
    }
    waiter->newer = waiters->free;
    waiters->free = waiter;
    waiters->count--;
}

void node_waiters_add(struct node_waiters *waiters, kv_group_id group, kv_message_id id,
                      const struct net_route *route)
{
    struct node_waiter *waiter = find(waiters, group, id);
    if (waiter != NULL) {
        waiter->route = *route;
        return;
    }
    if (waiters->count == NODE_WAITERS_MAX) {
        remove_waiter(waiters, waiters->first);
    }
    waiter = waiters->free;
    if (waiter == NULL) {
        waiter = kv_alloc(sizeof *waiter);
    } else {
        waiters->free = waiter->newer;
    }
    memset(waiter, 0, sizeof *waiter);
    waiter->key = (struct waiter_key){kv_message_key_of(id), group.value};
    waiter->route = *route;
    HASH_ADD(hh, waiters->by_id, key, sizeof waiter->key, waiter);
    waiter->older = waiters->last;
    if (waiters->last == NULL) {
        waiters->first = waiter;
    } else {
        waiters->last->newer = waiter;
    }
    waiters->last = waiter;
    waiters->count++;
}

bool node_waiters_take(struct node_waiters *waiters, kv_group_id group, kv_message_id id,
                       struct net_route *ret)
{
    struct node_waiter *waiter = find(waiters, group, id);
    if (waiter == NULL) {
        return false;
    }
    *ret = waiter->route;
    remove_waiter(waiters, waiter);
    return true;
}

void node_waiters_close(struct node_waiters *waiters)
{
    while (waiters->first != NULL) {
        remove_waiter(waiters, waiters->first);
    }
    while (waiters->free != NULL) {
        struct node_waiter *waiter = waiters->free;
        waiters->free = waiter->newer;
        kv_free(waiter);
    }
}

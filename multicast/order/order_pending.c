/* SPDX-License-Identifier: Apache-2.0 */
/* order_pending: a hash over a list.
 *
 * 1. The list is in log order, so a truncation pops from its end and a delivery from its front.
 * 2. The hash answers "is this id in the log and undelivered" for every submit.
 * 3. Nodes are recycled: a busy leader adds and removes one for each command. */
#include "multicast/order/order_pending.h"

#include <string.h>

#include "multicast/base/assert.h"

#define uthash_malloc(size)       kv_alloc(size)
#define uthash_free(memory, size) kv_free(memory)
#define uthash_fatal(message)     kv_panic(__FILE__, __LINE__, __func__, message)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wimplicit-fallthrough"
#include <uthash.h>

struct order_pending_node {
    struct kv_message_key key;
    struct wire_entry *entry;
    struct order_pending_node *next;
    struct order_pending_node *previous;
    bool hashed; /* false for the second of two entries with one id */
    UT_hash_handle hh;
};

static struct order_pending_node *find(const struct order_pending *pending,
                                       struct kv_message_key key)
{
    struct order_pending_node *found = NULL;
    HASH_FIND(hh, pending->by_id, &key, sizeof key, found);
    return found;
}

void order_pending_add(struct order_pending *pending, struct wire_entry *entry)
{
    KV_ASSERT(pending->last == NULL || pending->last->entry->index.value < entry->index.value);
    struct order_pending_node *node = pending->free;
    if (node == NULL) {
        node = kv_alloc(sizeof *node);
    } else {
        pending->free = node->next;
    }
    memset(node, 0, sizeof *node);
    node->key = kv_message_key_of(entry->id);
    node->entry = wire_entry_keep(entry);
    node->hashed = find(pending, node->key) == NULL;
    if (node->hashed) {
        HASH_ADD(hh, pending->by_id, key, sizeof node->key, node);
    }
    node->previous = pending->last;
    if (pending->last == NULL) {
        pending->first = node;
    } else {
        pending->last->next = node;
    }
    pending->last = node;
    pending->count++;
}

static void remove_node(struct order_pending *pending, struct order_pending_node *node)
{
    if (node->hashed) {
        HASH_DELETE(hh, pending->by_id, node);
    }
    if (node->previous == NULL) {
        pending->first = node->next;
    } else {
        node->previous->next = node->next;
    }
    if (node->next == NULL) {
        pending->last = node->previous;
    } else {
        node->next->previous = node->previous;
    }
    wire_entry_drop(&node->entry);
    node->next = pending->free;
    pending->free = node;
    pending->count--;
}

bool order_pending_has(const struct order_pending *pending, kv_message_id id)
{
    return find(pending, kv_message_key_of(id)) != NULL;
}

void order_pending_truncate(struct order_pending *pending, kv_index index)
{
    while (pending->last != NULL && pending->last->entry->index.value >= index.value) {
        remove_node(pending, pending->last);
    }
}

void order_pending_advance(struct order_pending *pending, kv_index index)
{
    while (pending->first != NULL && pending->first->entry->index.value <= index.value) {
        remove_node(pending, pending->first);
    }
}

void order_pending_close(struct order_pending *pending)
{
    order_pending_truncate(pending, (kv_index){0});
    while (pending->free != NULL) {
        struct order_pending_node *node = pending->free;
        pending->free = node->next;
        kv_free(node);
    }
    *pending = (struct order_pending){0};
}
#pragma GCC diagnostic pop

/* SPDX-License-Identifier: Apache-2.0 */
/* order_messages: a hash by id, a list of the PROPOSEs, a red-black tree of the candidates (sys/tree.h of libbsd). */
#include "multicast/order/order_messages.h"

#include <string.h>

#include "multicast/base/assert.h"
#include "multicast/base/hash_table.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wunused-function"
#include <bsd/sys/tree.h>

struct order_message_hash {
    struct kv_message_key key;
    struct order_message *message;
    UT_hash_handle hh;
};

/* A message and its hash node in one piece of memory. */
struct message_block {
    struct order_message message;
    struct order_message_hash hash;
};

struct order_message *order_messages_add(struct order_messages *messages, struct wire_entry *entry,
                                         kv_group_id self)
{
    struct message_block *block = (struct message_block *)messages->free;
    if (block != NULL) {
        messages->free = block->message.next;
    } else {
        block = kv_alloc(sizeof *block);
    }
    memset(block, 0, sizeof *block);
    struct order_message *message = &block->message;
    message->hash = &block->hash;
    message->hash->key = kv_message_key_of(entry->id);
    message->hash->message = message;
    message->id = entry->id;
    message->entry = wire_entry_keep(entry);
    HASH_ADD(hh, messages->by_id, key, sizeof message->hash->key, message->hash);
    messages->count++;
    if (entry->kind == WIRE_ENTRY_CMD) {
        message->has_final = true;
        message->final = entry->timestamp;
        return message;
    }
    uint64_t others = entry->destinations.bits & ~kv_group_set_of(self).bits;
    message->facts = kv_alloc_zero((size_t)__builtin_popcountll(others), sizeof *message->facts);
    while (others != 0) {
        message->facts[message->fact_count++].group.value = (uint16_t)__builtin_ctzll(others);
        others &= others - 1;
    }
    message->previous = messages->last;
    if (messages->last == NULL) {
        messages->first = message;
    } else {
        messages->last->next = message;
    }
    messages->last = message;
    return message;
}

struct order_message *order_messages_find(const struct order_messages *messages, kv_message_id id)
{
    struct kv_message_key key = kv_message_key_of(id);
    struct order_message_hash *found = NULL;
    HASH_FIND(hh, messages->by_id, &key, sizeof key, found);
    return found == NULL ? NULL : found->message;
}

void order_messages_remove(struct order_messages *messages, struct order_message *message)
{
    KV_ASSERT(!message->is_candidate);
    if (!order_message_is_command(message)) {
        if (message->previous == NULL) {
            messages->first = message->next;
        } else {
            message->previous->next = message->next;
        }
        if (message->next == NULL) {
            messages->last = message->previous;
        } else {
            message->next->previous = message->previous;
        }
    }
    HASH_DELETE(hh, messages->by_id, message->hash);
    messages->count--;
    wire_entry_drop(&message->entry);
    kv_free(message->facts);
    message->facts = NULL;
    message->next = messages->free;
    messages->free = message;
}

void order_messages_close(struct order_messages *messages)
{
    struct order_message_hash *hash, *following;
    HASH_ITER(hh, messages->by_id, hash, following)
    {
        hash->message->is_candidate = false;
        order_messages_remove(messages, hash->message);
    }
    while (messages->free != NULL) {
        struct order_message *message = messages->free;
        messages->free = message->next;
        kv_free(message);
    }
    *messages = (struct order_messages){0};
}

struct order_fact *order_message_fact(struct order_message *message, kv_group_id group)
{
    for (uint32_t i = 0; i < message->fact_count; i++) {
        if (kv_group_equal(message->facts[i].group, group)) {
            return &message->facts[i];
        }
    }
    return NULL;
}

bool order_message_all_done(const struct order_message *message)
{
    for (uint32_t i = 0; i < message->fact_count; i++) {
        if (!message->facts[i].done) {
            return false;
        }
    }
    return true;
}

/* Keys are distinct: a timestamp belongs to one message of this log (safety argument 3); the index is a defence. */
static int compare_candidates(const struct order_message *a, const struct order_message *b)
{
    int order = kv_timestamp_compare(a->key, b->key);
    if (order != 0) {
        return order;
    }
    return a->entry->index.value < b->entry->index.value
               ? -1
               : a->entry->index.value > b->entry->index.value;
}

RB_HEAD(order_tree, order_message);
RB_PROTOTYPE_INTERNAL(order_tree, order_message, link, compare_candidates, static)
RB_GENERATE_INTERNAL(order_tree, order_message, link, compare_candidates, static)
_Static_assert(sizeof(struct order_tree) == sizeof(struct order_message *),
               "the tree's head is its root");

static struct order_tree *tree_of(const struct order_candidates *candidates)
{
    return (struct order_tree *)(uintptr_t)&candidates->rbh_root;
}

static void insert_by_key(struct order_candidates *candidates, struct order_message *message,
                          kv_timestamp key)
{
    message->key = key;
    struct order_message *clash = RB_INSERT(order_tree, tree_of(candidates), message);
    KV_ASSERT(clash == NULL);
}

void order_candidates_insert(struct order_candidates *candidates, struct order_message *message,
                             kv_timestamp key)
{
    KV_ASSERT(!message->is_candidate);
    KV_ASSERT(candidates->latest == NULL ||
              candidates->latest->entry->index.value < message->entry->index.value);
    insert_by_key(candidates, message, key);
    message->is_candidate = true;
    message->earlier = candidates->latest;
    message->later = NULL;
    if (candidates->latest == NULL) {
        candidates->earliest = message;
    } else {
        candidates->latest->later = message;
    }
    candidates->latest = message;
    candidates->count++;
}

void order_candidates_rekey(struct order_candidates *candidates, struct order_message *message,
                            kv_timestamp key)
{
    KV_ASSERT(message->is_candidate);
    RB_REMOVE(order_tree, tree_of(candidates), message);
    insert_by_key(candidates, message, key);
}

void order_candidates_remove(struct order_candidates *candidates, struct order_message *message)
{
    KV_ASSERT(message->is_candidate);
    RB_REMOVE(order_tree, tree_of(candidates), message);
    if (message->earlier == NULL) {
        candidates->earliest = message->later;
    } else {
        message->earlier->later = message->later;
    }
    if (message->later == NULL) {
        candidates->latest = message->earlier;
    } else {
        message->later->earlier = message->earlier;
    }
    message->is_candidate = false;
    candidates->count--;
}

struct order_message *order_candidates_first(const struct order_candidates *candidates)
{
    return candidates->count == 0 ? NULL : RB_MIN(order_tree, tree_of(candidates));
}
#pragma GCC diagnostic pop

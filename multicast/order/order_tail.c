/* SPDX-License-Identifier: Apache-2.0 */
/* order_tail: a ring; its capacity is a power of two. */
#include "multicast/order/order_tail.h"

#include "multicast/base/assert.h"

#define TAIL_FIRST 64

static struct order_tail_item *item_at(struct order_tail *tail, uint32_t position)
{
    return &tail->items[(tail->first + position) & (tail->capacity - 1)];
}

static void grow(struct order_tail *tail)
{
    uint32_t capacity = tail->capacity == 0 ? TAIL_FIRST : tail->capacity * 2;
    struct order_tail_item *items = kv_alloc(capacity * sizeof *items);
    for (uint32_t i = 0; i < tail->count; i++) {
        items[i] = *item_at(tail, i);
    }
    kv_free(tail->items);
    tail->items = items;
    tail->capacity = capacity;
    tail->first = 0;
}

void order_tail_push(struct order_tail *tail, struct order_tail_item item)
{
    KV_ASSERT(tail->count == 0 || order_tail_last(tail)->index.value < item.index.value);
    if (tail->count == tail->capacity) {
        grow(tail);
    }
    tail->count++;
    *item_at(tail, tail->count - 1) = item;
}

struct order_tail_item *order_tail_first(struct order_tail *tail)
{
    return tail->count == 0 ? NULL : item_at(tail, 0);
}

struct order_tail_item *order_tail_last(struct order_tail *tail)
{
    return tail->count == 0 ? NULL : item_at(tail, tail->count - 1);
}

void order_tail_pop_first(struct order_tail *tail)
{
    KV_ASSERT(tail->count > 0);
    tail->first = (tail->first + 1) & (tail->capacity - 1);
    tail->count--;
}

void order_tail_pop_last(struct order_tail *tail)
{
    KV_ASSERT(tail->count > 0);
    tail->count--;
}

void order_tail_close(struct order_tail *tail)
{
    for (uint32_t i = 0; i < tail->count; i++) {
        wire_entry_drop(&item_at(tail, i)->remote);
    }
    kv_free(tail->items);
    *tail = (struct order_tail){0};
}

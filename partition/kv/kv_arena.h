/* SPDX-License-Identifier: Apache-2.0 */
/* kv_arena: memory for values that a command puts together. Addresses stay until the reset, which keeps the first block. */
#ifndef KV_KV_ARENA_H
#define KV_KV_ARENA_H

#include <string.h>

#include "multicast/base/bytes.h"

/* The first block: holds the numbers and short values of nearly every command. */
#define KV_ARENA_BLOCK_BYTES 16384

struct kv_arena_block {
    struct kv_arena_block *next;
    size_t size;
    uint8_t bytes[];
};

/* Zero-initialise. */
struct kv_arena {
    struct kv_arena_block *first, *last;
    size_t used;  /* of the last block */
    size_t taken; /* since the reset */
};

static inline uint8_t *kv_arena_take(struct kv_arena *arena, size_t size)
{
    if (arena->last == NULL || arena->last->size - arena->used < size) {
        const size_t block = size > KV_ARENA_BLOCK_BYTES ? size : KV_ARENA_BLOCK_BYTES;
        struct kv_arena_block *added = kv_alloc(sizeof(*added) + block);
        added->next = NULL;
        added->size = block;
        *(arena->last == NULL ? &arena->first : &arena->last->next) = added;
        arena->last = added;
        arena->used = 0;
    }
    uint8_t *taken = arena->last->bytes + arena->used;
    arena->used += size;
    arena->taken += size;
    return taken;
}

static inline kv_slice kv_arena_copy(struct kv_arena *arena, kv_slice bytes)
{
    uint8_t *copy = kv_arena_take(arena, bytes.size);
    if (bytes.size > 0) {
        memcpy(copy, bytes.data, bytes.size);
    }
    return kv_slice_of(copy, bytes.size);
}

static inline void kv_arena_reset(struct kv_arena *arena)
{
    while (arena->first != NULL && arena->first->next != NULL) {
        struct kv_arena_block *block = arena->first->next;
        arena->first->next = block->next;
        kv_free(block);
    }
    arena->last = arena->first;
    arena->used = 0;
    arena->taken = 0;
}

static inline void kv_arena_close(struct kv_arena *arena)
{
    kv_arena_reset(arena);
    kv_free(arena->first);
    *arena = (struct kv_arena){0};
}

#endif

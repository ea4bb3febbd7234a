/* SPDX-License-Identifier: Apache-2.0 */
/* memory_base: a base of a store in memory. Writing a layer makes the next generation beside the one before, as a checkpoint on disk
 * does; damage can be planted. */
#ifndef KV_TESTS_STORE_MEMORY_BASE_H
#define KV_TESTS_STORE_MEMORY_BASE_H

#include "partition/store/store.h"

struct memory_base {
    struct kv_map *rows;
    bool has_damage;
    struct kv_buffer damaged; /* a key whose row cannot be read */
};

/* The content of `before` (NULL: none) with a layer on it. */
struct memory_base *memory_base_new(const struct memory_base *before,
                                    const struct store_layer *layer);
void memory_base_destroy(struct memory_base **base);
struct store_base memory_base_of(struct memory_base *base);

/* Reading this key fails from now on. */
void memory_base_damage(struct memory_base *base, kv_slice key);

#endif

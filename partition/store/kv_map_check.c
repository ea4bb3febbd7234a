/* SPDX-License-Identifier: Apache-2.0 */
/* kv_map_check: asserts M1-M3 over a whole map. */
#include "multicast/base/assert.h"
#include "partition/store/kv_map_internal.h"

/* What the walk has seen so far, in key order. */
struct kv_map_walk {
    const struct kv_map_node *last_leaf;
    kv_slice last_key;
    uint64_t count;
    uint64_t digest;
    uint64_t bytes;
};

/* M3 */
static void kv_map_check_key(const struct kv_map_node *node, uint32_t position,
                             struct kv_map_fences fences)
{
    const kv_slice key = kv_map_entry_key(node->keys[position]);
    KV_ASSERT(node->heads[position] == kv_map_head(key, node->prefix));
    KV_ASSERT(fences.low == NULL || kv_slice_compare(kv_map_entry_key(fences.low), key) <= 0);
    KV_ASSERT(fences.high == NULL || kv_slice_compare(key, kv_map_entry_key(fences.high)) < 0);
}

static void kv_map_check_leaf(const struct kv_map_node *leaf, struct kv_map_fences fences,
                              struct kv_map_walk *walk)
{
    KV_ASSERT(walk->last_leaf == NULL || walk->last_leaf->next == leaf);
    walk->last_leaf = leaf;
    for (uint32_t i = 0; i < leaf->count; i++) {
        const struct kv_map_entry *entry = leaf->keys[i];
        kv_map_check_key(leaf, i, fences);
        KV_ASSERT(kv_slice_compare(walk->last_key, kv_map_entry_key(entry)) < 0); /* M1 */
        walk->last_key = kv_map_entry_key(entry);
        KV_ASSERT(entry->hash == kv_map_entry_hash(entry));
        KV_ASSERT(entry->value_size <= entry->value_capacity);
        walk->digest += entry->hash;
        walk->count += entry->tombstone ? 0 : 1;
        walk->bytes += kv_map_entry_bytes(entry);
    }
}

static void kv_map_check_node(const struct kv_map_node *node, struct kv_map_fences fences,
                              struct kv_map_walk *walk)
{
    KV_ASSERT(node->count <= KV_MAP_NODE_MAX);
    KV_ASSERT(node->prefix == kv_map_fences_prefix(fences));
    if (node->level == 0) {
        kv_map_check_leaf(node, fences, walk);
        return;
    }
    KV_ASSERT(node->count >= 1 && node->keys[0] == NULL);
    for (uint32_t i = 0; i < node->count; i++) {
        if (i > 0) {
            kv_map_check_key(node, i, fences);
        }
        KV_ASSERT(node->children[i]->level + 1 == node->level);
        kv_map_check_node(node->children[i], kv_map_child_fences(node, fences, i), walk);
    }
}

void kv_map_check(const struct kv_map *map)
{
    struct kv_map_walk walk = {0};
    kv_map_check_node(map->root, (struct kv_map_fences){NULL, NULL}, &walk);
    KV_ASSERT(walk.last_leaf != NULL && walk.last_leaf->next == NULL);
    KV_ASSERT(walk.count == map->count && walk.digest == map->digest); /* M2 */
    KV_ASSERT(walk.bytes == map->bytes);
}

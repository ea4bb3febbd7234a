/* SPDX-License-Identifier: Apache-2.0 */
/* kv_map_node: search, split and merge of nodes; see kv_map_internal.h for the model. */
#include <endian.h>
#include <string.h>

#include "multicast/base/assert.h"
#include "partition/store/kv_map_internal.h"

struct kv_map_node *kv_map_node_new(uint16_t level)
{
    KV_ASSERT(level < KV_MAP_LEVELS_MAX);
    const size_t children = level == 0 ? 0 : KV_MAP_NODE_MAX * sizeof(struct kv_map_node *);
    struct kv_map_node *node = kv_alloc(sizeof(*node) + children);
    node->level = level;
    node->count = 0;
    node->prefix = 0;
    node->next = NULL;
    return node;
}

void kv_map_node_free(struct kv_map_node *node)
{
    for (uint32_t i = 0; i < node->count; i++) {
        kv_map_entry_free(node->keys[i]);
        if (node->level > 0) {
            kv_map_node_free(node->children[i]);
        }
    }
    kv_free(node);
}

uint64_t kv_map_head(kv_slice key, uint16_t prefix)
{
    KV_ASSERT(prefix <= key.size);
    const size_t rest = key.size - prefix;
    uint64_t head = 0;
    memcpy(&head, key.data + prefix, rest < sizeof(head) ? rest : sizeof(head));
    return be64toh(head);
}

/* The first position in [from, count) whose key is not below `key`, or, with `above`, the first
 * whose key is above it. Equal heads decide nothing: shorter keys are padded with zeros. */
static uint32_t kv_map_node_search(const struct kv_map_node *node, uint32_t from, kv_slice key,
                                   bool above)
{
    const uint64_t head = kv_map_head(key, node->prefix);
    uint32_t low = from;
    uint32_t high = node->count;
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        bool before = node->heads[middle] < head;
        if (node->heads[middle] == head) {
            const int order = kv_slice_compare(kv_map_entry_key(node->keys[middle]), key);
            before = order < 0 || (above && order == 0);
        }
        if (before) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

uint32_t kv_map_leaf_position(const struct kv_map_node *leaf, kv_slice key)
{
    KV_ASSERT(leaf->level == 0);
    return kv_map_node_search(leaf, 0, key, /* above */ false);
}

bool kv_map_leaf_has(const struct kv_map_node *leaf, uint32_t position, kv_slice key)
{
    return position < leaf->count && kv_slice_equal(kv_map_entry_key(leaf->keys[position]), key);
}

uint32_t kv_map_child_position(const struct kv_map_node *inner, kv_slice key)
{
    KV_ASSERT(inner->level > 0 && inner->count > 0);
    return kv_map_node_search(inner, 1, key, /* above */ true) - 1;
}

struct kv_map_fences kv_map_child_fences(const struct kv_map_node *inner,
                                         struct kv_map_fences fences, uint32_t position)
{
    KV_ASSERT(position < inner->count);
    if (position > 0) {
        fences.low = inner->keys[position];
    }
    if (position + 1u < inner->count) {
        fences.high = inner->keys[position + 1];
    }
    return fences;
}

static uint16_t kv_map_common(kv_slice a, kv_slice b)
{
    const size_t most = a.size < b.size ? a.size : b.size;
    size_t common = 0;
    while (common < most && a.data[common] == b.data[common]) {
        common++;
    }
    return (uint16_t)common;
}

uint16_t kv_map_fences_prefix(struct kv_map_fences fences)
{
    if (fences.low == NULL || fences.high == NULL) {
        return 0;
    }
    return kv_map_common(kv_map_entry_key(fences.low), kv_map_entry_key(fences.high));
}

/* The node's fences or keys have changed: make its heads anew. */
static void kv_map_node_set_fences(struct kv_map_node *node, struct kv_map_fences fences)
{
    node->prefix = kv_map_fences_prefix(fences);
    for (uint32_t i = node->level == 0 ? 0 : 1; i < node->count; i++) {
        node->heads[i] = kv_map_head(kv_map_entry_key(node->keys[i]), node->prefix);
    }
}

void kv_map_leaf_insert(struct kv_map_node *leaf, uint32_t position, struct kv_map_entry *entry)
{
    KV_ASSERT(leaf->level == 0 && leaf->count < KV_MAP_NODE_MAX && position <= leaf->count);
    const size_t behind = leaf->count - position;
    memmove(&leaf->heads[position + 1], &leaf->heads[position], behind * sizeof(leaf->heads[0]));
    memmove(&leaf->keys[position + 1], &leaf->keys[position], behind * sizeof(leaf->keys[0]));
    leaf->heads[position] = kv_map_head(kv_map_entry_key(entry), leaf->prefix);
    leaf->keys[position] = entry;
    leaf->count++;
}

void kv_map_leaf_remove(struct kv_map_node *leaf, uint32_t position)
{
    KV_ASSERT(leaf->level == 0 && position < leaf->count);
    const size_t behind = leaf->count - position - 1u;
    memmove(&leaf->heads[position], &leaf->heads[position + 1], behind * sizeof(leaf->heads[0]));
    memmove(&leaf->keys[position], &leaf->keys[position + 1], behind * sizeof(leaf->keys[0]));
    leaf->count--;
}

/* Put a child behind `position`, with the separator that is its low fence. */
static void kv_map_inner_insert(struct kv_map_node *inner, uint32_t position,
                                struct kv_map_entry *separator, struct kv_map_node *child)
{
    KV_ASSERT(inner->count < KV_MAP_NODE_MAX && position < inner->count);
    const uint32_t at = position + 1;
    const size_t behind = inner->count - at;
    memmove(&inner->heads[at + 1], &inner->heads[at], behind * sizeof(inner->heads[0]));
    memmove(&inner->keys[at + 1], &inner->keys[at], behind * sizeof(inner->keys[0]));
    memmove(&inner->children[at + 1], &inner->children[at], behind * sizeof(inner->children[0]));
    inner->heads[at] = kv_map_head(kv_map_entry_key(separator), inner->prefix);
    inner->keys[at] = separator;
    inner->children[at] = child;
    inner->count++;
}

/* The shortest key above `left` and not above `right`. */
static struct kv_map_entry *kv_map_separator_between(const struct kv_map_entry *left,
                                                     const struct kv_map_entry *right)
{
    const kv_slice key = kv_map_entry_key(right);
    const size_t size = kv_map_common(kv_map_entry_key(left), key) + (size_t)1;
    KV_ASSERT(size <= key.size); /* M1 */
    return kv_map_separator_new(kv_slice_of(key.data, size));
}

void kv_map_split(struct kv_map_node *inner, struct kv_map_fences fences, uint32_t position)
{
    struct kv_map_node *left = inner->children[position];
    KV_ASSERT(left->count == KV_MAP_NODE_MAX);
    struct kv_map_node *right = kv_map_node_new(left->level);
    const struct kv_map_fences around = kv_map_child_fences(inner, fences, position);
    /* At the right edge keys tend to come in ascending order: what stays behind is not inserted
     * into again. */
    const uint32_t middle = around.high == NULL ? KV_MAP_NODE_MAX - 1 : KV_MAP_NODE_MAX / 2;
    const size_t moved = KV_MAP_NODE_MAX - middle;

    memcpy(right->keys, &left->keys[middle], moved * sizeof(left->keys[0]));
    struct kv_map_entry *separator;
    if (left->level == 0) {
        separator = kv_map_separator_between(left->keys[middle - 1], left->keys[middle]);
        right->next = left->next;
        left->next = right;
    } else {
        memcpy(right->children, &left->children[middle], moved * sizeof(left->children[0]));
        separator = right->keys[0];
        right->keys[0] = NULL;
    }
    left->count = (uint16_t)middle;
    right->count = (uint16_t)moved;
    kv_map_inner_insert(inner, position, separator, right);
    kv_map_node_set_fences(left, (struct kv_map_fences){around.low, separator});
    kv_map_node_set_fences(right, (struct kv_map_fences){separator, around.high});
}

/* Merge the children at `position` and behind it into the first of them. */
static void kv_map_merge(struct kv_map_node *inner, struct kv_map_fences fences, uint32_t position)
{
    struct kv_map_node *left = inner->children[position];
    struct kv_map_node *right = inner->children[position + 1];
    struct kv_map_entry *separator = inner->keys[position + 1];
    KV_ASSERT(left->count + right->count <= KV_MAP_NODE_MAX);

    memcpy(&left->keys[left->count], right->keys, right->count * sizeof(left->keys[0]));
    if (left->level == 0) {
        left->next = right->next;
        kv_map_entry_free(separator);
    } else {
        memcpy(&left->children[left->count], right->children,
               right->count * sizeof(left->children[0]));
        left->keys[left->count] = separator;
    }
    left->count = (uint16_t)(left->count + right->count);
    kv_free(right);

    const uint32_t at = position + 1;
    const size_t behind = inner->count - at - 1u;
    memmove(&inner->heads[at], &inner->heads[at + 1], behind * sizeof(inner->heads[0]));
    memmove(&inner->keys[at], &inner->keys[at + 1], behind * sizeof(inner->keys[0]));
    memmove(&inner->children[at], &inner->children[at + 1], behind * sizeof(inner->children[0]));
    inner->count--;
    kv_map_node_set_fences(left, kv_map_child_fences(inner, fences, position));
}

static bool kv_map_should_merge(const struct kv_map_node *small, const struct kv_map_node *other)
{
    const uint32_t sum = (uint32_t)small->count + other->count;
    return sum <= KV_MAP_MERGE_TARGET || (small->count <= 1 && sum <= KV_MAP_NODE_MAX);
}

void kv_map_maybe_merge(struct kv_map_node *inner, struct kv_map_fences fences, uint32_t position)
{
    const struct kv_map_node *child = inner->children[position];
    if (child->count > KV_MAP_MERGE_BELOW) {
        return;
    }
    if (position > 0 && kv_map_should_merge(child, inner->children[position - 1])) {
        kv_map_merge(inner, fences, position - 1);
    } else if (position + 1u < inner->count &&
               kv_map_should_merge(child, inner->children[position + 1])) {
        kv_map_merge(inner, fences, position);
    }
}

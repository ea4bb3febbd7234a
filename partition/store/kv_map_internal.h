/* SPDX-License-Identifier: Apache-2.0 */
/* kv_map_internal: the B+tree under kv_map.
 *
 * Why not the red-black tree of bsd/sys/tree.h: a lookup among a million keys follows 20 pointers
 * there, each a cache miss; here it reads four nodes, and compares words that lie next to each
 * other.
 *
 * 1. Leaves hold entries (a key with its value) in key order and are chained. Inner nodes hold
 *    children with separators between them; a separator is an entry without a value, as short as it
 *    can be.
 * 2. A node has two fences, low <= every key < high: the separators around it, in its parent or
 *    above; none at the edges. All keys between them share the prefix that the fences share.
 *    Node.prefix is its length, and heads[] the next eight bytes of each key as a big-endian number,
 *    so that most comparisons are of two words and touch no key at all.
 * 3. A full node is split on the way down of an insertion. A node that has become small is merged
 *    with a neighbour on the way up of a removal, if both fit well into one; rows are never moved
 *    between neighbours. */
#ifndef KV_STORE_KV_MAP_INTERNAL_H
#define KV_STORE_KV_MAP_INTERNAL_H

#include "partition/store/kv_map.h"

/* Keys of a leaf and children of an inner node: heads fill eight cache lines. */
#define KV_MAP_NODE_MAX 64

/* At most this many are worth a merge, and this many may be the outcome: far enough from full that
 * the next insertion does not split it again. */
#define KV_MAP_MERGE_BELOW  16
#define KV_MAP_MERGE_TARGET 48

/* Levels of the tree. A node is split when it is full and has at least 32 after a split within the
 * tree, so this many levels need more insertions than there is memory. */
#define KV_MAP_LEVELS_MAX 16

struct kv_map_entry {
    uint8_t *value; /* inside of the entry, behind the key, or on the heap; of a separator: NULL */
    kv_timestamp version;
    uint64_t hash; /* its share in the digest; of a tombstone: 0 */
    uint32_t value_size;
    uint32_t value_capacity;
    uint16_t key_size;
    bool tombstone;
    uint8_t key[];
};

struct kv_map_node {
    uint16_t level; /* 0: a leaf */
    uint16_t count; /* leaf: entries; inner: children */
    uint16_t prefix;
    struct kv_map_node *next;        /* leaf: the one behind it */
    uint64_t heads[KV_MAP_NODE_MAX]; /* of keys */
    struct kv_map_entry *
        keys[KV_MAP_NODE_MAX]; /* inner: keys[i] is the low fence of children[i]; keys[0] is NULL */
    struct kv_map_node *children[]; /* inner: KV_MAP_NODE_MAX */
};

/* NULL: none, the edge of the tree. */
struct kv_map_fences {
    const struct kv_map_entry *low;
    const struct kv_map_entry *high;
};

struct kv_map {
    struct kv_map_node *root;
    uint64_t count;
    uint64_t digest;
    uint64_t bytes; /* of all entries */
    bool sealed;
};

static inline kv_slice kv_map_entry_key(const struct kv_map_entry *entry)
{
    return (kv_slice){entry->key, entry->key_size};
}

static inline kv_slice kv_map_entry_value(const struct kv_map_entry *entry)
{
    return (kv_slice){entry->value, entry->value_size};
}

/* ---- kv_map_entry.c ---- */

struct kv_map_entry *kv_map_entry_new(kv_slice key, kv_slice value);
struct kv_map_entry *kv_map_separator_new(kv_slice key);
void kv_map_entry_free(struct kv_map_entry *entry);
void kv_map_entry_set(struct kv_map_entry *entry, kv_slice value);

/* The row's share in the digest. */
uint64_t kv_map_entry_hash(const struct kv_map_entry *entry);

/* What it costs in memory. */
size_t kv_map_entry_bytes(const struct kv_map_entry *entry);

/* ---- kv_map_node.c ---- */

struct kv_map_node *kv_map_node_new(uint16_t level);

/* With everything below it. */
void kv_map_node_free(struct kv_map_node *node);

/* The position of the first entry of a leaf whose key is not below `key`. */
uint32_t kv_map_leaf_position(const struct kv_map_node *leaf, kv_slice key);
bool kv_map_leaf_has(const struct kv_map_node *leaf, uint32_t position, kv_slice key);

/* The child of an inner node that `key` belongs to. */
uint32_t kv_map_child_position(const struct kv_map_node *inner, kv_slice key);

/* The fences of a child, given those of its parent. */
struct kv_map_fences kv_map_child_fences(const struct kv_map_node *inner,
                                         struct kv_map_fences fences, uint32_t position);

/* Bytes that all keys between the fences share. */
uint16_t kv_map_fences_prefix(struct kv_map_fences fences);
uint64_t kv_map_head(kv_slice key, uint16_t prefix);

/* The leaf is not full. */
void kv_map_leaf_insert(struct kv_map_node *leaf, uint32_t position, struct kv_map_entry *entry);
void kv_map_leaf_remove(struct kv_map_node *leaf, uint32_t position);

/* Split the full child at `position` of an inner node that is not full. `fences` are those of
 * `inner`. */
void kv_map_split(struct kv_map_node *inner, struct kv_map_fences fences, uint32_t position);

/* Merge the child at `position` of an inner node with a neighbour if it is small and both fit. */
void kv_map_maybe_merge(struct kv_map_node *inner, struct kv_map_fences fences, uint32_t position);

#endif

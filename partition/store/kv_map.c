/* SPDX-License-Identifier: Apache-2.0 */
/* kv_map: the ways through the tree; the nodes themselves are in kv_map_node.c. */
#include "multicast/base/assert.h"
#include "partition/store/kv_map_internal.h"

struct kv_map *kv_map_new(void)
{
    struct kv_map *map = kv_alloc(sizeof(*map));
    *map = (struct kv_map){.root = kv_map_node_new(/* level */ 0)};
    return map;
}

void kv_map_destroy(struct kv_map **map)
{
    if (*map == NULL) {
        return;
    }
    kv_map_node_free((*map)->root);
    kv_free(*map);
    *map = NULL;
}

void kv_map_clear(struct kv_map *map)
{
    KV_ASSERT(!map->sealed);
    kv_map_node_free(map->root);
    *map = (struct kv_map){.root = kv_map_node_new(/* level */ 0)};
}

static struct kv_map_node *kv_map_find_leaf(const struct kv_map *map, kv_slice key)
{
    struct kv_map_node *node = map->root;
    while (node->level > 0) {
        node = node->children[kv_map_child_position(node, key)];
    }
    return node;
}

static void kv_map_row_of(const struct kv_map_entry *entry, struct kv_map_row *ret)
{
    *ret = (struct kv_map_row){
        .key = kv_map_entry_key(entry),
        .value = kv_map_entry_value(entry),
        .version = entry->version,
        .hash = entry->hash,
        .tombstone = entry->tombstone,
    };
}

bool kv_map_get(const struct kv_map *map, kv_slice key, struct kv_map_row *ret)
{
    const struct kv_map_node *leaf = kv_map_find_leaf(map, key);
    const uint32_t position = kv_map_leaf_position(leaf, key);
    if (!kv_map_leaf_has(leaf, position, key)) {
        return false;
    }
    kv_map_row_of(leaf->keys[position], ret);
    return true;
}

/* Give the tree one more level, with the old root as the only child. */
static void kv_map_grow(struct kv_map *map)
{
    struct kv_map_node *root = kv_map_node_new((uint16_t)(map->root->level + 1));
    root->count = 1;
    root->keys[0] = NULL;
    root->children[0] = map->root;
    map->root = root;
}

/* The leaf that an absent key belongs to, with room for it: full nodes on the way are split, so
 * that each has room for the separator of the one below. */
static struct kv_map_node *kv_map_make_room(struct kv_map *map, kv_slice key)
{
    if (map->root->count == KV_MAP_NODE_MAX) {
        kv_map_grow(map);
    }
    struct kv_map_node *node = map->root;
    struct kv_map_fences fences = {NULL, NULL};
    while (node->level > 0) {
        uint32_t position = kv_map_child_position(node, key);
        if (node->children[position]->count == KV_MAP_NODE_MAX) {
            kv_map_split(node, fences, position);
            position = kv_map_child_position(node, key);
        }
        fences = kv_map_child_fences(node, fences, position);
        node = node->children[position];
    }
    return node;
}

/* The entry of a key, out of the sums, with a new value; made if there is none. */
static struct kv_map_entry *kv_map_take(struct kv_map *map, kv_slice key, kv_slice value)
{
    KV_ASSERT(!map->sealed);
    struct kv_map_node *leaf = kv_map_find_leaf(map, key);
    uint32_t position = kv_map_leaf_position(leaf, key);
    if (kv_map_leaf_has(leaf, position, key)) {
        struct kv_map_entry *entry = leaf->keys[position];
        map->digest -= entry->hash;
        map->count -= entry->tombstone ? 0 : 1;
        map->bytes -= kv_map_entry_bytes(entry);
        kv_map_entry_set(entry, value);
        return entry;
    }
    if (leaf->count == KV_MAP_NODE_MAX) {
        leaf = kv_map_make_room(map, key);
        position = kv_map_leaf_position(leaf, key);
    }
    struct kv_map_entry *entry = kv_map_entry_new(key, value);
    kv_map_leaf_insert(leaf, position, entry);
    return entry;
}

void kv_map_put(struct kv_map *map, kv_slice key, kv_slice value, kv_timestamp version)
{
    struct kv_map_entry *entry = kv_map_take(map, key, value);
    entry->tombstone = false;
    entry->version = version;
    entry->hash = kv_map_entry_hash(entry);
    map->digest += entry->hash;
    map->count++;
    map->bytes += kv_map_entry_bytes(entry);
}

void kv_map_bury(struct kv_map *map, kv_slice key)
{
    struct kv_map_entry *entry = kv_map_take(map, key, kv_slice_of(NULL, 0));
    entry->tombstone = true;
    entry->version = (kv_timestamp){0};
    entry->hash = 0;
    map->bytes += kv_map_entry_bytes(entry);
}

/* A node on the way down, and the position of the next one in it. */
struct kv_map_step {
    struct kv_map_node *node;
    struct kv_map_fences fences;
    uint32_t position;
};

bool kv_map_remove(struct kv_map *map, kv_slice key)
{
    struct kv_map_step way[KV_MAP_LEVELS_MAX];
    uint32_t steps = 0;
    KV_ASSERT(!map->sealed);
    struct kv_map_node *node = map->root;
    struct kv_map_fences fences = {NULL, NULL};
    while (node->level > 0) {
        KV_ASSERT(steps < KV_MAP_LEVELS_MAX);
        const uint32_t position = kv_map_child_position(node, key);
        way[steps] = (struct kv_map_step){node, fences, position};
        fences = kv_map_child_fences(node, fences, position);
        node = node->children[position];
        steps++;
    }
    const uint32_t position = kv_map_leaf_position(node, key);
    if (!kv_map_leaf_has(node, position, key)) {
        return false;
    }
    struct kv_map_entry *entry = node->keys[position];
    map->digest -= entry->hash;
    map->count -= entry->tombstone ? 0 : 1;
    map->bytes -= kv_map_entry_bytes(entry);
    kv_map_leaf_remove(node, position);
    kv_map_entry_free(entry);
    while (steps > 0) {
        steps--;
        kv_map_maybe_merge(way[steps].node, way[steps].fences, way[steps].position);
    }
    while (map->root->level > 0 && map->root->count == 1) {
        struct kv_map_node *root = map->root;
        map->root = root->children[0];
        kv_free(root);
    }
    return true;
}

void kv_map_seek(const struct kv_map *map, kv_slice from, struct kv_map_cursor *ret)
{
    const struct kv_map_node *node = map->root;
    if (from.size > 0) {
        node = kv_map_find_leaf(map, from);
        *ret = (struct kv_map_cursor){node, kv_map_leaf_position(node, from)};
        return;
    }
    while (node->level > 0) {
        node = node->children[0];
    }
    *ret = (struct kv_map_cursor){node, 0};
}

bool kv_map_next(struct kv_map_cursor *cursor, struct kv_map_row *ret)
{
    while (cursor->leaf != NULL && cursor->position >= cursor->leaf->count) {
        *cursor = (struct kv_map_cursor){cursor->leaf->next, 0};
    }
    if (cursor->leaf == NULL) {
        return false;
    }
    kv_map_row_of(cursor->leaf->keys[cursor->position], ret);
    cursor->position++;
    return true;
}

uint64_t kv_map_count(const struct kv_map *map)
{
    return map->count;
}

uint64_t kv_map_digest(const struct kv_map *map)
{
    return map->digest;
}

uint64_t kv_map_bytes(const struct kv_map *map)
{
    return map->bytes;
}

void kv_map_seal(struct kv_map *map)
{
    map->sealed = true;
}

void kv_map_unseal(struct kv_map *map)
{
    map->sealed = false;
}

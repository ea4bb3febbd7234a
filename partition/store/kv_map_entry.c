/* SPDX-License-Identifier: Apache-2.0 */
/* kv_map_entry: one row in memory.
 *
 * A small value lives behind the key in the same piece of memory: one allocation and one cache miss
 * for most rows. A value that outgrows its place moves to the heap; one that shrinks a lot gives
 * memory back. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <string.h>

#include "multicast/base/assert.h"
#include "multicast/base/limits.h"
#include "partition/store/kv_map_internal.h"

/* Values up to this size are kept with their key. */
#define KV_MAP_VALUE_NEAR_MAX 256

/* Room for values is a multiple of this, so that a counter may grow by a digit. */
#define KV_MAP_VALUE_STEP 16

/* Memory on the heap is given back when less than one part in this is used. */
#define KV_MAP_VALUE_SLACK 4

static uint32_t kv_map_value_room(size_t size)
{
    KV_ASSERT(size <= KV_VALUE_BYTES_MAX);
    return (uint32_t)((size + KV_MAP_VALUE_STEP - 1) / KV_MAP_VALUE_STEP * KV_MAP_VALUE_STEP);
}

static struct kv_map_entry *kv_map_entry_alloc(kv_slice key, uint32_t near)
{
    KV_ASSERT(key.size >= 1 && key.size <= KV_KEY_BYTES_MAX);
    struct kv_map_entry *entry = kv_alloc(sizeof(*entry) + key.size + near);
    *entry = (struct kv_map_entry){.key_size = (uint16_t)key.size};
    memcpy(entry->key, key.data, key.size);
    return entry;
}

struct kv_map_entry *kv_map_separator_new(kv_slice key)
{
    return kv_map_entry_alloc(key, /* near */ 0);
}

static bool kv_map_value_is_near(const struct kv_map_entry *entry)
{
    return entry->value == NULL || entry->value == entry->key + entry->key_size;
}

struct kv_map_entry *kv_map_entry_new(kv_slice key, kv_slice value)
{
    const uint32_t room = kv_map_value_room(value.size);
    const uint32_t near = room <= KV_MAP_VALUE_NEAR_MAX ? room : 0;
    struct kv_map_entry *entry = kv_map_entry_alloc(key, near);
    if (near > 0) {
        entry->value = entry->key + entry->key_size;
        entry->value_capacity = near;
    }
    kv_map_entry_set(entry, value);
    return entry;
}

void kv_map_entry_free(struct kv_map_entry *entry)
{
    if (entry != NULL && !kv_map_value_is_near(entry)) {
        kv_free(entry->value);
    }
    kv_free(entry);
}

void kv_map_entry_set(struct kv_map_entry *entry, kv_slice value)
{
    const bool near = kv_map_value_is_near(entry);
    const uint32_t room = kv_map_value_room(value.size);
    const bool wasteful = !near && room < entry->value_capacity / KV_MAP_VALUE_SLACK;
    if (value.size > entry->value_capacity || wasteful) {
        if (!near) {
            kv_free(entry->value);
        }
        entry->value = room > 0 ? kv_alloc(room) : NULL;
        entry->value_capacity = room;
    }
    if (value.size > 0) {
        memcpy(entry->value, value.data, value.size);
    }
    entry->value_size = (uint32_t)value.size;
}

uint64_t kv_map_row_hash(kv_slice key, kv_slice value, kv_timestamp version)
{
    const uint64_t parts[] = {
        XXH3_64bits(key.data, key.size),
        XXH3_64bits(value.data, value.size),
        version.clock.value,
        version.group.value,
    };
    return XXH3_64bits(parts, sizeof(parts));
}

uint64_t kv_map_entry_hash(const struct kv_map_entry *entry)
{
    return entry->tombstone ? 0
                            : kv_map_row_hash(kv_map_entry_key(entry), kv_map_entry_value(entry),
                                              entry->version);
}

size_t kv_map_entry_bytes(const struct kv_map_entry *entry)
{
    return sizeof(*entry) + entry->key_size + entry->value_capacity;
}

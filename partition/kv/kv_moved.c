/* SPDX-License-Identifier: Apache-2.0 */
/* kv_moved: a hash over a list by age of the entry. */
#include <string.h>

#include "multicast/base/assert.h"
#include "multicast/base/hash_table.h"
#include "partition/kv/kv_moved.h"

struct kv_moved_key {
    kv_group_id group;
    kv_timestamp version;
    struct kv_moved_key *older, *newer;
    UT_hash_handle hh;
    uint32_t size;
    uint8_t key[];
};

static struct kv_moved_key *find(const struct kv_moved *moved, kv_slice key)
{
    struct kv_moved_key *found = NULL;
    if (moved->by_key != NULL) {
        HASH_FIND(hh, moved->by_key, key.data, key.size, found);
    }
    return found;
}

static void remove_key(struct kv_moved *moved, struct kv_moved_key *key)
{
    *(key->older == NULL ? &moved->oldest : &key->older->newer) = key->newer;
    *(key->newer == NULL ? &moved->newest : &key->newer->older) = key->older;
    HASH_DEL(moved->by_key, key);
    moved->count--;
    kv_free(key);
}

void kv_moved_put(struct kv_moved *moved, kv_slice key, kv_group_id group, kv_timestamp version)
{
    kv_moved_drop(moved, key);
    if (moved->count == KV_MOVED_MAX) {
        remove_key(moved, moved->oldest);
    }
    struct kv_moved_key *added = kv_alloc_zero(1, sizeof(*added) + key.size);
    added->group = group;
    added->version = version;
    added->size = (uint32_t)key.size;
    memcpy(added->key, key.data, key.size);
    HASH_ADD_KEYPTR(hh, moved->by_key, added->key, added->size, added);
    added->older = moved->newest;
    *(moved->newest == NULL ? &moved->oldest : &moved->newest->newer) = added;
    moved->newest = added;
    moved->count++;
}

void kv_moved_drop(struct kv_moved *moved, kv_slice key)
{
    struct kv_moved_key *found = find(moved, key);
    if (found != NULL) {
        remove_key(moved, found);
    }
}

bool kv_moved_get(const struct kv_moved *moved, kv_slice key, kv_group_id *ret_group,
                  kv_timestamp *ret_version)
{
    const struct kv_moved_key *found = find(moved, key);
    if (found == NULL) {
        return false;
    }
    *ret_group = found->group;
    *ret_version = found->version;
    return true;
}

void kv_moved_clear(struct kv_moved *moved)
{
    while (moved->oldest != NULL) {
        remove_key(moved, moved->oldest);
    }
}

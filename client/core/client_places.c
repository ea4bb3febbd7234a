/* SPDX-License-Identifier: Apache-2.0 */
/* client_places: a hash of keys over a list by last use. An entry is one piece of memory with its key behind it. */
#include "client/core/client_places.h"

#include <string.h>

#include "multicast/base/assert.h"
#include "multicast/base/hash_table.h"

struct client_place_entry {
    struct client_place place;
    struct client_place_entry *older, *newer;
    UT_hash_handle hh;
    size_t size;
    uint8_t key[];
};

static struct client_place_entry *find(const struct client_places *places, kv_slice key)
{
    struct client_place_entry *found = NULL;
    if (places->count > 0) { /* most clients never hear of a placed key: they do not even hash */
        HASH_FIND(hh, places->by_key, key.data, key.size, found);
    }
    return found;
}

static void unlink_entry(struct client_places *places, struct client_place_entry *entry)
{
    if (entry->older == NULL) {
        places->oldest = entry->newer;
    } else {
        entry->older->newer = entry->newer;
    }
    if (entry->newer == NULL) {
        places->newest = entry->older;
    } else {
        entry->newer->older = entry->older;
    }
}

static void link_newest(struct client_places *places, struct client_place_entry *entry)
{
    entry->newer = NULL;
    entry->older = places->newest;
    if (places->newest == NULL) {
        places->oldest = entry;
    } else {
        places->newest->newer = entry;
    }
    places->newest = entry;
}

static void remove_entry(struct client_places *places, struct client_place_entry *entry)
{
    unlink_entry(places, entry);
    HASH_DEL(places->by_key, entry);
    places->count--;
    kv_free(entry);
}

static void add_entry(struct client_places *places, kv_slice key, struct client_place place)
{
    if (places->count == CLIENT_PLACES_MAX) {
        remove_entry(places, places->oldest);
    }
    struct client_place_entry *entry = kv_alloc(sizeof *entry + key.size);
    entry->place = place;
    entry->size = key.size;
    memcpy(entry->key, key.data, key.size);
    HASH_ADD_KEYPTR(hh, places->by_key, entry->key, entry->size, entry);
    link_newest(places, entry);
    places->count++;
}

bool client_places_look(const struct client_places *places, kv_slice key, struct client_place *ret)
{
    const struct client_place_entry *entry = find(places, key);
    if (entry == NULL) {
        return false;
    }
    *ret = entry->place;
    return true;
}

bool client_places_use(struct client_places *places, kv_slice key, struct client_place *ret)
{
    struct client_place_entry *entry = find(places, key);
    if (entry == NULL) {
        return false;
    }
    unlink_entry(places, entry);
    link_newest(places, entry);
    *ret = entry->place;
    return true;
}

void client_places_set(struct client_places *places, kv_slice key, struct client_place place)
{
    KV_ASSERT(key.size > 0 && place.group.value != 0);
    struct client_place_entry *entry = find(places, key);
    if (entry == NULL) {
        add_entry(places, key, place);
        return;
    }
    entry->place = place;
    unlink_entry(places, entry);
    link_newest(places, entry);
}

bool client_places_hear(struct client_places *places, kv_slice key, struct client_place place)
{
    const struct client_place_entry *entry = find(places, key);
    const kv_timestamp none = {{0}, {0}};
    if (entry != NULL && kv_timestamp_compare(entry->place.version, none) != 0 &&
        kv_timestamp_compare(place.version, entry->place.version) <= 0) {
        return false;
    }
    client_places_set(places, key, place);
    return true;
}

void client_places_drop(struct client_places *places, kv_slice key)
{
    struct client_place_entry *entry = find(places, key);
    if (entry != NULL) {
        remove_entry(places, entry);
    }
}

void client_places_clear(struct client_places *places)
{
    while (places->oldest != NULL) {
        remove_entry(places, places->oldest);
    }
}

void client_places_check(const struct client_places *places)
{
    uint32_t count = 0;
    const struct client_place_entry *before = NULL;
    for (const struct client_place_entry *at = places->oldest; at != NULL; at = at->newer) {
        KV_ASSERT(at->older == before && at->place.group.value != 0);
        before = at;
        count++;
    }
    KV_ASSERT(places->newest == before);
    KV_ASSERT(count == places->count && count <= CLIENT_PLACES_MAX);
    KV_ASSERT(HASH_COUNT(places->by_key) == count);
}

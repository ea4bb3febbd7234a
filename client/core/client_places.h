/* SPDX-License-Identifier: Apache-2.0 */
/* client_places: where keys are that do not live at home, as far as this client has heard. A bounded cache.
 *
 * A key without an entry is at home. Nothing here is needed for safety: a command that goes to the wrong partition is told
 * so (STALE), changes nothing, and is sent again. Which answers teach what is in client_learn.c. */
#ifndef KV_CLIENT_CLIENT_PLACES_H
#define KV_CLIENT_CLIENT_PLACES_H

#include "multicast/base/bytes.h"
#include "multicast/base/ids.h"

/* Keys remembered: about 10 MB with keys of 40 bytes, and more placed keys than one client works on at a time. A key that was
 * forgotten costs one answer STALE, and is known again. */
#define CLIENT_PLACES_MAX 65536

struct client_place {
    kv_group_id group;
    kv_timestamp version; /* of the change that brought it there; {0,0}: nobody has told */
};

struct client_place_entry;

/* All zero is an empty one. */
struct client_places {
    struct client_place_entry *by_key;
    struct client_place_entry *oldest, *newest; /* by last use */
    uint32_t count;
};

/* The entry of a key, or false. client_places_use makes it the last one to be forgotten. */
bool client_places_look(const struct client_places *places, kv_slice key, struct client_place *ret);
bool client_places_use(struct client_places *places, kv_slice key, struct client_place *ret);

/* Set the entry, whatever it was; the one that was not used for longest goes if there are too many. */
void client_places_set(struct client_places *places, kv_slice key, struct client_place place);

/* Set it if the place is newer than the entry, or nothing is known that could be compared. True: it was set. */
bool client_places_hear(struct client_places *places, kv_slice key, struct client_place place);

void client_places_drop(struct client_places *places, kv_slice key);
void client_places_clear(struct client_places *places);

/* Assert that the list and the hash agree and are bounded. */
void client_places_check(const struct client_places *places);

#endif

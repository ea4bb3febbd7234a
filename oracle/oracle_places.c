/* SPDX-License-Identifier: Apache-2.0 */
/* oracle_places: which keys are away from home, and where; how many in each partition; what has changed lately.
 *
 * Changes come in the order in which messages finish, which members may see differently; history keeps those with the largest
 * timestamps, so it comes out the same. */
#include "oracle/oracle_internal.h"

#include <string.h>

void oracle_places_init(struct oracle_places *places)
{
    *places = (struct oracle_places){.placed = store_new()};
    places->history = kv_alloc(ORACLE_HISTORY_MAX * sizeof(*places->history));
}

void oracle_places_clear(struct oracle_places *places)
{
    store_clear(places->placed, /* base */ NULL);
    memset(places->counts, 0, sizeof(places->counts));
    places->history_count = 0;
}

void oracle_places_close(struct oracle_places *places)
{
    store_destroy(&places->placed);
    kv_free(places->history);
}

bool oracle_is_placed(const struct oracle_machine *machine, kv_slice key)
{
    struct kv_map_row row;
    return store_get(machine->places.placed, key, &row);
}

kv_group_id oracle_place_of(const struct oracle_machine *machine, kv_slice key,
                            kv_timestamp *ret_version)
{
    struct kv_map_row row;
    if (store_get(machine->places.placed, key, &row)) {
        *ret_version = row.version;
        return (kv_group_id){row.value.data[0]};
    }
    *ret_version = (kv_timestamp){0};
    return wire_home_of(key, machine->partitions);
}

void oracle_remember(struct oracle_places *places, const struct oracle_change *change)
{
    uint32_t at = places->history_count;
    if (at == ORACLE_HISTORY_MAX) {
        if (kv_timestamp_compare(change->version, oracle_change_at(places, 0)->version) < 0) {
            return;
        }
        places->history_first = (places->history_first + 1) % ORACLE_HISTORY_MAX;
        at--;
    } else {
        places->history_count++;
    }
    while (at > 0 && kv_timestamp_compare(oracle_change_at(places, at - 1)->version,
                                          change->version) > 0) { /* rare, and then a few */
        *oracle_change_at(places, at) = *oracle_change_at(places, at - 1);
        at--;
    }
    *oracle_change_at(places, at) = *change;
}

void oracle_place(struct oracle_machine *machine, kv_slice key, kv_group_id group)
{
    struct oracle_places *places = &machine->places;
    const kv_group_id home = wire_home_of(key, machine->partitions);
    struct oracle_change change = {
        .version = machine->context.timestamp, .to = group, .key_size = (uint16_t)key.size};
    struct kv_map_row row;
    memcpy(change.key, key.data, key.size);
    if (store_get(places->placed, key, &row)) {
        change.from.value = row.value.data[0];
        places->counts[change.from.value]--;
    } else if (machine->command.op != WIRE_OP_CREATE) {
        change.from = home;
    }
    if (group.value == 0 || kv_group_equal(group, home)) {
        (void)store_remove(places->placed, key);
    } else {
        const uint8_t value = (uint8_t)group.value;
        store_put(places->placed, key, kv_slice_of(&value, sizeof(value)), change.version);
        places->counts[group.value]++;
    }
    oracle_remember(places, &change);
}

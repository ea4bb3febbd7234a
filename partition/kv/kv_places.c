/* SPDX-License-Identifier: Apache-2.0 */
/* kv_places: which keys are here, which keys of this home are elsewhere, and where. [P1, P2] */
#include "partition/kv/kv_internal.h"

#include <string.h>

kv_group_id kv_home_of(const struct kv_machine *machine, kv_slice key)
{
    return wire_home_of(key, machine->partitions);
}

bool kv_has_stub(const struct kv_machine *machine, kv_slice key)
{
    struct kv_map_row row;
    return store_count(machine->stubs) > 0 && store_get(machine->stubs, key, &row);
}

enum kv_presence kv_presence_of(const struct kv_machine *machine, kv_slice key,
                                struct kv_state *ret)
{
    struct kv_map_row row;
    if (store_get(machine->rows, key, &row)) {
        *ret = (struct kv_state){.present = true,
                                 .value = row.value,
                                 .version = row.version,
                                 .bond = machine->keeps ? kv_bond_of(&machine->bonds, key)
                                                        : KV_BOND_NONE};
        return KV_OWNED;
    }
    *ret = (struct kv_state){.present = false};
    return kv_group_equal(kv_home_of(machine, key), machine->group) && !kv_has_stub(machine, key)
               ? KV_ABSENT
               : KV_ELSEWHERE;
}

struct wire_place kv_place_of(const struct kv_machine *machine, kv_slice key)
{
    struct wire_place place = {.verdict = WIRE_VERDICT_STALE, .group = kv_home_of(machine, key)};
    struct kv_map_row row;
    if (store_get(machine->stubs, key, &row)) {
        place.group.value = row.value.data[0];
        place.version = row.version;
    } else {
        (void)kv_moved_get(&machine->moved, key, &place.group, &place.version);
    }
    return place;
}

void kv_bind(struct kv_machine *machine, kv_slice key, kv_timestamp version,
             const struct kv_bond *bond)
{
    if (kv_bond_is_none(bond) && store_count(machine->bonds.of_keys) == 0) {
        return;
    }
    kv_bond_set(&machine->bonds, key, version, bond);
    if (!kv_bond_is_none(bond)) {
        kv_expires_bound(machine, bond);
    }
}

void kv_put_row(struct kv_machine *machine, kv_slice key, kv_slice value, kv_timestamp version,
                const struct kv_bond *bond)
{
    store_put(machine->rows, key, value, version);
    kv_bind(machine, key, version, bond);
    kv_changes_add(&machine->changes, machine->context.position, version, key, &value);
}

void kv_note_removed(struct kv_machine *machine, kv_slice key)
{
    kv_changes_add(&machine->changes, machine->context.position, machine->context.timestamp, key,
                   /* value */ NULL);
}

bool kv_remove_row(struct kv_machine *machine, kv_slice key)
{
    if (!store_remove(machine->rows, key)) {
        return false;
    }
    kv_bind(machine, key, machine->context.timestamp, &KV_BOND_NONE);
    kv_note_removed(machine, key);
    return true;
}

void kv_set_stub(struct kv_machine *machine, kv_slice key, kv_group_id group)
{
    const uint8_t value = (uint8_t)group.value;
    _Static_assert(KV_GROUPS_MAX <= UINT8_MAX, "a group is one byte of a stub");
    store_put(machine->stubs, key, kv_slice_of(&value, sizeof(value)), machine->context.timestamp);
}

void kv_drop_stub(struct kv_machine *machine, kv_slice key)
{
    (void)store_remove(machine->stubs, key);
}

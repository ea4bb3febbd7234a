/* SPDX-License-Identifier: Apache-2.0 */
/* kv_bonds: rows of two stores; see kv_bonds.h for what they are.
 *
 * The name of a row in `ends` has the hash of its key only: a key may be as long as a name can be. Two keys of one command with one hash
 * have one row; then one of them lasts. Whoever makes such keys does it to himself. */
#include <endian.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "multicast/base/assert.h"
#include "multicast/base/limits.h"
#include "partition/engine/state_bytes.h"
#include "partition/kv/kv_bonds.h"

enum kind { KIND_ALIVE = 'A', KIND_SESSION = 'S', KIND_TIME = 'T' };

/* 'S' or 'T', then a session or a time, a hash and a version. */
_Static_assert(1 + 10 + 8 + 10 <= KV_BOND_PLACE_BYTES_MAX, "a place holds a name");

/* The value of a key's bond: its kind, then u64+u16 session, or u64 time. */
#define BOND_BYTES_MAX 11

/* ---- Names in `ends`: big-endian, so that they are in the order of sessions and times ---- */

static void add_bytes(struct kv_bond_place *name, const void *bytes, size_t size)
{
    KV_ASSERT(name->size + size <= sizeof(name->bytes));
    memcpy(name->bytes + name->size, bytes, size);
    name->size += size;
}

static void add_u64(struct kv_bond_place *name, uint64_t value)
{
    const uint64_t big = htobe64(value);
    add_bytes(name, &big, sizeof(big));
}

static void add_timestamp(struct kv_bond_place *name, kv_timestamp value)
{
    const uint16_t group = htobe16(value.group.value);
    add_u64(name, value.clock.value);
    add_bytes(name, &group, sizeof(group));
}

static struct kv_bond_place name_of_kind(enum kind kind)
{
    struct kv_bond_place name = {.size = 1};
    name.bytes[0] = (uint8_t)kind;
    return name;
}

static struct kv_bond_place name_of_session(enum kind kind, kv_timestamp session)
{
    struct kv_bond_place name = name_of_kind(kind);
    add_timestamp(&name, session);
    return name;
}

static struct kv_bond_place name_of_bond(const struct kv_bond *bond, kv_slice key,
                                         kv_timestamp version)
{
    const bool timed = bond->session.clock.value == 0;
    struct kv_bond_place name =
        timed ? name_of_kind(KIND_TIME) : name_of_session(KIND_SESSION, bond->session);
    if (timed) {
        add_u64(&name, bond->until_us);
    }
    add_u64(&name, XXH3_64bits(key.data, key.size));
    add_timestamp(&name, version);
    return name;
}

static kv_slice slice_of(const struct kv_bond_place *name)
{
    return kv_slice_of(name->bytes, name->size);
}

/* The session or time in a name, behind its kind. */
static kv_timestamp session_in(kv_slice name)
{
    uint64_t clock = 0;
    uint16_t group = 0;
    KV_ASSERT(name.size >= 1 + sizeof(clock) + sizeof(group));
    memcpy(&clock, name.data + 1, sizeof(clock));
    memcpy(&group, name.data + 1 + sizeof(clock), sizeof(group));
    return (kv_timestamp){{be64toh(clock)}, {be16toh(group)}};
}

/* ---- By key ---- */

static struct kv_bond bond_in(kv_slice value)
{
    struct state_reader reader = {value, false};
    struct kv_bond bond = {{{0}, {0}}, 0};
    const uint8_t kind = state_read_u8(&reader);
    if (kind == KIND_SESSION) {
        bond.session = state_read_timestamp(&reader);
    } else if (kind == KIND_TIME) {
        bond.until_us = state_read_u64(&reader);
    }
    return reader.failed ? KV_BOND_NONE : bond;
}

struct kv_bond kv_bond_of(const struct kv_bonds *bonds, kv_slice key)
{
    struct kv_map_row row;
    if (store_count(bonds->of_keys) == 0 || !store_get(bonds->of_keys, key, &row)) {
        return KV_BOND_NONE;
    }
    return bond_in(row.value);
}

static void put_bond(struct kv_bonds *bonds, kv_slice key, kv_timestamp version,
                     const struct kv_bond *bond)
{
    const bool timed = bond->session.clock.value == 0;
    uint8_t bytes[BOND_BYTES_MAX];
    const struct kv_bond_place name = name_of_bond(bond, key, version);
    bytes[0] = timed ? KIND_TIME : KIND_SESSION;
    size_t size = 1;
    if (timed) {
        const uint64_t until = htole64(bond->until_us);
        memcpy(bytes + size, &until, sizeof(until));
        size += sizeof(until);
    } else {
        const uint64_t clock = htole64(bond->session.clock.value);
        const uint16_t group = htole16(bond->session.group.value);
        memcpy(bytes + size, &clock, sizeof(clock));
        memcpy(bytes + size + sizeof(clock), &group, sizeof(group));
        size += sizeof(clock) + sizeof(group);
    }
    store_put(bonds->of_keys, key, kv_slice_of(bytes, size), version);
    store_put(bonds->ends, slice_of(&name), key, version);
}

void kv_bond_set(struct kv_bonds *bonds, kv_slice key, kv_timestamp version,
                 const struct kv_bond *bond)
{
    struct kv_map_row row;
    if (store_count(bonds->of_keys) > 0 && store_get(bonds->of_keys, key, &row)) {
        const struct kv_bond before = bond_in(row.value);
        const struct kv_bond_place name = name_of_bond(&before, key, row.version);
        (void)store_remove(bonds->ends, slice_of(&name));
        if (kv_bond_is_none(bond)) {
            (void)store_remove(bonds->of_keys, key);
        }
    }
    if (!kv_bond_is_none(bond)) {
        put_bond(bonds, key, version, bond);
    }
}

/* ---- Sessions ---- */

bool kv_session_is_alive(const struct kv_bonds *bonds, kv_timestamp session)
{
    struct kv_map_row row;
    const struct kv_bond_place name = name_of_session(KIND_ALIVE, session);
    return store_count(bonds->ends) > 0 && store_get(bonds->ends, slice_of(&name), &row);
}

void kv_session_begin(struct kv_bonds *bonds, kv_timestamp session)
{
    const struct kv_bond_place name = name_of_session(KIND_ALIVE, session);
    store_put(bonds->ends, slice_of(&name), kv_slice_of(NULL, 0), session);
}

void kv_session_end(struct kv_bonds *bonds, kv_timestamp session)
{
    const struct kv_bond_place name = name_of_session(KIND_ALIVE, session);
    (void)store_remove(bonds->ends, slice_of(&name));
}

void kv_sessions_end_all(struct kv_bonds *bonds)
{
    struct store_cursor cursor;
    struct kv_map_row row;
    const struct kv_bond_place first = name_of_kind(KIND_ALIVE);
    store_seek(bonds->ends, slice_of(&first), &cursor);
    while (store_next(&cursor, &row) && row.key.data[0] == KIND_ALIVE) {
        kv_session_end(bonds, session_in(row.key));
        store_seek(bonds->ends, slice_of(&first), &cursor);
    }
}

bool kv_bond_is_end(const struct kv_map_row *row)
{
    const kv_slice name = row->key;
    const size_t tail = sizeof(uint64_t) + 10; /* hash and version */
    switch (name.size == 0 ? 0 : name.data[0]) {
    case KIND_ALIVE:
        return name.size == 1 + 10 && row->value.size == 0;
    case KIND_SESSION:
        return name.size == 1 + 10 + tail && row->value.size >= 1 &&
               row->value.size <= KV_KEY_BYTES_MAX;
    case KIND_TIME:
        return name.size == 1 + sizeof(uint64_t) + tail && row->value.size >= 1 &&
               row->value.size <= KV_KEY_BYTES_MAX;
    default: /* a byte, not an enum */
        return false;
    }
}

/* ---- Keys that are to go ---- */

bool kv_bond_is_over(const struct kv_bonds *bonds, const struct kv_bond *bond, uint64_t now_us)
{
    return bond->session.clock.value != 0 ? !kv_session_is_alive(bonds, bond->session)
                                          : bond->until_us != 0 && bond->until_us <= now_us;
}

/* The first row behind the place. */
static bool row_behind(const struct kv_bonds *bonds, const struct kv_bond_place *place,
                       struct kv_map_row *ret)
{
    struct store_cursor cursor;
    store_seek(bonds->ends, slice_of(place), &cursor);
    bool found = store_next(&cursor, ret);
    if (found && kv_slice_equal(ret->key, slice_of(place))) {
        found = store_next(&cursor, ret);
    }
    return found;
}

/* Behind all keys of this session. */
static struct kv_bond_place behind_session(kv_timestamp session)
{
    session.group.value++;
    return name_of_session(KIND_SESSION, session);
}

bool kv_bond_next_due(const struct kv_bonds *bonds, uint64_t now_us, struct kv_bond_place *place,
                      struct kv_due *ret, uint64_t *ret_next_us)
{
    struct kv_map_row row;
    *ret_next_us = UINT64_MAX;
    if (place->size == 0) {
        *place = name_of_kind(KIND_SESSION);
    }
    while (row_behind(bonds, place, &row)) {
        const bool timed = row.key.data[0] == KIND_TIME;
        const kv_timestamp session = session_in(row.key);
        if (timed && session.clock.value > now_us) { /* a time stands where a session does */
            *ret_next_us = session.clock.value;
            return false;
        }
        if (!timed && kv_session_is_alive(bonds, session)) {
            *place = behind_session(session);
            continue;
        }
        KV_ASSERT(row.key.size <= sizeof(place->bytes));
        place->size = row.key.size;
        memcpy(place->bytes, row.key.data, row.key.size);
        *ret = (struct kv_due){.key = row.value, .version = row.version};
        if (!timed) {
            ret->session = session;
        }
        return true;
    }
    return false;
}

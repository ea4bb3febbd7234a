/* SPDX-License-Identifier: Apache-2.0 */
/* kv_bonds: rows of two stores; see kv_bonds.h for what they are.
 *
 * A name in `ends` is a key of a store, so it has no room for the longest keys: of those it has a hash of 128 bits instead. */
#include <endian.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "multicast/base/assert.h"
#include "multicast/base/limits.h"
#include "partition/engine/state_bytes.h"
#include "partition/kv/kv_bonds.h"

enum kind { KIND_ALIVE = 'A', KIND_SESSION = 'S', KIND_TIME = 'T' };

/* A timestamp in a name. */
#define TIMESTAMP_BYTES 10

/* The longest key that stands in a name as it is. */
#define WHOLE_BYTES_MAX (KV_KEY_BYTES_MAX - 1 - 2 * TIMESTAMP_BYTES)

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
    add_timestamp(&name, version);
    if (key.size <= WHOLE_BYTES_MAX) {
        add_bytes(&name, key.data, key.size);
    } else {
        const XXH128_hash_t hash = XXH3_128bits(key.data, key.size);
        add_u64(&name, hash.high64);
        add_u64(&name, hash.low64);
    }
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
    while (store_next(&cursor, &row) && row.key.data[0] == KIND_ALIVE && kv_bond_is_end(&row)) {
        kv_session_end(bonds, session_in(row.key));
        store_seek(bonds->ends, slice_of(&first), &cursor);
    }
}

bool kv_bond_is_end(const struct kv_map_row *row)
{
    const kv_slice name = row->key;
    const bool has_key = row->value.size >= 1 && row->value.size <= KV_KEY_BYTES_MAX;
    switch (name.size == 0 ? 0 : name.data[0]) {
    case KIND_ALIVE:
        return name.size == 1 + TIMESTAMP_BYTES && row->value.size == 0 &&
               session_in(name).group.value < KV_GROUPS_MAX;
    case KIND_SESSION:
        return name.size > 1 + 2 * TIMESTAMP_BYTES && has_key &&
               session_in(name).group.value < KV_GROUPS_MAX;
    case KIND_TIME:
        return name.size > 1 + sizeof(uint64_t) + TIMESTAMP_BYTES && has_key;
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

/* The first row behind the place, if it is of this kind and what it should be: a base has rows that nobody has looked at. */
static bool row_behind(const struct kv_bonds *bonds, const struct kv_bond_place *place,
                       enum kind kind, struct kv_map_row *ret)
{
    struct store_cursor cursor;
    store_seek(bonds->ends, slice_of(place), &cursor);
    bool found = store_next(&cursor, ret);
    if (found && kv_slice_equal(ret->key, slice_of(place))) {
        found = store_next(&cursor, ret);
    }
    return found && ret->key.data[0] == (uint8_t)kind && kv_bond_is_end(ret);
}

static void take_row(const struct kv_map_row *row, struct kv_bond_place *place, struct kv_due *ret)
{
    place->size = row->key.size;
    memcpy(place->bytes, row->key.data, row->key.size);
    *ret = (struct kv_due){.key = row->value, .version = row->version};
}

enum kv_due_found kv_bond_next_ended(const struct kv_bonds *bonds, struct kv_bond_place *place,
                                     struct kv_due *ret)
{
    struct kv_map_row row;
    if (place->size == 0) {
        *place = name_of_kind(KIND_SESSION);
    }
    if (!row_behind(bonds, place, KIND_SESSION, &row)) {
        return KV_DUE_NONE;
    }
    kv_timestamp session = session_in(row.key);
    if (!kv_session_is_alive(bonds, session)) {
        take_row(&row, place, ret);
        ret->session = session;
        return KV_DUE_FOUND;
    }
    session.group.value++; /* behind all keys of this one */
    *place = name_of_session(KIND_SESSION, session);
    return KV_DUE_SKIPPED;
}

enum kv_due_found kv_bond_next_of(const struct kv_bonds *bonds, kv_timestamp session,
                                  struct kv_bond_place *place, struct kv_due *ret)
{
    struct kv_map_row row;
    if (place->size == 0) {
        *place = name_of_session(KIND_SESSION, session);
    }
    if (!row_behind(bonds, place, KIND_SESSION, &row) ||
        kv_timestamp_compare(session_in(row.key), session) != 0) {
        return KV_DUE_NONE;
    }
    take_row(&row, place, ret);
    ret->session = session;
    return KV_DUE_FOUND;
}

enum kv_due_found kv_bond_next_timed(const struct kv_bonds *bonds, uint64_t now_us,
                                     struct kv_bond_place *place, struct kv_due *ret,
                                     uint64_t *ret_next_us)
{
    struct kv_map_row row;
    *ret_next_us = UINT64_MAX;
    if (place->size == 0) {
        *place = name_of_kind(KIND_TIME);
    }
    if (!row_behind(bonds, place, KIND_TIME, &row)) {
        return KV_DUE_NONE;
    }
    const uint64_t until = session_in(row.key).clock.value; /* a time stands where a session does */
    if (until > now_us) {
        *ret_next_us = until;
        return KV_DUE_NONE;
    }
    take_row(&row, place, ret);
    return KV_DUE_FOUND;
}

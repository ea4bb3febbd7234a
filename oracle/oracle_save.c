/* SPDX-License-Identifier: Apache-2.0 */
/* oracle_save: registry, places and pins as bytes, and back.
 *
 *   u8 form (4)  u32 partitions
 *   u32 sessions, then for each in the order of opening: u64+u16 id  u64 nonce
 *   u64 placed keys, then for each by ascending key: u16 bytes of key  key  u64+u16 version  u8 partition
 *     or, where a checkpoint keeps them elsewhere (form 5): u64 placed keys  u64 digest, then for each partition: u64 its placed keys
 *   u32 changes, then for each by ascending version: u16 bytes of key  key  u64+u16 version  u16 from  u16 to
 *   u32 EXECs, then for each in the order of their turns:
 *     u64+u16 session  u64 sequence  u32 attempt  u64 floor  u32 dispatches  u32 bytes of command  command
 *   u64 ordered time  u64+u16 largest timestamp  u32 locks that are held, then for each:
 *     u64+u16 token  u64+u16 session  u64 renewals  u8 unlocked  u32 bytes of command  command */
#include "oracle/oracle_internal.h"

#define ORACLE_SAVE_FORM      4
#define ORACLE_SAVE_FORM_HEAD 5

static void oracle_save_key(kv_slice key, struct kv_buffer *ret)
{
    state_write_u16(ret, (uint16_t)key.size);
    kv_buffer_append(ret, key.data, key.size);
}

static void oracle_save_placed(const struct oracle_places *places, struct kv_buffer *ret)
{
    struct store_cursor cursor;
    struct kv_map_row row;
    state_write_u64(ret, store_count(places->placed));
    store_seek(places->placed, kv_slice_of(NULL, 0), &cursor);
    while (store_next(&cursor, &row)) {
        oracle_save_key(row.key, ret);
        state_write_timestamp(ret, row.version);
        state_write_u8(ret, row.value.data[0]);
    }
}

static void oracle_save_counts(const struct oracle_machine *machine, struct kv_buffer *ret)
{
    state_write_u64(ret, store_count(machine->places.placed));
    state_write_u64(ret, store_digest(machine->places.placed));
    for (uint32_t p = 1; p <= machine->partitions; p++) {
        state_write_u64(ret, machine->places.counts[p]);
    }
}

static void oracle_save_history(const struct oracle_places *places, struct kv_buffer *ret)
{
    state_write_u32(ret, places->history_count);
    for (uint32_t i = 0; i < places->history_count; i++) {
        const struct oracle_change *change = oracle_change_at(places, i);
        oracle_save_key(kv_slice_of(change->key, change->key_size), ret);
        state_write_timestamp(ret, change->version);
        state_write_u16(ret, change->from.value);
        state_write_u16(ret, change->to.value);
    }
}

static void oracle_save_pins(const struct oracle_pins *pins, struct kv_buffer *ret)
{
    const struct oracle_exec *exec;
    state_write_u32(ret, HASH_COUNT(pins->by_id));
    TAILQ_FOREACH(exec, &pins->execs, link)
    {
        state_write_timestamp(ret, exec->id.session.registered);
        state_write_u64(ret, exec->id.sequence);
        state_write_u32(ret, exec->id.attempt);
        state_write_u64(ret, exec->floor);
        state_write_u32(ret, exec->dispatches);
        state_write_u32(ret, (uint32_t)exec->asked.size);
        kv_buffer_append(ret, exec->asked.data, exec->asked.size);
    }
}

void oracle_save(const struct oracle_machine *machine, bool rows, struct kv_buffer *ret)
{
    state_write_u8(ret, rows ? ORACLE_SAVE_FORM : ORACLE_SAVE_FORM_HEAD);
    state_write_u32(ret, machine->partitions);
    state_write_u32(ret, machine->sessions.count);
    for (const struct oracle_session *session = machine->sessions.by_id; session != NULL;
         session = session->by_id.next) {
        state_write_timestamp(ret, oracle_session_id(session).registered);
        state_write_u64(ret, session->nonce);
    }
    if (rows) {
        oracle_save_placed(&machine->places, ret);
    } else {
        oracle_save_counts(machine, ret);
    }
    oracle_save_history(&machine->places, ret);
    oracle_save_pins(&machine->pins, ret);
    oracle_leases_save(&machine->leases, ret);
}

/* Ids are the timestamps of the openings: they ascend. */
static bool oracle_load_session(struct oracle_machine *machine, struct state_reader *reader,
                                kv_session_id *before)
{
    kv_session_id id;
    id.registered = state_read_timestamp(reader);
    const uint64_t nonce = state_read_u64(reader);
    if (reader->failed || kv_session_is_none(id) || kv_session_compare(id, *before) <= 0 ||
        id.registered.group.value >= KV_GROUPS_MAX ||
        oracle_session_by_nonce(&machine->sessions, nonce) != NULL) {
        return false;
    }
    oracle_session_open(&machine->sessions, id, nonce);
    *before = id;
    return true;
}

static bool oracle_load_sessions(struct oracle_machine *machine, struct state_reader *reader)
{
    const uint32_t count = state_read_u32(reader);
    if (reader->failed || count > machine->sessions.max) {
        return false;
    }
    kv_session_id before = {0};
    for (uint32_t i = 0; i < count; i++) {
        if (!oracle_load_session(machine, reader, &before)) {
            return false;
        }
    }
    return true;
}

static kv_slice oracle_load_key(struct state_reader *reader)
{
    const uint16_t size = state_read_u16(reader);
    const kv_slice key = kv_slice_of(state_read_bytes(reader, size), size);
    reader->failed = reader->failed || size == 0 || size > KV_KEY_BYTES_MAX;
    return key;
}

static bool oracle_is_partition(const struct oracle_machine *machine, uint16_t number)
{
    return number >= 1 && number <= machine->partitions;
}

static bool oracle_load_placed(struct oracle_machine *machine, struct state_reader *reader)
{
    const uint64_t count = state_read_u64(reader);
    kv_slice before = {NULL, 0};
    for (uint64_t i = 0; i < count; i++) {
        const kv_slice key = oracle_load_key(reader);
        const kv_timestamp version = state_read_timestamp(reader);
        const uint8_t group = state_read_u8(reader);
        if (reader->failed || kv_slice_compare(before, key) >= 0 ||
            !oracle_is_partition(machine, group) ||
            wire_home_of(key, machine->partitions).value == group) {
            return false; /* P1: the map is of keys away from home */
        }
        store_put(machine->places.placed, key, kv_slice_of(&group, sizeof(group)), version);
        machine->places.counts[group]++;
        before = key;
    }
    return true;
}

/* The base has what was there when the bytes were saved. */
static bool oracle_load_counts(struct oracle_machine *machine, const struct store_base *base,
                               struct state_reader *reader)
{
    const uint64_t count = state_read_u64(reader);
    const uint64_t digest = state_read_u64(reader);
    uint64_t sum = 0;
    for (uint32_t p = 1; p <= machine->partitions; p++) {
        machine->places.counts[p] = state_read_u64(reader);
        if (machine->places.counts[p] > count - sum) {
            return false;
        }
        sum += machine->places.counts[p];
    }
    store_clear(machine->places.placed, base);
    return !reader->failed && sum == count && count == base->sum.count &&
           digest == base->sum.digest;
}

static bool oracle_load_history(struct oracle_machine *machine, struct state_reader *reader)
{
    const uint32_t count = state_read_u32(reader);
    kv_timestamp before = {0};
    for (uint32_t i = 0; i < count; i++) {
        struct oracle_change change = {.key_size = 0};
        const kv_slice key = oracle_load_key(reader);
        change.version = state_read_timestamp(reader);
        change.from.value = state_read_u16(reader);
        change.to.value = state_read_u16(reader);
        if (reader->failed || kv_timestamp_compare(change.version, before) < 0 ||
            change.from.value > machine->partitions || change.to.value > machine->partitions) {
            return false;
        }
        before = change.version;
        change.key_size = (uint16_t)key.size;
        memcpy(change.key, key.data, key.size);
        oracle_remember(&machine->places, &change);
    }
    return count <= ORACLE_HISTORY_MAX;
}

static bool oracle_load_pins(struct oracle_machine *machine, struct state_reader *reader)
{
    const uint32_t count = state_read_u32(reader);
    for (uint32_t i = 0; i < count; i++) {
        kv_message_id id;
        id.session.registered = state_read_timestamp(reader);
        id.sequence = state_read_u64(reader);
        id.attempt = state_read_u32(reader);
        const uint64_t floor = state_read_u64(reader);
        const uint32_t dispatches = state_read_u32(reader);
        const uint32_t size = state_read_u32(reader);
        const kv_slice asked = kv_slice_of(state_read_bytes(reader, size), size);
        if (reader->failed || id.session.registered.group.value >= KV_GROUPS_MAX ||
            !oracle_exec_load(machine, id, floor, dispatches, asked)) {
            return false;
        }
    }
    return true;
}

bool oracle_load(struct oracle_machine *machine, kv_slice bytes, const struct store_base *base)
{
    struct state_reader reader = {bytes, false};
    if (state_read_u8(&reader) != (base == NULL ? ORACLE_SAVE_FORM : ORACLE_SAVE_FORM_HEAD) ||
        state_read_u32(&reader) != machine->partitions) {
        return false;
    }
    return oracle_load_sessions(machine, &reader) &&
           (base == NULL ? oracle_load_placed(machine, &reader)
                         : oracle_load_counts(machine, base, &reader)) &&
           oracle_load_history(machine, &reader) && oracle_load_pins(machine, &reader) &&
           oracle_leases_load(machine, &reader) && state_reader_is_done(&reader);
}

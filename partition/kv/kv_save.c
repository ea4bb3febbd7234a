/* SPDX-License-Identifier: Apache-2.0 */
/* kv_save: the stores as bytes, and back.
 *
 *   u8 form (4)  u16 group  u32 partitions
 *   u64 rows, then for each row by ascending key:
 *     u16 bytes of key  key  u64+u16 version  u32 bytes of value  value
 *   u64 stubs, in the same form; a value is one byte, the partition
 *   u64 bonds, u64 ends, in the same form (kv_bonds.h)
 *
 * or, where a checkpoint keeps the rows elsewhere:
 *
 *   u8 form (5)  u16 group  u32 partitions  u64 rows  u64 digest  u64 stubs  u64 digest  and so on
 *
 * The engine wraps it in a checksum; the checks here hold against bytes that were made to harm. */
#include "partition/engine/state_bytes.h"
#include "partition/kv/kv_internal.h"

#define KV_SAVE_FORM      4
#define KV_SAVE_FORM_HEAD 5

static void kv_save_store(struct store *store, struct kv_buffer *ret)
{
    struct store_cursor cursor;
    struct kv_map_row row;
    state_write_u64(ret, store_count(store));
    store_seek(store, kv_slice_of(NULL, 0), &cursor);
    while (store_next(&cursor, &row)) {
        state_write_u16(ret, (uint16_t)row.key.size);
        kv_buffer_append(ret, row.key.data, row.key.size);
        state_write_timestamp(ret, row.version);
        state_write_u32(ret, (uint32_t)row.value.size);
        kv_buffer_append(ret, row.value.data, row.value.size);
    }
}

static void kv_save_sum(const struct store *store, struct kv_buffer *ret)
{
    state_write_u64(ret, store_count(store));
    state_write_u64(ret, store_digest(store));
}

void kv_save(const struct kv_machine *machine, bool rows, struct kv_buffer *ret)
{
    state_write_u8(ret, rows ? KV_SAVE_FORM : KV_SAVE_FORM_HEAD);
    state_write_u16(ret, machine->group.value);
    state_write_u32(ret, machine->partitions);
    if (rows) {
        kv_save_store(machine->rows, ret);
        kv_save_store(machine->stubs, ret);
        kv_save_store(machine->bonds.of_keys, ret);
        kv_save_store(machine->bonds.ends, ret);
    } else {
        kv_save_sum(machine->rows, ret);
        kv_save_sum(machine->stubs, ret);
        kv_save_sum(machine->bonds.of_keys, ret);
        kv_save_sum(machine->bonds.ends, ret);
    }
}

/* `before` is the key of the row before. */
static bool kv_load_row(struct state_reader *reader, kv_slice *before, struct kv_map_row *ret)
{
    const uint16_t key_size = state_read_u16(reader);
    ret->key = kv_slice_of(state_read_bytes(reader, key_size), key_size);
    ret->version = state_read_timestamp(reader);
    const uint32_t value_size = state_read_u32(reader);
    ret->value = kv_slice_of(state_read_bytes(reader, value_size), value_size);
    if (reader->failed || ret->key.size == 0 || ret->key.size > KV_KEY_BYTES_MAX ||
        ret->value.size > KV_VALUE_BYTES_MAX || kv_slice_compare(*before, ret->key) >= 0) {
        return false;
    }
    *before = ret->key;
    return true;
}

/* A stub is of a key of this home that is in another partition. */
static bool kv_is_stub(const struct kv_machine *machine, const struct kv_map_row *row)
{
    struct kv_map_row here;
    return row->value.size == 1 && row->value.data[0] >= 1 &&
           row->value.data[0] <= machine->partitions &&
           row->value.data[0] != machine->group.value &&
           kv_group_equal(kv_home_of(machine, row->key), machine->group) &&
           !store_get(machine->rows, row->key, &here); /* P1 */
}

static bool kv_load_store(struct kv_machine *machine, struct store *store,
                          struct state_reader *reader)
{
    const uint64_t rows = state_read_u64(reader);
    kv_slice before = {NULL, 0};
    for (uint64_t i = 0; i < rows; i++) {
        struct kv_map_row row;
        if (!kv_load_row(reader, &before, &row) ||
            (store == machine->stubs && !kv_is_stub(machine, &row)) ||
            (store == machine->bonds.ends && !kv_bond_is_end(&row))) {
            return false;
        }
        store_put(store, row.key, row.value, row.version);
    }
    return true;
}

/* The base has what was there when the bytes were saved. */
static bool kv_load_sum(struct store *store, const struct store_base *base,
                        struct state_reader *reader)
{
    const uint64_t count = state_read_u64(reader);
    const uint64_t digest = state_read_u64(reader);
    store_clear(store, base);
    return !reader->failed && count == base->sum.count && digest == base->sum.digest;
}

bool kv_load(struct kv_machine *machine, kv_slice bytes, const struct store_base *bases)
{
    struct state_reader reader = {bytes, false};
    const uint8_t form = bases == NULL ? KV_SAVE_FORM : KV_SAVE_FORM_HEAD;
    if (state_read_u8(&reader) != form || state_read_u16(&reader) != machine->group.value ||
        state_read_u32(&reader) != machine->partitions) {
        return false;
    }
    const bool loaded = bases == NULL
                            ? kv_load_store(machine, machine->rows, &reader) &&
                                  kv_load_store(machine, machine->stubs, &reader) &&
                                  kv_load_store(machine, machine->bonds.of_keys, &reader) &&
                                  kv_load_store(machine, machine->bonds.ends, &reader)
                            : kv_load_sum(machine->rows, &bases[0], &reader) &&
                                  kv_load_sum(machine->stubs, &bases[1], &reader) &&
                                  kv_load_sum(machine->bonds.of_keys, &bases[2], &reader) &&
                                  kv_load_sum(machine->bonds.ends, &bases[3], &reader);
    return loaded && state_reader_is_done(&reader);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* kv_save: the maps as bytes, and back.
 *
 *   u8 form (2)  u16 group  u32 partitions
 *   u64 rows, then for each row by ascending key:
 *     u16 bytes of key  key  u64+u16 version  u32 bytes of value  value
 *   u64 stubs, in the same form; a value is one byte, the partition
 *
 * The engine wraps it in a checksum; the checks here hold against bytes that were made to harm. */
#include "partition/engine/state_bytes.h"
#include "partition/kv/kv_internal.h"

#define KV_SAVE_FORM 2

static void kv_save_map(const struct kv_map *map, struct kv_buffer *ret)
{
    struct kv_map_cursor cursor;
    struct kv_map_row row;
    state_write_u64(ret, kv_map_count(map));
    kv_map_seek(map, kv_slice_of(NULL, 0), &cursor);
    while (kv_map_next(&cursor, &row)) {
        state_write_u16(ret, (uint16_t)row.key.size);
        kv_buffer_append(ret, row.key.data, row.key.size);
        state_write_timestamp(ret, row.version);
        state_write_u32(ret, (uint32_t)row.value.size);
        kv_buffer_append(ret, row.value.data, row.value.size);
    }
}

void kv_save(const struct kv_machine *machine, struct kv_buffer *ret)
{
    state_write_u8(ret, KV_SAVE_FORM);
    state_write_u16(ret, machine->group.value);
    state_write_u32(ret, machine->partitions);
    kv_save_map(machine->map, ret);
    kv_save_map(machine->stubs, ret);
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
           !kv_map_get(machine->map, row->key, &here); /* P1 */
}

static bool kv_load_map(struct kv_machine *machine, struct kv_map *map, struct state_reader *reader)
{
    const uint64_t rows = state_read_u64(reader);
    kv_slice before = {NULL, 0};
    for (uint64_t i = 0; i < rows; i++) {
        struct kv_map_row row;
        if (!kv_load_row(reader, &before, &row) ||
            (map == machine->stubs && !kv_is_stub(machine, &row))) {
            return false;
        }
        kv_map_put(map, row.key, row.value, row.version);
    }
    return true;
}

bool kv_load(struct kv_machine *machine, kv_slice bytes)
{
    struct state_reader reader = {bytes, false};
    if (state_read_u8(&reader) != KV_SAVE_FORM || state_read_u16(&reader) != machine->group.value ||
        state_read_u32(&reader) != machine->partitions) {
        return false;
    }
    return kv_load_map(machine, machine->map, &reader) &&
           kv_load_map(machine, machine->stubs, &reader) && state_reader_is_done(&reader);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* kv_save: the map as bytes, and back.
 *
 *   u8 form (1)  u16 group  u32 partitions  u64 rows, then for each row by ascending key:
 *   u16 bytes of key  key  u64+u16 version  u32 bytes of value  value
 *
 * The engine wraps it in a checksum; the checks here hold against bytes that were made to harm. */
#include "partition/engine/state_bytes.h"
#include "partition/kv/kv_internal.h"

#define KV_SAVE_FORM 1

void kv_save(const struct kv_machine *machine, struct kv_buffer *ret)
{
    state_write_u8(ret, KV_SAVE_FORM);
    state_write_u16(ret, machine->group.value);
    state_write_u32(ret, machine->partitions);
    state_write_u64(ret, kv_map_count(machine->map));
    struct kv_map_cursor cursor;
    struct kv_map_row row;
    kv_map_seek(machine->map, kv_slice_of(NULL, 0), &cursor);
    while (kv_map_next(&cursor, &row)) {
        state_write_u16(ret, (uint16_t)row.key.size);
        kv_buffer_append(ret, row.key.data, row.key.size);
        state_write_timestamp(ret, row.version);
        state_write_u32(ret, (uint32_t)row.value.size);
        kv_buffer_append(ret, row.value.data, row.value.size);
    }
}

/* `before` is the key of the row before. */
static bool kv_load_row(struct kv_machine *machine, struct state_reader *reader, kv_slice *before)
{
    const uint16_t key_size = state_read_u16(reader);
    const kv_slice key = kv_slice_of(state_read_bytes(reader, key_size), key_size);
    const kv_timestamp version = state_read_timestamp(reader);
    const uint32_t value_size = state_read_u32(reader);
    const kv_slice value = kv_slice_of(state_read_bytes(reader, value_size), value_size);
    if (reader->failed || key.size == 0 || key.size > KV_KEY_BYTES_MAX ||
        value.size > KV_VALUE_BYTES_MAX || kv_slice_compare(*before, key) >= 0) {
        return false;
    }
    kv_map_put(machine->map, key, value, version);
    *before = key;
    return true;
}

bool kv_load(struct kv_machine *machine, kv_slice bytes)
{
    struct state_reader reader = {bytes, false};
    if (state_read_u8(&reader) != KV_SAVE_FORM || state_read_u16(&reader) != machine->group.value ||
        state_read_u32(&reader) != machine->partitions) {
        return false;
    }
    const uint64_t rows = state_read_u64(&reader);
    kv_slice before = {NULL, 0};
    for (uint64_t i = 0; i < rows; i++) {
        if (!kv_load_row(machine, &reader, &before)) {
            return false;
        }
    }
    return state_reader_is_done(&reader);
}

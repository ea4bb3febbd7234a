/* SPDX-License-Identifier: Apache-2.0 */
/* kv_read: GET, MGET and SCAN. Rows borrow from the map. */
#include "partition/kv/kv_internal.h"

_Static_assert(KV_SCAN_ROWS_MAX <= KV_COMMAND_KEYS_MAX, "a page fits the rows of an answer");
_Static_assert(KV_SCAN_BYTES_MAX + KV_VALUE_BYTES_MAX + KV_KEY_BYTES_MAX +
                       KV_SCAN_ROWS_MAX * KV_ANSWER_ROW_OVERHEAD_MAX + KV_ANSWER_OVERHEAD_MAX <=
                   KV_BODY_BYTES_MAX,
               "a page fits a body");

void kv_read_get(const struct kv_machine *machine, const struct wire_command *command,
                 struct wire_answer *ret)
{
    struct kv_map_row row;
    if (!kv_map_get(machine->map, command->keys[0], &row)) {
        ret->verdict = WIRE_VERDICT_NOT_FOUND;
        return;
    }
    ret->rows[0] = (struct wire_row){.value = row.value, .present = true};
    ret->row_count = 1;
}

void kv_read_mget(const struct kv_machine *machine, const struct wire_command *command,
                  struct wire_answer *ret)
{
    size_t bytes = KV_ANSWER_OVERHEAD_MAX;
    for (uint32_t i = 0; i < command->key_count; i++) {
        struct kv_map_row row = {0};
        const bool present = kv_map_get(machine->map, command->keys[i], &row);
        ret->rows[i] = (struct wire_row){.value = row.value, .present = present};
        bytes += row.value.size + KV_ANSWER_ROW_OVERHEAD_MAX;
    }
    if (bytes > KV_BODY_BYTES_MAX) {
        ret->verdict = WIRE_VERDICT_TOO_LARGE;
        return;
    }
    ret->row_count = command->key_count;
}

/* A page ends at the limit or before the row that would exceed KV_SCAN_BYTES_MAX, but has at least
 * one row: otherwise a large value could not be passed. */
void kv_read_scan(const struct kv_machine *machine, const struct wire_command *command,
                  struct wire_answer *ret)
{
    const kv_slice to = command->keys[1];
    struct kv_map_cursor cursor;
    struct kv_map_row row;
    size_t bytes = 0;
    kv_map_seek(machine->map, command->keys[0], &cursor);
    while (kv_map_next(&cursor, &row)) {
        if (to.size > 0 && kv_slice_compare(row.key, to) >= 0) {
            return;
        }
        bytes += row.key.size + row.value.size;
        const bool full = ret->row_count >= command->limit || bytes > KV_SCAN_BYTES_MAX;
        if (full && ret->row_count > 0) {
            ret->more = true;
            return;
        }
        ret->rows[ret->row_count] =
            (struct wire_row){.key = row.key, .value = row.value, .present = true};
        ret->row_count++;
    }
}

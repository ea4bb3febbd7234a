/* SPDX-License-Identifier: Apache-2.0 */
/* kv_read: reads that do not go through the log: GET, MGET, a TXN that only reads, and SCAN. Rows borrow from the map. */
#include "partition/kv/kv_internal.h"

_Static_assert(KV_SCAN_ROWS_MAX <= KV_COMMAND_KEYS_MAX, "a page fits the rows of an answer");
_Static_assert(KV_SCAN_BYTES_MAX + KV_VALUE_BYTES_MAX + KV_KEY_BYTES_MAX +
                       KV_SCAN_ROWS_MAX * KV_ANSWER_ROW_OVERHEAD_MAX + KV_ANSWER_OVERHEAD_MAX <=
                   KV_BODY_BYTES_MAX,
               "a page fits a body");

bool kv_read(struct kv_machine *machine, struct wire_answer *ret)
{
    if (machine->command.op == WIRE_OP_SCAN) {
        kv_read_scan(machine, ret);
    } else {
        kv_branch_reset(machine);
        kv_alone_execute(machine, ret); /* nothing is written: every step only reads */
    }
    return true;
}

/* A page ends at the limit or before the row that would exceed KV_SCAN_BYTES_MAX, but has at least
 * one row: otherwise a large value could not be passed. */
void kv_read_scan(const struct kv_machine *machine, struct wire_answer *ret)
{
    const struct wire_command *command = &machine->command;
    const kv_slice to = command->keys[1];
    struct store_cursor cursor;
    struct kv_map_row row;
    size_t bytes = 0;
    store_seek(machine->rows, command->keys[0], &cursor);
    while (store_next(&cursor, &row)) {
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
